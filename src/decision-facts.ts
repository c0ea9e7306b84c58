import type { Decision, RefusedDecision } from './domain/planning.ts'
import type { JournalRecord } from './domain/record.ts'
import type { DecisionView } from './domain/views.ts'
import type { TaskSpec } from './domain/workflow.ts'

/** What a planning manager has decided, and the tasks that it added. */
export interface DecisionFacts {
  readonly tasks: TaskSpec[]
  readonly decisions: DecisionView[]
}

/** How many decisions a view keeps; all of them are in the records. */
const DECISIONS = 200
const MOST_TEXT = 1_000

/** Adds the decision of a manager's transition, if there is one. */
export function foldDecision(facts: DecisionFacts, record: JournalRecord): void {
  const decision = record.data?.['decision'] as unknown as
    | ((Decision | RefusedDecision) & { readonly turn: number; readonly round: number })
    | undefined
  if (decision === undefined) return
  if (decision.kind === 'delegate') facts.tasks.push(...decision.tasks)
  facts.decisions.push({
    at: record.at,
    attempt: record.attempt ?? 1,
    turn: decision.turn,
    round: decision.round,
    decision: decision.kind,
    ...detailsOf(decision),
  })
  if (facts.decisions.length > DECISIONS) facts.decisions.shift()
}

function detailsOf(decision: Decision | RefusedDecision): Partial<DecisionView> {
  switch (decision.kind) {
    case 'delegate':
      return {
        tasks: decision.tasks.map(({ id }) => id),
        ...(decision.reason === undefined ? {} : { text: decision.reason.slice(0, MOST_TEXT) }),
      }
    case 'finish':
      return { text: decision.summary.slice(0, MOST_TEXT), outcome: decision.outcome }
    case 'ask':
      return { text: decision.question.slice(0, MOST_TEXT) }
    case 'refused':
      return { problems: decision.problems }
  }
}
