import type { TaskSpec } from '../domain/workflow.ts'
import type { GraphState } from './graph-state.ts'

/** What is to be done with a task whose needs have all settled. `condition`: evaluate its `if`, then run or skip it. */
export type TaskDecision =
  | { readonly id: string; readonly decision: 'run' | 'condition' }
  | { readonly id: string; readonly decision: 'skip'; readonly reason: string }

/**
 * Decides on a task whose needs have all settled. `failedNeeds`: how many of them failed; `bad`: the first that forbids an
 * unconditional start, and how it settled.
 */
export function decideTask(
  { id, if: condition }: Pick<TaskSpec, 'id' | 'if'>,
  failedNeeds: number,
  bad: { readonly id: string; readonly state: GraphState } | undefined,
): TaskDecision {
  if (condition?.kind === 'expression') return { id, decision: 'condition' }
  if (condition?.kind === 'always') return { id, decision: 'run' }
  if (condition?.kind === 'failed') {
    if (failedNeeds > 0) return { id, decision: 'run' }
    return { id, decision: 'skip', reason: 'none of its needs failed' }
  }
  if (bad === undefined) return { id, decision: 'run' }
  return { id, decision: 'skip', reason: `${bad.id} ${bad.state === 'failed' ? 'failed' : `was ${bad.state}`}` }
}
