import type { AgentOrder, AgentRunRef, Backend, Failure } from '../domain/backend.ts'
import type { Usage } from '../domain/budget.ts'
import type { Clock } from '../domain/clock.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Limiter, SlotRequest } from '../domain/limiter.ts'
import type { CheckSpec } from '../domain/local-work.ts'
import type { DecisionOutput, NewsOutput, PromptInput } from '../machines/effects.ts'

/** What an attempt is told beside its task's prompt, or instead of it. */
export interface OrderExtras {
  readonly failure?: Failure
  /** A person's replacement of the prompt. */
  readonly prompt?: string
  /** What people said before there was an agent. */
  readonly additions?: readonly string[]
  /** Work that cannot be merged is left to the agent, with its conflicts: a person said so. */
  readonly resolve?: true
}

/** What there is to tell the manager. */
export interface News extends NewsOutput {
  /** Why nothing may be told although there is something: the run is to be paused, so that a person raises its budget. */
  readonly held?: string
}

/** What the effects of one run are given; the composition root makes it. */
export interface RunContext {
  readonly run: string
  readonly clock: Clock
  readonly limiter: Limiter
  readonly seed: number
  /** The backend of a task or of the manager. */
  backendOf(task: string): Backend
  /** What the attempt must hold before its create may be sent. */
  slots(task: string, attempt: number): SlotRequest
  /** How long a create of unknown outcome may still appear at its backend, ms. */
  graceMs(task: string): number
  /**
   * Reserves one agent run of the budget for the attempt, and what it is thought to use: that where it is known. A text when there is
   * no room: why.
   */
  reserveBudget(task: string, attempt: number): string | Usage | undefined
  /** The budget is used up: the run is paused and a person is asked. False when the run is ending and cannot be paused. */
  pauseForBudget(reason: string): boolean
  /** Since when an attempt may have been created although no record says so; undefined: it certainly was not. */
  searchSince(task: string, attempt: number): number | undefined
  /** The search was made. */
  searched(task: string, attempt: number): void
  /** The account refused for good (401, 402, 403): it is closed, its runs pause. */
  blockAccount(task: string, failure: Failure): void
  /** What is asked of the backend; the prompt is rendered from the settled tasks, so it is the same after a restart. */
  order(task: string, attempt: number, extras: OrderExtras): Promise<AgentOrder>
  /** What a manager decided, checked against the run as it stands. `lastRound`: it must end the plan. */
  checkDecision(result: Json, lastRound: boolean): DecisionOutput
  /** The text of a turn after the first; it ends with its mark. */
  turnText(input: PromptInput): Promise<string>
  /** What settled since the manager was last told. */
  /** `due`: there is something to tell anyway, and it is asked whether that may be told now. */
  news(toldUpTo: number, due: boolean): News
  /** Resolves when `news` may have changed. */
  newsChanged(signal: AbortSignal): Promise<void>
  readonly reportEveryMs: number
  stuckAfterMs(task: string): number
  /** What troupe itself runs where a task's agent worked, before the task completes. */
  checkOf(task: string): CheckSpec | undefined
  /** What is wrong with a task's output by its schema; undefined when nothing is. */
  checkOutput(task: string, output: Json): string | undefined
  /** Keeps a large text; the name under which it is found again. */
  keepResult(task: string, attempt: number, turn: number, text: string): Promise<string>
  /** The attempt's agent was seen to get on; undefined: it is watched no more. In no record. */
  signOfLife(task: string, attempt: number, at: number | undefined): void
  /** Something worth knowing that is no transition: a record of type `progress`. */
  progress(task: string, attempt: number, data: JsonObject): void
  alert(code: string, message: string, task?: string): void
  /** A second agent run of the same key was seen: it is watched and reported, never used. */
  reportDouble(task: string, attempt: number, ref: AgentRunRef): void
}
