import type { Failure } from './backend.ts'
import type { Json, JsonObject } from './json.ts'
import type { WaitingFor } from './limiter.ts'
import type { PullRequest } from './report.ts'

/** One attempt of a task as people see it. */
export interface AttemptView {
  readonly attempt: number
  readonly state: string
  readonly url?: string
  readonly startedAt?: string
  readonly endedAt?: string
  readonly failure?: Pick<Failure, 'kind' | 'message'>
}

/** A task (or the manager) as people see it: what is where, and why. */
export interface TaskView {
  readonly task: string
  /** True for a `forEach` task itself: its items have agents, it has none. */
  readonly forEach?: boolean
  readonly role?: string
  /** Public state; `waiting` while its needs are not settled and no agent exists. */
  readonly state: string
  /** Since when it is in this state, ISO. */
  readonly since?: string
  /** Current attempt, 0 before the first. */
  readonly attempt: number
  readonly attempts: readonly AttemptView[]
  readonly url?: string
  readonly pullRequests: readonly PullRequest[]
  readonly startedAt?: string
  readonly endedAt?: string
  readonly waitingFor?: WaitingFor
  /** Tasks it still waits for. */
  readonly needs?: readonly string[]
  readonly failure?: Pick<Failure, 'kind' | 'message'>
  /** Progress within the agent run where known: 0..1 or a word. */
  readonly progress?: number | string
  /** One line: why it does not go on, until when, and what one can do. */
  readonly why?: string
  /** Names of the commands that are legal now. */
  readonly commands: readonly string[]
}

/** A run as people see it. */
export interface RunView {
  readonly run: string
  readonly name: string
  /** The supervisor's public state. */
  readonly status: string
  readonly reason?: string
  readonly standIn: boolean
  readonly startedAt: string
  readonly endedAt?: string
  readonly seq: number
  readonly inputs: JsonObject
  readonly tasks: readonly TaskView[]
  readonly manager?: TaskView
  /** Counts by state, over tasks. */
  readonly counts: Readonly<Record<string, number>>
  readonly alerts: readonly {
    readonly at: string
    readonly code: string
    readonly message: string
    readonly task?: string
  }[]
  readonly commands: readonly string[]
}

/** One row of a list of runs. */
export interface RunSummary {
  readonly run: string
  readonly name: string
  readonly status: string
  readonly standIn: boolean
  readonly startedAt: string
  readonly endedAt?: string
}

/** A task's result, whole. */
export interface TaskResult {
  readonly task: string
  readonly attempt: number
  readonly status: string
  readonly result: string
  readonly output?: Json
}
