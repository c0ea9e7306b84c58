import type { Backend } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { PromptInput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

const SENDS = 5
/** How often in a row a turn must be impossible to look up, once the grace time is over, before it is taken for absent. */
const LOOKS = 6

/**
 * Sends the manager a turn. When its outcome is unknown (a restart, a lost answer) the turn is looked up first; absent for the
 * grace time, or not to be looked up at all, it is sent again under the same number.
 */
export const promptAgentRun =
  (run: RunContext): Effect<PromptInput, null> =>
  async (input, { signal, restarted }) => {
    const backend = run.backendOf(input.task)
    let doubtful = restarted
    for (let sends = 1; ; sends++) {
      if (doubtful && (await arrived(run, backend, input, signal))) return null
      try {
        const text = await run.managerTurn(input)
        signal.throwIfAborted()
        await backend.prompt(input.ref, { turn: input.turn, text }, signal)
        return null
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof BackendError) || sends >= SENDS || (error.certain && !error.retryable)) throw error
        doubtful ||= !error.certain
        if (error.certain)
          await sleep(run.clock, Math.max(1_000 * 2 ** sends, (error.notBefore ?? 0) - run.clock.now()), signal)
      }
    }
  }

async function arrived(run: RunContext, backend: Backend, input: PromptInput, signal: AbortSignal): Promise<boolean> {
  const key = { run: run.run, task: input.task, attempt: input.attempt }
  const until = run.clock.now() + run.graceMs(input.task)
  for (let unreadable = 0; ; ) {
    const last = run.clock.now() >= until
    // A look-up that fails says nothing; it is no reason for another manager.
    const seen = await backend.findTurn(input.ref, { key, turn: input.turn }, signal).catch(() => {
      signal.throwIfAborted()
      return 'unknown' as const
    })
    if (seen === 'answered' || seen === 'seen') return true
    unreadable = seen === 'unknown' ? unreadable + 1 : 0
    if (last && (seen === 'absent' || unreadable >= LOOKS)) return false
    const rest = until - run.clock.now()
    await sleep(run.clock, rest > 0 ? Math.min(5_000, rest) : 5_000, signal)
  }
}
