import { constants } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Adapter } from 'lowdb'
import type { Clock } from '../domain/clock.ts'
import { seal, unseal } from './checksum.ts'
import { type FileSystem, realFileSystem, syncFolder, writeAll } from './file-system.ts'
import { errorCode } from './folder-trouble.ts'

/** Settings of {@link writeDurably}. */
export interface DurableWrite {
  readonly fs?: FileSystem
  /** Where the file that is replaced is kept. */
  readonly keepPrevious?: string
}

/**
 * Replaces a file's content whole: after a crash it is the old or the new one. Durable when this resolves. One write of a
 * file at a time.
 */
export async function writeDurably(path: string, bytes: Uint8Array, options: DurableWrite = {}): Promise<void> {
  const fs = options.fs ?? realFileSystem
  const temporary = join(dirname(path), `.${basename(path)}.tmp`)
  try {
    const file = await fs.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
    try {
      await writeAll(file, bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    if (options.keepPrevious !== undefined) await renameIfThere(fs, path, options.keepPrevious)
    await fs.rename(temporary, path)
    await syncFolder(fs, dirname(path))
  } catch (error) {
    await fs.remove(temporary).catch(() => {})
    throw error
  }
}

/** Settings of a {@link SealedJsonFile}. */
export interface SealedJsonFileOptions<T> {
  readonly path: string
  /** Where the last but one version is kept, and read when the newest is not good. */
  readonly previousPath?: string
  readonly clock: Clock
  /** Whether a value that was read is what is expected. May throw: the reading then fails. */
  readonly accepts: (value: unknown) => value is T
  readonly fs?: FileSystem
}

/** lowdb's adapter for a file that must survive: compact JSON with a checksum, replaced durably. */
export class SealedJsonFile<T extends object> implements Adapter<T> {
  /** Length of what was read or written last. */
  bytes = 0
  /** What was not good when it was read, as whole sentences. */
  readonly problems: string[] = []
  private readonly options: SealedJsonFileOptions<T>

  constructor(options: SealedJsonFileOptions<T>) {
    this.options = options
  }

  async read(): Promise<T | null> {
    const { path, previousPath } = this.options
    return (await this.readOne(path)) ?? (previousPath === undefined ? null : await this.readOne(previousPath))
  }

  async write(data: T): Promise<void> {
    const bytes = Buffer.from(seal(JSON.stringify(data)), 'utf8')
    const { path, previousPath, fs, clock } = this.options
    const work = writeDurably(path, bytes, {
      ...(fs === undefined ? {} : { fs }),
      ...(previousPath === undefined ? {} : { keepPrevious: previousPath }),
    })
    await clock.operation(work)
    this.bytes = bytes.length
  }

  private async readOne(path: string): Promise<T | null> {
    let bytes: Buffer
    try {
      bytes = await this.options.clock.operation(readFile(path))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null
      throw error
    }
    const text = unseal(bytes)
    const value = parse(text ?? bytes.toString('utf8'))
    // Asked before the checksum: a newer format may be sealed in another way.
    if (value !== undefined && this.options.accepts(value) && text !== undefined) {
      this.bytes = bytes.length
      return value
    }
    this.problems.push(`${path} is damaged and was not used.`)
    return null
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return undefined
  }
}

async function renameIfThere(fs: FileSystem, from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
