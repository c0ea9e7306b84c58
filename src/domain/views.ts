import type { Failure } from './backend.ts'
import type { BudgetView } from './budget.ts'
import type { Json, JsonObject } from './json.ts'
import type { WaitingFor } from './limiter.ts'
import type { CollectedWork } from './local-work.ts'
import type { PullRequest } from './report.ts'

/** Why something failed, as people see it. */
export type FailureView = Pick<Failure, 'kind' | 'message' | 'why'>

/** One attempt of a task as people see it. */
export interface AttemptView {
  readonly attempt: number
  readonly state: string
  readonly url?: string
  readonly startedAt?: string
  readonly endedAt?: string
  readonly failure?: FailureView
  /** What its agent run has used, US dollars and tokens, where its backend says so. */
  readonly cost?: number
  readonly tokens?: number
}

/** How an attempt ended after it had been given up. Nothing takes it by itself; a person may, while the task is open. */
export interface LateView {
  readonly attempt: number
  /** When its end was recorded, ISO. */
  readonly at: string
  /** The backend's own word. */
  readonly status: string
  readonly url?: string
  readonly pullRequests: readonly PullRequest[]
  /** The beginning of what it returned. */
  readonly result?: string
  /** It completed, and its report is what the task asks for. */
  readonly usable: boolean
  /** Why it is of no use. */
  readonly reason?: string
  /** Names of the commands that are legal now with this `attempt`. */
  readonly commands: readonly string[]
}

/** Something that a person said to a task unasked, and how far it got. */
export interface SteerView {
  /** The beginning of it. */
  readonly text: string
  /**
   * `queued`: not sent yet (in a task that has ended: never). `sent`: on its way. `delivered`: its agent was told. `maybe`: nobody
   * knows, and it is not sent again. `refused`: it could not be sent.
   */
  readonly state: 'queued' | 'sent' | 'delivered' | 'maybe' | 'refused'
}

/** A check of a task's work: commands that troupe itself ran where its agent worked. */
export interface CheckView {
  readonly attempt: number
  /** Which of the attempt's checks it was, from 1, and how many there are at most. */
  readonly round: number
  readonly of: number
  /** When it had ended, ISO. */
  readonly at: string
  /** The command that failed, else the last. */
  readonly command: string
  readonly passed: boolean
  readonly exitCode?: number
  /** Why it counts as failed, where no exit code says it. */
  readonly trouble?: string
  /** How long all commands took, ms. */
  readonly ms: number
}

/** What ends the state of an unfinished task. */
export type Awaited =
  /** Other tasks settle: `needs` names them. */
  | 'needs'
  /** A limit has room: `waitingFor` names it. */
  | 'slot'
  /** A call to the backend is answered. */
  | 'backend'
  /** The agent ends, or asks. */
  | 'agent'
  /** `until` has come. */
  | 'time'
  /** There is something to tell the manager. */
  | 'news'
  /** A person decides. */
  | 'person'

