import type { Clock } from '../domain/clock.ts'
import type { Outlet } from './outlet.ts'
import type { RecordHub } from './record-hub.ts'
import type { StreamSource } from './stream-source.ts'

/** What a client of the stream may cost. Sizes are bytes, times ms. */
export interface StreamBounds {
  /** More than this does not wait for a client that is slow. */
  readonly maxWaitingBytes: number
  /** How many records a client may miss that is slow before it gets a resync; up to here it gets them from the disk, as fast as it reads. */
  readonly maxBehind: number
  /** A client that takes nothing of what waits for so long is closed. */
  readonly stuckAfterMs: number
  /** A client is asked so often whether it is there. */
  readonly pingEveryMs: number
  /** A client that has no subscription and says nothing for so long is closed. */
  readonly idleAfterMs: number
  readonly maxSubscriptions: number
  readonly maxMessageBytes: number
  /** How long records are gathered when it is busy. */
  readonly gatherMs: number
}

/** What every client of a stream shares. */
export interface StreamParts {
  readonly served: StreamSource
  readonly hub: RecordHub
  readonly clock: Clock
  readonly bounds: StreamBounds
  /** A client got a state instead of records. */
  readonly onResync: () => void
  /** A client has gone. Called once. */
  readonly onGone: (client: StreamClient) => void
}

/** One client of the stream, however it came. */
export interface StreamClient {
  readonly outlet: Outlet
  readonly subscriptions: number
  /** Called every {@link StreamBounds.pingEveryMs}. */
  beat(): void
  /** Takes leave because the process ends. */
  end(): void
}

export const ENDING = 'The process that serves this is ending.'
