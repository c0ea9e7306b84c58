import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorBody, httpStatusOf } from './errors.ts'

/** Answers a WebSocket upgrade that leads nowhere with the error's HTTP status and `{code, message, details}`. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const status = httpStatusOf(error)
  const body = JSON.stringify(errorBody(error))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Sec-WebSocket-Version: 13',
  ]
  // A client that keeps its side open would keep the socket.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
