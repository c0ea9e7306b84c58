import type { AgentRunState, Backend } from '../domain/backend.ts'
import { cleanUsage } from '../domain/budget.ts'
import { sleep, type TimerHandle } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import type { WatchInput, WatchOutput } from '../machines/effects.ts'
import { branchOf } from './branch-of.ts'
import { oneLine } from './one-line.ts'
import { parseReport } from './parse-report.ts'
import { pauseAfter, WatchedRun } from './read-watched-run.ts'
import type { RunContext } from './run-context.ts'
import { SignOfLife } from './sign-of-life.ts'

const MOST_ASKED = 300
/** A turn whose old COMPLETE still stands is looked up in the logs this often. */
const STALE_TURN_MS = 10_000
/** No answer of a backend is out of date by more: a COMPLETE that stands so long is that of the turn which was seen working. */
const STALEST_MS = 60_000

/** Why a watch stops its follower; one object, since making an error costs more than the watch. */
const ENDED = new Error('The watch has ended')

/** Follows an agent run until its backend says that it ended, or is paused or active again. Failing reads prove nothing (I7). */
export const watchAgentRun =
  (run: RunContext): Effect<WatchInput, WatchOutput> =>
  async (input, { signal }) => {
    const backend = run.backendOf(input.task)
    const stop = new AbortController()
    const hints = new Hints(stop.signal)
    const onAbort = () => stop.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const sign = new SignOfLife(run, backend, input, stop.signal)
    void followAgain(run, backend, input, hints, stop.signal)
    const watched = new WatchedRun(run, backend, input, stop.signal)
    let seenActive = false
    const began = run.clock.now()
    let completeSince = began
    let again: TimerHandle | undefined
    try {
      for (;;) {
        await hints.next()
        const state = await watched.read()
        sign.saw(state)
        if (state.status === 'active') seenActive = true
        const isOver = hasEnded(state)
        if (!isOver) completeSince = run.clock.now()
        const hasStood = run.clock.now() - completeSince >= STALEST_MS
        const worked = hasStood && (seenActive || input.doubtful) ? 'surely' : seenActive
        // Just after a prompt it may be the pause of before it that is seen.
        const isStale =
          state.status === 'paused' && input.turn > 1 && input.expect === 'active' && !seenActive && !isOf(state, input)
        const isOpen = isOver && !(await turnEnded(backend, run, input, state, worked, stop.signal))
        if (isOpen || (isStale && run.clock.now() - began < STALEST_MS)) {
          again ??= run.clock.setTimeout(() => {
            again = undefined
            hints.give()
          }, STALE_TURN_MS)
          continue
        }
        if (ends(state, input.expect)) return outputOf(state)
      }
    } finally {
      sign.stop()
      if (again !== undefined) run.clock.clearTimeout(again)
      stop.abort(ENDED)
      signal.removeEventListener('abort', onAbort)
    }
  }

/** That it completed has to be of this turn; how else it ended only where its backend says of which turn that is. */
function hasEnded({ status, turn }: AgentRunState): boolean {
  return status === 'complete' || (turn !== undefined && (status === 'failed' || status === 'cancelled'))
}

/** Its backend knows that it is the turn that is watched. */
const isOf = (state: AgentRunState, input: WatchInput): boolean => state.turn === input.turn

function outputOf(state: AgentRunState): WatchOutput {
  const { status: kind, rawStatus, pullRequests, failure } = state
  const usage = cleanUsage(state.usage)
  const seen = { kind, rawStatus, ...(usage === undefined ? {} : { usage }) }
  if (kind === 'paused') return { ...seen, ...askedIn(state) }
  if (kind === 'complete' || kind === 'active') return seen
  return { ...seen, ...branchOf(pullRequests), ...(kind === 'failed' && failure !== undefined ? { failure } : {}) }
}

/** What a paused agent asks. Its result may still be that of the turn before. */
function askedIn({ summary, result }: AgentRunState): { readonly asks?: string } {
  const asks = oneLine(summary || result || '', MOST_ASKED)
  return asks === '' ? {} : { asks }
}

function ends(state: AgentRunState, expect: WatchInput['expect']): boolean {
  if (state.status === 'active' || state.status === 'paused') return expect !== 'end' && state.status !== expect
  return true
}

/** A turn after the first has ended only by its own evidence: a stale COMPLETE with an old result is no end. */
async function turnEnded(
  backend: Backend,
  run: RunContext,
  input: WatchInput,
  state: AgentRunState,
  worked: boolean | 'surely',
  signal: AbortSignal,
): Promise<boolean> {
  if (input.turn === 1 && state.turn === undefined) return true
  // Where nobody knows whether the prompt arrived, what has stood for long is the end, of whichever turn.
  if (input.doubtful && worked === 'surely') return true
  if (state.turn !== undefined) return state.turn === input.turn
  const echoed = parseReport(state.result ?? '').report?.turn
  if (echoed !== undefined) return echoed === input.turn
  if (worked === 'surely') return true
  const key = { run: run.run, task: input.task, attempt: input.attempt }
  const seen = await backend.findTurn(input.ref, { key, turn: input.turn }, signal).catch(() => 'unknown' as const)
  // It may have been seen working in the turn before, by an answer that was out of date: the log knows better.
  return seen === 'answered' || (seen === 'unknown' && worked)
}

/** Follows until the watch ends: a follower that breaks proves nothing about the agent run. It is read, and followed again. */
async function followAgain(
  run: RunContext,
  backend: Backend,
  input: WatchInput,
  hints: Hints,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; ; failures++) {
    await backend.follow(input.ref, () => hints.give(), signal).catch(() => {})
    if (signal.aborted) return
    hints.give()
    await sleep(run.clock, pauseAfter(failures), signal).catch(() => {})
    if (signal.aborted) return
  }
}

/** Hints that it is time to read; those that come while nobody waits are one. */
class Hints {
  readonly #signal: AbortSignal
  #given = false
  #wake: (() => void) | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake?.(), { once: true })
  }

  give(): void {
    this.#given = true
    this.#wake?.()
  }

  async next(): Promise<void> {
    if (!this.#given && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    this.#signal.throwIfAborted()
    this.#given = false
  }
}
