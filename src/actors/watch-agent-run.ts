import type { AgentRunState, Backend } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
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
    const hints = new Hints()
    const stop = new AbortController()
    const onAbort = () => stop.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const sign = new SignOfLife(run, backend, input, stop.signal)
    backend.follow(input.ref, () => hints.give(), stop.signal).catch((error: unknown) => hints.fail(error))
    let seenActive = input.turn === 1
    try {
      for (;;) {
        await hints.next(stop.signal)
        const state = await readPatiently(run, backend, input, stop.signal)
        sign.saw(state)
        if (state.status === 'active') seenActive = true
        if (state.status === 'complete' && !(await turnEnded(backend, run, input, state, seenActive, stop.signal))) {
          run.clock.setTimeout(() => hints.give(), STALE_TURN_MS)
          continue
        }
        if (ends(state, input.expect)) return { kind: kindOf(state), rawStatus: state.rawStatus }
      }
    } finally {
      sign.stop()
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

/** Reads until there is an answer: a poll that fails or answers garbage is asked again, further and further apart. */
async function readPatiently(
  run: RunContext,
  backend: Backend,
  input: WatchInput,
  signal: AbortSignal,
): Promise<AgentRunState> {
  for (let failures = 0; ; failures++) {
    try {
      return await backend.read(input.ref, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BackendError)) throw error
      if (failures === 3)
        run.alert('unreadable', `${input.task}: its agent run cannot be read: ${error.message}`, input.task)
      const pause = Math.min(60_000, 1_000 * 2 ** Math.min(failures, 6))
      const notBefore = error.notBefore === undefined ? 0 : error.notBefore - run.clock.now()
      await sleep(run.clock, Math.max(pause, notBefore), signal)
    }
  }
}

/** Hints that it is time to read; those that come while nobody waits are one. */
class Hints {
  #given = false
  #error: unknown
  #wake: (() => void) | undefined

  give(): void {
    this.#given = true
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#error = error
    this.#wake?.()
  }

  async next(signal: AbortSignal): Promise<void> {
    if (!this.#given && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      this.#wake = undefined
    }
    signal.throwIfAborted()
    if (this.#error !== undefined) throw this.#error
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
