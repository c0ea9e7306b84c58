import type { Workflow } from './domain/workflow.ts'
import { isFinalState } from './machines/public-state.ts'
import type { RunFacts } from './registry.ts'

/** Tasks that cannot be repeated now: something that depends on them, directly or not, has an agent that has not ended. */
export function whatHoldsReruns(workflow: Workflow, facts: RunFacts): ReadonlySet<string> {
  const held = new Set<string>()
  if (isFinalState(facts.status)) return held
  const live = new Set<string>()
  for (const { task, state } of facts.tasks.values()) if (!isFinalState(state)) live.add(task.replace(/\[\d+\]$/, ''))
  if (live.size === 0) return held
  const needs = new Map(workflow.tasks.map((task) => [task.id, task.needs]))
  for (const id of live) for (const need of needs.get(id) ?? []) held.add(need)
  // What is added on the way is gone through, too.
  for (const id of held) for (const need of needs.get(id) ?? []) held.add(need)
  return held
}
