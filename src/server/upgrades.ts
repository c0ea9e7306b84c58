import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ApiError, stopping } from '../api/errors.ts'
import type { RecordStream } from '../api/stream.ts'
import { STREAM_PATH } from '../api/stream-messages.ts'
import { UsageError } from '../domain/errors.ts'
import { answerError, answerSocket } from './answers.ts'
import { TICKET_PROTOCOL } from './authenticate.ts'
import type { LetIn } from './let-in.ts'

/** What WebSockets lead to. */
export interface UpgradesOptions {
  readonly letIn: LetIn
  readonly stream: Pick<RecordStream, 'upgrade'>
  /** By path: what else takes WebSockets. */
  readonly others: ReadonlyMap<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>
  /** Until then a client waits. */
  readonly ready: Promise<unknown>
  readonly draining: () => boolean
  /** Told of what nobody foresaw. */
  readonly failed: (error: unknown) => void
}

/** Lets WebSockets in or refuses them, as requests are. */
export function createUpgrades(options: UpgradesOptions) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const take = async () => {
      const arrival = options.letIn.arrive(request)
      const { path } = arrival.target
      const other = options.others.get(path)
      if (path !== STREAM_PATH && !other) {
        throw new ApiError(
          'not-found',
          `There is no WebSocket at ${path.slice(0, 200)}. The stream is at ${STREAM_PATH}.`,
        )
      }
      checkHandshake(request)
      const access = options.letIn.upgrade(arrival)
      hideTicket(request)
      await options.ready
      if (options.draining()) throw stopping()
      if (other) other(request, socket, head)
      else options.stream.upgrade(request, socket, head, access)
    }
    take().catch((error: unknown) => {
      const answer = answerError(error)
      if (answer.status === 500) options.failed(error)
      answerSocket(socket, answer)
    })
  }
}

/** What a WebSocket begins with. Throws UsageError, ApiError `method-not-allowed`, `upgrade-required`. */
function checkHandshake({ method, httpVersion, headers }: IncomingMessage): void {
  if (method !== 'GET') throw new ApiError('method-not-allowed', `A WebSocket is opened by GET, not by ${method}.`)
  if (headers.upgrade?.toLowerCase() !== 'websocket')
    throw new UsageError('Only an upgrade to websocket is known here.')
  if (httpVersion !== '1.1') throw new UsageError(`A WebSocket needs HTTP/1.1, not HTTP/${httpVersion}.`)
  if (headers['sec-websocket-version'] !== '13') {
    throw new ApiError('upgrade-required', 'Only version 13 of the WebSocket protocol is known here.')
  }
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw new UsageError('The header Sec-WebSocket-Key is missing or no key.')
  }
}

/** A ticket is used up, and nothing further in needs to know of it. */
function hideTicket({ headers }: IncomingMessage): void {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  const left = offered?.filter((name) => !name.startsWith(TICKET_PROTOCOL)).join(', ')
  if (left) headers['sec-websocket-protocol'] = left
  else delete headers['sec-websocket-protocol']
}
