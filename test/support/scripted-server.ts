import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ServerMessage } from '../../src/api/stream-messages.ts'
import type { RunRecord } from '../../src/domain/record.ts'

/** What a client said on the stream, parsed. */
export interface ClientSaid {
  readonly type: string
  readonly id: string
  readonly after?: string
  readonly [key: string]: unknown
}

/** A client's connection, to be spoken to by the test. */
export class ScriptedConnection {
  readonly said: ClientSaid[] = []
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly closed: Promise<number>
  readonly #waiters = new Set<() => void>()

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket
    this.request = request
    this.closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => undefined)
    socket.on('message', (data) => {
      this.said.push(JSON.parse(String(data)))
      for (const wake of this.#waiters) wake()
    })
  }

  say(message: ServerMessage): void {
    this.socket.send(JSON.stringify(message))
  }

  welcome(): void {
    this.say({ type: 'welcome', protocol: 'troupe.v1', server: 'scripted' })
  }

  records(subscription: string, cursor: string, records: readonly RunRecord[]): void {
    this.say({ type: 'records', subscription, cursor, records })
  }

  /** The `nth` message (from 1) of a type that the client said or will say. */
  until(type: string, nth = 1): Promise<ClientSaid> {
    return new Promise((resolve) => {
      const wake = () => {
        const found = this.said.filter((message) => message.type === type)[nth - 1]
        if (!found) return
        this.#waiters.delete(wake)
        resolve(found)
      }
      this.#waiters.add(wake)
      wake()
    })
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.socket.terminate()
  }
}

/** A server on a free port that says on the stream what a test tells it to. */
export interface ScriptedServer {
  readonly url: string
  readonly connections: readonly ScriptedConnection[]
  /** The `nth` connection (from 1), once it is open. Welcomes are left to the test unless it says otherwise. */
  connection(nth: number): Promise<ScriptedConnection>
}

/** How a scripted server answers. */
export interface Script {
  /** Answers everything but the stream; 404 without it. */
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => void
  /** Refuses an upgrade with a status and an error; undefined lets it in. */
  readonly refuse?: (request: IncomingMessage) => { readonly status: number; readonly code: string } | undefined
  /** @default true */
  readonly welcomes?: boolean
}

/** Listens until the test is over. */
export async function serveScript({ onRequest, refuse, welcomes = true }: Script = {}): Promise<ScriptedServer> {
  const connections: ScriptedConnection[] = []
  const waiters = new Set<() => void>()
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false })
  const server = createServer((request, response) => {
    if (onRequest) return onRequest(request, response)
    response.writeHead(404).end('{}')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined)
    const refusal = refuse?.(request)
    if (refusal) {
      const body = JSON.stringify({ code: refusal.code, message: 'refused', details: {} })
      socket.end(
        `HTTP/1.1 ${refusal.status} Refused\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const connection = new ScriptedConnection(client, request)
      connections.push(connection)
      if (welcomes) connection.welcome()
      for (const wake of waiters) wake()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const { socket } of connections) socket.terminate()
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const connection = (nth: number) =>
    new Promise<ScriptedConnection>((resolve) => {
      const wake = () => {
        const found = connections[nth - 1]
        if (!found) return
        waiters.delete(wake)
        resolve(found)
      }
      waiters.add(wake)
      wake()
    })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections, connection }
}
