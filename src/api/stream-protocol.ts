import { z } from 'zod'
import { TroupeError, UsageError } from '../domain/errors.ts'
import { parseTaskId } from '../domain/ids.ts'
import type { RecordType } from '../domain/record.ts'
import { describeIssues } from './errors.ts'
import { parseJsonText } from './json-text.ts'
import type { ClientMessage } from './stream-messages.ts'

const MAX_ID = 100
/** How many runs one subscription may name. */
const MAX_RUNS = 1000

const RECORD_TYPES = ['transition', 'plan', 'command', 'alert', 'progress', 'run'] as const satisfies RecordType[]

/** Ids of runs, or `*`. */
export const runsSchema = z.array(z.string().min(1).max(100)).min(1).max(MAX_RUNS)
/** `start`, `now`, or the cursor that came last. */
export const afterSchema = z.string().min(1).max(1_000_000)
/** Tasks and types of records. */
export const filterSchema = z.strictObject({
  tasks: z
    .array(
      z
        .string()
        .max(200)
        .refine((task) => parseTaskId(task) !== undefined, { error: 'no task is named like this' }),
    )
    .max(1000)
    .exactOptional(),
  types: z.array(z.enum(RECORD_TYPES)).max(20).exactOptional(),
})

const id = z.string().min(1).max(MAX_ID)

/** What a client of the stream may say, as it arrives. */
export const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('subscribe'),
    id,
    runs: runsSchema,
    filter: filterSchema.exactOptional(),
    after: afterSchema,
  }),
  z.strictObject({ type: z.literal('unsubscribe'), id }),
  z.strictObject({
    type: z.literal('command'),
    id,
    run: z.string().max(100),
    task: z.string().max(200).exactOptional(),
    command: z.unknown(),
  }),
]) satisfies z.ZodType<ClientMessage>

/** Thrown for a message that cannot be understood; `id` is the message's own, where it has one. */
export class UnclearMessageError extends TroupeError {
  override readonly name = 'UnclearMessageError' as const
  readonly code = 'usage'
  readonly id: string
  constructor(message: string, id = '') {
    super(message)
    this.id = id
  }
}

/** What a client says. Throws UnclearMessageError. */
export function parseClientMessage(text: string): ClientMessage {
  const value = parseText(text)
  const parsed = clientMessage.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UnclearMessageError(`The message cannot be understood: ${describeIssues(parsed.error)}.`, idOf(value))
}

function parseText(text: string): unknown {
  try {
    return parseJsonText(text, 'The message')
  } catch (error) {
    if (error instanceof UsageError) throw new UnclearMessageError(error.message)
    throw error
  }
}

function idOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('id' in value)) return ''
  return typeof value.id === 'string' && value.id.length <= MAX_ID ? value.id : ''
}
