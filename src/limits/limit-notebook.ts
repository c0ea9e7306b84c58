import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { Closure } from './bucket.ts'
import { NotebookFile, toFolderError } from './notebook-file.ts'
import {
  circuitLine,
  circuitsOf,
  NOTEBOOK_VERSION,
  type NotedCircuit,
  type Notes,
  type PastBucket,
  pastOf,
  readNotes,
  readVersion,
  settleOpen,
} from './notebook-lines.ts'

/** Remembers calls and closures beyond the process, so that a restart never sends more than the limit. */
export interface LimitNotebook {
  /** What still counted when the notebook was opened; calls in flight at the crash count as answered 5 s later. */
  readonly past: readonly PastBucket[]
  /** The circuits that were not closed. */
  readonly circuits: readonly NotedCircuit[]
  /** Notes a call before it is sent; gives its id. Throws DataFolderError: then the call must not be sent. */
  sent(buckets: readonly string[], at: number, keepMs: number): number
  /** Notes an answer. Never throws: a call without one counts as answered after the next start, which is the safe side. */
  answered(id: number, at: number): void
  /** Notes that a bucket was closed. Never throws. */
  closed(bucket: string, closure: Closure): void
  /** Notes what a circuit has come to. Never throws. */
  circuit(noted: NotedCircuit): void
  close(): void
}

const SUFFIX = '.ndjson'

/**
 * Opens `FOLDER/ACCOUNT.ndjson` for every account, and writes each anew with what still matters. Appended without a sync:
 * it survives the end of the process, not a power cut. Throws DataFolderError (`full`, `read-only`, `failed`,
 * `newer-format`). One process at a time may have it open.
 */
export async function openLimitNotebook(folder: string, clock: Clock): Promise<LimitNotebook> {
  const now = clock.now()
  const files = new Map<string, NotebookFile>()
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX))
    const past = names.map((name) => {
      const notes = settleOpen(readNotes(readText(folder, name), now), now)
      files.set(name, new NotebookFile(join(folder, name), folder, clock, notes))
      return notes
    })
    return new FolderNotebook(folder, clock, files, past)
  } catch (error) {
    for (const file of files.values()) file.close()
    throw toFolderError(error, folder, 'Cannot open the notes on rate limits')
  }
}

class FolderNotebook implements LimitNotebook {
  readonly past: readonly PastBucket[]
  readonly circuits: readonly NotedCircuit[]
  readonly #folder: string
  readonly #clock: Clock
  readonly #files: Map<string, NotebookFile>
  /** Where each call without an answer is noted. */
  readonly #open = new Map<number, readonly NotebookFile[]>()
  #ids = 0
  #closed = false

  constructor(folder: string, clock: Clock, files: Map<string, NotebookFile>, notes: readonly Notes[]) {
    this.#folder = folder
    this.#clock = clock
    this.#files = files
    this.past = pastOf(notes)
    this.circuits = circuitsOf(notes)
  }

  sent(buckets: readonly string[], at: number, keepMs: number): number {
    const id = ++this.#ids
    const byFile = new Map<NotebookFile, string[]>()
    for (const bucket of buckets) {
      const file = this.#file(bucket)
      byFile.set(file, [...(byFile.get(file) ?? []), bucket])
    }
    for (const [file, names] of byFile) file.append({ s: id, b: names, t: at, w: keepMs })
    this.#open.set(id, [...byFile.keys()])
    return id
  }

  answered(id: number, at: number): void {
    for (const file of this.#open.get(id) ?? []) this.#try(() => file.append({ a: id, t: at }))
    this.#open.delete(id)
  }

  closed(bucket: string, closure: Closure): void {
    const { at, until, step } = closure
    this.#try(() => this.#file(bucket).append({ c: bucket, t: at, u: until, n: step }))
  }

  circuit(noted: NotedCircuit): void {
    this.#try(() => this.#file(noted.account).append(circuitLine(noted)))
  }

  close(): void {
    this.#closed = true
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  #file(bucket: string): NotebookFile {
    const name = `${accountOf(bucket)}${SUFFIX}`
    let file = this.#files.get(name)
    if (file === undefined) {
      if (this.#closed) throw new DataFolderError('failed', this.#folder, 'The notes on rate limits are closed.')
      file = new NotebookFile(join(this.#folder, name), this.#folder, this.#clock)
      this.#files.set(name, file)
    }
    return file
  }

  #try(write: () => void): void {
    if (this.#closed) return
    try {
      write()
    } catch (error) {
      if (!(error instanceof DataFolderError)) throw error
    }
  }
}

/** The part of a bucket's name before the dot, safe as a file name. */
function accountOf(bucket: string): string {
  const [account = ''] = bucket.split('.')
  return account.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || '_'
}

function readText(folder: string, name: string): string {
  const text = readFileSync(join(folder, name), 'utf8')
  const version = readVersion(text)
  if (version !== undefined && version > NOTEBOOK_VERSION) {
    const words = `${join(folder, name)} has format ${version}, this troupe knows ${NOTEBOOK_VERSION}. Use the newer troupe.`
    throw new DataFolderError('newer-format', folder, words)
  }
  return text
}
