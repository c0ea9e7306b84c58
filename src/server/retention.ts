import type { Clock, TimerHandle } from '../domain/clock.ts'
import { NotFoundError } from '../domain/errors.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunSummary } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { Log } from './log.ts'

/** Which finished runs are kept, and what becomes of the others. */
export interface RetentionOptions {
  readonly orchestrator: Pick<Orchestrator, 'runs' | 'remove'>
  readonly clock: Clock
  /** How long after their end, ms; absent: for ever. */
  readonly keepFor?: number
  /** How many of them, the newest; absent: all. */
  readonly keepRuns?: number
  readonly how: 'delete' | 'archive'
  readonly log: Pick<Log, 'info' | 'warn'>
}

/** Removes finished runs, at once and every hour. */
export interface Retention {
  /** Removes what is not kept, the oldest first; one that is under way is waited for. Gives the runs that it removed; never rejects. */
  sweep(): Promise<readonly string[]>
  /** Removes nothing more; a removal that is under way comes to its end. */
  close(): void
}

const HOUR_MS = 3_600_000

/** Begins to remove what is not kept. Nothing happens where neither an age nor a number is given. */
export function createRetention(options: RetentionOptions): Retention {
  const { clock, keepFor, keepRuns, log } = options
  const closing = new AbortController()
  let timer: TimerHandle | undefined
  let sweeping: Promise<readonly string[]> | undefined

  const sweep = () => {
    sweeping ??= sweepOnce(options, closing.signal).finally(() => {
      sweeping = undefined
    })
    return sweeping
  }
  const everyHour = () => {
    if (sweeping) log.warn({}, 'Finished runs are still being removed since an hour ago.')
    void sweep()
    timer = clock.setTimeout(everyHour, HOUR_MS)
  }
  if (keepFor !== undefined || keepRuns !== undefined) everyHour()
  return {
    sweep,
    close() {
      closing.abort()
      if (timer !== undefined) clock.clearTimeout(timer)
    },
  }
}

async function sweepOnce(options: RetentionOptions, closing: AbortSignal): Promise<readonly string[]> {
  const { orchestrator, how, log } = options
  const removed: string[] = []
  // A server that starts has better things to do first.
  await Promise.resolve()
  try {
    for (const { run, endedAt } of notKept(orchestrator.runs(), options)) {
      if (closing.aborted) break
      try {
        await orchestrator.remove(run, how)
        removed.push(run)
        log.info({ run, endedAt, how }, 'A finished run was removed.')
      } catch (error) {
        // Somebody else was quicker.
        if (!(error instanceof NotFoundError)) log.warn({ run, how, error }, 'A finished run could not be removed.')
      }
    }
  } catch (error) {
    log.warn({ error }, 'It cannot be told which runs have finished.')
  }
  return removed
}

/** The finished runs that are too old or too many, oldest first. Of one whose end is not known, only the number counts. */
function notKept(runs: readonly RunSummary[], { clock, keepFor, keepRuns }: RetentionOptions): readonly RunSummary[] {
  const finished = runs.filter(({ status }) => isFinalState(status)).sort((a, b) => endOf(a) - endOf(b))
  const tooMany = keepRuns === undefined ? 0 : finished.length - keepRuns
  const before = clock.now() - (keepFor ?? Number.POSITIVE_INFINITY)
  return finished.filter((run, index) => index < tooMany || (run.endedAt !== undefined && endOf(run) < before))
}

function endOf({ endedAt, startedAt }: RunSummary): number {
  return Date.parse(endedAt ?? startedAt)
}
