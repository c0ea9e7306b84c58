import { setMaxListeners } from 'node:events'
import type { AgentRunRef, Backend } from './domain/backend.ts'
import { type Clock, sleep } from './domain/clock.ts'
import { type AttemptKey, formatKey } from './domain/ids.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunHost } from './host/run-host.ts'
import type { GivenUpRun } from './host/run-projection.ts'
import type { RunEnvironment } from './run-environment.ts'

const READ_AGAIN_MS = 30_000

/**
 * Agent runs that nobody waits for any more but that may still go on: each is watched until it ends, holds its backend's cap and
 * resources meanwhile, and its late end is recorded (I2, I8). They keep no run and no process alive.
 */
export class GivenUpRuns {
  readonly #stop = new AbortController()
  readonly #host: () => RunHost
  readonly #environment: RunEnvironment
  readonly #limiter: Limiter
  readonly #clock: Clock

  constructor(host: () => RunHost, environment: RunEnvironment, limiter: Limiter, clock: Clock) {
    this.#host = host
    this.#environment = environment
    this.#limiter = limiter
    this.#clock = clock
    // Everyone who is watched listens to it.
    setMaxListeners(0, this.#stop.signal)
  }

  watch(given: GivenUpRun): void {
    const { task, attempt } = given
    if (this.#host().ended || this.#stop.signal.aborted) return
    const key = { run: this.#host().run, task, attempt }
    const holder = formatKey(key)
    const caps = this.#environment.caps(task).filter((name) => !name.startsWith('run:'))
    this.#limiter.adopt(`${holder}#given-up`, caps)
    this.#follow(given)
      .then((status) => {
        const note = `Attempt ${attempt} had been given up; its agent run: ${status}`
        if (!this.#host().ended) this.#host().note(task, attempt, { lateEnd: { holder, status }, late: note })
      })
      .catch(() => {})
      .finally(() => this.#limiter.release(`${holder}#given-up`))
  }

  close(): void {
    this.#stop.abort()
  }

  async #follow({ task, attempt, ref, intentAt }: GivenUpRun): Promise<string> {
    const backend = this.#environment.backendOf(task)
    const known = ref ?? (await this.#find(backend, { run: this.#host().run, task, attempt }, intentAt ?? 0))
    return known === undefined ? 'none was ever created' : this.#untilEnded(backend, known)
  }

  /** A create in doubt that nobody waits for: looked for until the backend says for certain that there is none. */
  async #find(backend: Backend, key: AttemptKey, since: number): Promise<AgentRunRef | undefined> {
    for (;;) {
      const found = await backend.find(key, since, this.#stop.signal).catch(() => undefined)
      if (found?.kind === 'found') return found.ref
      if (found?.kind === 'absent') return undefined
      await sleep(this.#clock, READ_AGAIN_MS, this.#stop.signal)
    }
  }

  async #untilEnded(backend: Backend, ref: AgentRunRef): Promise<string> {
    const { signal } = this.#stop
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
