import { open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import { DataFolderError } from '../../domain/errors.ts'
import { type AttemptKey, portableTaskId } from '../../domain/ids.ts'
import { type AttemptFact, type AttemptState, type NewFact, withFact } from './attempt-facts.ts'
import { makeFolders, syncFolder } from './make-folders.ts'

const NOTES = 'notes.ndjson'
const NEWLINE = 0x0a

/** Where an attempt's own files lie, below its run's folder. */
export function attemptFolder(runFolder: string, { task, attempt }: Pick<AttemptKey, 'task' | 'attempt'>): string {
  return join(runFolder, 'local', `${portableTaskId(task)}.${attempt}`)
}

/**
 * What is known of one attempt, on disk: facts are appended one at a time, each durable before {@link note} resolves. A torn last line
 * was never acted upon and is cut.
 */
export class AttemptNotes {
  readonly folder: string
  readonly #clock: Clock
  #state: AttemptState | undefined
  #size: number
  #writing: Promise<unknown> = Promise.resolve()

  constructor(folder: string, clock: Clock, read: ReadNotes) {
    this.folder = folder
    this.#clock = clock
    this.#state = read.state
    this.#size = read.size
  }

  static async open(folder: string, clock: Clock): Promise<AttemptNotes> {
    return new AttemptNotes(folder, clock, await clock.operation(readNotes(folder)))
  }

  /** What the facts add up to; undefined where nothing was ordered. */
  get state(): AttemptState | undefined {
    return this.#state
  }

  /** Durable when this resolves. Throws DataFolderError. */
  note(fact: NewFact): Promise<AttemptState> {
    const line = { v: 1, at: this.#clock.now(), ...fact } as AttemptFact
    const writing = this.#writing.then(() => this.#clock.operation(this.#append(line)))
    this.#writing = writing.catch(() => {})
    return writing
  }

  /** Writes a file of the attempt, `NAME` or `FOLDER/NAME`, durable when this resolves. */
  write(name: string, content: string | Buffer): Promise<void> {
    return this.#clock.operation(
      this.#guarded(async () => {
        const path = join(this.folder, name)
        await makeFolders(dirname(path))
        await writeSynced(path, content)
        await syncFolder(dirname(path))
      }),
    )
  }

  /** A file of the attempt; undefined where there is none. */
  read(name: string): Promise<string | undefined> {
    return this.#clock.operation(readIfThere(join(this.folder, name)))
  }

  async #append(line: AttemptFact): Promise<AttemptState> {
    await this.#guarded(async () => {
      const isNew = this.#size === 0
      if (isNew) await makeFolders(this.folder)
      const file = await open(join(this.folder, NOTES), 'a', 0o600)
      try {
        // What a failed write left behind would make the next line unreadable.
        await file.truncate(this.#size)
        const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
        await file.appendFile(bytes)
        await file.datasync()
        this.#size += bytes.length
      } finally {
        await file.close()
      }
      if (isNew) await syncFolder(this.folder)
    })
    const state = withFact(this.#state, line)
    this.#state = state
    if (state === undefined) throw new Error(`${this.folder}: a fact was noted before its order`)
    return state
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof DataFolderError) throw error
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      const reason = error instanceof Error ? error.message : String(error)
      const trouble = code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : 'failed'
      throw new DataFolderError(trouble, this.folder, `The notes of an attempt cannot be written: ${reason}.`, {
        cause: error,
      })
    }
  }
}

interface ReadNotes {
  readonly state: AttemptState | undefined
  readonly size: number
}

/** What an attempt's folder tells. A line that cannot be read ends it: what follows rests on it. */
export async function readNotes(folder: string): Promise<ReadNotes> {
  const bytes = Buffer.from((await readIfThere(join(folder, NOTES))) ?? '')
  let state: AttemptState | undefined
  let size = 0
  for (let from = 0, end = bytes.indexOf(NEWLINE); end >= 0; from = end + 1, end = bytes.indexOf(NEWLINE, from)) {
    const fact = factIn(bytes.toString('utf8', from, end))
    if (fact === undefined) break
    state = withFact(state, fact)
    size = end + 1
  }
  return { state, size }
}

function factIn(line: string): AttemptFact | undefined {
  try {
    const fact = JSON.parse(line) as AttemptFact
    return fact.v === 1 ? fact : undefined
  } catch {
    return undefined
  }
}

async function writeSynced(path: string, content: string | Buffer): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
