import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorBody, httpStatusOf } from '../api/errors.ts'

/** An answer that was not made by a route. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Stand on every answer that does not say otherwise: nobody frames it, guesses its type, keeps it or learns of it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** The answer to an error: `{code, message, details}`, and what the protocol wants beside it. */
export function answerError(error: unknown): PlainAnswer {
  const body = errorBody(error)
  const status = httpStatusOf(error)
  const { retryAfter } = body.details
  return {
    status,
    headers: {
      'content-type': 'application/json',
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="troupe"' } : {}),
      ...(typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}),
    },
    body: JSON.stringify(body),
  }
}

/** Answers on a bare socket, and ends it whatever the other side does. */
export function answerSocket(socket: Duplex, { status, headers, body }: PlainAnswer): void {
  if (!socket.writable) return void socket.destroy()
  const lines = Object.entries({
    ...SECURITY_HEADERS,
    ...headers,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  // A client that never closes its side would keep the socket.
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
}
