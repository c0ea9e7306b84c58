import type { Usage } from './budget.ts'
import type { AttemptKey } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { CheckResult, CheckSpec, CollectedWork, WorkspaceOrder } from './local-work.ts'
import type { PullRequest } from './report.ts'

/** What a backend can do. Machines and effects ask these, never a backend's name. */
export interface BackendCapabilities {
  /** A repeated create of one key makes no second agent run. */
  readonly idempotentCreate: boolean
  /** A running agent run can be stopped. */
  readonly cancel: boolean
  /** An agent run outlives this process and can be watched again. */
  readonly resumeAfterRestart: boolean
  /** A turn after the first can be prompted. */
  readonly turns: boolean
  readonly logs: boolean
  readonly steer: boolean
  /** Tokens or cost are reported. */
  readonly usage: boolean
  /** Agents work in git worktrees of this machine: their work is collected, checked and merged. */
  readonly worktree?: boolean
}

/** What is asked of a backend: one agent run for one attempt. */
export interface AgentOrder {
  readonly key: AttemptKey
  /** Role line, task's prompt, what is asked of the report, failure context, mark. */
  readonly prompt: string
  readonly role?: string
  /** `owner/name` or a backend's own id. */
  readonly repository?: string
  readonly model?: string
  readonly agentType?: string
  /** File paths or data URIs. */
  readonly images?: readonly string[]
  /** How long the work is thought to last, ms. */
  readonly estimateMs?: number
  /** Scripts the simulated backend and the stand-in for this task. */
  readonly simulate?: JsonObject
  /** Where a local agent works; set when capabilities.worktree is true. */
  readonly workspace?: WorkspaceOrder
}

/** A remote agent run: plain JSON, enough to find everything again. */
export interface AgentRunRef {
  readonly backend: string
  readonly id: string
  readonly url?: string
  /** When the backend says it was created, ms. */
  readonly createdAt?: number
  /** The backend's own extras. */
  readonly extra?: JsonObject
}

/**
 * The truth about an agent run. `gone`: the backend no longer knows it. `active` includes every status that the backend
 * has and we do not know.
 */
export interface AgentRunState {
  readonly status: 'active' | 'paused' | 'complete' | 'failed' | 'cancelled' | 'gone'
  /** The backend's own word, as it came. */
  readonly rawStatus: string | null
  readonly result?: string
  readonly summary?: string
  readonly pullRequests: readonly PullRequest[]
  readonly url?: string
  /** When this was read, ms. */
  readonly at: number
  /** What it has used since it was created, all turns together; absent where its backend does not say. */
  readonly usage?: Usage
  /** The turn whose end this is, where the backend knows it for certain; it counts, whatever a report echoes. */
  readonly turn?: number
  /** Of one that failed: why, where the backend itself can tell. */
  readonly failure?: EndFailure
  /** Shown as progress where the backend has it (0..1, or a word). */
  readonly progress?: number | string
}

/** How an agent run failed, as its backend classifies it. */
export interface EndFailure {
  readonly kind: BackendErrorKind | 'agent-failed'
  readonly message: string
  readonly retryable: boolean
  /** Not before this time, ms. */
  readonly notBefore?: number
}

/** Answer to "was this key created?". */
export type FindResult =
  | {
      readonly kind: 'found'
      readonly ref: AgentRunRef /** further runs of the same key, newest last */
      readonly others: readonly AgentRunRef[]
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string }

/** One line of an agent run's log. */
export interface LogEntry {
  readonly at: number | null
  readonly type: string
  readonly text: string
  readonly tool?: string
}

/** Why a call to a backend failed. */
export type BackendErrorKind =
  | 'limit'
  | 'quota'
  | 'auth'
  | 'refused'
  | 'not-found'
  | 'invalid'
  | 'unreachable'
  | 'crashed'
  | 'timeout'
  | 'unknown-outcome'
  /** What it needs cannot be merged. */
  | 'conflict'

/** What a turn after the first is prompted with. */
export interface TurnPrompt {
  readonly turn: number
  readonly text: string
  readonly answer?: string
}

