import type { RateLimit } from '../domain/workflow.ts'

/** Times are whole milliseconds, rounded down: without it two calls could be one window less a part of 1 ms apart. */
const ROUNDING_MS = 1

/** A call whose answer nobody heard may still be on its way to the provider for so long, ms. */
export const IN_TRANSIT_MS = 5_000

/** Answers that no window counts any more are dropped in groups of at least so many. */
const DROP_AT_LEAST = 256

interface OwnedWindow {
  readonly owner: string
  readonly max: number
  readonly windowMs: number
  /** Number (counted from the first ever) of the oldest answer that this window still counts. */
  start: number
}

/**
 * The sliding windows of one bucket. A place is taken by a call that is reserved or in flight, and stays taken until one
 * window after the call's answer arrived; the provider saw the call some time in between, so it never sees more than the
 * limit. Several owners may set a window: there is room only where each of them has room.
 *
 * Every `now` must be at least the one before, unless {@link RateWindows.rewind} was called.
 */
export class RateWindows {
  /** Calls that were sent and not answered. */
  inFlight = 0
  /** Places kept for calls to come. */
  reserved = 0
  #windows: OwnedWindow[] = []
  /** Arrival times of answers, ascending; the last may be still to come. */
  #answers: number[] = []
  #dropped = 0
  #restoredKeepMs = 0

  get limited(): boolean {
    return this.#windows.length > 0
  }

  get limits(): { owner: string; max: number; windowMs: number }[] {
    return this.#windows.map(({ owner, max, windowMs }) => ({ owner, max, windowMs }))
  }

  /** The smallest number of calls that a window allows; Infinity without a limit. */
  get tightest(): number {
    return this.#windows.reduce((least, { max }) => Math.min(least, max), Number.POSITIVE_INFINITY)
  }

  /** How long an answer must be remembered, ms. */
  get keepMs(): number {
    let keep = this.#restoredKeepMs
    for (const window of this.#windows) keep = Math.max(keep, window.windowMs)
    return keep
  }

  /** Sets what `owner` asks for; `none` withdraws it. */
  set(owner: string, limit: RateLimit): void {
    const others = this.#windows.filter((window) => window.owner !== owner)
    this.#windows = limit === 'none' ? others : [...others, { owner, ...limit, start: this.#dropped }]
  }

  /** Answers of an earlier process, ascending. Call it before any other answer. */
  restore(answers: readonly number[], keepMs: number): void {
    this.#answers = [...answers]
    this.#restoredKeepMs = keepMs
  }

  /** The answer of a call in flight has arrived; without one the call has arrived `at` the latest, which may be still to come. */
  answered(now: number, at: number = now): void {
    this.inFlight--
    if (!this.limited) return
    let place = this.#answers.length
    while (place > 0 && (this.#answers[place - 1] ?? 0) > at) place--
    // Only what is still to come can lie behind it, and of that no window has let go yet.
    if (place === this.#answers.length) this.#answers.push(at)
    else this.#answers.splice(place, 0, at)
    this.#drop(now)
  }

  /** Places that are free; Infinity without a limit. */
  room(now: number): number {
    let room = Number.POSITIVE_INFINITY
    for (const window of this.#windows) room = Math.min(room, window.max - this.#used(window, now))
    return Math.max(0, room)
  }

  /** Places taken in the fullest window. */
  used(now: number): number {
    let used = this.inFlight + this.reserved
    for (const window of this.#windows) used = Math.max(used, this.#used(window, now))
    return used
  }

  /** When at least `places` are free if nothing else is sent; null if that depends on answers still to come. */
  freeAt(places: number, now: number): number | null {
    let at = now
    for (const window of this.#windows) {
      const expire = this.#used(window, now) - window.max + places
      if (expire <= 0) continue
      const answer = window.max < places ? undefined : this.#answers[window.start + expire - 1 - this.#dropped]
      if (answer === undefined) return null
      at = Math.max(at, answer + window.windowMs + ROUNDING_MS)
    }
    return at
  }

  /** The window that has least room, in words. */
  describe(now: number): string | undefined {
    let words: string | undefined
    let least = Number.POSITIVE_INFINITY
    for (const window of this.#windows) {
      const used = this.#used(window, now)
      if (window.max - used >= least) continue
      least = window.max - used
      words = `${used} of ${window.max} calls in ${window.windowMs / 1000} s used`
    }
    return words
  }

  /** The clock went back to `now`: an answer in the future counts as arrived now. */
  rewind(now: number): void {
    for (let i = this.#answers.length - 1; i >= 0 && (this.#answers[i] ?? now) > now; i--) this.#answers[i] = now
  }

  #used(window: OwnedWindow, now: number): number {
    const before = now - window.windowMs - ROUNDING_MS
    const end = this.#dropped + this.#answers.length
    while (window.start < end && (this.#answers[window.start - this.#dropped] ?? 0) <= before) window.start++
    return end - window.start + this.inFlight + this.reserved
  }

  #drop(now: number): void {
    const before = now - this.keepMs - ROUNDING_MS
    if ((this.#answers[DROP_AT_LEAST] ?? now) > before) return
    let count = DROP_AT_LEAST
    while ((this.#answers[count] ?? now) <= before) count++
    this.#answers.splice(0, count)
    this.#dropped += count
    for (const window of this.#windows) window.start = Math.max(window.start, this.#dropped)
  }
}
