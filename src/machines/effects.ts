import { fromPromise } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Json } from '../domain/json.ts'
import type { PullRequest } from '../domain/report.ts'

/** What the effects of agents and managers take and give. Inputs are plain JSON: they are journaled as owed. */
export interface AttemptInput {
  readonly task: string
  readonly attempt: number
}
export interface AcquireInput extends AttemptInput {
  /** How often in a row the create was refused without effect; spaces the next one. */
  readonly refusals: number
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
}
export interface WatchOutput {
  readonly kind: 'complete' | 'failed' | 'cancelled' | 'gone' | 'paused' | 'active'
  readonly rawStatus: string | null
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

/** How the end of an agent run that did not complete reads as a failure. */
export function endFailure(end: WatchOutput): Failure {
  const status = end.rawStatus ?? 'null'
  if (end.kind === 'gone') {
    return { kind: 'not-found', message: 'The backend no longer knows the agent run', retryable: true, certain: true }
  }
  if (end.kind === 'cancelled') {
    return {
      kind: 'cancelled-outside',
      message: `The agent run was stopped at the backend (${status})`,
      retryable: false,
      certain: true,
    }
  }
  return { kind: 'agent-failed', message: `The agent run ended with ${status}`, retryable: true, certain: true }
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
