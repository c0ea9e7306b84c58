import { describe, expect, it } from 'vitest'
import { measureFaults } from '../../bench/faults.ts'
import { measureWindow } from '../../bench/window.ts'

/** The long forms are `npm run bench -- window` and `npm run bench -- faults`. */
describe('an account whose round trips take 0 to 5 s', () => {
  it.each([1, 2, 3])('sees no window exceeded, and 95% of the creations that it allows (seed %i)', async (seed) => {
    const { created, allowed, mostCreatesInAMinute, mostCallsInAMinute, refused429 } = await measureWindow(10, seed)
    expect({ mostCreatesInAMinute, refused429 }).toEqual({ mostCreatesInAMinute: 10, refused429: 0 })
    expect(mostCallsInAMinute).toBeLessThanOrEqual(60)
    expect(created / allowed).toBeGreaterThanOrEqual(0.95)
  })
})

describe('an account that drops 5% of its answers, fails 5% of the calls and garbles 1%', () => {
  it.each([1, 2])('creates each agent of a run once (seed %i)', async (seed) => {
    const { status, creations, doubled } = await measureFaults(40, seed)
    expect({ status, creations, doubled }).toEqual({ status: 'completed', creations: 40, doubled: 0 })
  })
})
