import type { TaskSpec } from '../../../src/domain/workflow.ts'
import { isFinalState } from '../../../src/machines/public-state.ts'
import type { History, RunPast, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

export const GRAPH: readonly Invariant[] = [
  { id: 'I4', says: 'a task starts only when its needs are settled as its condition demands', check: startsInTime },
  { id: 'I10', says: 'a budget is never exceeded', check: withinBudget },
]

type Settled = 'completed' | 'failed' | 'skipped' | 'cancelled'

function startsInTime(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.type !== 'transition' || step.record.actor.kind !== 'agent')
    return undefined
  const { record } = step
  const past = history.runOf(record)
  const { id } = record.actor
  // What was written before a damage of the disk stood on what the damage took.
  if (past.actors.has(id) || (step.isOld && past.lost.size > 0)) return undefined
  const [, parent, index] = /^(.*)\[(\d+)\]$/.exec(id) ?? []
  const spec = past.workflow.tasks.find((task) => task.id === (parent ?? id))
  if (spec === undefined) return `${id} is no task of the workflow`
  if (index !== undefined && Number(index) >= (past.expansions.get(spec.id) ?? 0)) return `${id} is beyond its list`
  const open = spec.needs.find((need) => outcomeOf(past, need) === undefined)
  if (open !== undefined) return `${id} is ${record.to} although ${open} has not settled`
  const due = decisionOf(past, spec)
  // What cannot be made ready (a list that is none, say) is settled without an agent.
  const isStarted = record.to === 'pending'
  if (due === 'skip' && isStarted) return `${id} was started although it is to be skipped`
  if (due === 'run' && record.to === 'skipped' && spec.onFailure !== 'skip')
    return `${id} was skipped although it is to run`
  return undefined
}

function decisionOf(past: RunPast, spec: TaskSpec): 'run' | 'skip' | 'either' {
  const outcomes = spec.needs.map((need) => [need, outcomeOf(past, need)] as const)
  if (spec.if?.kind === 'always') return 'run'
  if (spec.if?.kind === 'expression') return 'either'
  if (spec.if?.kind === 'failed') return outcomes.some(([, outcome]) => outcome === 'failed') ? 'run' : 'skip'
  const fits = outcomes.every(([need, outcome]) => {
    const goesOn = past.workflow.tasks.find(({ id }) => id === need)?.onFailure === 'continue'
    return outcome === 'completed' || (outcome === 'failed' && goesOn)
  })
  return fits ? 'run' : 'skip'
}

/** How a task of the graph settled: a forEach task by its items. */
function outcomeOf(past: RunPast, id: string): Settled | undefined {
  const own = past.actors.get(id)?.state
  if (own !== undefined) return isFinalState(own) ? (own as Settled) : undefined
  const count = past.expansions.get(id)
  if (count === undefined) return undefined
  const items = Array.from({ length: count }, (_, at) => past.actors.get(`${id}[${at}]`)?.state ?? '')
  if (items.some((state) => !isFinalState(state))) return undefined
  if (items.includes('failed')) return 'failed'
  if (items.includes('cancelled')) return 'cancelled'
  return count > 0 && items.every((state) => state === 'skipped') ? 'skipped' : 'completed'
}

function withinBudget(step: Step, { runs, creations }: History): string | undefined {
  if (step.kind !== 'created') return undefined
  const past = runs.get(step.key.run)
  const allowed = past?.workflow.budget.agentRuns
  // An intent whose record is lost is counted by nobody any more.
  if (past === undefined || allowed === undefined || past.lost.size > 0) return undefined
  const made = 1 + [...creations.keys()].filter((key) => key.startsWith(`${past.run}/`)).length
  const limit = allowed + (past.raised['agentRuns'] ?? 0)
  return made > limit ? `agent run ${made} of a budget of ${limit} was created` : undefined
}
