import type { AgentRunState, Backend } from '../domain/backend.ts'
import { sleep, type TimerHandle } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { toFailure } from '../domain/errors.ts'
import type { WatchInput, WatchOutput } from '../machines/effects.ts'
import { parseReport } from './parse-report.ts'
import type { RunContext } from './run-context.ts'

/** A turn whose old COMPLETE still stands is looked up in the logs this often. */
const STALE_TURN_MS = 10_000

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
    let seenActive = input.turn === 1
    let again: TimerHandle | undefined
    try {
      for (;;) {
        await hints.next()
        const state = await readPatiently(run, backend, input, stop.signal)
        sign.saw(state)
        if (state.status === 'active') seenActive = true
        if (state.status === 'complete' && !(await turnEnded(backend, run, input, state, seenActive, stop.signal))) {
          again ??= run.clock.setTimeout(() => {
            again = undefined
            hints.give()
          }, STALE_TURN_MS)
          continue
        }
        if (ends(state, input.expect)) return { kind: kindOf(state), rawStatus: state.rawStatus }
      }
    } finally {
      sign.stop()
      if (again !== undefined) run.clock.clearTimeout(again)
      stop.abort(ENDED)
      signal.removeEventListener('abort', onAbort)
    }
  }

const kindOf = (state: AgentRunState): WatchOutput['kind'] => state.status

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
  seenActive: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (input.turn === 1) return true
  const echoed = parseReport(state.result ?? '').report?.turn
  if (echoed !== undefined) return echoed === input.turn
  if (seenActive) return true
  const key = { run: run.run, task: input.task, attempt: input.attempt }
  const seen = await backend.findTurn(input.ref, { key, turn: input.turn }, signal).catch(() => 'unknown' as const)
  return seen === 'answered'
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

/** Further and further apart. */
const pauseAfter = (failures: number) => Math.min(60_000, 1_000 * 2 ** Math.min(failures, 6))

/** How often in a row a run must be unknown to its backend, and how far apart, before that is believed. */
const GONE_READS = 3
const GONE_PAUSE_MS = 5_000

/** Reads until there is an answer: whatever a read fails with proves nothing, so it is asked again. */
async function readPatiently(
  run: RunContext,
  backend: Backend,
  input: WatchInput,
  signal: AbortSignal,
): Promise<AgentRunState> {
  let gone = 0
  for (let failures = 0; ; failures++) {
    try {
      const state = await backend.read(input.ref, signal)
      // A stale 404 right after the create would otherwise be paid for with a second agent.
      if (state.status !== 'gone' || ++gone >= GONE_READS) return state
      await sleep(run.clock, GONE_PAUSE_MS, signal)
    } catch (error) {
      signal.throwIfAborted()
      const failure = toFailure(error)
      const { message, notBefore = 0 } = failure
      if (failure.kind === 'auth') run.blockAccount(input.task, failure)
      if (failures === 3) run.alert('unreadable', `${input.task}: its agent run cannot be read: ${message}`, input.task)
      await sleep(run.clock, Math.max(pauseAfter(failures), notBefore - run.clock.now()), signal)
    }
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

/** Alerts once when nothing of an agent run has changed for `stuckAfter`, its logs included. It decides nothing. */
class SignOfLife {
  readonly #run: RunContext
  readonly #backend: Backend
  readonly #input: WatchInput
  readonly #signal: AbortSignal
  readonly #afterMs: number
  #last: number
  #seen = ''
  #timer: ReturnType<RunContext['clock']['setTimeout']> | undefined

  constructor(run: RunContext, backend: Backend, input: WatchInput, signal: AbortSignal) {
    this.#run = run
    this.#backend = backend
    this.#input = input
    this.#signal = signal
    this.#afterMs = run.stuckAfterMs(input.task)
    this.#last = run.clock.now()
    this.#arm(this.#afterMs)
  }

  saw(state: AgentRunState): void {
    const seen = `${state.status}/${state.rawStatus}/${state.progress ?? ''}/${state.summary ?? ''}/${state.pullRequests.length}`
    if (seen === this.#seen) return
    this.#seen = seen
    this.#last = this.#run.clock.now()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#run.clock.clearTimeout(this.#timer)
  }

  #arm(ms: number): void {
    this.#timer = this.#run.clock.setTimeout(() => void this.#check(), ms)
  }

  async #check(): Promise<void> {
    const { clock } = this.#run
    if (this.#last + this.#afterMs > clock.now()) return this.#arm(this.#last + this.#afterMs - clock.now())
    const newest = (await this.#backend.logs?.(this.#input.ref, 1, this.#signal).catch(() => []))?.at(-1)?.at ?? 0
    if (this.#signal.aborted) return
    if (newest > this.#last) {
      this.#last = newest
      return this.#arm(Math.max(0, newest + this.#afterMs - clock.now()))
    }
    const minutes = Math.round(this.#afterMs / 60_000)
    this.#run.alert('stuck', `${this.#input.task}: no sign of life for ${minutes} min`, this.#input.task)
  }
}
