import type { AgentRunRef, AgentRunState } from '../../domain/backend.ts'
import { type ListPlace, type PlacedRun, seenAt, TOP } from './codegen-list-place.ts'

/** A state, and when it was asked for, ms: what happened after that is not in it. */
export interface FetchedState {
  readonly state: AgentRunState
  readonly fetchedAt: number
}

/** Those who begin together are looked up together. */
const FIRST_LOOK_MS = 200
const SOONEST_MS = 1000
const LATEST_MS = 8000
/** A run is looked at again after this part of its age: the longer it works, the less a second matters. */
const AGE_PART = 0.02
/** A run that has ended can only come back by a prompt, but right after one it may still be said to have ended. */
const ENDED_MS = 30_000
const ENDED_AGE_PART = 0.2
const WAKE_MS = 5000
const LONGEST_BACKOFF_MS = 30_000
/** A page halved so often shows one run. */
const MOST_SHRINK = 7
const YOUNG_MS = 60_000
/** How long a run that the list does not show is asked for by itself; a young one may only be not listed yet. */
const ALONE_MS = 60_000
const ALONE_YOUNG_MS = 3000

/** What the watcher knows of one run, whom it tells, and when it looks again. */
export class WatchedRun implements PlacedRun {
  readonly ref: AgentRunRef
  readonly hints = new Set<() => void>()
  /** Who waits for a state asked for at or after a time (ms). */
  readonly waiting = new Map<(state: AgentRunState) => void, number>()
  place: ListPlace = TOP
  alone = false
  shrink = 0
  nextAt: number
  private latest: FetchedState | undefined
  private aloneUntil = 0
  private failures = 0
  /** When its present turn began. */
  private bornAt: number
  /** A state asked for at or before this is out of date. */
  private staleUntil = Number.NEGATIVE_INFINITY
  /** When the newest hint came that no read has answered yet. */
  private hintedAt = Number.NEGATIVE_INFINITY
  /** When it is to be read because of that hint, unless it is read before. */
  private wakeAt: number | undefined
  /** When it was last read because of a hint. */
  private wokenAt = Number.NEGATIVE_INFINITY

  constructor(ref: AgentRunRef, now: number) {
    this.ref = ref
    this.nextAt = now + FIRST_LOOK_MS
    this.bornAt = Math.min(ref.createdAt ?? now, now)
  }

  get id(): string {
    return this.ref.id
  }

  get isWanted(): boolean {
    return this.hints.size > 0 || this.waiting.size > 0
  }

  get isLive(): boolean {
    const status = this.current?.state.status
    return status === undefined || status === 'active' || status === 'paused'
  }

  /** The latest state, unless a prompt has made it out of date. */
  get current(): FetchedState | undefined {
    return this.latest !== undefined && this.latest.fetchedAt > this.staleUntil ? this.latest : undefined
  }

  /** Takes a state in, unless a later one is known; tells who waits, and whoever watches if something changed. */
  see(seen: FetchedState, now: number): void {
    const before = this.current
    const isNews = seen.fetchedAt > this.staleUntil && seen.fetchedAt >= (before?.fetchedAt ?? seen.fetchedAt)
    if (isNews) this.latest = seen
    this.failures = 0
    this.shrink = Math.max(0, this.shrink - 1)
    this.nextAt = now + this.cadence(now)
    this.answerHints(seen.fetchedAt, now)
    if (!isNews) return
    for (const [resolve, since] of this.waiting) {
      if (seen.fetchedAt >= since) resolve(seen.state)
    }
    if (!isSame(before?.state, seen.state)) this.hint()
  }

  /** A page showed it at `index` of a list `total` long. */
  found(index: number, total: number | null): void {
    this.place = seenAt(index, total)
    this.aloneUntil = 0
  }

  /** Whether the list should show it by now. */
  isGrown(now: number): boolean {
    return now - this.bornAt >= YOUNG_MS
  }

  /** The list does not show it; it exists all the same, or nobody knows. */
  notListed(now: number): void {
    this.place = TOP
    this.aloneUntil = now + (this.isGrown(now) ? ALONE_MS : ALONE_YOUNG_MS)
    this.alone = true
  }

  /** It was asked for by itself; the search in the list begins anew where it stopped. */
  askedAlone(): void {
    this.place = { ...this.place, misses: 0 }
  }

  /** The list itself is another one now. */
  lostPlace(): void {
    this.place = TOP
    this.aloneUntil = 0
  }

  refresh(now: number): void {
    this.alone = this.aloneUntil > now
  }

  failed(now: number, delayMs: number, wasGarbage: boolean): void {
    this.failures++
    if (wasGarbage) this.shrink = Math.min(MOST_SHRINK, this.shrink + 1)
    this.nextAt = now + Math.max(delayMs, backoffMs(this.failures))
    // Hints must not make a server that fails be asked more often.
    this.wokenAt = now
    this.wakeAt = undefined
  }

  renew(now: number): void {
    this.bornAt = now
    this.staleUntil = now
    this.nextAt = now + SOONEST_MS
  }

  /** However many hints come, they cause one read in 5 s. True: it is to be looked at sooner than before. */
  wake(now: number): boolean {
    this.hintedAt = now
    return this.planWake(now)
  }

  private planWake(now: number): boolean {
    this.wakeAt ??= Math.max(now, this.wokenAt + WAKE_MS)
    if (this.wakeAt >= this.nextAt) return false
    this.nextAt = this.wakeAt
    return true
  }

  /** A read answers the hints that came before it was asked for. Those that came while it was under way need another. */
  private answerHints(fetchedAt: number, now: number): void {
    if (this.wakeAt === undefined) return
    if (fetchedAt >= this.wakeAt) {
      this.wokenAt = fetchedAt
      this.wakeAt = undefined
    }
    if (fetchedAt >= this.hintedAt) this.wakeAt = undefined
    else this.planWake(now)
  }

  private cadence(now: number): number {
    const age = Math.max(0, now - this.bornAt)
    if (!this.isLive) return Math.min(ENDED_MS, SOONEST_MS + ENDED_AGE_PART * age)
    return Math.min(LATEST_MS, SOONEST_MS + AGE_PART * age)
  }

  hint(): void {
    for (const onHint of [...this.hints]) {
      try {
        onHint()
      } catch {
        // Who cannot take a hint must not end the watch of the others.
      }
    }
  }
}

/** 1 s, 2 s, 4 s ... at most 30 s. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** Math.max(0, failures - 1))
}

function isSame(before: AgentRunState | undefined, after: AgentRunState): boolean {
  return (
    before !== undefined &&
    before.status === after.status &&
    before.rawStatus === after.rawStatus &&
    before.result === after.result &&
    before.summary === after.summary
  )
}
