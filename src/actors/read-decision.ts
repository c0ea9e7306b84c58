import type { Effect } from '../domain/effect.ts'
import type { DecisionInput, DecisionOutput } from '../machines/effects.ts'
import { readTurn } from './read-report.ts'
import type { RunContext } from './run-context.ts'

const refused = (problem: string): DecisionOutput => ({ kind: 'refused', problems: [problem] })

/**
 * Reads what a manager that plans decided in the turn that has ended, and checks it against the run as it stands. What cannot be
 * carried out is no failure of the agent: it is refused with reasons.
 */
export const readDecision =
  (run: RunContext): Effect<DecisionInput, DecisionOutput> =>
  async (input, { signal }) => {
    const { report } = await readTurn(run, input, signal)
    if (report === undefined) return refused('there is no report: end your answer with one fenced JSON block')
    // The decision of another turn was taken before.
    if (report.turn !== undefined && report.turn !== input.turn) {
      return refused(`the report says that it is of turn ${report.turn}: this was turn ${input.turn}`)
    }
    return run.checkDecision(report.result, input.lastRound)
  }
