import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import { parseTaskId, portableTaskId } from '../domain/ids.ts'
import { writeDurably } from './durable-file.ts'
import { type FileSystem, realFileSystem, syncFolder } from './file-system.ts'
import { toDataFolderError } from './folder-trouble.ts'

/** Longer results (bytes of UTF-8) lie in a file of their own instead of in the record. */
export const LARGEST_INLINE_BYTES = 16 * 1024

/** A result as a record holds it. */
export type StoredResult =
  | { readonly text: string }
  /** `results/TASK/ATTEMPT.TURN` in the run's folder. */
  | { readonly file: string; readonly bytes: number }

/** Which answer a result is: task id in either form, attempt and turn counted from 1. */
export interface ResultKey {
  readonly task: string
  readonly attempt: number
  readonly turn: number
}

/** The results of one run. */
export interface ResultStore {
  /** What to put into the record; a long text is durable when this resolves. An orphan of the same key is overwritten. */
  save(key: ResultKey, text: string): Promise<StoredResult>
  /** The whole text. Throws DataFolderError `damaged` when its file is missing, or the reference is none of ours. */
  read(stored: StoredResult): Promise<string>
}

const NO_NAME = 'is not the name of a result'
const FILE = /^results\/([A-Za-z0-9_.-]+)\/([1-9]\d{0,8})\.([1-9]\d{0,8})$/

/** The results in a run's folder. */
export function openResultStore(folder: string, clock: Clock, fs: FileSystem = realFileSystem): ResultStore {
  const root = join(folder, 'results')
  const made = new Set<string>()
  const writing = new Map<string, Promise<void>>()

  async function makeFolder(path: string): Promise<void> {
    if (made.has(path)) return
    await mkdir(path, { recursive: true, mode: 0o700 })
    await syncFolder(fs, root)
    await syncFolder(fs, folder)
    made.add(path)
  }

  async function write(taskFolder: string, name: string, bytes: Uint8Array): Promise<void> {
    await makeFolder(taskFolder)
    await writeDurably(join(taskFolder, name), bytes, { fs })
  }

  /** Two writers of one file would share its temporary file. */
  async function inTurn(path: string, work: () => Promise<void>): Promise<void> {
    const before = writing.get(path) ?? Promise.resolve()
    const mine = before.then(work, work)
    writing.set(path, mine)
    try {
      await mine
    } finally {
      if (writing.get(path) === mine) writing.delete(path)
    }
  }

  return {
    async save(key, text) {
      const bytes = Buffer.from(text, 'utf8')
      if (bytes.length <= LARGEST_INLINE_BYTES) return { text }
      const { task, name } = fileOf(key)
      const file = `results/${task}/${name}`
      try {
        await clock.operation(inTurn(file, () => write(join(root, task), name, bytes)))
      } catch (error) {
        throw toDataFolderError(error, folder, `Cannot keep the result of ${key.task}`)
      }
      return { file, bytes: bytes.length }
    },
    async read(stored) {
      if ('text' in stored) return stored.text
      const place = parseFile(stored.file)
      if (place === undefined) throw lost(folder, stored.file, NO_NAME)
      try {
        return await clock.operation(readFile(join(root, place.task, place.name), 'utf8'))
      } catch (error) {
        throw lost(folder, stored.file, 'cannot be read', error)
      }
    },
  }
}

/** The same without a disk, for simulations. */
export function createMemoryResultStore(): ResultStore {
  const texts = new Map<string, string>()
  return {
    async save(key, text) {
      const bytes = Buffer.byteLength(text)
      if (bytes <= LARGEST_INLINE_BYTES) return { text }
      const { task, name } = fileOf(key)
      const file = `results/${task}/${name}`
      texts.set(file, text)
      return { file, bytes }
    },
    async read(stored) {
      if ('text' in stored) return stored.text
      if (parseFile(stored.file) === undefined) throw lost('memory', stored.file, NO_NAME)
      const text = texts.get(stored.file)
      if (text === undefined) throw lost('memory', stored.file, 'does not exist')
      return text
    },
  }
}

interface Place {
  readonly task: string
  readonly name: string
}

function fileOf({ task, attempt, turn }: ResultKey): Place {
  const id = parseTaskId(task)
  const place = id === undefined ? undefined : parseFile(`results/${portableTaskId(id)}/${attempt}.${turn}`)
  if (place === undefined) throw new Error(`There is no result of task '${task}', attempt ${attempt}, turn ${turn}.`)
  return place
}

/** Only what cannot lead out of the folder is a place. */
function parseFile(file: string): Place | undefined {
  const [, task = '', attempt = '', turn = ''] = FILE.exec(file) ?? []
  const id = parseTaskId(task)
  return id === undefined || portableTaskId(id) !== task ? undefined : { task, name: `${attempt}.${turn}` }
}

function lost(folder: string, file: string, what: string, cause?: unknown): DataFolderError {
  const message = `The result ${JSON.stringify(file)} in ${folder} ${what}. The task can be run again with 'rerun'.`
  return new DataFolderError('damaged', folder, message, cause === undefined ? undefined : { cause })
}
