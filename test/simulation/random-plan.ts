import type { WorkflowDefinition } from '../../src/workflow/schema.ts'
import { delegate, FINISH, planText, type ScriptedTurn } from '../planning-world.ts'
import type { Dice } from './dice.ts'

/** A manager that plans, whose turns of the first attempt are good, bad, or end in any way. */
export function randomPlan(dice: Dice): NonNullable<WorkflowDefinition['manager']> {
  const names: string[] = []
  const turns = Array.from({ length: dice.whole(1, 5) }, (_, turn) => randomTurn(dice, names, turn))
  return {
    plan: true,
    objective: 'Get it done.',
    rounds: dice.whole(2, 6),
    timeout: dice.pick(['10s', '20s', '40s']),
    prompt: planText([...turns, FINISH]),
  }
}

function randomTurn(dice: Dice, names: string[], turn: number): ScriptedTurn {
  const kind = dice.roll()
  if (kind < 0.1) return { output: { decision: 'ask', question: 'Which way?' } }
  if (kind < 0.2) return { result: 'I will think.', report: 'none' }
  if (kind < 0.3) return { outcome: dice.pick(['error', 'never', 'timeout'] as const) }
  const added = Array.from({ length: dice.whole(1, 3) }, (_, at) => `plan${turn}-${at}`)
  const tasks = added.map((id, at) => {
    const needs = [...names, ...added.slice(at + 1)].filter(() => dice.happens(0.4))
    const onFailure = dice.pick(['escalate', 'fail', 'skip', 'continue'] as const)
    return { id, prompt: `Do ${id}.`, needs: dice.happens(0.1) ? ['nobody'] : needs, onFailure }
  })
  // What is refused is not there to be needed: whoever needs it is refused, too.
  names.push(...added)
  return delegate(...tasks)
}
