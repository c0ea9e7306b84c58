import type { Backend } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { PromptInput, PromptOutput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

const SENDS = 5
/** How often in a row a turn must be impossible to look up, once the grace time is over, before nobody can tell. */
const LOOKS = 6

/**
 * Sends an agent run a turn. When its outcome is unknown (a restart, a lost answer) the turn is looked up first; absent for the
 * grace time it is sent again under the same number. Not to be looked up at all, it is sent again once; then the watch, which asks for
 * evidence of just this turn, tells whether it arrived. What a person says unasked is never sent again once it may have left.
 */
export const promptAgentRun =
  (run: RunContext): Effect<PromptInput, PromptOutput> =>
  async (input, { signal, restarted }) => {
    const backend = run.backendOf(input.task)
    let doubtful = restarted || run.searchSince(input.task, input.attempt) !== undefined
    let sentBlindly = false
    const isOnce = input.message.kind === 'steer'
    for (let sends = 1; ; sends++) {
      if (doubtful) {
        const seen = await lookUp(run, backend, input, signal)
        if (seen !== 'unknown') run.searched(input.task, input.attempt)
        if (seen === 'there') return { certain: true }
        if (isOnce) return { certain: false }
        if (seen === 'unknown' && sentBlindly) return { certain: false }
        if (seen === 'unknown') sentBlindly = true
      }
      try {
        const text = await run.turnText(input)
        signal.throwIfAborted()
        const arrived = await sendTo(backend, input, text, signal)
        return { certain: true, ...(arrived === 'no-turn' ? { noTurn: true as const } : {}) }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof BackendError) || sends >= SENDS || (error.certain && !error.retryable)) throw error
        if (isOnce) doubtful = !error.certain
        else doubtful ||= !error.certain
        // What was refused for certain is no send.
        if (error.certain) sentBlindly = false
        if (error.certain)
          await sleep(run.clock, Math.max(1_000 * 2 ** sends, (error.notBefore ?? 0) - run.clock.now()), signal)
      }
    }
  }

/** As a turn of its own, or in the turn under way. */
async function sendTo(
  backend: Backend,
  { ref, turn, message }: PromptInput,
  text: string,
  signal: AbortSignal,
): Promise<'injected' | 'no-turn'> {
  const isInTurn = message.kind === 'steer' && message.inTurn === true
  if (isInTurn && backend.steer !== undefined) return backend.steer(ref, { turn, text }, signal)
  await backend.prompt(ref, { turn, text, ...(message.kind === 'answer' ? { answer: message.text } : {}) }, signal)
  return 'injected'
}

/** Whether the turn has arrived; 'unknown' when nobody can tell even after the grace time. */
async function lookUp(
  run: RunContext,
  backend: Backend,
  input: PromptInput,
  signal: AbortSignal,
): Promise<'there' | 'absent' | 'unknown'> {
  // What was said in a turn under way leaves no mark of its own.
  if (input.message.kind === 'steer' && input.message.inTurn) return 'unknown'
  const key = { run: run.run, task: input.task, attempt: input.attempt }
  const until = run.clock.now() + run.graceMs(input.task)
  for (let unreadable = 0; ; ) {
    const last = run.clock.now() >= until
    // A look-up that fails says nothing; it is no reason for another manager.
    const seen = await backend.findTurn(input.ref, { key, turn: input.turn }, signal).catch(() => {
      signal.throwIfAborted()
      return 'unknown' as const
    })
    if (seen === 'answered' || seen === 'seen') return 'there'
    unreadable = seen === 'unknown' ? unreadable + 1 : 0
    if (last && (seen === 'absent' || unreadable >= LOOKS)) return seen
    const rest = until - run.clock.now()
    await sleep(run.clock, rest > 0 ? Math.min(5_000, rest) : 5_000, signal)
  }
}
