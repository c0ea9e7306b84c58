import type { Json, JsonObject } from './json.ts'
import type { CheckSpec, CommandLine, PermissionSpec } from './local-work.ts'
import type { PlanningSpec } from './planning.ts'

export type InputType = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array'

/** A declared input of a workflow. */
export interface InputSpec {
  readonly type: InputType
  readonly required: boolean
  readonly default?: Json
  readonly description?: string
}

export type Priority = 'high' | 'normal' | 'low'
export type OnFailure = 'escalate' | 'fail' | 'skip' | 'continue'

/** Exponential backoff: delay * factor^(n-1), at most maxDelay, with jitter. */
export interface RetryPolicy {
  /** Attempts in all, at least 1. */
  readonly attempts: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** Start a second agent when the first is past its deadline and cannot be cancelled. */
  readonly onTimeout: boolean
}

/** When a task runs although something it needs did not complete, or does not run although all did. */
export type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'expression'; readonly source: string }

/** One task of a checked workflow: every default filled in, every duration in ms. */
export interface TaskSpec {
  readonly id: string
  readonly role?: string
  /** Liquid template. */
  readonly prompt: string
  readonly needs: readonly string[]
  readonly if?: Condition
  /** The upstream task and the path below its output that holds the list; `outputs`: the outputs of its items are the list. */
  readonly forEach?: { readonly task: string; readonly path: readonly string[]; readonly outputs?: true }
  readonly maxItems: number
  /** JSON Schema of `report.result`. */
  readonly output?: JsonObject
  readonly backend: string
  readonly repository?: string
  readonly model?: string
  readonly agentType?: string
  readonly images?: readonly string[]
  readonly priority: Priority
  /** Named resources, one unit each. */
  readonly uses: readonly string[]
  readonly timeoutMs: number
  readonly stuckAfterMs: number
  readonly retry: RetryPolicy
  readonly onFailure: OnFailure
  readonly estimateMs?: number
  /** US dollars. */
  readonly estimateCost?: number
  readonly simulate?: JsonObject
  /** At local agents: what must pass before it completes. */
  readonly check?: CheckSpec
  /** At local agents: run in its new worktree before its agent starts. */
  readonly setup?: readonly CommandLine[]
  /** At local agents: what its agent may do that it asks for; absent: nothing outside its worktree. */
  readonly permissions?: PermissionSpec
  /** At local agents: work of what it needs that cannot be merged goes to its agent instead of a person. */
  readonly onConflict?: 'agent'
  /** A person says that it may start. */
  readonly approval?: boolean
  /** The manager added it: its prompt is plain text, and what its needs returned follows as data. */
  readonly planned?: boolean
}

/** The manager of a checked workflow. */
export interface ManagerSpec {
  /** Liquid template over `inputs`. */
  readonly prompt: string
  readonly backend: string
  readonly repository?: string
  readonly model?: string
  /** How long one turn may last, ms. */
  readonly timeoutMs: number
  /** Told of changes at most this often, ms. */
  readonly reportEveryMs: number
  readonly simulate?: JsonObject
  /** Set when it decides what is to be done. */
  readonly planning?: PlanningSpec
}

/** `max` calls in any window of `windowMs`, or no limit. */
export type RateLimit = { readonly max: number; readonly windowMs: number } | 'none'

/** A checked workflow: the definition of a run. Plain JSON; tasks in the order of the file. */
export interface Workflow {
  readonly name: string
  readonly description?: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** Agents at once in this run. */
  readonly concurrency: number
  /** By backend, then bucket. */
  readonly limits: Readonly<Record<string, Readonly<Record<string, RateLimit>>>>
  /** Capacity by resource name. */
  readonly resources: Readonly<Record<string, number>>
  readonly budget: {
    readonly agentRuns?: number
    readonly durationMs?: number
    readonly managerTurns?: number
    /** US dollars. */
    readonly cost?: number
    readonly tokens?: number
  }
  /** The template of each role's first line, by role; `default` for the rest. */
  readonly roles: Readonly<Record<string, string>>
  readonly manager?: ManagerSpec
  readonly tasks: readonly TaskSpec[]
}
