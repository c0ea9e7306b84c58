import { describe, expect, it } from 'vitest'
import { RateWindows } from '../../src/limits/rate-window.ts'

function windowsOf(max: number, windowMs: number): RateWindows {
  const windows = new RateWindows()
  windows.set('provider', { max, windowMs })
  return windows
}

function call(windows: RateWindows, answeredAt: number): void {
  windows.inFlight++
  windows.answered(answeredAt)
}

describe('rate windows', () => {
  it('have endless room when nobody limits them', () => {
    const windows = new RateWindows()
    windows.inFlight = 1000
    expect(windows.room(0)).toEqual(Number.POSITIVE_INFINITY)
    expect(windows.freeAt(1, 5)).toEqual(5)
  })

  it('count a call from its sending until one window, and the rounding of 1 ms, after its answer', () => {
    const windows = windowsOf(2, 1_000)
    windows.inFlight++
    expect(windows.room(0)).toEqual(1)
    windows.answered(300)
    expect(windows.room(1_300)).toEqual(1)
    expect(windows.room(1_301)).toEqual(2)
  })

  it('count reserved places as used', () => {
    const windows = windowsOf(2, 1_000)
    windows.reserved = 2
    expect(windows.room(0)).toEqual(0)
    expect(windows.freeAt(1, 0)).toEqual(null)
  })

  it('know when places become free, and that it is unknown while it depends on an answer', () => {
    const windows = windowsOf(3, 1_000)
    call(windows, 100)
    call(windows, 200)
    windows.inFlight++
    expect(windows.freeAt(1, 250)).toEqual(1_101)
    expect(windows.freeAt(2, 250)).toEqual(1_201)
    expect(windows.freeAt(3, 250)).toEqual(null)
    expect(windows.freeAt(4, 250)).toEqual(null)
  })

  it('have room only where every owner has room, and more when an owner withdraws', () => {
    const windows = windowsOf(10, 1_000)
    windows.set('run_1', { max: 2, windowMs: 5_000 })
    call(windows, 0)
    call(windows, 0)
    expect(windows.room(2_000)).toEqual(0)
    expect(windows.freeAt(1, 2_000)).toEqual(5_001)
    windows.set('run_1', 'none')
    expect(windows.room(2_000)).toEqual(10)
    expect(windows.limits).toEqual([{ owner: 'provider', max: 10, windowMs: 1_000 }])
  })

  it('count what is known when a longer window is added', () => {
    const windows = windowsOf(5, 1_000)
    call(windows, 0)
    windows.set('run_1', { max: 1, windowMs: 60_000 })
    expect(windows.room(2_000)).toEqual(0)
  })

  it('never have less than no room when a limit shrinks, and wait until enough has expired', () => {
    const windows = windowsOf(3, 1_000)
    call(windows, 0)
    call(windows, 10)
    call(windows, 20)
    windows.set('provider', { max: 1, windowMs: 1_000 })
    expect(windows.room(30)).toEqual(0)
    expect(windows.freeAt(1, 30)).toEqual(1_021)
  })

  it('have no room ever when the limit is 0', () => {
    const windows = windowsOf(0, 1_000)
    expect(windows.room(0)).toEqual(0)
    expect(windows.freeAt(1, 0)).toEqual(null)
  })

  it('go on counting right after thousands of answers were dropped', () => {
    const windows = windowsOf(2, 1_000)
    for (let i = 0; i < 3_000; i++) call(windows, i * 600)
    const last = 2_999 * 600
    expect(windows.used(last)).toEqual(2)
    expect(windows.freeAt(1, last)).toEqual(last - 600 + 1_001)
    expect(windows.room(last + 1_001)).toEqual(2)
  })

  it('count an answer in the future as arrived now when the clock went back', () => {
    const windows = windowsOf(1, 1_000)
    call(windows, 3_600_000)
    windows.rewind(0)
    expect(windows.freeAt(1, 0)).toEqual(1_001)
  })

  it('count answers of an earlier process', () => {
    const windows = new RateWindows()
    windows.restore([0, 500], 1_000)
    windows.set('provider', { max: 2, windowMs: 1_000 })
    expect(windows.freeAt(1, 600)).toEqual(1_001)
  })
})
