import type { Clock } from '../../domain/clock.ts'

/** How long a body is remembered, ms. */
const REMEMBERED_MS = 5 * 60_000
/** How many are. */
const MOST_REMEMBERED = 10_000

/** Remembers what came lately. The oldest are forgotten first, so that it never grows beyond its bound. */
export class WebhookReplays {
  readonly #clock: Clock
  /** By digest, when it first came, in that order. */
  readonly #seen = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#seen.size
  }

  /** Whether this came in the last 5 minutes already; from now on it has. */
  seen(digest: string): boolean {
    const now = this.#clock.now()
    for (const [oldest, at] of this.#seen) {
      // A clock that was set back must not keep anything for longer than it would have been.
      if (at <= now && now - at < REMEMBERED_MS) break
      this.#seen.delete(oldest)
    }
    if (this.#seen.has(digest)) return true
    if (this.#seen.size >= MOST_REMEMBERED) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    }
    this.#seen.set(digest, now)
    return false
  }
}
