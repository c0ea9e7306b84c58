import { constants } from 'node:fs'
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError, NotFoundError } from '../domain/errors.ts'
import { isRunId } from '../domain/ids.ts'
import { realClock } from './clock.ts'
import { type FileSystem, realFileSystem, syncFolder, writeAll } from './file-system.ts'
import { errorCode, toDataFolderError } from './folder-trouble.ts'
import { makeFolder } from './make-folder.ts'

const PROBE_BYTES = 4096
const REMOVED = '.removed.'
const ARCHIVE = 'archive'

/** Where things lie in a data folder. It need not exist. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string
  /** Of the limiter. */
  readonly limitsFolder: string
  /** Of the embedded stand-in. */
  readonly standInFolder: string
  /** A run's folder, whether or not it exists. Throws NotFoundError for what is no run id. */
  runFolder(run: string): string
  hasRun(run: string): Promise<boolean>
  /** Makes a run's folder, durably, and gives it. Throws DataFolderError. */
  createRun(run: string): Promise<string>
  /** Deletes a run with all its records; it is no longer listed as soon as the deleting begins, whatever happens then. */
  removeRun(run: string): Promise<void>
  /** Moves a run's folder to `archive/`, durably. */
  archiveRun(run: string): Promise<void>
  /** Writes a small file, makes it durable and deletes it. Rejects with DataFolderError when that is impossible. */
  probe(): Promise<void>
  /** The runs that have a folder, oldest first. */
  listRunIds(): Promise<string[]>
}

/** Settings of {@link openDataFolder}. */
export interface DataFolderOptions {
  readonly clock?: Clock
  readonly fs?: FileSystem
}

/**
 * Makes the data folder where it does not exist, and sees to it that it can be written to.
 *
 * @throws DataFolderError `read-only`, `full`, or `failed` (it is a file, the system refuses).
 */
export async function openDataFolder(path: string, options: DataFolderOptions = {}): Promise<DataFolder> {
  const clock = options.clock ?? realClock
  const fs = options.fs ?? realFileSystem
  const folder = dataFolderAt(path, options)
  await clock.operation(prepare(folder, fs))
  return folder
}

/** The places of a data folder, for those who only read: nothing is made or checked. */
export function dataFolderAt(path: string, options: DataFolderOptions = {}): DataFolder {
  return new DataFolderPaths(resolve(path), options.clock ?? realClock, options.fs ?? realFileSystem)
}

class DataFolderPaths implements DataFolder {
  readonly path: string
  readonly limitsFolder: string
  readonly standInFolder: string
  private readonly runsFolder: string
  private readonly clock: Clock
  private readonly fs: FileSystem

  constructor(path: string, clock: Clock, fs: FileSystem) {
    this.path = path
    this.runsFolder = join(path, 'runs')
    this.limitsFolder = join(path, 'limits')
    this.standInFolder = join(path, 'stand-in')
    this.clock = clock
    this.fs = fs
  }

  runFolder(run: string): string {
    if (!isRunId(run)) throw new NotFoundError(`Run ${JSON.stringify(run)}`, "'troupe runs' lists those that do.")
    return join(this.runsFolder, run)
  }

  async hasRun(run: string): Promise<boolean> {
    if (!isRunId(run)) return false
    const found = await this.clock.operation(statIfThere(this.runFolder(run)))
    return found?.isDirectory() === true
  }

  async createRun(run: string): Promise<string> {
    const folder = this.runFolder(run)
    try {
      await this.clock.operation(mkdir(folder, { mode: 0o700 }))
      await this.clock.operation(syncFolder(this.fs, this.runsFolder))
    } catch (error) {
      throw toDataFolderError(error, this.path, `Cannot make the folder of ${run}`)
    }
    return folder
  }

  async removeRun(run: string): Promise<void> {
    const aside = join(this.runsFolder, `${REMOVED}${run}`)
    try {
      await this.clock.operation(rename(this.runFolder(run), aside))
      await this.clock.operation(syncFolder(this.fs, this.runsFolder))
      await this.clock.operation(rm(aside, { recursive: true, force: true }))
    } catch (error) {
      throw this.notMoved(error, run, `Cannot remove ${run}`)
    }
  }

  async archiveRun(run: string): Promise<void> {
    const archive = join(this.path, ARCHIVE)
    try {
      await this.clock.operation(makeFolder(archive))
      await this.clock.operation(rename(this.runFolder(run), join(archive, run)))
      for (const folder of [archive, this.runsFolder, this.path]) {
        await this.clock.operation(syncFolder(this.fs, folder))
      }
    } catch (error) {
      throw this.notMoved(error, run, `Cannot archive ${run}`)
    }
  }

  async probe(): Promise<void> {
    try {
      await this.clock.operation(writeProbe(this.fs, this.path))
    } catch (error) {
      throw toDataFolderError(error, this.path, 'Cannot write to the data folder')
    }
  }

  async listRunIds(): Promise<string[]> {
    try {
      const entries = await this.clock.operation(readdir(this.runsFolder, { withFileTypes: true }))
      return entries.flatMap((entry) => (entry.isDirectory() && isRunId(entry.name) ? [entry.name] : [])).sort()
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw toDataFolderError(error, this.path, 'Cannot list the runs')
    }
  }

  private notMoved(error: unknown, run: string, what: string): Error {
    if (error instanceof NotFoundError) return error
    if (errorCode(error) === 'ENOENT') return new NotFoundError(`Run ${run}`, "'troupe runs' lists those that do.")
    return toDataFolderError(error, this.path, what)
  }
}

async function prepare(folder: DataFolder, fs: FileSystem): Promise<void> {
  const { path } = folder
  try {
    await makeFolder(path)
    const runs = join(path, 'runs')
    for (const part of [runs, folder.limitsFolder]) await makeFolder(part)
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
    await writeProbe(fs, path)
    await syncFolder(fs, path)
    await removeLeftovers(runs)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST' || code === 'ENOTDIR') throw notAFolder(path, error)
    throw toDataFolderError(error, path, 'Cannot use the data folder')
  }
}

/** A full or read-only disk is better found now than after the first agent was paid for. */
async function writeProbe(fs: FileSystem, folder: string): Promise<void> {
  const path = join(folder, `.probe.${process.pid}`)
  try {
    const file = await fs.open(path, 'w', 0o600)
    try {
      await writeAll(file, new Uint8Array(PROBE_BYTES), 0)
      await file.datasync()
    } finally {
      await file.close()
    }
  } finally {
    await fs.remove(path).catch(() => {})
  }
}

/** What a removal left behind when it was killed. What cannot be deleted only takes room: it keeps nothing from starting. */
async function removeLeftovers(runsFolder: string): Promise<void> {
  for (const name of await readdir(runsFolder)) {
    if (name.startsWith(REMOVED)) await rm(join(runsFolder, name), { recursive: true, force: true }).catch(() => {})
  }
}

async function statIfThere(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function notAFolder(path: string, cause: unknown): DataFolderError {
  const message = `Cannot use the data folder in ${path}: something on that path is a file, not a folder. Choose another with --data-dir.`
  return new DataFolderError('failed', path, message, { cause })
}
