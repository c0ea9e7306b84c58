import type { StreamState } from '../api/stream-messages.ts'
import type { RecordType, RunRecord } from '../domain/record.ts'

/** Which records are wanted, and from where on. */
export interface WatchQuery {
  /** Ids of runs; `'*'` for all, also those that begin later. */
  readonly runs: readonly string[] | '*'
  /** Only records of these tasks: `spec`, `execute.0`; a forEach task means all its items. */
  readonly tasks?: readonly string[]
  /** Only records of these types. */
  readonly types?: readonly RecordType[]
  /**
   * `start`, `now`, or the cursor of an earlier watching.
   *
   * @default 'now'
   */
  readonly after?: string
}

/** What is told of a watching beside the records. */
export interface WatchHandlers {
  /** All history was handed out; what comes from here on has just happened. Called again after each reconnection. */
  readonly onCaughtUp?: (cursor: string) => void
  /**
   * Records were left out, and this is how things stand instead: they cannot be read any more (a run was removed, or its file is
   * damaged), or `onGap` is `state`.
   */
  readonly onResync?: (resync: Resync) => void
  /** The connection was lost. It is made again, for as long as it takes. Called once a loss. */
  readonly onDisconnect?: (loss: { readonly error: Error; readonly retryInMs: number }) => void
  /** The connection stands again, and goes on where it was. */
  readonly onReconnect?: () => void
}

/** Stands for records that were left out because the reader was too slow. */
export interface Resync {
  readonly reason: string
  readonly cursor: string
  readonly state: StreamState
}

/** How records are watched. */
export interface WatchOptions extends WatchQuery, WatchHandlers {
  /**
   * What happens when the server leaves records out because this reader is too slow: `refill` reads them from its history,
   * `state` takes how things stand instead.
   *
   * @default 'refill'
   */
  readonly onGap?: 'refill' | 'state'
  /**
   * How many records may wait here to be taken; then the server is made to wait.
   *
   * @default 10000
   */
  readonly buffer?: number
  /** Aborted, it ends the watching as `close` does. */
  readonly signal?: AbortSignal
}

/**
 * Records as they become durable: each once, in order within a run, whatever happens to the connection. Iterate it once; leaving
 * the loop ends it. Throws what the server refuses it for.
 */
export interface Watching extends AsyncIterable<RunRecord> {
  /** Where to go on later (`after`): what was handed out lies before it. */
  readonly cursor: string
  /** The same records, as many at once as came together; instead of iterating the watching itself. */
  batches(): AsyncIterable<readonly RunRecord[]>
  close(): void
}

/** What a subscription calls. */
export interface SubscriptionHandlers extends Omit<WatchOptions, keyof WatchQuery> {
  /** Each record once, in order within a run. While a promise is pending, nothing more is brought. */
  readonly onRecords: (records: readonly RunRecord[], cursor: string) => void | Promise<void>
  /** The subscription has ended because the server refuses it, or because a handler threw. */
  readonly onError?: (error: unknown) => void
}

/** A subscription with callbacks. */
export interface Subscription {
  /** Where to go on later (`after`): what `onRecords` was given lies before it. */
  readonly cursor: string
  /** Resolves when it was closed; rejects with what `onError` is told. */
  readonly ended: Promise<void>
  close(): void
}
