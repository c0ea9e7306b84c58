import type { Json } from './json.ts'

/** What a person may say to a task. The same on every way in. */
export type TaskCommand =
  | { readonly type: 'retry'; readonly prompt?: string }
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

/** What a person may say to a run. */
export type RunCommand =
  | { readonly type: 'cancel' }
  | { readonly type: 'pause' }
  /** `budget` raises what is used up: `agentRuns` by a number, `duration` by ms. */
  | { readonly type: 'continue'; readonly budget?: Readonly<Record<string, number>> }

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
