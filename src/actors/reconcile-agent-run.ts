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
    const since = Math.min(input.intentAt, run.searchSince(input.task, input.attempt) ?? input.intentAt)
    const found = await findUntil(run, backend, key, since, until, signal)
    // Unknown settles nothing: whoever looks again must begin as early.
    if (found.kind !== 'unknown') run.searched(input.task, input.attempt)
    if (found.kind === 'found') {
      for (const other of found.others) run.reportDouble(input.task, input.attempt, other)
      return { kind: 'found', ref: found.ref }
    }
    return found
  }

/** Looks for the key until it is found or the time has passed; then once more. */
export async function findUntil(
  run: RunContext,
  backend: Backend,
  key: AttemptKey,
  since: number,
  until: number,
  signal: AbortSignal,
): Promise<
  | { kind: 'found'; ref: AgentRunRef; others: readonly AgentRunRef[] }
  | { kind: 'absent' }
  | { kind: 'unknown'; reason: string }
> {
  let unreadable = 0
  for (;;) {
    const last = run.clock.now() >= until
    const result = await findOnce(backend, key, since, signal)
    if (result.kind === 'found') return result
    if (result.kind === 'absent') {
      if (last) return result
      unreadable = 0
    } else if (++unreadable >= READS && last) {
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
