import type { AgentRunRef, Backend, FindResult } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { AttemptKey } from '../domain/ids.ts'
import type { ReconcileInput, ReconcileOutput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

/** How often an unreadable list is asked again before a person must decide. */
const READS = 6
const PAUSE_MS = 5_000
/** While the account as a whole is in trouble its silence is no riddle of this attempt: so much longer it is asked. */
const OUTAGE_MS = 30 * 60_000

/**
 * Settles a create of unknown outcome: found -> adopted; absent for the whole grace time -> it was never made; no certain answer
 * -> unknown, and nobody creates a second one.
 */
export const reconcileAgentRun =
  (run: RunContext): Effect<ReconcileInput, ReconcileOutput> =>
  async (input, { signal }) => {
    const backend = run.backendOf(input.task)
    if (backend.capabilities.idempotentCreate) return { kind: 'absent' }
    const until = run.clock.now() + run.graceMs(input.task)
    if (run.graceMs(input.task) > 0) {
      run.progress(input.task, input.attempt, {
        note: 'outcome unknown, reconciling',
        until: new Date(until).toISOString(),
      })
    }
    const key = { run: run.run, task: input.task, attempt: input.attempt }
    const since = run.searchSince(input.task, input.attempt) ?? input.intentAt
    const isOutage = () => run.limiter.isTroubled(backend.account) && run.clock.now() < until + OUTAGE_MS
    const found = await findUntil(run, backend, key, Math.min(since, input.intentAt), until, signal, isOutage)
    // Unknown settles nothing: whoever looks again must begin as early.
    if (found.kind !== 'unknown') run.searched(input.task, input.attempt)
    if (found.kind === 'found') {
      for (const other of found.others) run.reportDouble(input.task, input.attempt, other)
      return { kind: 'found', ref: found.ref }
    }
    return found
  }

/** Looks for the key until it is found or the time has passed; then once more. `isOutage`: an unreadable list is asked on. */
export async function findUntil(
  run: RunContext,
  backend: Backend,
  key: AttemptKey,
  since: number,
  until: number,
  signal: AbortSignal,
  isOutage: () => boolean = () => false,
): Promise<
  | { kind: 'found'; ref: AgentRunRef; others: readonly AgentRunRef[] }
  | { kind: 'absent' }
  | { kind: 'unknown'; reason: string }
> {
  let unreadable = 0
  // An intent that lies ahead was timed before the clock was set back, and by that clock nothing was created since.
  const from = Math.min(since, run.clock.now())
  for (;;) {
    const last = run.clock.now() >= until
    const result = await findOnce(backend, key, from, signal)
    if (result.kind === 'found') return result
    if (result.kind === 'absent') {
      if (last) return result
      unreadable = 0
    } else if (++unreadable >= READS && last && !isOutage()) {
      return result
    }
    const rest = until - run.clock.now()
    await sleep(run.clock, rest > 0 ? Math.min(PAUSE_MS, rest) : PAUSE_MS, signal)
  }
}

async function findOnce(backend: Backend, key: AttemptKey, since: number, signal: AbortSignal): Promise<FindResult> {
  try {
    return await backend.find(key, since, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof BackendError) return { kind: 'unknown', reason: error.message }
    throw error
  }
}
