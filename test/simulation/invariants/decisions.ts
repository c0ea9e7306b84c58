import { MANAGER } from '../../../src/domain/ids.ts'
import type { History, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

export const DECISIONS: readonly Invariant[] = [
  { id: 'I8', says: 'the decision of a turn is taken once', check: takenOnce },
  { id: 'I10', says: 'a manager that plans has no more turns than its budget allows', check: withinTurns },
]

function takenOnce(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.data?.['decision'] === undefined) return undefined
  const { record } = step
  const past = history.runOf(record)
  const turn = turnOf(record.data)
  const before = past.records.find(
    ({ seq, attempt, data }) =>
      seq < record.seq && !past.lost.has(seq) && attempt === record.attempt && turnOf(data) === turn,
  )
  return before === undefined ? undefined : `turn ${turn} of attempt ${record.attempt} was decided on before`
}

function turnOf(data: unknown): number | undefined {
  return (data as { decision?: { turn?: number } } | undefined)?.decision?.turn
}

function withinTurns(step: Step, { runs, turns, creations }: History): string | undefined {
  if ((step.kind !== 'prompted' && step.kind !== 'created') || step.key.task !== MANAGER) return undefined
  // A create is its first.
  if (step.kind === 'prompted' && step.turn === 1) return undefined
  const past = runs.get(step.key.run)
  const allowed = past?.workflow.budget.managerTurns
  if (past?.workflow.manager?.planning === undefined || allowed === undefined || past.lost.size > 0) return undefined
  const ofManager = (key: string) => key.startsWith(`${past.run}/${MANAGER}/`)
  const later = [...turns.keys()].filter((key) => ofManager(key) && !key.endsWith('/1'))
  const sent = 1 + [...creations.keys()].filter(ofManager).length + later.length
  const limit = allowed + (past.raised['managerTurns'] ?? 0)
  return sent > limit ? `turn ${sent} of a budget of ${limit} was sent` : undefined
}
