import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { HttpAnswer, SocketEvents, StreamSocket } from './transport.ts'

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024
const MAX_REFUSAL_BYTES = 64 * 1024
/** How long a server may take to say goodbye, ms. The types of ws do not know the option yet. */
const GOODBYE = { closeTimeout: 1000 }

/** How a socket of Node is opened. */
export interface NodeSocketOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Where the connection is not made by the URL. */
  readonly connect?: () => Duplex
}

/** Opens a WebSocket that carries headers, can be paused, and tells why it was refused. */
export function openNodeSocket(
  url: string,
  protocols: readonly string[],
  { headers, connect }: NodeSocketOptions,
  { onText, onSign, onClose }: SocketEvents,
): StreamSocket {
  const socket = new WebSocket(url, [...protocols], {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    ...GOODBYE,
    ...(headers ? { headers } : {}),
    ...(connect ? { createConnection: connect } : {}),
  })
  let over = false
  let failure: Error | undefined
  const end = (details: { code: number; reason: string; refusal?: HttpAnswer }) => {
    if (over) return
    over = true
    onClose({ ...details, cause: failure })
  }
  socket.on('message', (data) => {
    if (!over) onText(String(data))
  })
  socket.on('ping', onSign)
  // What broke is told by 'close', which follows.
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', (code, reason) => end({ code, reason: String(reason) }))
  socket.on('unexpected-response', (request, response) => {
    void readRefusal(response).then((refusal) => {
      request.destroy()
      end({ code: 1006, reason: '', refusal })
    })
  })
  const leave = (how: () => void) => {
    over = true
    how()
  }
  return {
    send: (text) => socket.send(text),
    close: () =>
      leave(() => {
        // A paused socket would not hear the answer.
        socket.resume()
        socket.close(1000)
      }),
    destroy: () => leave(() => socket.terminate()),
    flow: { pause: () => socket.pause(), resume: () => socket.resume() },
  }
}

/** Whatever of the answer came, at most {@link MAX_REFUSAL_BYTES}. */
function readRefusal(response: IncomingMessage): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let bytes = 0
    const done = () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') })
    response.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes <= MAX_REFUSAL_BYTES) parts.push(part)
      else response.destroy()
    })
    response.on('close', done)
    response.on('error', () => undefined)
  })
}
