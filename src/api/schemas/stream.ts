import { z } from 'zod'
import { type ServerMessage, STREAM_PROTOCOL } from '../stream-messages.ts'
import { clientMessage } from '../stream-protocol.ts'
import { component, components } from './component.ts'
import { errorBody } from './errors.ts'
import { commandReply, runRecord } from './records.ts'
import { runView } from './views.ts'

components.add(clientMessage, { id: 'StreamClientMessage' })

const subscription = z.string().describe('The id that the client gave it.')
const cursor = z.string().describe('Opaque; where to go on.')
const id = z.string().describe('Of the message that is answered, or of the subscription that ended.')

// What the stream says. Only the document needs it, by its name.
component<ServerMessage>('StreamServerMessage')(
  z.union([
    z.object({ type: z.literal('welcome'), protocol: z.literal(STREAM_PROTOCOL), server: z.string() }),
    z.object({ type: z.literal('records'), subscription, cursor, records: z.array(runRecord) }),
    z.object({ type: z.literal('caught-up'), subscription, cursor }),
    z.object({
      type: z.literal('resync'),
      subscription,
      reason: z.string(),
      cursor,
      state: z.object({ runs: z.array(runView) }).describe('How things stood at the cursor.'),
    }),
    z.object({ type: z.literal('reply'), id, ok: z.literal(true), result: z.union([commandReply, z.null()]) }),
    z.object({ type: z.literal('reply'), id, ok: z.literal(false), error: errorBody }),
  ]),
)
