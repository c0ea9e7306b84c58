import type { RateLimit } from '../../../domain/workflow.ts'

/**
 * The limits as documented, by their names for `--limit`. `shared` is what one page claims in contradiction to the others
 * (60 in 60 s over all endpoints); it is off unless set.
 */
export const DOCUMENTED_LIMITS = {
  create: { max: 10, windowMs: 60_000 },
  standard: { max: 60, windowMs: 30_000 },
  logs: { max: 60, windowMs: 60_000 },
  setup: { max: 5, windowMs: 60_000 },
  analyze: { max: 5, windowMs: 60_000 },
  'webhook-test': { max: 10, windowMs: 60_000 },
  shared: 'none',
} as const satisfies Record<string, RateLimit>

/** Name of a limit that the stand-in enforces. */
export type LimitName = keyof typeof DOCUMENTED_LIMITS

/** Sliding windows per token over the time of arrival. A refused request takes no place. */
export class RateWindows {
  private readonly limits: Readonly<Record<LimitName, RateLimit>>
  private readonly arrivals = new Map<string, number[]>()
  private readonly refused = new Map<string, number>()

  constructor(limits: Partial<Record<LimitName, RateLimit>>) {
    this.limits = { ...DOCUMENTED_LIMITS, ...limits }
  }

  /** Takes a place in every window named; returns 0, or how long (ms) until all have one, and then takes none. */
  take(token: string, names: readonly LimitName[], now: number): number {
    const waits = names.map((name) => this.waitOf(token, name, now))
    const wait = Math.max(0, ...waits)
    names.forEach((name, i) => {
      if (wait === 0 && this.limits[name] !== 'none') this.arrivalsOf(token, name).push(now)
      else if ((waits[i] ?? 0) > 0) this.refused.set(name, (this.refused.get(name) ?? 0) + 1)
    })
    return wait
  }

  /** How many requests each limit refused. */
  refusals(): Record<string, number> {
    return Object.fromEntries(this.refused)
  }

  private waitOf(token: string, name: LimitName, now: number): number {
    const limit = this.limits[name]
    if (limit === 'none') return 0
    const arrivals = this.arrivalsOf(token, name)
    while (arrivals[0] !== undefined && arrivals[0] <= now - limit.windowMs) arrivals.shift()
    const oldest = arrivals[arrivals.length - limit.max]
    return limit.max === 0 ? limit.windowMs : oldest === undefined ? 0 : oldest + limit.windowMs - now
  }

  private arrivalsOf(token: string, name: LimitName): number[] {
    const key = `${name} ${token}`
    const known = this.arrivals.get(key)
    if (known) return known
    const fresh: number[] = []
    this.arrivals.set(key, fresh)
    return fresh
  }
}
