import { ApiError } from '../api/errors.ts'
import { HolderGoneError } from '../client/holder-gone-error.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { RunView } from '../domain/views.ts'
import type { FolderHold, TakeOptions } from '../hold-folder.ts'
import { carryRuns } from './carry-runs.ts'
import type { CliContext } from './context.ts'
import { createRunOutput } from './create-run-output.ts'
import { followRuns } from './follow-runs.ts'
import type { Pursuit, RunStarter } from './pursuit.ts'
import type { RunOutput } from './run-output.ts'
import { RunProgress } from './run-progress.ts'
import { listenForStop } from './stop-request.ts'

const PAUSE_MS = 200
/** Tries in a row in which nobody could be reached and the folder could not be taken either. */
const MAX_TRIES = 50

/** What is to be begun, and how it is shown. */
export interface PursueOptions {
  readonly dataDir: string
  readonly json: boolean
  readonly verb: 'started' | 'resumed'
  readonly begin: (target: RunStarter) => Promise<readonly string[]>
}

/**
 * Begins runs and sees them through: in this process if the folder is free, else through its holder, and in this process again
 * when the holder dies. Gives the exit code.
 */
export async function pursueRuns(context: CliContext, options: PursueOptions): Promise<number> {
  const { dataDir, verb } = options
  const stop = listenForStop(context)
  const progress = new RunProgress()
  const output = await createRunOutput(context, options)
  const begin = (target: RunStarter) => (progress.begun ? resumeAgain(target, progress) : options.begin(target))
  const watch = (read: () => readonly RunView[]) => {
    output.watch(read)
    stop.onForce(() => finishAtOnce(read(), progress, output))
  }
  const question = options.json ? undefined : context.question
  const pursuit: Pursuit = {
    dataDir,
    verb,
    begin,
    watch,
    progress,
    output,
    stop,
    ...(question === undefined ? {} : { question }),
  }
  try {
    await seeThrough(context, pursuit)
    return stop.signal.aborted && (!progress.begun || progress.unfinished().length > 0)
      ? stop.exitCode()
      : progress.worst()
  } finally {
    stop.dispose()
    output.close()
  }
}

async function seeThrough(context: CliContext, pursuit: Pursuit): Promise<void> {
  const { dataDir, progress, stop } = pursuit
  for (let tries = 0; !stop.signal.aborted; tries++) {
    const hold = await takeIfFree(context, dataDir, { intents: 'open' })
    if (hold) return carryRuns(hold, pursuit)
    const shown = sumOf(progress)
    const client = await context.findHolder(dataDir)
    try {
      if (client) return await followRuns(client, pursuit)
    } catch (error) {
      if (!mayTryAgain(error, progress.begun)) throw error
    }
    if (sumOf(progress) > shown) tries = 0
    if (tries >= MAX_TRIES) throw unreachable(dataDir)
    await pause(context)
  }
}

/** Undefined when another process holds the folder. */
export async function takeIfFree(
  context: CliContext,
  dataDir: string,
  options: TakeOptions,
): Promise<FolderHold | undefined> {
  try {
    return await context.takeFolder(dataDir, options)
  } catch (error) {
    if (error instanceof DataFolderError && error.code === 'data-folder-locked') return undefined
    throw error
  }
}

/** Whether a failed talk with a holder took no effect, or none that doing it again would double. */
export function mayTryAgain(error: unknown, repeatable: boolean): boolean {
  if (error instanceof HolderGoneError) return repeatable || !error.sent
  return error instanceof ApiError && error.code === 'stopping'
}

/** Gives a holder that is just coming or going a moment, ms. */
export function pause(context: Pick<CliContext, 'every'>, ms = PAUSE_MS): Promise<void> {
  return new Promise((resolve) => {
    const stop = context.every(ms, () => {
      stop()
      resolve()
    })
  })
}

/** The folder is neither free nor does anybody answer for it. */
export function unreachable(dataDir: string): DataFolderError {
  return new DataFolderError(
    'locked',
    dataDir,
    `The data folder ${dataDir} is held by a process that does not answer. End that process, then try again.`,
  )
}

/** Even who is in a hurry is told how the runs stand. */
function finishAtOnce(views: readonly RunView[], progress: RunProgress, output: RunOutput): void {
  for (const view of views.filter(({ run }) => progress.unfinished().includes(run))) {
    output.finished(view, { status: view.status, reason: 'Stopped at once.' })
  }
  output.close()
}

async function resumeAgain(target: RunStarter, progress: RunProgress): Promise<readonly string[]> {
  for (const run of progress.unfinished()) await target.resume(run)
  return progress.unfinished()
}

function sumOf(progress: RunProgress): number {
  return progress.runs().reduce((sum, run) => sum + progress.last(run), 0)
}
