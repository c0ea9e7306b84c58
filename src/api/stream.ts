import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { parseTaskId } from '../domain/ids.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { parseRunCommand, parseTaskCommand } from './commands.ts'
import { errorBody } from './errors.ts'
import type { RecordFeed } from './record-feed.ts'
import {
  type ClientMessage,
  parseClientMessage,
  type ServerMessage,
  STREAM_PATH,
  STREAM_PROTOCOL,
} from './stream-protocol.ts'
import { openSubscription } from './subscription.ts'

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
 * waits until `orchestrator` is there.
 */
export function serveStream(server: Server, orchestrator: Promise<Orchestrator>): RecordStream {
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
    orchestrator.then(
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

function serveClient(client: WebSocket, orchestrator: Orchestrator): void {
  const feeds = new Map<string, RecordFeed>()
  let commands = 0
  const say = (message: ServerMessage) => transmit(client, JSON.stringify(message))

  const subscribe = (message: Extract<ClientMessage, { type: 'subscribe' }>) => {
    if (feeds.has(message.id)) throw new UsageError(`There is a subscription '${message.id}' already.`)
    if (feeds.size >= MAX_SUBSCRIPTIONS)
      throw new UsageError(`A client has at most ${MAX_SUBSCRIPTIONS} subscriptions.`)
    const feed = openSubscription(orchestrator, message, {
      records: (subscription, cursor, records) => transmit(client, envelope(subscription, cursor, records)),
      caughtUp: (subscription, cursor) => void say({ type: 'caught-up', subscription, cursor }),
      failed: (id, error) => void say({ type: 'reply', id, ok: false, error: errorBody(error) }),
    })
    feeds.set(message.id, feed)
  }

  const unsubscribe = (id: string) => {
    const feed = feeds.get(id)
    if (!feed) throw new NotFoundError(`Subscription '${id}'`, 'It may have been ended before.')
    feed.stop()
    feeds.delete(id)
    void say({ type: 'reply', id, ok: true, result: null })
  }

  const obey = async (message: Extract<ClientMessage, { type: 'command' }>) => {
    if (++commands >= MAX_COMMANDS_AT_ONCE) client.pause()
    try {
      const result = await carryOut(orchestrator, message)
      void say({ type: 'reply', id: message.id, ok: true, result })
    } catch (error) {
      void say({ type: 'reply', id: message.id, ok: false, error: errorBody(error) })
    } finally {
      if (--commands < MAX_COMMANDS_AT_ONCE && client.isPaused) client.resume()
    }
  }

  client.on('message', (data: RawData) => {
    let id = ''
    try {
      const message = parseClientMessage(String(data))
      id = message.id
      if (message.type === 'subscribe') subscribe(message)
      else if (message.type === 'unsubscribe') unsubscribe(id)
      else void obey(message)
    } catch (error) {
      void say({ type: 'reply', id, ok: false, error: errorBody(error) })
    }
  })
  client.on('close', () => {
    for (const feed of feeds.values()) feed.stop()
    feeds.clear()
  })
  // A broken connection is followed by 'close'; nothing else is to be done about it.
  client.on('error', () => undefined)
  void say({ type: 'welcome', protocol: STREAM_PROTOCOL, server: 'troupe' })
}

async function carryOut(orchestrator: Orchestrator, message: Extract<ClientMessage, { type: 'command' }>) {
  if (message.task === undefined) return orchestrator.command(message.run, parseRunCommand(message.command))
  const task = parseTaskId(message.task)
  if (task === undefined) throw new NotFoundError(`Task '${message.task}'`, 'A task is named like spec or execute.0.')
  return orchestrator.commandTask(message.run, task, parseTaskCommand(message.command))
}

function envelope(subscription: string, cursor: string, records: string): string {
  const head = JSON.stringify({ type: 'records', subscription, cursor })
  return `${head.slice(0, -1)},"records":${records}}`
}

/** Resolves when the text left for the kernel, or the client is gone: history is paced by it. */
function transmit(client: WebSocket, text: string): Promise<void> {
  if (client.readyState !== WebSocket.OPEN) return Promise.resolve()
  if (client.bufferedAmount > MAX_WAITING_BYTES) {
    client.close(STREAM_CLOSED.tooSlow, 'Too slow: subscribe again with the last cursor.')
    return Promise.resolve()
  }
  return new Promise((resolve) => client.send(text, () => resolve()))
}
