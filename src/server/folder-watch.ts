import type { Clock, TimerHandle } from '../domain/clock.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { Log } from './log.ts'

/** Whose data folder is looked at, and who is told. */
export interface FolderWatchOptions {
  readonly orchestrator: Pick<Orchestrator, 'health'>
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>
  readonly log: Pick<Log, 'info' | 'error'>
}

const LOOK_EVERY_MS = 30_000

/**
 * Tells the log when a data folder can no longer be written (a full disk, another holder) and when it can again: runs stop then,
 * and whoever reads the log need not ask `/readyz`.
 */
export function watchFolderHealth({ orchestrator, clock, log }: FolderWatchOptions): { close(): void } {
  let known: string | undefined
  let timer: TimerHandle | undefined
  let closed = false

  const look = async () => {
    const problem = await orchestrator.health().then(
      (health) => health.problem,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (closed) return
    if (problem !== undefined && problem !== known) log.error({ problem }, 'The data folder cannot be written.')
    if (problem === undefined && known !== undefined) log.info({}, 'The data folder can be written again.')
    known = problem
    timer = clock.setTimeout(look, LOOK_EVERY_MS)
  }
  timer = clock.setTimeout(look, LOOK_EVERY_MS)
  return {
    close() {
      closed = true
      if (timer !== undefined) clock.clearTimeout(timer)
    },
  }
}
