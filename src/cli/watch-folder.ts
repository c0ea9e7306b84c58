import type { ControlClient } from '../client/control-client.ts'
import type { WatchHandlers } from '../client/watch-options.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { DataFolderReader } from '../domain/orchestration.ts'
import type { CliContext } from './context.ts'
import { type FolderRecords, openFolderRecords } from './folder-records.ts'
import { troupeLine } from './next-commands.ts'
import { mayTryAgain, pause } from './pursue-runs.ts'
import type { WatchSource } from './run-source.ts'
import { type StopRequest, untilStopped } from './stop-request.ts'
import type { Watched } from './watched.ts'

/** How often it is looked whether somebody holds the folder, or something is new on the disk, ms. */
const POLL_MS = 500

/** What is watched, on whose behalf, and until when. */
export interface WatchTask {
  readonly context: CliContext
  readonly watched: Watched
  readonly stop: StopRequest
}

/** Shows what happens in a folder, whoever holds it, until there is no more to come or a stop is wished. */
export async function watchFolder(task: WatchTask, dataDir: string): Promise<void> {
  const { context, watched } = task
  const reader = await context.openReader(dataDir)
  let disk: DiskLook | undefined
  let wasHeld = false
  while (!isOver(task)) {
    const holder = await findHolder(context, dataDir)
    if (holder) {
      disk = undefined
      wasHeld = true
      if (await watchHolder(task, holder)) return
    }
    const first = disk === undefined
    disk ??= new DiskLook(task, reader, dataDir)
    await disk.look()
    if (isOver(task)) return
    if (first) watched.note(nobodyLine(watched, dataDir, wasHeld))
    await untilStopped(pause(context, POLL_MS), task.stop)
  }
}

/** Shows what `source` brings until there is no more to come or a stop is wished. Throws when it answers no more. */
export async function watchThrough(task: WatchTask, source: WatchSource, handlers: WatchHandlers = {}): Promise<void> {
  const { watched, stop } = task
  await untilStopped(watched.meet(source), stop)
  if (!watched.complete && !isOver(task)) {
    const watching = source.watch({
      ...handlers,
      runs: watched.runs,
      after: watched.cursor,
      signal: stop.signal,
      onResync: ({ reason }) => watched.note(reason),
      onCaughtUp: () => {
        watched.catchUp()
        if (watched.ended) watching.close()
      },
    })
    try {
      for await (const records of watching.batches()) {
        await watched.show(records)
        if (watched.complete || isOver(task)) break
      }
    } finally {
      watched.pass(watching.cursor)
    }
  }
  if (!isOver(task)) watched.finish()
}

/** False when the holder ended, or is about to. */
async function watchHolder(task: WatchTask, holder: ControlClient): Promise<boolean> {
  try {
    await watchThrough(task, holder)
    return true
  } catch (error) {
    if (!mayTryAgain(error, true)) throw error
    return false
  }
}

/** Looks for what is new on the disk while nobody tells of it. */
class DiskLook {
  readonly #task: WatchTask
  readonly #reader: DataFolderReader
  readonly #dataDir: string
  #records: FolderRecords | undefined
  #stamp: string | undefined

  constructor(task: WatchTask, reader: DataFolderReader, dataDir: string) {
    this.#task = task
    this.#reader = reader
    this.#dataDir = dataDir
  }

  async look(): Promise<void> {
    const { context, watched } = this.#task
    this.#records ??= await openFolderRecords(this.#reader, watched.runs, watched.cursor)
    const stamp = await context.stampOf(this.#dataDir, this.#records.unfinished)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    await watched.meet(this.#reader)
    for await (const records of this.#records.read()) {
      await watched.show(records)
      if (isOver(this.#task)) return
    }
    watched.pass(this.#records.cursor)
    if (watched.ended) watched.finish()
  }
}

function isOver({ watched, stop }: WatchTask): boolean {
  return watched.finished || stop.signal.aborted
}

/** One that holds the folder without answering tells nothing: the disk does. */
async function findHolder(context: CliContext, dataDir: string): Promise<ControlClient | undefined> {
  try {
    return await context.findHolder(dataDir)
  } catch (error) {
    if (error instanceof DataFolderError && error.code === 'data-folder-locked') return undefined
    throw error
  }
}

function nobodyLine({ runs }: Watched, dataDir: string, wasHeld: boolean): string {
  if (runs === '*') {
    return `${wasHeld ? `The process that held ${dataDir} has ended` : `No process holds ${dataDir} now`}: this waits for the next.`
  }
  const run = runs.join(', ')
  const now = wasHeld ? `The process that carried ${run} has ended` : `No process carries ${run} now`
  return `${now}: this waits for the next. Begin one with ${troupeLine(`resume ${run}`, dataDir)}`
}
