import type { BudgetRaise } from './budget.ts'
import type { Json } from './json.ts'

/** What a person may say to a task. The same on every way in. */
export type TaskCommand =
  /** `resolve`: what cannot be merged of the work that it needs goes to its agent, with its conflicts. */
  | { readonly type: 'retry'; readonly prompt?: string; readonly resolve?: boolean }
  | { readonly type: 'complete'; readonly result: Json }
  | { readonly type: 'skip' }
  | { readonly type: 'fail'; readonly reason?: string }
  /** Watch on for another `ms`. */
  | { readonly type: 'wait'; readonly ms?: number }
  /**
   * Take the running agent's end as if it were in time. With an `attempt`: complete the task with what that attempt returned after
   * it had been given up.
   */
  | { readonly type: 'adopt'; readonly attempt?: number }
  /** It may start; or may not, and then ends as its `onFailure` says. */
  | { readonly type: 'approve' }
  | { readonly type: 'reject'; readonly reason?: string }
  /** Answers what its paused agent, or the manager, asks. */
  | { readonly type: 'answer'; readonly text: string }
  /** Tells its agent something that nobody asked for: as soon as that is idle, once. */
  | { readonly type: 'steer'; readonly text: string }
  /** What is under way ends, nothing new starts until `continue`. */
  | { readonly type: 'pause' }
  | { readonly type: 'continue' }
  | { readonly type: 'cancel' }
  /** Once it has settled: carry it out once more, with all that depends on it. */
  | { readonly type: 'rerun' }

/** What a person may say to a run. */
export type RunCommand =
  | { readonly type: 'cancel' }
  | { readonly type: 'pause' }
  /** `budget` raises what is used up: `duration` by ms, `cost` by US dollars. */
  | { readonly type: 'continue'; readonly budget?: BudgetRaise }

/** Who gave a command, for its record. */
export interface CommandOrigin {
  readonly via: 'library' | 'control' | 'rest' | 'stream'
  /** The name of the token that was used; absent where none was needed. */
  readonly who?: string
}

/** Answer to a command: the seq of the record it caused; it is durable. */
export interface CommandReply {
  readonly run: string
  readonly task?: string
  readonly seq: number
  /** Public state after the command. */
  readonly state: string
}
