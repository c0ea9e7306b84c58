import { fromPromise } from 'xstate'
import type { AgentRunRef, EndFailure, Failure } from '../domain/backend.ts'
import type { Usage } from '../domain/budget.ts'
import type { Json } from '../domain/json.ts'
import type { CheckResult, CollectedWork } from '../domain/local-work.ts'
import type { Decision, RefusedDecision } from '../domain/planning.ts'
import type { PullRequest } from '../domain/report.ts'
import type { ReportedWork } from '../domain/reported-work.ts'
import { explainFailure, normaliseStatus } from './explain-failure.ts'

/** What the effects of agents and managers take and give. Inputs are plain JSON: they are journaled as owed. */
export interface AttemptInput {
  readonly task: string
  readonly attempt: number
}
export interface AcquireInput extends AttemptInput {
  /** How much went wrong for the task in a row, if its create was put back just now; spaces the next one. 0: it was not. */
  readonly refusals: number
  /** The provider wants to be left alone until then, ms; it may have passed. */
  readonly notBefore?: number
}
export interface AcquireOutput {
  /** When everything was held: the create's intent, ms. */
  readonly at: number
  /** What the budget has set aside for it, beside one agent run. */
  readonly reserved?: Usage
}
export interface CreateInput extends AttemptInput {
  readonly intentAt: number
  readonly failure?: Failure
  /** A person's replacement of the task's prompt. */
  readonly prompt?: string
  /** What people said to the task before it had an agent. */
  readonly additions?: readonly string[]
  /** Work that cannot be merged is left to the agent, with its conflicts: a person said so. */
  readonly resolve?: true
}
export interface ReconcileInput extends AttemptInput {
  readonly intentAt: number
}
export type ReconcileOutput =
  | { readonly kind: 'found'; readonly ref: AgentRunRef }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string }
export interface WatchInput extends AttemptInput {
  readonly ref: AgentRunRef
  readonly turn: number
  /** What it was last seen to be: the watch ends when that changes. */
  readonly expect: 'active' | 'paused' | 'end'
  /** When its create was intended: how far back it is looked for when it seems to have vanished. */
  readonly intentAt?: number
  /** Nobody knows whether the turn's prompt arrived: an end of the turn before counts once it has stood for a while. */
  readonly doubtful?: true
}
export interface WatchOutput {
  readonly kind: 'complete' | 'failed' | 'cancelled' | 'gone' | 'paused' | 'active'
  readonly rawStatus: string | null
  /** Of a paused one: what it asks, one line, cut. */
  readonly asks?: string
  /** Of one that did not complete: the branch of its pull request. */
  readonly branch?: string
  /** What the agent run has used so far. */
  readonly usage?: Usage
  /** Of one that failed: why, where its backend itself can tell. */
  readonly failure?: EndFailure
}
export interface ReportInput extends AttemptInput {
  readonly ref: AgentRunRef
  readonly turn: number
  /** Nobody knows whether the turn's prompt arrived: the report may be that of the turn before. */
  readonly doubtful?: true
}
/** A checked report; large texts lie in a file named by `file`. */
export interface ReportOutput {
  readonly result: string
  readonly file?: string
  readonly output?: Json
  readonly metrics?: Json
  /** What it claims of its work, where `output` lies in the file. */
  readonly work?: ReportedWork
  readonly pullRequests: readonly PullRequest[]
  readonly url?: string
  /** What git knows of its work, where it worked in a worktree of this machine. */
  readonly collected?: CollectedWork
}
export interface CheckInput extends ReportInput {
  /** Which check of the attempt this is, from 1, and how many there are at most. */
  readonly round: number
  readonly of: number
}
/** `unread`: its report says that it failed, or does not fit; whoever reads it says so, and nothing was run. */
export type CheckOutput =
  | { readonly kind: 'unread' }
  | ({ readonly kind: 'passed' | 'failed'; readonly round: number; readonly of: number } & Omit<CheckResult, 'passed'>)
