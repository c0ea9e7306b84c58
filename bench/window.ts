import { chance } from '../src/domain/seed.ts'
import { mostInAWindow, withDistantAccount } from './distant-account.ts'

const MINUTE_MS = 60_000
const LONGEST_TRIP_MS = 5_000
const CREATES_A_MINUTE = 10
const CALLS_A_MINUTE = 60

/** The limits as the provider sees them, while more is to be created than they allow and round trips take 0 to 5 s. */
export async function measureWindow(minutes: number, seed = 1) {
  const trip = (call: number) => {
    const whole = LONGEST_TRIP_MS * chance(seed, `trip/${call}`)
    const there = Math.round(whole * chance(seed, `there/${call}`))
    return { there, back: Math.round(whole) - there }
  }
  return withDistantAccount({ seed, faults: {}, trip }, async (account) => {
    const allowed = minutes * CREATES_A_MINUTE
    // More than can be created, and none of them ends: whoever waits, waits for the limit alone.
    await account.carryOut(allowed + 4 * CREATES_A_MINUTE, () => 2 * minutes * MINUTE_MS, minutes * MINUTE_MS)
    const { create, shared } = account.arrivals
    const created = create.filter((at) => at < minutes * MINUTE_MS).length
    return {
      minutes,
      created,
      allowed,
      share: Math.round((1_000 * created) / allowed) / 1_000,
      mostCreatesInAMinute: mostInAWindow(create, MINUTE_MS),
      mostCallsInAMinute: mostInAWindow(shared, MINUTE_MS),
      limits: { create: CREATES_A_MINUTE, calls: CALLS_A_MINUTE },
      refused429: account.refused,
    }
  })
}
