import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Usage } from '../domain/budget.ts'
import { commandText } from '../domain/command-text.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { CollectedWork } from '../domain/local-work.ts'
import type { HostPart } from '../domain/record.ts'
import type { PullRequest } from '../domain/report.ts'
import type { ReportedWork } from '../domain/reported-work.ts'
import type { CheckView } from '../domain/views.ts'
import type { Steer } from './agent-steers.ts'
import { type CheckOutput, failureOf, type ReportOutput, type SettleOutput } from './effects.ts'
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
  /** A check of its work that has ended. */
  readonly check?: Omit<CheckView, 'attempt' | 'at'>
  /** What the budget has set aside for the agent run, and what that has used so far. */
  readonly reserved?: Usage
  readonly usage?: Usage
  /** What a cancel achieved, or what a paused agent asks. */
  readonly note?: string
  /** A person paused the task. */
  readonly paused?: true
  /** What people said to it, the beginnings. */
  readonly steers?: readonly Steer[]
}

/** A completed task's result as its record holds it; `file` names the whole where `result` is cut. */
export interface OutcomeData {
  readonly result: string
  readonly file?: string
  readonly output?: Json
  readonly metrics?: Json
  /** What the report claims, where it is not in `output`. */
  readonly work?: ReportedWork
  readonly pullRequests: readonly PullRequest[]
  /** What git knows of its work, where it worked in a worktree of this machine. */
  readonly collected?: CollectedWork
  /** The attempt whose late result a person adopted. */
  readonly adopted?: number
}

interface Described {
  readonly attempt: number
  readonly turn: number
  readonly ref?: AgentRunRef | undefined
  readonly reason?: string | undefined
  readonly failure?: Failure | undefined
  readonly paused?: true | undefined
  readonly steers?: readonly Steer[] | undefined
  readonly asks?: string | undefined
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
    ...(to === 'running' ||
    to === 'running.deciding' ||
    to === 'escalated.undecided' ||
    to === 'escalated.overdue' ||
    to === 'cancelled'
      ? refData(context)
      : {}),
    ...(context.turn > 1 ? { turn: context.turn } : {}),
    // Why it stood still before says nothing of a task that is done.
    ...(context.reason === undefined || to === 'completed' ? {} : { reason: context.reason }),
    ...(mainState(to) === 'pending' && event.type === 'xstate.error.actor.create' ? putBackData(event.error) : {}),
    ...(context.failure === undefined || !FAILING.has(to) ? {} : { failure: shortFailure(context.failure, to) }),
    ...(event.type === 'xstate.done.actor.report' ? { outcome: outcomeOf(event.output as ReportOutput) } : {}),
    ...(event.type === 'xstate.done.actor.check' ? checkData(event.output as CheckOutput) : {}),
    ...(event.type === 'task.complete' ? { outcome: event.outcome ?? commandedOutcome(event.result ?? null) } : {}),
    ...(to === 'retrying' ? untilData(timers) : {}),
    ...(event.type.startsWith(DONE) ? usageData(event.output) : {}),
    ...(to === 'running.asking' ? { note: `it asks: ${context.reason ?? ''}`.slice(0, 1_000) } : {}),
    ...(ASKED.has(to) ? askedData(context) : {}),
    ...saidData(context),
    ...(event.type === 'xstate.done.actor.settle' ? { note: (event.output as SettleOutput).note } : {}),
  }
  return Object.keys(data).length === 0 ? undefined : (data as JsonObject)
}

const DONE = 'xstate.done.actor.'
/** Of what a person said, records show so much, characters. */
const MOST_SHOWN = 200

const FAILING = new Set([
  'recovering',
  'retrying',
  'escalated',
  'escalated.conflict',
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

/** What an effect learned of what its agent run uses. */
function usageData(output: unknown): TransitionData {
  const { reserved, usage } = (output ?? {}) as { readonly reserved?: Usage; readonly usage?: Usage }
  return { ...(reserved === undefined ? {} : { reserved }), ...(usage === undefined ? {} : { usage }) }
}

/** A check that was not run is none. */
function checkData(output: CheckOutput): TransitionData {
  if (output.kind === 'unread') return {}
  const { kind, round, of, command, exitCode, trouble, ms } = output
  const end = { ...(exitCode === null ? {} : { exitCode }), ...(trouble === undefined ? {} : { trouble }) }
  return { check: { round, of, command: commandText(command), passed: kind === 'passed', ...end, ms } }
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

/** Its agent waits for an answer in these, or for it to arrive. */
const ASKED = new Set(['running.needsInput', 'running.answering'])

const askedData = ({ asks }: Described) => (asks === undefined ? {} : { note: `it asks: ${asks}` })

function saidData({ paused, steers = [] }: Described): TransitionData {
  return {
    ...(paused ? { paused } : {}),
    ...(steers.length === 0
      ? {}
      : { steers: steers.map(({ text, state }) => ({ text: text.slice(0, MOST_SHOWN), state })) }),
  }
}

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
