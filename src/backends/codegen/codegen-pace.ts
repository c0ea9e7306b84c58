import type { Clock } from '../../domain/clock.ts'
import type { Limiter } from '../../domain/limiter.ts'
import { CODEGEN_LIMITS, type CodegenLimits } from './codegen-limits.ts'

/** How much of an account's calls the watcher may take; the rest is for creates, prompts, reads and logs. */
const SHARE = 0.6
/** Calls that it may make faster than that after a quiet time. */
const BURST = 6
/** Calls a second where no limit is declared. */
const UNLIMITED_RATE = 4
/**
 * It holds back when less than this part of the shared bucket is free (15 of 60: more than the 12 that no creation may reserve, else
 * polls would take all that creations wait for)...
 */
const RESERVE = 1 / 4
/** ...but not for longer than this, as long as anything is free, ms. */
const LONGEST_HOLD_MS = 10_000
const LOOK_AGAIN_MS = 500

/** When a watcher may poll. */
export interface PollPace {
  /** ms until the next call may be made; 0 for now. */
  delay(): number
  /** A call is made now. */
  spend(): void
}

/** Spaces polls evenly over the account's budget, and holds back while others need it. */
export function createPollPace(clock: Clock, limiter: Limiter, account: string, limits: CodegenLimits = {}): PollPace {
  const ratePerMs = pollRate({ ...CODEGEN_LIMITS, ...limits })
  const bucket = `${account}.shared`
  let tokens = BURST
  let countedAt = clock.now()
  let spentAt = Number.NEGATIVE_INFINITY
  let mostFree = 0

  const count = () => {
    const now = clock.now()
    tokens = Math.min(BURST, tokens + (now - countedAt) * ratePerMs)
    countedAt = now
    return now
  }
  const hold = (now: number) => {
    const { free, nextAt } = limiter.room(bucket)
    if (!Number.isFinite(free)) return 0
    mostFree = Math.max(mostFree, free)
    if (free > mostFree * RESERVE || (free > 0 && now - spentAt >= LONGEST_HOLD_MS)) return 0
    return Math.max(1, Math.min(nextAt === null ? LOOK_AGAIN_MS : nextAt - now, LOOK_AGAIN_MS))
  }
  return {
    delay() {
      const now = count()
      if (tokens < 1) return Math.ceil((1 - tokens) / ratePerMs)
      return hold(now)
    },
    spend() {
      spentAt = count()
      tokens = Math.max(0, tokens - 1)
    },
  }
}

function pollRate(limits: CodegenLimits): number {
  let rate = UNLIMITED_RATE / 1000
  for (const name of ['shared', 'standard']) {
    const limit = limits[name]
    if (limit !== undefined && limit !== 'none') rate = Math.min(rate, (limit.max / limit.windowMs) * SHARE)
  }
  return rate
}