/** A task (or the manager) as people see it: what is where, and why. */
export interface TaskView {
  readonly task: string
  /** True for a `forEach` task itself: its items have agents, it has none. */
  readonly forEach?: boolean
  readonly role?: string
  /** The agent of this machine that carries it out, such as `acp:claude`; absent where another service does. */
  readonly agent?: string
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
  /** What ends its state; absent once the task, or its run, has ended. */
  readonly awaits?: Awaited
  /** By when at the latest its state ends: of an agent at work its deadline. ISO; absent where nobody knows. */
  readonly until?: string
  readonly waitingFor?: WaitingFor
  /** Tasks it still waits for. */
  readonly needs?: readonly string[]
  /** The last failure. */
  readonly failure?: FailureView
  /** The attempt that begins at `until`. */
  readonly nextAttempt?: number
  /** What its agent asks. */
  readonly asks?: string
  /** A person paused it: what is under way ends, nothing new starts. */
  readonly paused?: true
  /** What people said to it unasked. */
  readonly steers?: readonly SteerView[]
  /** When its agent was last seen to get on, ISO; absent where nobody knows. */
  readonly lastSign?: string
  /** Attempts that ended after they had been given up. */
  readonly late?: readonly LateView[]
  /** The attempt whose late result a person adopted. */
  readonly adopted?: number
  /** Checks of the present attempt's work, in their order. */
  readonly checks?: readonly CheckView[]
  /** What git knows of the work that completed it, where that was done in a worktree of the machine that carries the run. */
  readonly collected?: CollectedWork
  /** How many agent runs were made for it, and how long they ran up to the last record, ms; absent before the first. */
  readonly agentRuns?: number
  readonly ranMs?: number
  /** `ranMs` has grown since then, ISO; absent while none runs. */
  readonly ranSince?: string
  /** What they have used, US dollars and tokens, where their backend says so. */
  readonly cost?: number
  readonly tokens?: number
  /** Progress within the agent run where known: 0..1 or a word. */
  readonly progress?: number | string
  /** One line: why it does not go on, until when, and what one can do. */
  readonly why?: string
  /** Names of the commands that are legal now. */
  readonly commands: readonly string[]
}

/** What a planning manager decided in one turn, or why that was refused. */
export interface DecisionView {
  readonly at: string
  readonly attempt: number
  readonly turn: number
  /** Decisions of this manager so far, this one among them. */
  readonly round: number
  readonly decision: 'delegate' | 'finish' | 'ask' | 'refused'
  /** Tasks that it added. */
  readonly tasks?: readonly string[]
  /** Its reason, summary or question, cut. */
  readonly text?: string
  readonly outcome?: 'completed' | 'failed'
  /** Why it was refused. */
  readonly problems?: readonly string[]
}

/** What the reports of a run's completed tasks claim together: data from agents, of which nothing depends. */
export interface ReportedView {
  /** Files, each once where reports name them. */
  readonly filesModified: number
  /** The first of their names. */
  readonly files: readonly string[]
  /** Tasks that say that they opened a pull request. */
  readonly prCreated: number
  /** Tasks that say that their tests passed, or did not; and how many tests, where they say so. */
  readonly testsPassed: { readonly tasks: number; readonly failed: number; readonly tests: number }
  /** The numbers of their metrics, summed by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** As the backend's own field names them, each once. */
  readonly pullRequests: readonly PullRequest[]
}

/** A run as people see it. */
export interface RunView {
  readonly run: string
  readonly name: string
  /** The supervisor's public state. */
  readonly status: string
  /** Since when, ISO. */
  readonly since?: string
  readonly reason?: string
  /** False where it is known that no process carries it, so that nothing of it goes on. */
  readonly carried?: boolean
  readonly standIn: boolean
  readonly startedAt: string
  readonly endedAt?: string
  /** The seq with which it ended first, where it went on after that. */
  readonly reopenedAfter?: number
  readonly seq: number
  readonly inputs: JsonObject
  readonly tasks: readonly TaskView[]
  readonly manager?: TaskView
  /** Decisions of a manager that plans, the newest 200. */
  readonly decisions?: readonly DecisionView[]
  /** Its manager decides what is to be done. */
  readonly plans?: true
  /** What is used of the budget, and what it allows; absent in answers of earlier versions. */
  readonly budget?: BudgetView
  readonly reported?: ReportedView
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
  /** False where it is known that no process carries it, so that nothing of it goes on. */
  readonly carried?: boolean
  readonly standIn: boolean
  readonly startedAt: string
  readonly endedAt?: string
  /** The seq with which it ended first, where it went on after that. */
  readonly reopenedAfter?: number
}

/** A task's result, whole. */
export interface TaskResult {
  readonly task: string
  readonly attempt: number
  readonly status: string
  readonly result: string
  readonly output?: Json
}
