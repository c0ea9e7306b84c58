import type { AgentRunState, Backend, FindResult } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import { BackendError, toFailure } from '../domain/errors.ts'
import type { WatchInput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

/** How often in a row a run must be unknown to its backend before it is looked for. */
const GONE_READS = 3
/** Longer than a backend gives out what it saw last instead of asking. */
const GONE_PAUSE_MS = 6_000

/** Further and further apart. */
export const pauseAfter = (failures: number): number => Math.min(60_000, 1_000 * 2 ** Math.min(failures, 6))

/** Reads one agent run for as long as it is watched. What a read fails with, and a 404 alone, prove nothing (I7). */
export class WatchedRun {
  readonly #run: RunContext
  readonly #backend: Backend
  readonly #input: WatchInput
  readonly #signal: AbortSignal
  /** Alerts that were raised. */
  readonly #said = new Set<string>()

  constructor(run: RunContext, backend: Backend, input: WatchInput, signal: AbortSignal) {
    this.#run = run
    this.#backend = backend
    this.#input = input
    this.#signal = signal
  }

  /** Reads until there is an answer. `gone` is one only when the run is unknown three times and is not listed either. */
  async read(): Promise<AgentRunState> {
    let gone = 0
    for (let failures = 0; ; ) {
      try {
        const state = await this.#backend.read(this.#input.ref, this.#signal)
        if (state.status !== 'gone') return state
        gone++
        if (gone >= GONE_READS) {
          const listed = await this.#isListed()
          if (listed === 'no') return state
          // It is there: three further 404s are asked for before it is looked for again.
          if (listed === 'yes') gone = 0
        }
        await sleep(this.#run.clock, Math.max(GONE_PAUSE_MS, pauseAfter(gone - GONE_READS)), this.#signal)
      } catch (error) {
        this.#signal.throwIfAborted()
        const notBefore = this.#unreadable(error, failures)
        await sleep(this.#run.clock, Math.max(pauseAfter(failures), notBefore - this.#run.clock.now()), this.#signal)
        failures++
      }
    }
  }

  /** Tells of a read that failed; before when it is not to be repeated, ms. */
  #unreadable(error: unknown, failures: number): number {
    const failure = toFailure(error)
    const { task } = this.#input
    if (failure.kind === 'auth') this.#run.blockAccount(task, failure)
    if (failures === 3) this.#run.alert('unreadable', `${task}: its agent run cannot be read: ${failure.message}`, task)
    return failure.notBefore ?? 0
  }

  /** Looks the run up by its key. One that was made just now may still be missing in the list. */
  async #isListed(): Promise<'yes' | 'no' | 'unknown'> {
    const { task, attempt, ref, intentAt } = this.#input
    const since = Math.min(intentAt ?? Number.POSITIVE_INFINITY, ref.createdAt ?? Number.POSITIVE_INFINITY)
    const made = Number.isFinite(since) ? since : 0
    const found = await this.#find({ run: this.#run.run, task, attempt }, made)
    if (found.kind === 'absent') return this.#run.clock.now() < made + this.#run.graceMs(task) ? 'unknown' : 'no'
    if (found.kind === 'unknown') return 'unknown'
    const own = [found.ref, ...found.others].some(({ id }) => id === ref.id)
    const where = found.ref.url ?? found.ref.id
    if (own) this.#say('unreadable', `${task}: its agent run is listed, but answers 404: look at ${where}`)
    else this.#say('double', `${task}: its agent run is gone, but another bears its mark: look at ${where}`)
    return own ? 'yes' : 'unknown'
  }

  async #find(key: Parameters<Backend['find']>[0], since: number): Promise<FindResult> {
    try {
      return await this.#backend.find(key, since, this.#signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (error instanceof BackendError && error.kind === 'auth')
        this.#run.blockAccount(this.#input.task, toFailure(error))
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) }
    }
  }

  #say(code: string, message: string): void {
    if (this.#said.has(code)) return
    this.#said.add(code)
    this.#run.alert(code, message, this.#input.task)
  }
}
