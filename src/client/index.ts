/** The client of troupe's API for Node. `browser.ts` has the same names. */
import type { TroupeClient } from './client.ts'
import { type ClientOptions, createClientWith } from './create-client.ts'
import { openNodeSocket } from './node-socket.ts'

export { ApiError } from '../api/errors.ts'
export type { BackendsView } from '../api/schemas/folder.ts'
export type { RunsQuery } from '../api/schemas/queries.ts'
export type { StreamState } from '../api/stream-messages.ts'
export type { LogEntry } from '../domain/backend.ts'
export type { Clock } from '../domain/clock.ts'
export type { CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
export {
  BackendError,
  CommandRefusedError,
  DataFolderError,
  IdempotencyConflictError,
  NotFoundError,
  type Problem,
  TroupeError,
  UsageError,
  WorkflowError,
} from '../domain/errors.ts'
export type { Json, JsonObject } from '../domain/json.ts'
export type { RunOutcome, RunSettings } from '../domain/orchestration.ts'
export type { RecordType, RunRecord } from '../domain/record.ts'
export type { AttemptView, RunSummary, RunView, TaskResult, TaskView } from '../domain/views.ts'
export type { WorkflowDefinition } from '../workflow/define.ts'
export type { SettledRun, StartRequest, TroupeClient } from './client.ts'
export type { ClientOptions } from './create-client.ts'
export { NoAnswerError } from './no-answer-error.ts'
export type {
  Resync,
  Subscription,
  SubscriptionHandlers,
  WatchHandlers,
  Watching,
  WatchOptions,
  WatchQuery,
} from './watch-options.ts'
export type { FetchLike, WebSocketConstructor, WebSocketLike } from './web-transport.ts'

/** A client of the server at `url`. Connects when it is first asked something. Throws TypeError for a URL that is none. */
export function createClient(options: ClientOptions): TroupeClient {
  if (options.WebSocket) return createClientWith(options, { standard: options.WebSocket })
  return createClientWith(options, {
    open: (url, protocols, headers, events) => openNodeSocket(url, protocols, { headers }, events),
  })
}
