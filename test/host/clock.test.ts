import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realClock } from '../../src/host/clock.ts'

const DAY_MS = 24 * 3_600_000

describe('the real clock', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('fires a timer of 60 days after 60 days, not at once', () => {
    const fn = vi.fn()
    realClock.setTimeout(fn, 60 * DAY_MS)
    vi.advanceTimersByTime(60 * DAY_MS - 1)
    expect(fn).toHaveBeenCalledTimes(0)
    vi.advanceTimersByTime(1)
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('clears a long timer after it was armed again', () => {
    const fn = vi.fn()
    const handle = realClock.setTimeout(fn, 60 * DAY_MS)
    vi.advanceTimersByTime(30 * DAY_MS)
    realClock.clearTimeout(handle)
    vi.advanceTimersByTime(60 * DAY_MS)
    expect(fn).toHaveBeenCalledTimes(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes a negative delay and NaN as 0, and a foreign handle as nothing', () => {
    const fn = vi.fn()
    realClock.setTimeout(fn, -5)
    realClock.setTimeout(fn, Number.NaN)
    realClock.clearTimeout(17)
    vi.advanceTimersByTime(1)
    expect(fn).toHaveBeenCalledTimes(2)
  })

  it('gives back the work of an operation itself', () => {
    const work = Promise.resolve(1)
    expect(realClock.operation(work)).toBe(work)
  })
})
