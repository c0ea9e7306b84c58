import type { BackendErrorKind } from './backend.ts'

/** Something that was measured at work, for whoever counts. */
export type Measure =
  /** A group of records became durable, `ms` after the first of them was appended. */
  | { readonly type: 'commit'; readonly run: string; readonly records: number; readonly ms: number }
  /** A call to a backend came back. */
  | ({ readonly type: 'call'; readonly account: string } & Omit<BackendCall, 'message'>)

/** One call to a backend, as seen when it came back. Calls that were given up by whoever asked are none. */
export interface BackendCall {
  /** `createRun`, `getRun`, `listRuns`, ... */
  readonly operation: string
  readonly outcome: 'ok' | BackendErrorKind
  /** From the sending; the wait for a place in the limits is not in it. */
  readonly ms: number
  /** Why it failed, without secrets. */
  readonly message?: string
}

/** How many there are of what. */
export interface RunCensus {
  /** All runs of the folder by status. */
  readonly runs: Readonly<Record<string, number>>
  /** Tasks of the unfinished runs that this process carries, by public state; `waiting` before they have an agent. */
  readonly tasks: Readonly<Record<string, number>>
}

/** Whether a data folder's holder can do its work. */
export interface FolderHealth {
  readonly writable: boolean
  /** Why it is not writable. */
  readonly problem?: string
  /** By account: what its last call showed; `unknown` before the first. */
  readonly backends: Readonly<
    Record<string, { readonly reachable: 'yes' | 'no' | 'unknown'; readonly at?: string; readonly message?: string }>
  >
}
