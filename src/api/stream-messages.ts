// Also runs in browsers: no library and nothing of Node may be imported here.
import type { CommandReply } from '../domain/command.ts'
import type { RecordType, RunRecord } from '../domain/record.ts'
import type { RunView } from '../domain/views.ts'
import type { ErrorBody } from './errors.ts'

/** The WebSocket subprotocol, and the first word of the welcome. */
export const STREAM_PROTOCOL = 'troupe.v1'
/** Where the stream lives. */
export const STREAM_PATH = '/v1/stream'
/** Where the same records are Server-Sent Events. */
export const EVENTS_PATH = '/v1/events'

/** Close codes of the stream, beside those of the protocol itself (1009: a message was too large). */
export const STREAM_CLOSED = {
  /** The process ends. */
  ending: 1001,
  /** Too many messages in a row that cannot be understood. */
  nonsense: 1008,
  /** No subscription, and nothing said for a long time. */
  idle: 4000,
  /** What waits for the client does not get any less. */
  tooSlow: 4008,
} as const

/** Which records of its runs a subscription is for; both must fit. */
export interface RecordFilter {
  /** Task ids as people may type them: `spec`, `execute.0`, `execute[0]`; a forEach task means all its items. */
  readonly tasks?: readonly string[]
  readonly types?: readonly RecordType[]
}

/** Asks for records from a place on. */
export interface SubscribeMessage {
  readonly type: 'subscribe'
  /** The client's own name for the subscription, unique among those it has. */
  readonly id: string
  /** `["*"]` for all, also those that begin later. */
  readonly runs: readonly string[]
  readonly filter?: RecordFilter
  /** `start`, `now`, or the cursor that came last. */
  readonly after: string
}

/** Ends a subscription. */
export interface UnsubscribeMessage {
  readonly type: 'unsubscribe'
  readonly id: string
}

/** Tells a run, or a task of it, what to do. */
export interface CommandMessage {
  readonly type: 'command'
  readonly id: string
  readonly run: string
  readonly task?: string
  /** A RunCommand or a TaskCommand. */
  readonly command: unknown
}

/** What a client of the stream may say. */
export type ClientMessage = SubscribeMessage | UnsubscribeMessage | CommandMessage

/** How things stood at a resync's cursor: of the subscription's runs; of `*`, those that have not ended. */
export interface StreamState {
  readonly runs: readonly RunView[]
}

/** What the stream says. */
export type ServerMessage =
  | { readonly type: 'welcome'; readonly protocol: typeof STREAM_PROTOCOL; readonly server: string }
  | {
      readonly type: 'records'
      readonly subscription: string
      readonly cursor: string
      readonly records: readonly RunRecord[]
    }
  | { readonly type: 'caught-up'; readonly subscription: string; readonly cursor: string }
  /** Records before the cursor are left out; the state stands for them. */
  | {
      readonly type: 'resync'
      readonly subscription: string
      readonly reason: string
      readonly cursor: string
      readonly state: StreamState
    }
  /** `id` is that of the message it answers; empty where that had none. An unsubscribe is answered with null. */
  | { readonly type: 'reply'; readonly id: string; readonly ok: true; readonly result: CommandReply | null }
  /** Also ends the subscription `id` when it failed later on. */
  | { readonly type: 'reply'; readonly id: string; readonly ok: false; readonly error: ErrorBody }
