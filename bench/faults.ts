import { chance } from '../src/domain/seed.ts'
import { withDistantAccount } from './distant-account.ts'

const TRIP = { there: 100, back: 100 }
/** What the account does to one call in twenty, twenty and hundred. */
const FAULTS = { 'answer-lost': 0.05, error: 0.05, garbage: 0.01 }
const SHORTEST_MS = 60_000
const SPREAD_MS = 9 * 60_000

/** `agents` agents against an account that loses answers, fails and garbles: how it ends, and whether anything was paid for twice. */
export async function measureFaults(agents: number, seed = 1) {
  return withDistantAccount({ seed, faults: FAULTS, trip: () => TRIP }, async (account) => {
    const began = account.clock.now()
    const outcome = await account.carryOut(agents, (agent) =>
      Math.round(SHORTEST_MS + SPREAD_MS * chance(seed, `duration/${agent}`)),
    )
    const creations = Object.values(account.standIn.creations())
    return {
      agents,
      status: outcome?.status,
      creations: creations.reduce((sum, times) => sum + times, 0),
      doubled: creations.filter((times) => times > 1).length,
      virtualMinutes: Math.round((account.clock.now() - began) / 6_000) / 10,
      requests: account.arrivals.shared.length,
      refused429: account.refused,
    }
  })
}
