import type { Clock, TimerHandle } from '../domain/clock.ts'
import { TimerHeap, type VirtualTimer } from './timer-heap.ts'

/** A clock that stands still until it is told to go on, and then runs as fast as the work allows. */
export interface VirtualClock extends Clock {
  /** Runs every timer due within `ms`, instant by instant, and settles. Rejects with what a timer throws. */
  advance(ms: number): Promise<void>
  /**
   * Runs timers until `done` (asked once an instant, after everything has settled) is true, or until a promise given instead
   * settles; a rejection is passed on. Throws when nothing is left to run, or `limitMs` of virtual time (default 30
   * days) went by. `done` must not wait for virtual time itself.
   */
  runUntil(done: (() => boolean | Promise<boolean>) | Promise<unknown>, limitMs?: number): Promise<void>
  /** How many timers are armed. */
  pending(): number
}

/** 1 January 2026, UTC. */
const DEFAULT_START = Date.UTC(2026, 0, 1)
const DEFAULT_LIMIT_MS = 30 * 24 * 3_600_000
/** Turns of the event loop without a new operation after which promises count as settled. */
const QUIET_TURNS = 2
/** Rounds of timers at one instant after which somebody is taken to re-arm a timer of 0 ms for ever. */
const MOST_ROUNDS_AN_INSTANT = 20_000

/**
 * A virtual clock. Timers of one instant fire in the order armed. Time goes on only when no real operation is under
 * way and the event loop has turned twice without a new one.
 */
export function createVirtualClock(start: number = DEFAULT_START): VirtualClock {
  const clock = new HeapClock(start)
  return {
    now: () => clock.now,
    setTimeout: (fn, ms) => clock.arm(fn, ms),
    clearTimeout: (handle) => clock.clear(handle),
    operation: (work) => clock.operation(work),
    advance: (ms) => clock.exclusively(() => clock.advance(ms)),
    runUntil: (done, limitMs = DEFAULT_LIMIT_MS) => clock.exclusively(() => clock.runUntil(done, limitMs)),
    pending: () => clock.pending,
  }
}

class HeapClock {
  now: number
  private readonly timers = new TimerHeap()
  private armed = 0
  private operations = 0
  private started = 0
  private onIdle: (() => void) | undefined
  private busy = false
  private roundsThisInstant = 0

  constructor(start: number) {
    this.now = start
  }

  get pending(): number {
    return this.timers.size
  }

  arm(fn: () => void, ms: number): TimerHandle {
    const timer: VirtualTimer = { due: this.now + Math.max(ms || 0, 0), order: this.armed++, fn }
    this.timers.push(timer)
    return timer
  }

  clear(handle: TimerHandle): void {
    if (isTimer(handle)) this.timers.clear(handle)
  }

  operation<T>(work: Promise<T>): Promise<T> {
    this.operations++
    this.started++
    const settled = () => {
      this.operations--
      if (this.operations === 0) this.onIdle?.()
    }
    work.then(settled, settled)
    return work
  }

  /** Two that move the time at once would each skip what the other is waiting for. */
  async exclusively(run: () => Promise<void>): Promise<void> {
    if (this.busy) throw new Error('The virtual clock is already being advanced; await that first.')
    this.busy = true
    try {
      await run()
    } finally {
      this.busy = false
    }
  }

  async advance(ms: number): Promise<void> {
    const target = this.now + Math.max(0, ms)
    await this.settle()
    while ((this.timers.nextDue() ?? Infinity) <= target) {
      await this.runNextInstant()
      await this.settle()
    }
    this.now = target
  }

  async runUntil(done: (() => boolean | Promise<boolean>) | Promise<unknown>, limitMs: number): Promise<void> {
    const start = this.now
    const isDone = typeof done === 'function' ? done : watch(done)
    for (;;) {
      await this.settle()
      if (await isDone()) return
      const due = this.timers.nextDue()
      if (due === undefined) throw this.stuck('nothing is left to run', start)
      if (due > start + limitMs) throw this.stuck(`the limit of ${limitMs} ms has passed`, start)
      await this.runNextInstant()
    }
  }

  /** Waits until no operation is under way and promises have settled; virtual time stands still. */
  private async settle(): Promise<void> {
    let seen = this.started
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await turn()
      if (this.operations > 0) await this.idle()
      if (this.started === seen) quiet++
      else quiet = 0
      seen = this.started
    }
  }

  private idle(): Promise<void> {
    return new Promise((resolve) => {
      this.onIdle = () => {
        this.onIdle = undefined
        resolve()
      }
    })
  }

  /** As in Node, promises settle between two timers of one instant. */
  private async runNextInstant(): Promise<void> {
    const due = this.timers.nextDue()
    if (due === undefined) return
    this.roundsThisInstant = due > this.now ? 0 : this.roundsThisInstant + 1
    if (this.roundsThisInstant > MOST_ROUNDS_AN_INSTANT) {
      throw new Error(`Timers are armed again and again at ${iso(this.now)} without time passing.`)
    }
    this.now = Math.max(this.now, due)
    const armedBefore = this.armed
    for (;;) {
      const fn = this.timers.takeDue(this.now, armedBefore)
      if (fn === undefined) return
      fn()
      if (this.timers.hasDue(this.now, armedBefore)) await turn()
    }
  }

  private stuck(reason: string, start: number): Error {
    return new Error(
      `The virtual clock waits in vain: ${reason}. It is ${iso(this.now)}, ${this.now - start} ms after the start of the wait; ` +
        `${this.pending} timers are pending, ${this.operations} operations under way. ` +
        'Real work that is not registered with clock.operation is not waited for.',
    )
  }
}

function watch(promise: Promise<unknown>): () => boolean {
  let outcome: { readonly error?: unknown; readonly ok: boolean } | undefined
  promise.then(
    () => {
      outcome = { ok: true }
    },
    (error: unknown) => {
      outcome = { ok: false, error }
    },
  )
  return () => {
    if (outcome?.ok === false) throw outcome.error
    return outcome !== undefined
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function isTimer(handle: TimerHandle): handle is VirtualTimer {
  return typeof handle === 'object' && 'order' in handle && 'due' in handle
}
