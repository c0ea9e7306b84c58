import { setMaxListeners } from 'node:events'
import type { AgentRunRef, Backend } from './domain/backend.ts'
import { type Clock, sleep } from './domain/clock.ts'
import { type AttemptKey, formatKey } from './domain/ids.ts'
import type { Limiter } from './domain/limiter.ts'

const READ_AGAIN_MS = 30_000

/** An agent run that nobody waits for any more but that may still go on. */
export interface AbandonedRun {
  readonly key: AttemptKey
  readonly backend: Backend
  /** Held until it ends. */
  readonly caps: readonly string[]
  readonly ref?: AgentRunRef | undefined
  /** Without a ref: when its create may have left, so that it can be looked for. */
  readonly intentAt?: number | undefined
}

/** The abandoned agent runs of one run of ours. */
interface Watches {
  readonly stop: AbortController
  /** Told how one ended; nobody once the run itself has ended. */
  tell: ((key: AttemptKey, status: string) => void) | undefined
  count: number
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
  watch(abandoned: AbandonedRun, tell: Watches['tell']): void {
    const { run } = abandoned.key
    const watches = this.#watchesOf(run)
    watches.tell = tell
    watches.count++
    const holder = `${formatKey(abandoned.key)}#given-up`
    this.#limiter.adopt(holder, abandoned.caps)
    this.#follow(abandoned, watches.stop.signal)
      .then((status) => watches.tell?.(abandoned.key, status))
      .catch(() => {})
      .finally(() => {
        this.#limiter.release(holder)
        watches.count--
        if (watches.count === 0 && this.#byRun.get(run) === watches) this.#byRun.delete(run)
      })
  }

  /** The run has ended: its agents are watched on, but it is told nothing any more. */
  ended(run: string): void {
    const watches = this.#byRun.get(run)
    if (watches !== undefined) watches.tell = undefined
  }

  /** Watches nothing of the run any more. */
  stop(run: string): void {
    this.#byRun.get(run)?.stop.abort()
    this.#byRun.delete(run)
  }

  close(): void {
    for (const run of [...this.#byRun.keys()]) this.stop(run)
  }

  #watchesOf(run: string): Watches {
    let watches = this.#byRun.get(run)
    if (watches === undefined) {
      watches = { stop: new AbortController(), tell: undefined, count: 0 }
      // Everyone who is watched listens to it.
      setMaxListeners(0, watches.stop.signal)
      this.#byRun.set(run, watches)
    }
    return watches
  }

  async #follow({ key, backend, ref, intentAt }: AbandonedRun, signal: AbortSignal): Promise<string> {
    const known = ref ?? (await this.#find(backend, key, intentAt ?? 0, signal))
    return known === undefined ? 'none was ever created' : this.#untilEnded(backend, known, signal)
  }

  /** A create in doubt that nobody waits for: looked for until the backend says for certain that there is none. */
  async #find(backend: Backend, key: AttemptKey, since: number, signal: AbortSignal): Promise<AgentRunRef | undefined> {
    for (;;) {
      const found = await backend.find(key, since, signal).catch(() => undefined)
      if (found?.kind === 'found') return found.ref
      if (found?.kind === 'absent') return undefined
      await sleep(this.#clock, READ_AGAIN_MS, signal)
    }
  }

  async #untilEnded(backend: Backend, ref: AgentRunRef, signal: AbortSignal): Promise<string> {
    let wake = () => {}
    const follow = new AbortController()
    const onStop = () => {
      follow.abort(signal.reason)
      wake()
    }
    signal.addEventListener('abort', onStop, { once: true })
    backend.follow(ref, () => wake(), follow.signal).catch(() => {})
    try {
      for (;;) {
        await new Promise<void>((resolve) => {
          const timer = this.#clock.setTimeout(resolve, READ_AGAIN_MS)
          wake = () => {
            this.#clock.clearTimeout(timer)
            resolve()
          }
        })
        signal.throwIfAborted()
        const state = await backend.read(ref, signal).catch(() => undefined)
        if (state !== undefined && state.status !== 'active' && state.status !== 'paused') {
          return state.rawStatus ?? state.status
        }
      }
    } finally {
      follow.abort()
      signal.removeEventListener('abort', onStop)
    }
  }
}
