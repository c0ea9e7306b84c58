import { describe } from 'vitest'
import { findRealAgents, type RealAgents } from './real-agents.ts'

let said = false

/** A suite of tests with real agents; where they are not installed it is skipped, and says so. */
export function describeWithAgents(title: string, body: (agents: RealAgents) => void): void {
  const agents = findRealAgents()
  if (agents !== undefined) {
    describe(title, () => body(agents))
    return
  }
  const reason = 'the real agents are not installed: npm run agents:install'
  if (!said) console.warn(`\n!! Tests are SKIPPED: ${reason}\n`)
  said = true
  describe.skip(`${title} [skipped: ${reason}]`, () => body({ folder: '', program: (name) => name }))
}
