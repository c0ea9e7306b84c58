import { setMaxListeners } from 'node:events'
import type { EndedLate } from './actors/read-late-end.ts'
import type { AgentRunRef, AgentRunState, Backend } from './domain/backend.ts'
import { type Clock, sleep } from './domain/clock.ts'
import { type AttemptKey, formatKey } from './domain/ids.ts'
import type { Limiter } from './domain/limiter.ts'

const READ_AGAIN_MS = 30_000
/** How often in a row an agent run must be unknown to its backend before that is believed: one 404 may be stale. */
const GONE_READS = 3

const NOBODY_ASKS = new Error('Nobody asks how it ends any more')

/** An agent run that nobody waits for any more but that may still go on. */
export interface AbandonedRun {
  readonly key: AttemptKey
  readonly backend: Backend
  /** Held until it ends. */
  readonly caps: readonly string[]
  readonly ref?: AgentRunRef | undefined
  /** Without a ref: when its create may have left, so that it can be looked for. */
  readonly intentAt?: number | undefined
  /** How long after that it may still appear, ms. */
  readonly graceMs: number
}

/** Told how an agent run ended; the signal says that nobody wants to know any more. */
export type TellEnd = (end: EndedLate, signal: AbortSignal) => Promise<void>

/** The abandoned agent runs of one run of ours. */
interface Watches {
  readonly stop: AbortController
  /** Ends what is still being told: the run itself has ended. */
  readonly hush: AbortController
  /** Told how one ended; nobody once the run itself has ended. */
  tell: TellEnd | undefined
  count: number
  /** Tells what these hold from what others held that were stopped a moment ago. */
  readonly name: string
}

/**
 * The given-up agent runs of a process: each is watched until it ends, holds its backend's cap and its resources meanwhile, and its
 * late end is told to its run (I2, I8). They keep no run and no process alive: of a run that has ended nothing is needed here but
 * who the agent is, so the watch, and what it holds, outlives the run in memory.
 */
export class GivenUpRuns {
  readonly #limiter: Limiter
  readonly #clock: Clock
  readonly #byRun = new Map<string, Watches>()
  #stopped = 0

  constructor(limiter: Limiter, clock: Clock) {
    this.#limiter = limiter
    this.#clock = clock
  }

  /** How many are watched. */
  get size(): number {
    let size = 0
    for (const { count } of this.#byRun.values()) size += count
    return size
  }

  /** Watches until the agent run ends, then calls `tell`, unless its run has ended or was let go before. */
  watch(abandoned: AbandonedRun, tell: TellEnd): void {
    const { run } = abandoned.key
    const watches = this.#watchesOf(run)
    watches.tell = tell
    watches.count++
    const holder = `${formatKey(abandoned.key)}#${abandoned.ref?.id ?? 'given-up'}${watches.name}`
    this.#limiter.adopt(holder, abandoned.caps)
    this.#follow(abandoned, watches.stop.signal)
      // What it held is free when it has ended, however long it takes to read what it left.
      .finally(() => this.#limiter.release(holder))
      .then((end) => watches.tell?.(end, watches.hush.signal))
      .catch(() => {})
      .finally(() => {
        watches.count--
        if (watches.count === 0 && this.#byRun.get(run) === watches) this.#byRun.delete(run)
      })
  }

  /** The run has ended: its agents are watched on, but it is told nothing any more. */
  ended(run: string): void {
    const watches = this.#byRun.get(run)
    if (watches === undefined) return
    watches.tell = undefined
    watches.hush.abort(NOBODY_ASKS)
  }

  /** Watches nothing of the run any more. */
  stop(run: string): void {
    const watches = this.#byRun.get(run)
    if (watches !== undefined) this.#stopped++
    watches?.stop.abort(NOBODY_ASKS)
    watches?.hush.abort(NOBODY_ASKS)
    this.#byRun.delete(run)
  }

  close(): void {
    for (const run of [...this.#byRun.keys()]) this.stop(run)
  }

  #watchesOf(run: string): Watches {
    let watches = this.#byRun.get(run)
    if (watches === undefined) {
      const name = this.#stopped === 0 ? '' : `.${this.#stopped}`
      watches = { stop: new AbortController(), hush: new AbortController(), tell: undefined, count: 0, name }
      // Everyone who is watched listens to them.
      setMaxListeners(0, watches.stop.signal, watches.hush.signal)
      this.#byRun.set(run, watches)
    }
    return watches
  }

  async #follow(abandoned: AbandonedRun, signal: AbortSignal): Promise<EndedLate> {
    const { key, backend } = abandoned
    const ref = abandoned.ref ?? (await this.#find(abandoned, signal))
    return ref === undefined ? { key } : { key, ref, state: await this.#untilEnded(backend, ref, signal) }
  }

  /** A create in doubt that nobody waits for: looked for until the backend says for certain that there is none. */
  async #find(abandoned: AbandonedRun, signal: AbortSignal): Promise<AgentRunRef | undefined> {
    const { key, backend, intentAt = 0, graceMs } = abandoned
    for (;;) {
      const isLate = this.#clock.now() >= intentAt + graceMs
      const found = await backend.find(key, intentAt, signal).catch(() => undefined)
      if (found?.kind === 'found') return found.ref
      if (found?.kind === 'absent' && isLate) return undefined
      await sleep(this.#clock, READ_AGAIN_MS, signal)
    }
  }

  async #untilEnded(backend: Backend, ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState> {
    const hints = new Hints(this.#clock)
    const follow = new AbortController()
    const onStop = () => {
      follow.abort(signal.reason)
      hints.give()
    }
    signal.addEventListener('abort', onStop, { once: true })
    backend.follow(ref, () => hints.give(), follow.signal).catch(() => {})
    try {
      for (let gone = 0; ; ) {
        await hints.next()
        signal.throwIfAborted()
        const state = await backend.read(ref, signal).catch(() => undefined)
        gone = state?.status === 'gone' ? gone + 1 : 0
        if (state !== undefined && hasEnded(state, gone)) return state
        if (gone > 0) await sleep(this.#clock, READ_AGAIN_MS, signal)
      }
    } finally {
      follow.abort()
      signal.removeEventListener('abort', onStop)
    }
  }
}

function hasEnded({ status }: AgentRunState, gone: number): boolean {
  return status === 'gone' ? gone >= GONE_READS : status !== 'active' && status !== 'paused'
}

/** Hints that it is time to read. One that nobody waits for yet counts too; without any it is time now and then. */
class Hints {
  readonly #clock: Clock
  #given = false
  #wake = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  give(): void {
    this.#given = true
    this.#wake()
  }

  async next(): Promise<void> {
    if (!this.#given) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimeout(resolve, READ_AGAIN_MS)
        this.#wake = () => {
          this.#clock.clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#given = false
  }
}
