import { chance } from '../domain/seed.ts'

/** How attempts are spaced. */
export interface Backoff {
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
}

/** Exponential backoff before try `n + 1` (n from 1), with a seeded jitter of half to the whole, in ms. */
export function backoffDelay(policy: Backoff, n: number, seed: number, key: string): number {
  const full = Math.min(policy.maxDelayMs, policy.delayMs * policy.factor ** (n - 1))
  return Math.round(full * (0.5 + 0.5 * chance(seed, key)))
}
