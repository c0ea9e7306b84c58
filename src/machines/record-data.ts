import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { HostPart } from '../domain/record.ts'
import type { PullRequest } from '../domain/report.ts'
import { failureOf, type ReportOutput, type SettleOutput, type WatchOutput } from './effects.ts'
import { mainState } from './public-state.ts'

/** What a transition's record tells the outside, beside its states. All of it is JSON. */
export interface TransitionData {
  readonly ref?: AgentRunRef
  readonly turn?: number
  readonly reason?: string
  readonly failure?: Pick<Failure, 'kind' | 'message' | 'retryable' | 'why'> & {
    /** Whether another attempt follows by itself; absent as long as that is not decided. */
    readonly again?: boolean
  }
  /** When it goes on by itself, ISO. */
  readonly until?: string
  readonly outcome?: OutcomeData
  /** What a cancel achieved, or what a paused agent asks. */
  readonly note?: string
}

/** A completed task's result as its record holds it; `file` names the whole where `result` is cut. */
export interface OutcomeData {
  readonly result: string
  readonly file?: string
  readonly output?: Json
  readonly metrics?: Json
  readonly pullRequests: readonly PullRequest[]
  /** The attempt whose late result a person adopted. */
  readonly adopted?: number
}

interface Described {
  readonly attempt: number
  readonly turn: number
  readonly ref?: AgentRunRef | undefined
  readonly reason?: string | undefined
  readonly failure?: Failure | undefined
}

interface CausingEvent {
  readonly type: string
  readonly output?: unknown
  readonly error?: unknown
  readonly result?: Json
  /** Of a completion by a late result: all of it. */
  readonly outcome?: OutcomeData
}

/** The data of an agent's or the manager's transition into the public state `to`. */
export function describeTransition(
  context: Described,
  to: string,
  event: CausingEvent,
  timers: HostPart['timers'] = [],
): JsonObject | undefined {
  const data: TransitionData = {
    ...(to === 'running' || to === 'running.deciding' || to === 'escalated.overdue' || to === 'cancelled'
      ? refData(context)
      : {}),
    ...(context.turn > 1 ? { turn: context.turn } : {}),
    // Why it stood still before says nothing of a task that is done.
    ...(context.reason === undefined || to === 'completed' ? {} : { reason: context.reason }),
    ...(to === 'pending' && event.type === 'xstate.error.actor.create' ? putBackData(event.error) : {}),
    ...(context.failure === undefined || !FAILING.has(to) ? {} : { failure: shortFailure(context.failure, to) }),
    ...(event.type === 'xstate.done.actor.report' ? { outcome: outcomeOf(event.output as ReportOutput) } : {}),
    ...(event.type === 'task.complete' ? { outcome: event.outcome ?? commandedOutcome(event.result ?? null) } : {}),
    ...(to === 'retrying' ? untilData(timers) : {}),
    ...(to === 'running.needsInput' ? askedData(event.output as WatchOutput | undefined) : {}),
    ...(event.type === 'xstate.done.actor.settle' ? { note: (event.output as SettleOutput).note } : {}),
  }
  return Object.keys(data).length === 0 ? undefined : (data as JsonObject)
}

const FAILING = new Set([
  'recovering',
  'retrying',
  'escalated',
  'escalated.overdue',
  'escalated.doubtful',
  'failed',
  'skipped',
])

/** Why a create was put back; what closed the whole account is said there, once. */
function putBackData(error: unknown): TransitionData {
  const { kind, message } = failureOf(error)
  return kind === 'quota' || kind === 'auth' ? {} : { reason: message.slice(0, 1_000) }
}

const refData = (context: Described) => (context.ref === undefined ? {} : { ref: context.ref })

const shortFailure = ({ kind, message, retryable, why }: Failure, to: string) => ({
  kind,
  message: message.slice(0, 1_000),
  retryable,
  ...(why === undefined ? {} : { why }),
  ...(to === 'recovering' ? {} : { again: to === 'retrying' }),
})

const untilData = ([timer]: NonNullable<HostPart['timers']>) =>
  timer === undefined ? {} : { until: new Date(timer[2]).toISOString() }

const askedData = (watched: WatchOutput | undefined) =>
  watched?.asks === undefined ? {} : { note: `it asks: ${watched.asks}` }

function outcomeOf(report: ReportOutput): OutcomeData {
  const { url: _url, ...outcome } = report
  return outcome
}

function commandedOutcome(result: Json): OutcomeData {
  const text = typeof result === 'string' ? result : JSON.stringify(result)
  return { result: text, ...(typeof result === 'string' ? {} : { output: result }), pullRequests: [] }
}

/** The data of the supervisor's transition into `to`. */
export function describeSupervisor(context: JsonObject, to: string): JsonObject | undefined {
  const { reason, outcome } = context
  if (mainState(to) === 'paused' && reason !== undefined) return { reason }
  return to === 'finishing' && outcome !== undefined ? { outcome } : undefined
}
