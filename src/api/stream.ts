import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { parseTaskId } from '../domain/ids.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { parseRunCommand, parseTaskCommand } from './commands.ts'
import { errorBody } from './errors.ts'
import type { RecordFeed } from './record-feed.ts'
import type { Served } from './run-views.ts'
import {
  type CommandMessage,
  parseClientMessage,
  type ServerMessage,
  STREAM_PATH,
  STREAM_PROTOCOL,
  type SubscribeMessage,
} from './stream-protocol.ts'
import { openSubscription, startOf } from './subscription.ts'

const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** A client that lets more than this wait for it is closed. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/** How long a client may take to say goodbye, ms. The types of ws do not know the option yet. */
const GOODBYE = { closeTimeout: 1000 }
const MAX_SUBSCRIPTIONS = 100
const MAX_COMMANDS_AT_ONCE = 32

/** Close codes of the stream, beside those of the protocol itself. */
export const STREAM_CLOSED = { tooSlow: 4008, ending: 1001 } as const

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
      (ready) => sockets.handleUpgrade(request, socket, head, (client) => serveClient(client, ready)),
      () => socket.destroy(),
    )
  }
  server.on('upgrade', onUpgrade)
  return {
    close() {
      server.off('upgrade', onUpgrade)
      for (const client of sockets.clients)
        client.close(STREAM_CLOSED.ending, 'The process that holds the data folder is ending.')
      sockets.close()
    },
  }
}

function refusalOf(request: IncomingMessage): string | undefined {
  if ((request.url ?? '').split('?')[0] !== STREAM_PATH) return '404 Not Found'
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.includes(STREAM_PROTOCOL) ? undefined : '400 Bad Request'
}

function serveClient(client: WebSocket, { orchestrator, views }: Served): void {
  const feeds = new Map<string, RecordFeed | undefined>()
  let commands = 0
  const leave = () => {
    for (const feed of feeds.values()) feed?.stop()
    feeds.clear()
  }
  // Resolves when the text left for the kernel, or the client is gone: history is paced by it.
  const transmit = (text: string): Promise<void> => {
    if (client.readyState !== WebSocket.OPEN) return Promise.resolve()
    if (client.bufferedAmount <= MAX_WAITING_BYTES) return new Promise((resolve) => client.send(text, () => resolve()))
    leave()
    client.close(STREAM_CLOSED.tooSlow, 'Too slow: subscribe again with the last cursor.')
    return Promise.resolve()
  }
  const say = (message: ServerMessage) => transmit(JSON.stringify(message))

  const subscribe = async (message: SubscribeMessage) => {
    if (feeds.has(message.id)) throw new UsageError(`There is a subscription '${message.id}' already.`)
    if (feeds.size >= MAX_SUBSCRIPTIONS)
      throw new UsageError(`A client has at most ${MAX_SUBSCRIPTIONS} subscriptions.`)
    // Taken at once: an unsubscribe may come before the runs were looked up.
    feeds.set(message.id, undefined)
    try {
      const start = await startOf({ orchestrator, views }, message)
      if (!feeds.has(message.id) || client.readyState !== WebSocket.OPEN) return
      const feed = openSubscription({ orchestrator, views }, message, start, {
        records: (subscription, cursor, records) => transmit(envelope(subscription, cursor, records)),
        caughtUp: (subscription, cursor) => void say({ type: 'caught-up', subscription, cursor }),
        failed: (id, error) => void say({ type: 'reply', id, ok: false, error: errorBody(error) }),
      })
      feeds.set(message.id, feed)
    } catch (error) {
      feeds.delete(message.id)
      throw error
    }
  }

  const unsubscribe = (id: string) => {
    if (!feeds.has(id)) throw new NotFoundError(`Subscription '${id}'`, 'It may have been ended before.')
    feeds.get(id)?.stop()
    feeds.delete(id)
    void say({ type: 'reply', id, ok: true, result: null })
  }

  const obey = async (message: CommandMessage) => {
    if (++commands >= MAX_COMMANDS_AT_ONCE) client.pause()
    try {
      const result = await carryOut(orchestrator, message)
      void say({ type: 'reply', id: message.id, ok: true, result })
    } finally {
      if (--commands < MAX_COMMANDS_AT_ONCE && client.isPaused) client.resume()
    }
  }

  const hear = async (text: string) => {
    let id = ''
    try {
      const message = parseClientMessage(text)
      id = message.id
      if (message.type === 'subscribe') await subscribe(message)
      else if (message.type === 'unsubscribe') unsubscribe(id)
      else await obey(message)
    } catch (error) {
      void say({ type: 'reply', id, ok: false, error: errorBody(error) })
    }
  }

  client.on('message', (data: RawData) => void hear(String(data)))
  client.on('close', leave)
  // A broken connection is followed by 'close'; nothing else is to be done about it.
  client.on('error', () => undefined)
  void say({ type: 'welcome', protocol: STREAM_PROTOCOL, server: 'troupe' })
}

async function carryOut(orchestrator: Orchestrator, message: CommandMessage) {
  if (message.task === undefined) return orchestrator.command(message.run, parseRunCommand(message.command))
  const task = parseTaskId(message.task)
  if (task === undefined) throw new NotFoundError(`Task '${message.task}'`, 'A task is named like spec or execute.0.')
  return orchestrator.commandTask(message.run, task, parseTaskCommand(message.command))
}

function envelope(subscription: string, cursor: string, records: string): string {
  const head = JSON.stringify({ type: 'records', subscription, cursor })
  return `${head.slice(0, -1)},"records":${records}}`
}
