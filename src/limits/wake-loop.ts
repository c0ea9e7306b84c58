import type { Clock, TimerHandle } from '../domain/clock.ts'
import type { Gate } from './waiting-queue.ts'

/** What the loop drives. */
export interface WakeWork {
  /** Lets pass who waits at a gate, while it has room. */
  drain(gate: Gate, now: number): void
  /** Tells people and programs; may call back into the limiter. True when there was somebody to tell. */
  tell(now: number): boolean
  /** The next time at which something may go on by itself; null when only an event can help. */
  wakeAt(now: number): number | null
  /** That time has come. */
  wake(now: number): void
  rewind(now: number, byMs: number): void
}

/**
 * Carries every change through to the end: gates that got room are drained, then whoever waits is told, then the one timer is set
 * to the next time at which something may go on. What calls back in between only adds to the work.
 */
export class WakeLoop {
  readonly #clock: Clock
  readonly #work: WakeWork
  #dirty: Gate[] = []
  #settling = false
  #timer: TimerHandle | undefined
  #timerDue = 0
  #last = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(clock: Clock, work: WakeWork) {
    this.#clock = clock
    this.#work = work
  }

  /** The clock's time. When it went back, what was noted in its future counts as now. */
  now(): number {
    const now = this.#clock.now()
    if (now < this.#last) this.#work.rewind(now, this.#last - now)
    this.#last = now
    return now
  }

  /** The gate may have room for its line; {@link WakeLoop.settle} will see. */
  touch(gate: Gate): void {
    if (gate.dirty) return
    gate.dirty = true
    this.#dirty.push(gate)
  }

  settle(now: number): void {
    if (this.#settling || this.#closed) return
    this.#settling = true
    try {
      do {
        for (let gate = this.#dirty.pop(); gate !== undefined; gate = this.#dirty.pop()) {
          gate.dirty = false
          this.#work.drain(gate, now)
        }
      } while (this.#work.tell(now) || this.#dirty.length > 0)
    } finally {
      this.#settling = false
    }
    this.#arm(now)
  }

  close(): void {
    this.#closed = true
    this.#disarm()
  }

  #arm(now: number): void {
    const due = this.#work.wakeAt(now)
    if (this.#timer !== undefined && due === this.#timerDue) return
    this.#disarm()
    if (due === null) return
    this.#timerDue = due
    this.#timer = this.#clock.setTimeout(() => this.#fire(), due - now)
  }

  #fire(): void {
    this.#timer = undefined
    const now = this.now()
    this.#work.wake(now)
    this.settle(now)
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
