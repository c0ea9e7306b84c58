import { type ErrorBody, errorBody } from './errors.ts'
import type { ServerMessage } from './stream-messages.ts'

/** How what is told looks on the wire. Two forms of one `key` make the same bytes of the same words. */
export interface FrameForm {
  readonly key: string
  /** `records` is the text of a JSON array. */
  records(cursor: string, records: string): Buffer
  caughtUp(cursor: string): Buffer
  /** `state` is the text of a JSON object. */
  resync(reason: string, cursor: string, state: string): Buffer
  /** The subscription ends with this. */
  failed(error: unknown): Buffer
}

/** One message of a WebSocket. */
export function messageFrame(message: ServerMessage): Buffer {
  return Buffer.from(JSON.stringify(message))
}

/** The messages of one subscription of a WebSocket. */
export function messageForm(subscription: string): FrameForm {
  // The array was serialised before, for all clients; it is spliced in behind the envelope.
  const start = `{"type":"records","subscription":${JSON.stringify(subscription)},"cursor":`
  return {
    key: subscription,
    records: (cursor, records) => Buffer.from(`${start}${JSON.stringify(cursor)},"records":${records}}`),
    caughtUp: (cursor) => messageFrame({ type: 'caught-up', subscription, cursor }),
    resync(reason, cursor, state) {
      const head = JSON.stringify({ type: 'resync', subscription, reason, cursor })
      return Buffer.from(`${head.slice(0, -1)},"state":${state}}`)
    },
    failed: (error) => messageFrame({ type: 'reply', id: subscription, ok: false, error: errorBody(error) }),
  }
}

/** Server-Sent Events. */
export const EVENT_FORM: FrameForm = {
  // No subscription is called so.
  key: '',
  records: (cursor, records) => Buffer.from(`event: records\nid: ${cursor}\ndata: ${records}\n\n`),
  caughtUp: (cursor) => eventFrame('caught-up', { cursor }, cursor),
  resync(reason, cursor, state) {
    const head = JSON.stringify({ reason, cursor })
    return Buffer.from(`event: resync\nid: ${cursor}\ndata: ${head.slice(0, -1)},"state":${state}}\n\n`)
  },
  failed: (error) => eventFrame('failed', errorBody(error)),
}

/** One event; the id stays what it was when it has none. */
export function eventFrame(
  event: string,
  data: ErrorBody | { cursor: string } | { reason: string },
  id?: string,
): Buffer {
  return Buffer.from(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`)
}
