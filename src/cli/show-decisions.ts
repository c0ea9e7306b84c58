import type { DecisionView, RunView } from '../domain/views.ts'
import type { SummaryFrame } from './summary.ts'
import { escapeLine } from './terminal-text.ts'

/** What a planning manager decided, oldest first, and what was refused. */
export function decisionLines(view: RunView, { paint }: SummaryFrame): readonly string[] {
  const decisions = view.decisions ?? []
  return decisions.length === 0 ? [] : ['', 'Decisions:', ...decisions.flatMap((each) => oneDecision(each, paint))]
}

function oneDecision(each: DecisionView, paint: SummaryFrame['paint']): readonly string[] {
  const { at, round, decision, tasks, text, outcome, problems } = each
  const what = decision === 'refused' ? paint('refused', 'yellow') : decision
  const added = tasks === undefined ? '' : ` ${tasks.join(', ')}`
  const end = outcome === undefined ? '' : ` ${outcome}`
  const why = text === undefined || text === '' ? '' : `: ${escapeLine(text)}`
  return [
    `  ${at} ${round}. ${what}${added}${end}${why}`,
    ...(problems ?? []).map((problem) => paint(`      ${escapeLine(problem)}`, 'dim')),
  ]
}