/** What a check that failed told, as its agent is told it. */
export type FailedCheck = Pick<CheckResult, 'command' | 'exitCode' | 'trouble' | 'output'>
export interface DecisionInput extends ReportInput {
  /** No decision may follow: it must end the plan. */
  readonly lastRound: boolean
}
/** What a manager that plans decided in a turn. */
export type DecisionOutput = Decision | RefusedDecision
export interface DiagnoseInput extends AttemptInput {
  readonly failure: Failure
  readonly ref?: AgentRunRef
}
export interface SettleInput extends AttemptInput {
  readonly ref?: AgentRunRef
  /** Set when a create may have left and its outcome is unknown. */
  readonly intentAt?: number
}
export interface SettleOutput {
  /** What was stopped at the backend, or could not be. */
  readonly note: string
  readonly ref?: AgentRunRef
  /** The agent run may go on at the backend. */
  readonly stillRunning: boolean
  readonly usage?: Usage
}

/** Marks an effect that the composition root provides; the error names what was forgotten. */
export function provided<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() =>
    Promise.reject(new Error(`The effect '${name}' was not provided. Provide it where the machine is started.`)),
  )
}

/** The failure in an invoke's error event; effects reject with plain failures. */
export function failureOf(error: unknown): Failure {
  if (typeof error === 'object' && error !== null && 'kind' in error && 'retryable' in error) return error as Failure
  const message = error instanceof Error ? error.message : String(error)
  return { kind: 'internal', message, retryable: false, certain: true }
}

/** How the end of an agent run that did not complete reads as a failure, explained. */
export function endFailure({ kind, rawStatus, branch, failure: known }: WatchOutput): Failure {
  const agentStatus = normaliseStatus(rawStatus)
  const own = branch === undefined ? {} : { branch }
  // A backend that can tell why says more than its word for the end.
  if (kind === 'failed' && known !== undefined) return explainFailure({ ...known, certain: true, ...own })
  const failure = { retryable: true, certain: true, ...own } as const
  if (kind === 'gone') {
    return explainFailure({ kind: 'not-found', message: 'The backend no longer knows the agent run', ...failure })
  }
  if (kind === 'cancelled') {
    const message = `The agent run was stopped at the backend (${agentStatus})`
    return explainFailure({ kind: 'cancelled-outside', message, agentStatus, ...failure })
  }
  return explainFailure({
    kind: 'agent-failed',
    message: `The agent run ended with ${agentStatus === '' ? 'no status' : agentStatus}`,
    agentStatus,
    ...failure,
  })
}

/** Why a task got no further, for people: what failed, why, and that no other attempt follows by itself. */
export function endReason(failure: Failure, tries: number, attempts: number): string {
  const rest = failure.retryable ? `No attempt is left (${tries} of ${attempts}).` : 'It is not tried again by itself.'
  return [sentence(failure.message.slice(0, 1_000)), failure.why, rest]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
}

function sentence(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' || /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`
}

export interface NewsInput extends AttemptInput {
  /** The last record the manager was told of. */
  readonly toldUpTo: number
  /** What it is to be told is there: it is waited until a turn may be sent. */
  readonly due?: true
}
export interface NewsOutput {
  /** Everything settled up to this record is told in the coming turn. */
  readonly upTo: number
  /** False: nothing settled since. */
  readonly changed: boolean
  /** The run is ending: this is the last turn. */
  readonly final: boolean
}
/** What a turn after the first says. What a person or an agent wrote is cut before it gets here: it is journaled. */
export type TurnMessage =
  /** To the manager: everything settled up to `upTo` and not told before. */
  | { readonly kind: 'news'; readonly toldUpTo: number; readonly upTo: number; readonly final: boolean }
  /** To a manager that plans: its decision was refused. */
  | { readonly kind: 'refusal'; readonly problems: readonly string[] }
  /** The report does not fit: it is asked for once more. */
  | { readonly kind: 'repair'; readonly problems: readonly string[] }
  /** The check of its work failed: it is to put that right. */
  | ({ readonly kind: 'check' } & FailedCheck)
  /** A person answers what was asked. */
  | { readonly kind: 'answer'; readonly text: string }
  /** A person says something that nobody asked for. Never sent twice. `inTurn`: to an agent at work, in the turn under way. */
  | { readonly kind: 'steer'; readonly text: string; readonly inTurn?: true }
export interface PromptInput extends AttemptInput {
  readonly ref: AgentRunRef
  readonly turn: number
  readonly message: TurnMessage
}
export interface PromptOutput {
  /** False: it may have arrived, and is not sent again. */
  readonly certain: boolean
  /** It was for the turn under way, and that had ended: nothing was said. */
  readonly noTurn?: true
}
