import type { AgentRunRef, AgentRunState, LogEntry } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey, portableTaskId } from '../../domain/ids.ts'
import type { Json, JsonObject } from '../../domain/json.ts'
import type { PullRequest } from '../../domain/report.ts'
import {
  readAnswer,
  readOutcome,
  type SimulatedAnswer,
  type SimulatedOutcome,
  type SimulatedPlan,
} from './simulated-script.ts'

export const BACKEND_ID = 'simulated'

/** One prompt and the work it causes. */
export interface SimulatedTurn {
  /** Undefined for a turn of which this process does not know the number. */
  readonly number?: number
  readonly startedAt: number
  /** Infinity: never. */
  readonly endsAt: number
  readonly outcome: SimulatedOutcome
}

interface RunView {
  readonly ref: AgentRunRef
  readonly turn: SimulatedTurn
  /** When it was stopped. */
  readonly cancelledAt?: number | undefined
}

type Ending = readonly [status: AgentRunState['status'], rawStatus: string, words: string]

const ENDINGS: Readonly<Record<Exclude<SimulatedOutcome, 'never'>, Ending>> = {
  complete: ['complete', 'COMPLETE', ''],
  error: ['failed', 'ERROR', 'The simulated agent failed.'],
  timeout: ['failed', 'TIMEOUT', 'The simulated agent ran out of time.'],
  'max-iterations': ['failed', 'MAX_ITERATIONS_REACHED', 'The simulated agent reached its maximum of iterations.'],
  'out-of-tokens': ['failed', 'OUT_OF_TOKENS', 'The simulated agent ran out of tokens.'],
  cancelled: ['cancelled', 'CANCELLED', 'The simulated agent was stopped.'],
  paused: ['paused', 'PAUSED', 'The simulated agent asks how it should go on.'],
}

/** The ref of a new agent run: all that is needed to answer for it, after a restart too. */
export function createRef(key: AttemptKey, plan: SimulatedPlan, now: number): AgentRunRef {
  const endsAt = plan.outcome === 'never' ? null : now + plan.durationMs
  const extra: JsonObject = { startedAt: now, endsAt, outcome: plan.outcome, ...plan.answer }
  return { backend: BACKEND_ID, id: formatKey(key), createdAt: now, extra }
}

/** The first turn of a run, as its ref says. Throws BackendError for a ref that is not ours. */
export function firstTurn(ref: AgentRunRef): SimulatedTurn {
  const { startedAt, endsAt, outcome } = ref.extra ?? {}
  const known = readOutcome(outcome)
  if (typeof startedAt !== 'number' || known === undefined || ref.backend !== BACKEND_ID) {
    throw new BackendError(`'${ref.id}' is not an agent run of the simulated backend.`, {
      kind: 'not-found',
      retryable: false,
      certain: true,
    })
  }
  return { startedAt, endsAt: typeof endsAt === 'number' ? endsAt : Number.POSITIVE_INFINITY, outcome: known }
}

/** How a run stands at `now`: a function of what is given. */
export function stateAt(view: RunView, now: number): AgentRunState {
  const { ref, turn } = view
  const ending = endingAt(view, now)
  if (ending === undefined) {
    const whole = turn.endsAt - turn.startedAt
    const part = whole > 0 && Number.isFinite(whole) ? Math.max(0, (now - turn.startedAt) / whole) : 0
    return { status: 'active', rawStatus: 'ACTIVE', pullRequests: [], at: now, progress: Math.floor(part * 100) / 100 }
  }
  const [status, rawStatus, words] = ending
  const answer = readAnswer(ref.extra ?? {})
  const ended = { status, rawStatus, ...usageOf(answer), at: now }
  if (status !== 'complete') return { ...ended, summary: words, pullRequests: [] }
  return { ...ended, result: resultOf(ref, turn, answer), pullRequests: pullRequestsOf(ref, answer) }
}

/** What a run has logged until `now`, oldest first. */
export function logsAt(view: RunView, now: number): readonly LogEntry[] {
  const { ref, turn } = view
  const lines = readAnswer(ref.extra ?? {}).logs ?? []
  const until = Math.min(now, view.cancelledAt ?? now)
  const workMs = Number.isFinite(turn.endsAt) ? turn.endsAt - turn.startedAt : 0
  const entries = lines.map((text, i): LogEntry => {
    const at = Math.round(turn.startedAt + ((i + 1) / (lines.length + 1)) * workMs)
    return { at, type: 'ACTION', text }
  })
  const [status, , words] = endingAt(view, now) ?? []
  const end: LogEntry[] = status === 'failed' ? [{ at: turn.endsAt, type: 'ERROR', text: words ?? '' }] : []
  return [...entries.filter(({ at }) => at !== null && at <= until), ...end]
}

function endingAt({ turn, cancelledAt }: RunView, now: number): Ending | undefined {
  if (cancelledAt !== undefined && cancelledAt <= now) return ENDINGS.cancelled
  return turn.outcome === 'never' || now < turn.endsAt ? undefined : ENDINGS[turn.outcome]
}

function resultOf(ref: AgentRunRef, turn: SimulatedTurn, answer: SimulatedAnswer): string {
  const task = taskOf(ref)
  const text = answer.result ?? `${task} is done.`
  if (answer.report === 'none') return text
  const output: Json = answer.output ?? { summary: text }
  const report = {
    status: answer.report ?? 'completed',
    task_id: task,
    // An old turn's number would say that a newer one, of which we do not know, has not ended.
    ...(turn.number === undefined ? {} : { turn: turn.number }),
    result: output,
    metrics: { duration_seconds: (turn.endsAt - turn.startedAt) / 1000 },
  }
  return `${text}\n\n\`\`\`json\n${JSON.stringify(report)}\n\`\`\``
}

/** Said when a turn ends, of all turns together. */
function usageOf({ cost, tokens }: SimulatedAnswer): Pick<AgentRunState, 'usage'> {
  if (cost === undefined && tokens === undefined) return {}
  return { usage: { ...(cost === undefined ? {} : { cost }), ...(tokens === undefined ? {} : { tokens }) } }
}

function pullRequestsOf(ref: AgentRunRef, { pullRequests = 0 }: SimulatedAnswer): PullRequest[] {
  const task = taskOf(ref)
  return Array.from({ length: pullRequests }, (_, i) => ({
    url: `https://simulated.invalid/pull/${encodeURIComponent(ref.id)}/${i + 1}`,
    title: `${task} (${i + 1} of ${pullRequests})`,
    branch: `troupe/${portableTaskId(task)}/${i + 1}`,
  }))
}

function taskOf(ref: AgentRunRef): string {
  return ref.id.split('/')[1] ?? ref.id
}
