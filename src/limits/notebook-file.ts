import { closeSync, fstatSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import { type NotebookLine, type Notes, readNotes, writeNotes } from './notebook-lines.ts'

/** A file is written anew when it is longer than this, and twice as long as after the last time. */
const COMPACT_BYTES = 4 * 1024 * 1024

/** One account's file: lines are appended, and now and then it is written anew with what still matters. */
export class NotebookFile {
  readonly #path: string
  readonly #folder: string
  readonly #clock: Clock
  #fd: number
  #bytes: number
  #compactAt: number
  /** A line was written in part: the next one begins with a newline, so that only this one is lost. */
  #torn = false
  #closed = false

  /** Begins the file anew with these notes. Throws DataFolderError or the error of a file call. */
  constructor(path: string, folder: string, clock: Clock, notes?: Notes) {
    this.#path = path
    this.#folder = folder
    this.#clock = clock
    this.#fd = begin(path, notes ?? { open: new Map(), done: [], closed: [], circuits: [] }, folder)
    this.#bytes = fstatSync(this.#fd).size
    this.#compactAt = Math.max(COMPACT_BYTES, 2 * this.#bytes)
  }

  /** Throws DataFolderError when the line is not wholly in the file. */
  append(line: NotebookLine): void {
    if (this.#closed) throw new DataFolderError('failed', this.#folder, `The notes in ${this.#path} are closed.`)
    const text = `${this.#torn ? '\n' : ''}${JSON.stringify(line)}\n`
    try {
      this.#torn = true
      writeAll(this.#fd, text)
      this.#torn = false
    } catch (error) {
      throw toFolderError(error, this.#folder, `Cannot note a call in ${this.#path}`)
    }
    this.#bytes += text.length
    if (this.#bytes > this.#compactAt) this.#compact()
  }

  close(): void {
    if (!this.#closed) closeSync(this.#fd)
    this.#closed = true
  }

  #compact(): void {
    try {
      const notes = readNotes(readFileSync(this.#path, 'utf8'), this.#clock.now())
      const fd = begin(this.#path, notes, this.#folder)
      closeSync(this.#fd)
      this.#fd = fd
      this.#bytes = fstatSync(fd).size
    } catch {
      // The long file is as good; it is tried again when it is twice as long.
    }
    this.#compactAt = Math.max(COMPACT_BYTES, 2 * this.#bytes)
  }
}

/** Any error of a file call as a DataFolderError; `what` names what was tried. */
export function toFolderError(error: unknown, folder: string, what: string): DataFolderError {
  if (error instanceof DataFolderError) return error
  const reason = error instanceof Error ? error.message : String(error)
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new DataFolderError('full', folder, `${what}: the disk is full. Free some space. (${reason})`, {
        cause: error,
      })
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new DataFolderError('read-only', folder, `${what}: make it writable for this user. (${reason})`, {
        cause: error,
      })
    default:
      return new DataFolderError('failed', folder, `${what}: look at the disk. (${reason})`, { cause: error })
  }
}

/** Writes a new file in place of the old one and gives it, open for more. */
function begin(path: string, notes: Notes, folder: string): number {
  const temporary = `${path}.tmp`
  let fd: number | undefined
  try {
    fd = openSync(temporary, 'w', 0o600)
    writeAll(fd, writeNotes(notes))
    renameSync(temporary, path)
    return fd
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw toFolderError(error, folder, `Cannot write ${path}`)
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}
