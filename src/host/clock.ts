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

/** The machine's time. Timers of any length work, keep the process alive, and a negative delay counts as 0. */
export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => new RealTimer(fn, Math.max(ms || 0, 0)),
  clearTimeout(handle: TimerHandle): void {
    if (handle instanceof RealTimer) handle.clear()
  },
  operation: (work) => work,
}
