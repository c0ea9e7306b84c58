import { fromPromise } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Json } from '../domain/json.ts'
import type { PullRequest } from '../domain/report.ts'
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
}
export interface CreateInput extends AttemptInput {
  readonly intentAt: number
  readonly failure?: Failure
  /** A person's replacement of the task's prompt. */
  readonly prompt?: string
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
}
export interface WatchOutput {
  readonly kind: 'complete' | 'failed' | 'cancelled' | 'gone' | 'paused' | 'active'
  readonly rawStatus: string | null
  /** Of a paused one: what it asks, one line, cut. */
  readonly asks?: string
  /** Of one that did not complete: the branch of its pull request. */
  readonly branch?: string
}
export interface ReportInput extends AttemptInput {
  readonly ref: AgentRunRef
  readonly turn: number
}
/** A checked report; large texts lie in a file named by `file`. */
export interface ReportOutput {
  readonly result: string
  readonly file?: string
  readonly output?: Json
  readonly metrics?: Json
  readonly pullRequests: readonly PullRequest[]
  readonly url?: string
}
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
export function endFailure({ kind, rawStatus, branch }: WatchOutput): Failure {
  const agentStatus = normaliseStatus(rawStatus)
  const own = branch === undefined ? {} : { branch }
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
}
export interface NewsOutput {
  /** Everything settled up to this record is told in the coming turn. */
  readonly upTo: number
  /** False: nothing settled since. */
  readonly changed: boolean
  /** The run is ending: this is the last turn. */
  readonly final: boolean
}
export interface PromptInput extends AttemptInput {
  readonly ref: AgentRunRef
  readonly turn: number
  readonly toldUpTo: number
  readonly upTo: number
  readonly final: boolean
}
