import { z } from 'zod'
import { UsageError } from '../domain/errors.ts'
import type { RunRecord } from '../domain/record.ts'
import { describeIssues, type ErrorBody } from './errors.ts'

/** The WebSocket subprotocol, and the first word of the welcome. */
export const STREAM_PROTOCOL = 'troupe.v1'
/** Where the stream lives. */
export const STREAM_PATH = '/v1/stream'

/** Close codes of the stream, beside those of the protocol itself. */
export const STREAM_CLOSED = { tooSlow: 4008, ending: 1001 } as const

const id = z.string().min(1).max(100)

const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('subscribe'),
    id,
    /** `["*"]` for all, also those that begin later. */
    runs: z.array(z.string().max(100)).min(1).max(1000),
    filter: z
      .strictObject({
        tasks: z.array(z.string().max(200)).max(1000).exactOptional(),
        types: z.array(z.string().max(40)).max(20).exactOptional(),
      })
      .exactOptional(),
    /** `start`, `now`, or the cursor that came last. */
    after: z.string().max(1_000_000),
  }),
  z.strictObject({ type: z.literal('unsubscribe'), id }),
  z.strictObject({
    type: z.literal('command'),
    id,
    run: z.string().max(100),
    task: z.string().max(200).exactOptional(),
    command: z.unknown(),
  }),
])

/** What a client of the stream may say. */
export type ClientMessage = z.infer<typeof clientMessage>
export type SubscribeMessage = Extract<ClientMessage, { type: 'subscribe' }>
export type CommandMessage = Extract<ClientMessage, { type: 'command' }>

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
  | { readonly type: 'reply'; readonly id: string; readonly ok: true; readonly result: unknown }
  | { readonly type: 'reply'; readonly id: string; readonly ok: false; readonly error: ErrorBody }

/** Throws UsageError. */
export function parseClientMessage(text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new UsageError('The message is no JSON.', { cause })
  }
  const parsed = clientMessage.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`The message cannot be understood: ${describeIssues(parsed.error)}.`)
}

const cursorSchema = z.strictObject({
  v: z.literal(1),
  seqs: z.record(z.string(), z.number().int().nonnegative()),
  newest: z.string().exactOptional(),
})

/** What a cursor stands for: how far each run was seen, and which run was the newest. */
export interface CursorPosition {
  readonly seqs: ReadonlyMap<string, number>
  readonly newest?: string
}

/** The opaque text of a position. */
export function formatCursor({ seqs, newest }: CursorPosition): string {
  const plain = { v: 1, seqs: Object.fromEntries(seqs), ...(newest === undefined ? {} : { newest }) }
  return Buffer.from(JSON.stringify(plain)).toString('base64url')
}

/** The position of a cursor. Throws UsageError for a text that is none. */
export function parseCursor(text: string): CursorPosition {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    value = undefined
  }
  const parsed = cursorSchema.safeParse(value)
  if (!parsed.success) throw new UsageError(`'after' must be start, now or the cursor that came last.`)
  const { seqs, newest } = parsed.data
  return { seqs: new Map(Object.entries(seqs)), ...(newest === undefined ? {} : { newest }) }
}
