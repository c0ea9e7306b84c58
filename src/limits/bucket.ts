import { type HeapItem, IndexedHeap } from './indexed-heap.ts'
import { RateWindows } from './rate-window.ts'
import { type Gate, WaitingLine, type WaitReason } from './waiting-queue.ts'

const FIRST_BACK_OFF_MS = 2_000
const LONGEST_BACK_OFF_MS = 60_000

/** A call that waits for its places. */
export interface WaitingCall extends HeapItem {
  /** Order of arrival. */
  readonly seq: number
  readonly since: number
  readonly holder: string | undefined
  readonly buckets: readonly Bucket[]
  /** Where it waits. */
  bucket: Bucket | undefined
  /** Takes its places, which are free. */
  grant(): void
  refuse(error: unknown): void
}

/** What a bucket's closure is rebuilt from. */
export interface Closure {
  readonly at: number
  readonly until: number
  /** How many refusals in a row came without a time. */
  readonly step: number
}

/**
 * A provider's bucket: its windows, its closure after a 429, and who waits. Three queues: `owed` are calls whose place is
 * reserved, they wait for a closed bucket only; `calls` wait for a place in order of arrival; `line` are requests for a
 * reservation. Calls and requests take turns, so that neither starves the other.
 */
export class Bucket implements Gate {
  readonly id: number
  readonly name: string
  readonly windows = new RateWindows()
  readonly line = new WaitingLine()
  readonly owed = new IndexedHeap<WaitingCall>(calledBefore)
  readonly calls = new IndexedHeap<WaitingCall>(calledBefore)
  callsTurn = true
  dirty = false
  interested = 0
  closedUntil = 0
  /** Places that no reservation takes: who reserved may need a plain call before it sends, and would wait for itself. */
  headroom = 0
  #closedAt = 0
  #closedSeq = 0
  #step = 0

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }

  get idle(): boolean {
    return this.line.empty && this.calls.size === 0
  }

  get hasWaiting(): boolean {
    return !this.idle || this.owed.size > 0
  }

  /** Never more than half of what the tightest window allows. */
  get #kept(): number {
    return this.headroom === 0 ? 0 : Math.min(this.headroom, Math.floor(this.windows.tightest / 2))
  }

  isOpen(now: number): boolean {
    return now >= this.closedUntil
  }

  /** Whether a reservation may be made. */
  passes(now: number): boolean {
    return this.isOpen(now) && this.windows.room(now) > this.#kept
  }

  /** Whether a plain call may be sent. */
  takesCall(now: number): boolean {
    return this.isOpen(now) && this.windows.room(now) > 0
  }

  /** Whether somebody who waits here could go on. */
  isDue(now: number): boolean {
    if (this.owed.size > 0 && this.isOpen(now)) return true
    return (this.calls.size > 0 && this.takesCall(now)) || (!this.line.empty && this.passes(now))
  }

  /** When somebody who waits here may go on by the passing of time alone; null when nothing but an event can help. */
  wakeAt(now: number): number | null {
    if (this.owed.size > 0) return this.closedUntil
    if (this.idle) return null
    return this.placesAt(this.calls.size > 0 ? 1 : 1 + this.#kept, now)
  }

  /** When so many places are free and the bucket is open; null if that depends on answers still to come. */
  placesAt(places: number, now: number): number | null {
    const at = this.windows.freeAt(places, now)
    return at === null ? null : Math.max(at, this.closedUntil)
  }

  reason(now: number): WaitReason {
    if (!this.isOpen(now)) {
      const detail = 'the provider refused a call because of its rate limit'
      return { kind: 'closed', name: this.name, until: this.closedUntil, detail }
    }
    const until = this.placesAt(this.calls.size > 0 ? 1 : 1 + this.#kept, now)
    const detail = this.windows.describe(now)
    return {
      kind: 'rate',
      name: this.name,
      ...(until === null ? {} : { until }),
      ...(detail === undefined ? {} : { detail }),
    }
  }

  /**
   * The provider refused a call for its rate. `sentSeq` and `seq` order calls and closures: refusals of calls that were on
   * their way when the bucket closed are the same trouble, and do not lengthen the back-off.
   */
  close(now: number, notBefore: number | undefined, sentSeq: number, seq: number): Closure {
    let until = notBefore ?? 0
    if (!(until > now && until < Number.POSITIVE_INFINITY)) {
      if (this.#step === 0 || sentSeq > this.#closedSeq) this.#step++
      until = now + Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (this.#step - 1))
    }
    this.closedUntil = Math.max(this.closedUntil, until)
    this.#closedAt = now
    this.#closedSeq = seq
    return { at: now, until: this.closedUntil, step: this.#step }
  }

  /** A call succeeded: the next refusal backs off from the beginning. */
  succeeded(sentSeq: number): void {
    if (sentSeq > this.#closedSeq) this.#step = 0
  }

  /** Takes over a closure of an earlier process, unless it is over. A clock that went back does not lengthen it. */
  restoreClosure(closure: Closure, now: number): void {
    const until = Math.min(closure.until, now + Math.max(0, closure.until - closure.at))
    if (until <= now) return
    this.closedUntil = until
    this.#closedAt = Math.min(closure.at, now)
    this.#step = closure.step
  }

  /** The clock went back to `now`. */
  rewind(now: number): void {
    this.windows.rewind(now)
    if (this.#closedAt <= now) return
    this.closedUntil = now + Math.max(0, this.closedUntil - this.#closedAt)
    this.#closedAt = now
  }
}

function calledBefore(a: WaitingCall, b: WaitingCall): boolean {
  return a.seq < b.seq
}