/** Where agent runs happen. `read` decides, hints only wake it. Every method honours its signal. */
export interface Backend {
  readonly id: string
  /** Limits are shared by all runs of one account. */
  readonly account: string
  readonly capabilities: BackendCapabilities
  /** Names of the limiter's buckets a create takes, all at once; empty for none. */
  readonly createBuckets: readonly string[]
  /** How long after a create of unknown outcome an absent key may still appear, ms. */
  readonly graceMs: number
  /** Throws BackendError; `certain: false` means that the outcome is unknown. */
  create(order: AgentOrder, signal: AbortSignal): Promise<AgentRunRef>
  /** Looks a key up among the runs made since `since` (ms). */
  find(key: AttemptKey, since: number, signal: AbortSignal): Promise<FindResult>
  read(ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState>
  /** Calls `onHint` whenever it is time to read; resolves only when aborted. */
  follow(ref: AgentRunRef, onHint: () => void, signal: AbortSignal): Promise<void>
  /**
   * A new turn on an idle run. `text` ends with its mark. `answer`: what a person answered, bare; a run that waits for a permission
   * reads it as yes or no and goes on in the turn under way, which is this one from then on.
   */
  prompt(ref: AgentRunRef, message: TurnPrompt, signal: AbortSignal): Promise<void>
  /**
   * Tells an agent at work something in the turn under way; absent where capabilities.steer is false. `no-turn`: it certainly was not
   * told, since no turn is under way any more.
   */
  steer?(ref: AgentRunRef, message: TurnPrompt, signal: AbortSignal): Promise<'injected' | 'no-turn'>
  /** Whether the mark of `turn` has reached the run, and whether a final answer follows it. */
  findTurn(
    ref: AgentRunRef,
    turn: { key: AttemptKey; turn: number },
    signal: AbortSignal,
  ): Promise<'answered' | 'seen' | 'absent' | 'unknown'>
  /** Stops a run; absent where capabilities.cancel is false. */
  cancel?(ref: AgentRunRef, signal: AbortSignal): Promise<void>
  /** What a person can do to stop a run that this backend cannot stop, as part of a sentence; undefined where nothing helps. */
  howToStop?(ref: AgentRunRef): string | undefined
  /** The newest `limit` entries, oldest first. */
  logs?(ref: AgentRunRef, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]>
  /** Runs a check where the agent worked, on what it left at the end of `turn`. Safe to call again. */
  check?(ref: AgentRunRef, order: { turn: number; check: CheckSpec }, signal: AbortSignal): Promise<CheckResult>
  /** What the attempt did until the end of `turn`, committed. Safe to call again: a turn's work is collected once. */
  collect?(ref: AgentRunRef, turn: number, signal: AbortSignal): Promise<CollectedWork>
  /**
   * Nobody needs the attempt's agent any more: its processes end, its work is kept under its branch, its worktree goes. Safe to call
   * again and for attempts that were never created; `close` waits for it.
   */
  release?(key: AttemptKey): void
  /** Somebody outside says that it may be time to read the run of this id. Never throws, whoever that is. */
  wake?(id: string): void
  /** Releases sockets and timers; agent runs go on. */
  close(): Promise<void>
}

/** Plain form of a failure, as machines and records keep it. */
export interface Failure {
  /** A BackendErrorKind, or how the work itself failed. */
  readonly kind:
    | BackendErrorKind
    | 'reported'
    | 'invalid-report'
    | 'check-failed'
    | 'agent-failed'
    | 'cancelled-outside'
    | 'deadline'
    | 'internal'
  readonly message: string
  readonly retryable: boolean
  /** False: the call may have taken effect. */
  readonly certain: boolean
  /** Not before this time, ms. */
  readonly notBefore?: number
  /** The backend's word for how the agent run ended, normalised. */
  readonly agentStatus?: string
  /** The HTTP code that the call was answered with. */
  readonly httpStatus?: number
  /** Why it failed, in a sentence or two for people. */
  readonly why?: string
  /** What the next attempt is told to do differently. */
  readonly advice?: string
  /** Branch of the failed attempt's pull request. */
  readonly branch?: string
  /** The end of its log for the next attempt, cut. */
  readonly context?: string
}
