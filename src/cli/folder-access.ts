import { stat } from 'node:fs/promises'
import { DataFolderError, NotFoundError, UsageError } from '../domain/errors.ts'
import { isRunId, parseTaskId } from '../domain/ids.ts'
import type { RunSummary } from '../domain/views.ts'
import { toDataFolderError } from '../host/folder-trouble.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { mayTryAgain } from './pursue-runs.ts'
import { openServer, type RunSource } from './run-source.ts'

/** Reads a folder through its holder where there is one, else from the disk. Takes no lock and changes nothing. */
export async function readFolder<T>(
  context: CliContext,
  dataDir: string,
  read: (source: RunSource, isHeld: boolean) => Promise<T>,
): Promise<T> {
  const holder = await context.findHolder(dataDir)
  if (holder) {
    try {
      return await read(holder, true)
    } catch (error) {
      // The holder ended meanwhile: what it knew is on the disk.
      if (!mayTryAgain(error, true)) throw error
    }
  }
  return read(await context.openReader(dataDir), false)
}

/** The same, or with `--url` of a server elsewhere. */
export async function readPlace<T>(
  context: CliContext,
  flags: { readonly url?: string; readonly dataDir?: string },
  read: (source: RunSource, isHeld: boolean) => Promise<T>,
): Promise<T> {
  if (flags.url === undefined) return readFolder(context, dataDirOf(flags, context.env), read)
  return read(await openServer(flags.url, context), true)
}

/** The run that a person named: its id, or `last`. Throws NotFoundError. */
export async function resolveRun(
  source: { runs(): readonly RunSummary[] | Promise<readonly RunSummary[]> },
  name: string,
): Promise<string> {
  if (name !== 'last') return checkRunId(name)
  const newest = (await source.runs()).map(({ run }) => run).sort()
  const last = newest.at(-1)
  if (last === undefined)
    throw new NotFoundError('A last run', 'The data folder holds no run yet: start one with troupe run.')
  return last
}

/** Throws NotFoundError for what cannot be the id of a run. */
function checkRunId(name: string): string {
  if (isRunId(name)) return name
  throw new NotFoundError(`Run '${name}'`, "Name a run by its id ('troupe runs' lists them), or say last.")
}

/** The task that a person named; `execute.0` is `execute[0]`. Throws UsageError for what cannot be one. */
export function resolveTask(name: string): string {
  const task = parseTaskId(name)
  if (task === undefined) throw new UsageError(`'${name}' is no task: one is named like spec, execute.0 or manager.`)
  return task
}

/** Whether the folder exists, so that a command that only asks does not make one. Throws DataFolderError when it is a file. */
export async function folderExists(dataDir: string): Promise<boolean> {
  try {
    if ((await stat(dataDir)).isDirectory()) return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return false
    if (code !== 'ENOTDIR') throw toDataFolderError(error, dataDir, 'Cannot read the data folder')
  }
  const message = `Something on the path ${dataDir} is a file, not a folder. Choose another with --data-dir.`
  throw new DataFolderError('failed', dataDir, message)
}
