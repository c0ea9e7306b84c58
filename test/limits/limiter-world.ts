import { setMaxListeners } from 'node:events'
import { sleep } from '../../src/domain/clock.ts'
import { BackendError } from '../../src/domain/errors.ts'
import type { Limiter } from '../../src/domain/limiter.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { openLimitNotebook } from '../../src/limits/limit-notebook.ts'
import { createLimiter } from '../../src/limits/limiter.ts'

/** One random step; what does not apply does nothing. */
export interface WorldStep {
  readonly kind:
    | 'create'
    | 'read'
    | 'abort'
    | 'release'
    | 'wait'
    | 'refuse'
    | 'pause'
    | 'continue'
    | 'account'
    | 'tighten'
    | 'withdraw'
    | 'restart'
  readonly which: number
  readonly ms: number
  readonly longer: number
}

interface Ask {
  readonly holder: string
  readonly run: string
  readonly caps: readonly string[]
  readonly buckets: readonly string[]
  readonly notBefore: number
  readonly abort: AbortController
  state: 'waiting' | 'granted' | 'refused'
}

const LIMITS = {
  'p.create': [
    { max: 3, windowMs: 10_000 },
    { max: 5, windowMs: 25_000 },
  ],
  'p.standard': [{ max: 4, windowMs: 3_000 }],
}
type BucketName = keyof typeof LIMITS
const CAPS = { 'run:0': 3, 'run:1': 2, 'backend:p': 4, 'resource:0/db': 1 }

/** A provider, its users and processes that die, in virtual time. Everything that it finds wrong is named. */
export class LimiterWorld {
  readonly #clock = createVirtualClock(1_000_000_000)
  readonly #folder: string
  #limiter: Limiter = createLimiter({ clock: this.#clock })
  #process = new AbortController()
  #asks: Ask[] = []
  #calls: AbortController[] = []
  #paused = new Set<string>()
  #accountClosed = false
  #refuseNext = false
  #count = 0
  readonly #seen: Record<BucketName, number[]> = { 'p.create': [], 'p.standard': [] }

  constructor(folder: string) {
    this.#folder = folder
  }

  static async open(folder: string): Promise<LimiterWorld> {
    const world = new LimiterWorld(folder)
    await world.#start()
    return world
  }

  async take(step: WorldStep): Promise<void> {
    await this.#act(step)
    await this.#clock.advance(step.kind === 'wait' ? step.longer : step.which % 3 === 0 ? step.ms : 0)
  }

  /** Who waits although all that it needs is free. */
  waitingForNothing(): string[] {
    const caps = this.#caps()
    const free = (ask: Ask) =>
      !this.#paused.has(ask.run) &&
      !this.#accountClosed &&
      ask.notBefore <= this.#clock.now() &&
      ask.caps.every((name) => (caps[name] ?? 0) < (CAPS[name as keyof typeof CAPS] ?? 0)) &&
      ask.buckets.every((name) => this.#limiter.room(name).free > 0)
    const wrong = this.#asks.filter((ask) => ask.state === 'waiting' && free(ask)).map((ask) => ask.holder)
    const untold = this.#asks.filter(
      (ask) => ask.state === 'waiting' && this.#limiter.waiting(ask.holder) === undefined,
    )
    return [...wrong, ...untold.map((ask) => `${ask.holder} has no reason`)]
  }

  overCapacity(): string[] {
    const caps = this.#caps()
    return Object.entries(CAPS)
      .filter(([name, capacity]) => (caps[name] ?? 0) > capacity)
      .map(([name]) => name)
  }

