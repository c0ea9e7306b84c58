import { allowanceOf, type BudgetUse, type BudgetView, plus, type Usage } from './domain/budget.ts'
import type { Workflow } from './domain/workflow.ts'
import { activeMs, allowedOf, type FoldedUse, reservedOf, turnsUsed } from './host/budget-facts.ts'
import { isFinalState } from './machines/public-state.ts'
import type { RunFacts } from './registry.ts'
import type { AttemptFacts } from './task-facts.ts'

/** What a run's budget allows, and what is used of it: what costs nothing and is not bounded is left out. */
export function budgetView(workflow: Workflow, facts: RunFacts): BudgetView {
  const { budget } = facts
  const { agentRuns, managerTurns, duration, ...given } = allowanceOf(workflow.budget)
  const turns = turnsUsed(budget)
  return {
    agentRuns: use(budget.agentRuns, allowedOf(budget, 'agentRuns', agentRuns)),
    ...(managerTurns === undefined && turns === 0
      ? {}
      : { managerTurns: use(turns, allowedOf(budget, 'managerTurns', managerTurns)) }),
    duration: { ...durationUse(facts), ...bound(allowedOf(budget, 'duration', duration)) },
    ...usagePart(facts, 'cost', given.cost),
    ...usagePart(facts, 'tokens', given.tokens),
  }
}

/** As of the last record; while it goes on, it grows from there. */
function durationUse({ budget, startedAt, at, status }: RunFacts): BudgetUse {
  const used = activeMs(budget, Date.parse(startedAt), Date.parse(at))
  const grows = budget.waitingSince === undefined && !isFinalState(status)
  return { used: Number.isFinite(used) ? used : 0, ...(grows ? { since: at } : {}) }
}

function usagePart({ budget }: RunFacts, key: keyof Usage, given: number | undefined): BudgetView {
  const allowed = allowedOf(budget, key, given)
  const reserved = reservedOf(budget, key)
  if (allowed === undefined && budget[key] === 0) return {}
  return { [key]: { ...use(budget[key], allowed), ...(reserved > 0 ? { reserved } : {}) } }
}

const use = (used: number, allowed: number | undefined): BudgetUse => ({ used, ...bound(allowed) })
const bound = (allowed: number | undefined) => (allowed === undefined ? {} : { allowed })

/** Notes what a transition says of the agent run of its attempt. */
export function noteUse(facts: AttemptFacts, state: string, at: string, { counted, usage }: FoldedUse): void {
  if (counted !== facts.attempt) facts.begun = undefined
  else if (state === 'creating' || facts.begun === undefined) facts.begun = at
  if (usage !== undefined) facts.usage = usage
}

/** What the agent runs of a task come to: how many, how long up to the last record, and what they used. */
export function useOf(attempts: readonly AttemptFacts[], { at, status }: RunFacts) {
  let agentRuns = 0
  let grows = false
  let ranMs = 0
  const sum = { cost: 0, tokens: 0 }
  for (const { begun, endedAt, usage, beside } of attempts) {
    if (begun !== undefined) {
      agentRuns++
      grows ||= endedAt === undefined && !isFinalState(status)
      ranMs += Math.max(0, Date.parse(endedAt ?? at) - Date.parse(begun))
    }
    for (const used of [usage, beside]) {
      sum.cost = plus(sum.cost, used?.cost ?? 0)
      sum.tokens += used?.tokens ?? 0
    }
  }
  return agentRuns === 0 ? {} : { agentRuns, ranMs, ...(grows ? { ranSince: at } : {}), ...usedPart(sum) }
}

/** Dollars and tokens where there are any. */
function usedPart({ cost = 0, tokens = 0 }: Usage): Usage {
  return { ...(cost === 0 ? {} : { cost }), ...(tokens === 0 ? {} : { tokens }) }
}

/** Two agent runs of one attempt. */
export function addedUse(a: Usage | undefined, b: Usage): Usage {
  return usedPart({ cost: plus(a?.cost ?? 0, b.cost ?? 0), tokens: (a?.tokens ?? 0) + (b.tokens ?? 0) })
}
