import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffDelay } from '../../src/machines/backoff.ts'

const POLICY = { delayMs: 2_000, factor: 2, maxDelayMs: 300_000 }

describe('the delay before another try', () => {
  it('grows by its factor up to its longest, with a jitter of half to the whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer(), fc.string(), (n, seed, key) => {
        const full = Math.min(300_000, 2_000 * 2 ** (n - 1))
        const delay = backoffDelay(POLICY, n, seed, key)
        return Number.isInteger(delay) && delay >= full / 2 && delay <= full
      }),
      { seed: 20260101 },
    )
  })

  it('is the same for the same try after a restart, and spread over different ones', () => {
    const delays = Array.from({ length: 20 }, (_, i) => backoffDelay(POLICY, 3, 1, `run_1/task${i}/1`))
    expect(delays).toEqual(Array.from({ length: 20 }, (_, i) => backoffDelay(POLICY, 3, 1, `run_1/task${i}/1`)))
    expect(new Set(delays).size).toBeGreaterThan(15)
  })
})
