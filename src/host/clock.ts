import type { Clock, TimerHandle } from '../domain/clock.ts'

/** Node cuts a longer delay to 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/** A pending timer of the real clock; a long one is armed piece by piece. */
class RealTimer {
  private readonly fn: () => void
  private remainingMs: number
  private timeout: NodeJS.Timeout | undefined

  constructor(fn: () => void, ms: number) {
    this.fn = fn
    this.remainingMs = ms
    this.arm()
  }

  clear(): void {
    clearTimeout(this.timeout)
  }

  private arm(): void {
    const piece = Math.min(this.remainingMs, LONGEST_DELAY_MS)
    this.remainingMs -= piece
    this.timeout = setTimeout(() => (this.remainingMs > 0 ? this.arm() : this.fn()), piece)
  }
}

/** Less than this is how clocks differ, not how one is set. */
const DRIFT_MS = 1_000

/**
 * The wall's time, but never set back: where the machine's clock is, time goes on from where it was, as fast as before. It follows a
 * clock that is set forward, since a machine that slept looks the same.
 */
export function steadyTime(wall: () => number, monotonic: () => number): () => number {
  let seen = wall()
  let at = monotonic()
  let ahead = 0
  return () => {
    const now = wall()
    const tick = monotonic()
    const missing = Math.round(Math.max(0, tick - at)) - (now - seen)
    if (now < seen || missing > DRIFT_MS) ahead += missing
    seen = now
    at = tick
    return now + ahead
  }
}

/**
 * The machine's time; it never goes back while we run. Timers of any length work, keep the process alive, and a negative
 * delay counts as 0.
 */
export const realClock: Clock = {
  now: steadyTime(
    () => Date.now(),
    () => performance.now(),
  ),
  setTimeout: (fn, ms) => new RealTimer(fn, Math.max(ms || 0, 0)),
  clearTimeout(handle: TimerHandle): void {
    if (handle instanceof RealTimer) handle.clear()
  },
  operation: (work) => work,
}
