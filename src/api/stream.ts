import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Served } from './run-views.ts'
import { StreamConnection } from './stream-connection.ts'
import { STREAM_CLOSED, STREAM_PATH, STREAM_PROTOCOL } from './stream-protocol.ts'

const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** How long a client may take to say goodbye, ms. The types of ws do not know the option yet. */
const GOODBYE = { closeTimeout: 1000 }

/** The stream of one server. */
export interface RecordStream {
  /** Says goodbye to every client and lets none in any more. */
  close(): void
}

/**
 * Answers the WebSocket upgrades of `server` on {@link STREAM_PATH}: records as they become durable, and commands. A client
 * waits until there is something to serve.
 */
export function serveStream(server: Server, served: Promise<Served>): RecordStream {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    ...GOODBYE,
    handleProtocols: (offered) => (offered.has(STREAM_PROTOCOL) ? STREAM_PROTOCOL : false),
  })
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const refusal = refusalOf(request)
    if (refusal) return void socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    served.then(
      (ready) => sockets.handleUpgrade(request, socket, head, (client) => new StreamConnection(client, ready)),
      () => socket.destroy(),
    )
  }
  server.on('upgrade', onUpgrade)
  return {
    close() {
      server.off('upgrade', onUpgrade)
      for (const client of sockets.clients) {
        client.close(STREAM_CLOSED.ending, 'The process that holds the data folder is ending.')
      }
      sockets.close()
    },
  }
}

function refusalOf(request: IncomingMessage): string | undefined {
  if ((request.url ?? '').split('?')[0] !== STREAM_PATH) return '404 Not Found'
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.includes(STREAM_PROTOCOL) ? undefined : '400 Bad Request'
}
