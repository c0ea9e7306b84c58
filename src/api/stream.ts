import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock, TimerHandle } from '../domain/clock.ts'
import { UsageError } from '../domain/errors.ts'
import { realClock } from '../host/clock.ts'
import { troupeVersion } from '../version.ts'
import type { Access } from './access.ts'
import { stopping } from './errors.ts'
import { EventConnection, readEventsQuery } from './event-stream.ts'
import { RecordHub } from './record-hub.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'
import type { StreamBounds, StreamClient, StreamParts } from './stream-client.ts'
import { StreamConnection } from './stream-connection.ts'
import { STREAM_PROTOCOL } from './stream-messages.ts'
import type { StreamSource } from './stream-source.ts'

const KILOBYTE = 1024
const MEGABYTE = 1024 * KILOBYTE
const SECOND = 1000
const MINUTE = 60 * SECOND

const BOUNDS: StreamBounds = {
  maxWaitingBytes: MEGABYTE,
  maxBehind: 20_000,
  stuckAfterMs: 30 * SECOND,
  pingEveryMs: 15 * SECOND,
  idleAfterMs: 5 * MINUTE,
  maxSubscriptions: 100,
  maxMessageBytes: MEGABYTE,
  gatherMs: 25,
}
const FRAME_BYTES = 256 * KILOBYTE
/** How long a client may take to say goodbye, ms. The types of ws do not know the option yet. */
const GOODBYE = { closeTimeout: SECOND }

/** How a stream is set up; what is not said is as `StreamBounds` of a server: 1 MiB a client, 100 subscriptions, a ping every 15 s. */
export interface RecordStreamOptions extends Partial<StreamBounds> {
  /** @default the machine's time */
  readonly clock?: Clock
  /** Told to every client in the welcome. @default troupe and its version */
  readonly server?: string
}

/** What a stream costs and how it gets on. */
export interface StreamStats {
  readonly clients: number
  readonly subscriptions: number
  /** Bytes that wait for all clients together. */
  readonly waitingBytes: number
  /** How often a client got a state instead of records. */
  readonly resyncs: number
  /** Each record counts once for each client that it went to. */
  readonly recordsSent: number
  /** For how long the slowest client has been behind, ms. */
  readonly lagMs: number
}

/** The stream of one server. */
export interface RecordStream {
  /** Takes over a WebSocket upgrade of STREAM_PATH whose sender was let in already. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, access: Access): void
  /**
   * Answers `GET /v1/events` (SSE).
   *
   * @throws UsageError for a query that cannot be used, NotFoundError for a run, ApiError `stopping`
   */
  events(request: Request, access: Access): Promise<Response>
  stats(): StreamStats
  /** Says goodbye to every client, after the last records, and lets none in any more. */
  close(): void
}

/** Makes the stream of what `served` will be: records as they become durable, and commands. A client waits until there is something. */
export function createRecordStream(served: Promise<StreamSource>, options: RecordStreamOptions = {}): RecordStream {
  const stream = new Stream(served, options)
  // Each may be passed on by itself.
  return {
    upgrade: (request, socket, head, access) => stream.upgrade(request, socket, head, access),
    events: (request) => stream.events(request),
    stats: () => stream.stats(),
    close: () => stream.close(),
  }
}

class Stream {
  readonly #clock: Clock
  readonly #server: string
  readonly #bounds: StreamBounds
  readonly #parts: Promise<StreamParts>
  readonly #sockets: WebSocketServer
  readonly #clients = new Set<StreamClient>()
  #hub: RecordHub | undefined
  #resyncs = 0
  #heartbeat: TimerHandle | undefined
  #closed = false

  constructor(
    served: Promise<StreamSource>,
    { clock = realClock, server = `troupe/${troupeVersion()}`, ...bounds }: RecordStreamOptions,
  ) {
    this.#clock = clock
    this.#server = server
    this.#bounds = { ...BOUNDS, ...bounds }
    this.#parts = served.then((ready) => this.#partsOf(ready))
    this.#parts.catch(() => undefined)
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: this.#bounds.maxMessageBytes,
      perMessageDeflate: false,
      ...GOODBYE,
      handleProtocols: (offered) => (offered.has(STREAM_PROTOCOL) ? STREAM_PROTOCOL : false),
    })
    this.#sockets.on('wsClientError', ({ message }, socket) => {
      refuseUpgrade(socket, new UsageError(`This is no WebSocket handshake: ${message}.`))
    })
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, access: Access): void {
    socket.on('error', () => socket.destroy())
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(STREAM_PROTOCOL)) {
      return void refuseUpgrade(socket, new UsageError(`Offer the WebSocket subprotocol ${STREAM_PROTOCOL}.`))
    }
    this.#parts.then(
      (parts) => {
        if (this.#closed) return refuseUpgrade(socket, stopping())
        this.#sockets.handleUpgrade(request, socket, head, (client) => this.#admit(client, access, parts))
      },
      (error) => refuseUpgrade(socket, error),
    )
  }

  async events(request: Request): Promise<Response> {
    const query = readEventsQuery(request)
    const parts = await this.#parts
    if (this.#closed) throw stopping()
    const client = new EventConnection(query, parts)
    this.#enter(client)
    return client.respond()
  }

  stats(): StreamStats {
    let subscriptions = 0
    let waitingBytes = 0
    let lagMs = 0
    for (const client of this.#clients) {
      subscriptions += client.subscriptions
      waitingBytes += client.outlet.waiting
      lagMs = Math.max(lagMs, client.outlet.lag)
    }
    const recordsSent = this.#hub?.sent ?? 0
    return { clients: this.#clients.size, subscriptions, waitingBytes, resyncs: this.#resyncs, recordsSent, lagMs }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#hub?.flush()
    for (const client of this.#clients) client.end()
    this.#sockets.close()
  }

  #partsOf(served: StreamSource): StreamParts {
    const { gatherMs } = this.#bounds
    const hub = new RecordHub(served, { clock: this.#clock, gatherMs, frameBytes: FRAME_BYTES })
    this.#hub = hub
    return {
      served,
      hub,
      clock: this.#clock,
      bounds: this.#bounds,
      onResync: () => {
        this.#resyncs++
      },
      onGone: (client) => this.#dismiss(client),
    }
  }

  #admit(socket: WebSocket, access: Access, parts: StreamParts): void {
    const client = new StreamConnection(socket, access, parts)
    this.#enter(client)
    client.welcome({ type: 'welcome', protocol: STREAM_PROTOCOL, server: this.#server })
  }

  #enter(client: StreamClient): void {
    this.#clients.add(client)
    this.#heartbeat ??= this.#clock.setTimeout(this.#beat, this.#bounds.pingEveryMs)
  }

  #dismiss(client: StreamClient): void {
    this.#clients.delete(client)
    if (this.#clients.size > 0 || this.#heartbeat === undefined) return
    this.#clock.clearTimeout(this.#heartbeat)
    this.#heartbeat = undefined
  }

  readonly #beat = (): void => {
    this.#heartbeat = this.#clock.setTimeout(this.#beat, this.#bounds.pingEveryMs)
    for (const client of this.#clients) client.beat()
  }
}
