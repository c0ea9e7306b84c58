import type { AgentRunState, Backend, LogEntry } from '../domain/backend.ts'
import type { TimerHandle } from '../domain/clock.ts'
import type { WatchInput } from '../machines/effects.ts'
import { oneLine } from './one-line.ts'
import type { RunContext } from './run-context.ts'

const MOST_SEEN = 120

/**
 * Alerts when nothing of an agent run has changed for `stuckAfter`, its log included: once a silence, and again when it fell silent
 * anew. It decides nothing. A paused run is not silent, it waits.
 */
export class SignOfLife {
  readonly #run: RunContext
  readonly #backend: Backend
  readonly #input: WatchInput
  readonly #signal: AbortSignal
  readonly #afterMs: number
  #last: number
  #seen = ''
  #status = 'nothing yet'
  #paused: boolean
  /** The newest entry of its log when that was last read. */
  #entry: LogEntry | undefined
  #alerted = false
  #timer: TimerHandle | undefined

  constructor(run: RunContext, backend: Backend, input: WatchInput, signal: AbortSignal) {
    this.#run = run
    this.#backend = backend
    this.#input = input
    this.#signal = signal
    this.#afterMs = run.stuckAfterMs(input.task)
    this.#last = run.clock.now()
    this.#paused = input.expect === 'paused'
    this.#arm(this.#afterMs)
  }

  saw(state: AgentRunState): void {
    const { status, rawStatus, progress = '', summary = '', result = '', pullRequests } = state
    this.#paused = status === 'paused'
    this.#status = oneLine(`${rawStatus ?? 'no status'} ${progress} ${summary}`, MOST_SEEN)
    const seen = `${status}/${rawStatus}/${progress}/${summary}/${result.length}/${pullRequests.length}`
    if (seen === this.#seen) return
    // What is seen first says how it stands, not that it gets on.
    const gotOn = this.#seen !== ''
    this.#seen = seen
    this.#lives(this.#run.clock.now(), gotOn)
  }

  stop(): void {
    if (this.#timer !== undefined) this.#run.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#run.signOfLife(this.#input.task, this.#input.attempt, undefined)
  }

  #lives(at: number, gotOn = true): void {
    this.#last = at
    this.#alerted = false
    if (gotOn) this.#run.signOfLife(this.#input.task, this.#input.attempt, at)
  }

  #arm(ms: number): void {
    if (!this.#signal.aborted) this.#timer = this.#run.clock.setTimeout(() => void this.#check(), ms)
  }

  /** Looks again at the end of each `stuckAfter`, also after an alert: the log may grow, or the silence begin anew. */
  async #check(): Promise<void> {
    const { clock } = this.#run
    const rest = this.#last + this.#afterMs - clock.now()
    if (rest > 0) return this.#arm(rest)
    if (this.#paused) return this.#arm(this.#afterMs)
    const entry = await this.#newestEntry()
    if (this.#signal.aborted) return
    if (entry !== undefined) this.#read(entry)
    const left = this.#last + this.#afterMs - clock.now()
    if (left > 0) return this.#arm(left)
    if (!this.#alerted) this.#alert()
    this.#arm(this.#afterMs)
  }

  async #newestEntry(): Promise<LogEntry | undefined> {
    const read = this.#backend.capabilities.logs ? this.#backend.logs?.(this.#input.ref, 1, this.#signal) : undefined
    // A log that cannot be read says nothing.
    return (await read?.catch(() => []))?.at(-1)
  }

  /** Another entry than before is a sign of life; of the first one that is read only its time tells. A time ahead of ours counts as now. */
  #read(entry: LogEntry): void {
    const before = this.#entry
    this.#entry = entry
    if (before !== undefined && before.at === entry.at && before.text === entry.text) return
    const now = this.#run.clock.now()
    const at = entry.at === null ? (before === undefined ? 0 : now) : Math.min(entry.at, now)
    if (at > this.#last) this.#lives(at)
  }

  #alert(): void {
    this.#alerted = true
    const { task, ref } = this.#input
    const since = new Date(this.#last).toISOString()
    const minutes = Math.max(1, Math.round((this.#run.clock.now() - this.#last) / 60_000))
    const logged = this.#entry === undefined ? '' : `, in its log: ${oneLine(loggedText(this.#entry), MOST_SEEN)}`
    this.#run.alert(
      'stuck',
      `${task}: no sign of life since ${since} (${minutes} min). Last seen: ${this.#status}${logged}. It is watched on; look at ${ref.url ?? ref.id}`,
      task,
    )
  }
}

const loggedText = ({ type, tool, text }: LogEntry) => `${type}${tool === undefined ? '' : ` ${tool}`} ${text}`
