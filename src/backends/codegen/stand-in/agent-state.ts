import { chance } from '../../../domain/seed.ts'
import { type AgentRun, answerOf, hasAnswered, newestTurn, type Turn } from './agent-run.ts'
import type { Outcome } from './script.ts'

/** An agent run as the API shows it at one time. */
export interface AgentState {
  readonly status: string | null
  readonly result: string | null
  readonly summary: string | null
  readonly pullRequests: number
}

/** One that vanishes is seen at work as long as it is seen at all. */
const END_STATUS: Readonly<Record<Exclude<Outcome, 'never' | 'vanish'>, string>> = {
  complete: 'COMPLETE',
  error: 'ERROR',
  paused: 'PAUSED',
  timeout: 'TIMEOUT',
  'max-iterations': 'MAX_ITERATIONS_REACHED',
  'out-of-tokens': 'OUT_OF_TOKENS',
  cancelled: 'CANCELLED',
}

/** How a run stands at a time (ms): a function of its lines and that time alone. Before its creation it is as at its creation. */
export function stateAt(run: AgentRun, at: number): AgentState {
  const turn = newestTurn(run, at)
  const status = statusAt(run, turn, at)
  if (hasAnswered(turn, at)) {
    const answer = answerOf(run, turn)
    return { status, ...answer, summary: isOdd(run, 'no-summary', 3) ? null : answer.summary }
  }
  const last = turn.answered && answerOf(run, turn.answered)
  // While an agent works again its old result is still shown, or not.
  const shown = last !== undefined && status !== 'ERROR' && isOdd(run, `old-result/${turn.number}`, 2)
  const question = status === 'PAUSED' ? `Needs input: ${turn.script.result ?? 'how should I go on?'}` : null
  return { status, result: shown ? last.result : null, summary: question, pullRequests: last?.pullRequests ?? 0 }
}

/** Whether nothing more happens to the run by itself after a time. */
export function hasEnded(run: AgentRun, at: number): boolean {
  const turn = newestTurn(run)
  return turn.at <= at && (turn.endsAt <= at || (turn.cancelledAt ?? Infinity) <= at)
}

/** Whether the service has forgotten the run at a time: it answers 404 and lists it no more. */
export function hasVanished(run: AgentRun, at: number): boolean {
  const turn = newestTurn(run, at)
  return turn.outcome === 'vanish' && turn.endsAt <= at && turn.cancelledAt === undefined
}

/** One in `n` runs, always the same ones for a seed, have what `word` names. */
export function isOdd(run: AgentRun, word: string, n: number): boolean {
  return chance(run.turns[0].seed, `${run.name}/${word}`) < 1 / n
}

function statusAt(run: AgentRun, turn: Turn, at: number): string | null {
  if ((turn.cancelledAt ?? Infinity) <= at) return 'CANCELLED'
  if (turn.endsAt <= at && turn.outcome !== 'never' && turn.outcome !== 'vanish') return END_STATUS[turn.outcome]
  const progress = (at - turn.startsAt) / Math.max(1, turn.workMs)
  if (progress >= 0.4 && progress < 0.5 && isOdd(run, 'null-status', 10)) return null
  if (progress >= 0.9 && progress < 1 && isOdd(run, 'evaluation', 3)) return 'EVALUATION'
  return 'ACTIVE'
}
