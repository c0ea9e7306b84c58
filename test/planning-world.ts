/** Runs of a manager that plans, whose decisions a test scripts, in a simulated world. */
import { type DecisionFacts, foldDecision } from '../src/decision-facts.ts'
import type { Json } from '../src/domain/json.ts'
import type { DecisionView, RunView } from '../src/domain/views.ts'
import type { Workflow } from '../src/domain/workflow.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import type { World } from './simulation/world.ts'

/** What the stand-in's manager does in one turn: its decision, or a text without a report, or how the turn ends. */
export type ScriptedTurn = {
  readonly output?: Json
  readonly outcome?: string
  readonly result?: string
  readonly report?: string
}

/** A turn that ends with this decision. */
export const decides = (output: Json): ScriptedTurn => ({ output })
/** A decision to add tasks. */
export const delegate = (...tasks: readonly Json[]): ScriptedTurn => decides({ decision: 'delegate', tasks })
/** A decision to ask a person. */
export const ask = (question: string): ScriptedTurn => decides({ decision: 'ask', question })
/** The decision that ends the plan. */
export const FINISH: ScriptedTurn = decides({ decision: 'finish', summary: 'Done.' })

interface Given {
  readonly manager?: object
  readonly [key: string]: unknown
}

/** The prompt of a manager that does, in its first attempt, what is scripted, turn by turn. */
export function planText(turns: readonly ScriptedTurn[]): string {
  // It is a template, and what is decided is none.
  return `Manage.\n{% raw %}[simulate:${JSON.stringify({ turns })}]{% endraw %}`
}

/** A workflow whose manager, in its first attempt, does what is scripted, turn by turn. */
export function planned(turns: readonly ScriptedTurn[], { manager, ...rest }: Given = {}): Workflow {
  return defineWorkflow({
    name: 'objective',
    defaults: { repository: 'acme/shop' },
    ...rest,
    manager: { plan: true, objective: 'Add login', timeout: '5m', prompt: planText(turns), ...manager },
  } as never)
}

/** A decision in short: what was decided, and what of it matters. */
export const short = ({ decision, tasks, problems, outcome }: DecisionView): readonly string[] => [
  decision,
  ...(tasks ?? []),
  ...(problems ?? []),
  ...(outcome === undefined ? [] : [outcome]),
]

/** All decisions of a run in short. */
export const decisionsOf = (view: RunView): readonly (readonly string[])[] => (view.decisions ?? []).map(short)

/** The same, as its records hold it. */
export async function recordedDecisions(world: World, run: string): Promise<readonly (readonly string[])[]> {
  const facts: DecisionFacts = { tasks: [], decisions: [] }
  for (const record of await world.stored(run)) foldDecision(facts, record)
  return facts.decisions.map(short)
}

/** How often each TASK/ATTEMPT was created. */
export function creations(world: World, run: string): Readonly<Record<string, number>> {
  return within(world.standIn.creations(), run)
}

/** How often each TASK/ATTEMPT/TURN was prompted. */
export function turns(world: World, run: string): Readonly<Record<string, number>> {
  return within(world.standIn.turns(), run)
}

function within(counts: Readonly<Record<string, number>>, run: string): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).map(([key, count]) => [key.slice(run.length + 1), count]))
}
