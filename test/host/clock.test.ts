import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realClock, steadyTime } from '../../src/host/clock.ts'

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

describe('the time of a process', () => {
  const machine = () => {
    const times = { wall: 1_000_000, up: 50 }
    const now = steadyTime(
      () => times.wall,
      () => times.up,
    )
    const pass = (ms: number, jump = 0) => {
      times.wall += ms + jump
      times.up += ms
      return now()
    }
    return pass
  }

  it('is the wall’s', () => {
    const pass = machine()
    expect([pass(0), pass(10), pass(86_400_000)]).toEqual([1_000_000, 1_000_010, 87_400_010])
  })

  it('goes on as fast as before when the machine’s clock is set back, by much or by little', () => {
    const pass = machine()
    expect([pass(100), pass(100, -3_600_000), pass(100), pass(100, -101)]).toEqual([
      1_000_100, 1_000_200, 1_000_300, 1_000_400,
    ])
    expect(pass(60_000, -10_000)).toBe(1_060_400)
  })

  it('follows a clock that is set forward: a machine that slept looks the same', () => {
    const pass = machine()
    expect([pass(100, 28_800_000), pass(100)]).toEqual([29_800_100, 29_800_200])
  })

  it('takes for drift what is less than a second', () => {
    const pass = machine()
    expect(pass(60_000, -900)).toBe(1_059_100)
  })
})