  /** Lets everything come to its end. */
  async windUp(): Promise<void> {
    for (const run of ['0', '1']) this.#limiter.continueRun(run)
    this.#limiter.openAccount('p')
    this.#paused.clear()
    this.#accountClosed = false
    for (let rounds = 0; rounds < 200 && this.#asks.some((ask) => ask.state !== 'refused'); rounds++) {
      await this.#clock.advance(20_000)
      for (const ask of this.#asks.filter((one) => one.state === 'granted')) this.#release(ask)
    }
    await this.#clock.advance(300_000)
  }

  /** What is held, or waits, when nobody is there any more. */
  leftOver(): string[] {
    const view = this.#limiter.view()
    const left = [...entries(view['buckets']), ...entries(view['caps'])].flatMap(([name, value]) =>
      entries(value)
        .filter(([key, count]) => ['used', 'reserved', 'inFlight', 'waiting'].includes(key) && count !== 0)
        .map(([key, count]) => `${name} ${key} ${count}`),
    )
    return [...left, ...this.#asks.map((ask) => `${ask.holder} ${ask.state}`), ...this.#timers()]
  }

  /** Windows in which the provider saw more calls than it allows. */
  burst(): string[] {
    return Object.entries(LIMITS).flatMap(([name, limits]) => {
      const seen = this.#seen[name as BucketName].sort((a, b) => a - b)
      return limits.flatMap(({ max, windowMs }) =>
        seen
          .filter((at, i) => (seen[i + max] ?? Number.POSITIVE_INFINITY) < at + windowMs)
          .map((at) => `${name}: more than ${max} calls in ${windowMs} ms from ${at}`),
      )
    })
  }

  async #start(): Promise<void> {
    const notebook = await openLimitNotebook(this.#folder, this.#clock)
    this.#limiter = createLimiter({ clock: this.#clock, notebook })
    this.#process = new AbortController()
    setMaxListeners(0, this.#process.signal)
    for (const [name, limits] of Object.entries(LIMITS)) {
      limits.forEach((limit, i) => {
        this.#limiter.setBucket(name, `owner ${i}`, limit)
      })
    }
    for (const [name, capacity] of Object.entries(CAPS)) this.#limiter.setCap(name, capacity)
  }

  async #act(step: WorldStep): Promise<void> {
    const ask = this.#asks[step.which % Math.max(1, this.#asks.length)]
    const run = String(step.which % 2)
    switch (step.kind) {
      case 'create':
        return this.#create(step)
      case 'read':
        return this.#read(step)
      case 'abort':
        ask?.abort.abort()
        this.#calls[step.which % Math.max(1, this.#calls.length)]?.abort()
        return
      case 'release':
        if (ask !== undefined) this.#release(ask)
        return
      case 'refuse':
        this.#refuseNext = true
        return
      case 'pause':
        this.#paused.add(run)
        return this.#limiter.pauseRun(run, { kind: 'paused', name: run })
      case 'continue':
        this.#paused.delete(run)
        return this.#limiter.continueRun(run)
      case 'account':
        this.#accountClosed = !this.#accountClosed
        if (this.#accountClosed) this.#limiter.closeAccount('p', 'quota', 'no runs left')
        else this.#limiter.openAccount('p')
        return
      case 'tighten':
        return this.#limiter.setBucket('p.standard', 'run', { max: 1 + (step.which % 4), windowMs: 1 + step.ms })
      case 'withdraw':
        return this.#limiter.dropOwner('run')
      case 'restart':
        return this.#restart()
      case 'wait':
        return
    }
  }

  /** The process dies: nothing of it is told, its calls may still reach the provider until then. */
  async #restart(): Promise<void> {
    await this.#limiter.close()
    this.#process.abort()
    this.#asks = []
    this.#calls = []
    this.#paused.clear()
    this.#accountClosed = false
    await this.#start()
  }

  #create(step: WorldStep): void {
    const run = String(step.which % 2)
    const caps = [`run:${run}`, 'backend:p', ...(step.which % 5 === 0 ? ['resource:0/db'] : [])]
    const buckets = step.which % 3 === 0 ? ['p.create', 'p.standard'] : ['p.create']
    const ask: Ask = {
      holder: `${this.#count++}`,
      run,
      caps,
      buckets: step.which % 7 === 0 ? [] : buckets,
      notBefore: step.which % 11 === 0 ? this.#clock.now() + step.ms : 0,
      abort: new AbortController(),
      state: 'waiting',
    }
    this.#asks.push(ask)
    const priority = (['high', 'normal', 'low'] as const)[step.ms % 3] ?? 'normal'
    const request = { ...ask, account: 'p', priority, remaining: step.longer }
    const { signal } = ask.abort
    const limiter = this.#limiter
    limiter
      .acquire(request, signal)
      .then(() => {
        ask.state = 'granted'
        return limiter.call(ask.buckets, this.#send(ask.buckets, step), signal, ask.holder)
      })
      .catch(() => {
        if (this.#limiter === limiter) this.#release(ask)
      })
  }

  #read(step: WorldStep): void {
    const abort = new AbortController()
    this.#calls.push(abort)
    const buckets = step.which % 4 === 0 ? ['p.standard', 'p.create'] : ['p.standard']
    this.#limiter.call(buckets, this.#send(buckets, step), abort.signal).catch(() => undefined)
  }

  /** The provider sees the call at some time between its sending and its answer, or the death of the process. */
  #send(buckets: readonly string[], step: WorldStep): () => Promise<void> {
    return async () => {
      const { signal } = this.#process
      const sentAt = this.#clock.now()
      const seenAt = sentAt + Math.floor((step.ms * (step.longer % 11)) / 10)
      for (const name of buckets) {
        if (name === 'p.create' || name === 'p.standard') this.#see(name, Math.min(seenAt, sentAt + step.ms), signal)
      }
      await sleep(this.#clock, step.ms, signal).catch(() => new Promise(() => undefined))
      if (!this.#refuseNext) return
      this.#refuseNext = false
      throw new BackendError('Too many.', { kind: 'limit', retryable: true, certain: true })
    }
  }

  #see(name: BucketName, at: number, died: AbortSignal): void {
    const index = this.#seen[name].push(at) - 1
    died.addEventListener('abort', () => {
      this.#seen[name][index] = Math.min(at, this.#clock.now())
    })
  }

  #release(ask: Ask): void {
    ask.abort.abort()
    ask.state = 'refused'
    this.#limiter.release(ask.holder)
    this.#asks = this.#asks.filter((one) => one !== ask)
  }

  #caps(): Record<string, number> {
    return Object.fromEntries(
      entries(this.#limiter.view()['caps']).map(([name, cap]) => [
        name,
        Number(entries(cap).find(([key]) => key === 'used')?.[1]),
      ]),
    )
  }

  #timers(): string[] {
    return this.#clock.pending() > 0 ? [`${this.#clock.pending()} timers`] : []
  }
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
