import { describe, expect, it } from 'vitest'
import { ProviderClock } from '../../../src/backends/codegen/provider-clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

describe('the provider’s clock', () => {
  it('is not known to be behind until it is seen, and never counts as ahead', () => {
    const clock = new ProviderClock()
    expect(clock.behindMs).toBe(0)
    clock.answered(NOW + HOUR, NOW)
    clock.created(NOW + HOUR, NOW)
    expect(clock.behindMs).toBe(0)
  })

  it('is as far behind as its answers, or the dates of what it creates, tell', () => {
    const clock = new ProviderClock()
    clock.answered(NOW - 60_000, NOW)
    expect(clock.behindMs).toBe(60_000)
    clock.created(NOW - 8 * HOUR, NOW)
    expect(clock.behindMs).toBe(8 * HOUR)
    clock.answered(NOW, NOW)
    expect(clock.behindMs).toBe(8 * HOUR)
    clock.created(NOW, NOW)
    expect(clock.behindMs).toBe(0)
  })

  it.each([null, Number.NaN, 0])('learns nothing from a date that is none: %s', (theirs) => {
    const clock = new ProviderClock()
    clock.answered(NOW - HOUR, NOW)
    clock.answered(theirs, NOW)
    clock.created(theirs, NOW)
    expect(clock.behindMs).toBe(HOUR)
  })
})
