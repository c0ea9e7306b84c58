import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ApiError } from '../api/errors.ts'
import { answerError, answerSocket, type PlainAnswer } from './answers.ts'
import { ignoreUpgrade, wantsOtherProtocol } from './ignore-upgrade.ts'

/** How long and how much a client may take. Times are ms. */
export interface HttpBounds {
  /** For the headers of a request. */
  readonly headersTimeout: number
  /** For a whole request with its body. */
  readonly requestTimeout: number
  /** Between two requests of one connection. */
  readonly keepAliveTimeout: number
  /** How often the times above are looked at. */
  readonly checkInterval: number
  /** For taking the next piece of an answer. */
  readonly answerTimeout: number
  /** Of all headers of a request together. */
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  readonly maxConnections: number
  /** Requests of one connection that have no whole answer yet; one that sends more is cut off. */
  readonly maxUnanswered: number
}

/** The bounds of a server that is not told otherwise. */
export const HTTP_BOUNDS: HttpBounds = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  checkInterval: 2000,
  answerTimeout: 60_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxConnections: 12_000,
  maxUnanswered: 100,
}

/** What becomes of requests. */
export interface HttpListeners {
  readonly request: RequestListener
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** A server, and the connections that it has. */
export interface BoundedServer {
  readonly server: Server
  /** Listens no more; resolves when every connection has ended, each after the answer that is under way. */
  close(): Promise<void>
  /** Ends all connections at once, the upgraded ones too. */
  destroyConnections(): void
  connections(): number
}

/** What Node finds wrong with a request before anybody sees it, by its error code. */
const PARSE_ERRORS: Readonly<
  Record<string, { readonly status: number; readonly code: string; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'too-large', message: 'The headers of the request are too long.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'too-large',
    message: 'The chunk extensions of the request are too long.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'usage', message: 'The request did not arrive in time.' },
}
const BROKEN = { status: 400, code: 'usage', message: 'This is no HTTP request that can be understood.' }

const KEEP_ALIVE_PROBE_MS = 30_000

/** Makes a server that bounds what each connection may cost: slow senders, slow readers, broken and half-open ones are cut off. */
export function createBoundedServer({ request, upgrade }: HttpListeners, bounds: HttpBounds): BoundedServer {
  const sockets = new Set<Socket>()
  const server = createPlainServer(bounds)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (wantsOtherProtocol(incoming, bounds.maxHeaders)) ignoreUpgrade(server, incoming, socket, head)
    else upgrade(incoming, socket, head)
  })
  answerAll(server, request, bounds.maxUnanswered)
  return {
    server,
    connections: () => sockets.size,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      return closed
    },
    destroyConnections() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function createPlainServer(bounds: HttpBounds): Server {
  const server = createServer({
    headersTimeout: bounds.headersTimeout,
    requestTimeout: bounds.requestTimeout,
    keepAliveTimeout: bounds.keepAliveTimeout,
    connectionsCheckingInterval: bounds.checkInterval,
    maxHeaderSize: bounds.maxHeaderBytes,
    // Said by ourselves, as every other mistake is.
    requireHostHeader: false,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    noDelay: true,
  })
  server.maxConnections = bounds.maxConnections
  // Node leaves out what is more than this: one more is let in, so that it can be seen.
  server.maxHeadersCount = bounds.maxHeaders + 1
  server.timeout = bounds.answerTimeout
  return server
}

/** Answers requests, those that are none, and ends connections that take no answer. */
function answerAll(server: Server, request: RequestListener, maxUnanswered: number): void {
  const answers = new WeakMap<Duplex, ServerResponse>()
  const unanswered = new WeakMap<Duplex, Set<ServerResponse>>()
  server.on('request', (incoming, outgoing) => {
    const { socket } = incoming
    const waiting = unanswered.get(socket) ?? closedWith(socket)
    unanswered.set(socket, waiting)
    if (waiting.size >= maxUnanswered) return void socket.destroy()
    waiting.add(outgoing)
    outgoing.on('close', () => waiting.delete(outgoing))
    answers.set(socket, outgoing)
    outgoing.on('finish', () => {
      if (!server.listening) socket.destroySoon()
    })
    request(incoming, outgoing)
  })
  // Whatever is expected of the answer is not promised; the request is one like any other.
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing))
  server.on('timeout', (socket: Socket) => {
    const answer = answers.get(socket)
    // Whoever waits for an outcome may wait for hours; whoever does not take an answer may not.
    if (answer && !answer.headersSent && !answer.destroyed) return
    socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answer = answers.get(socket)
    // Bytes between those of an answer that is under way would garble it.
    if (error.code === 'ECONNRESET' || (answer?.headersSent && !answer.writableFinished)) return void socket.destroy()
    answerSocket(socket, parseErrorAnswer(error.code))
  })
}

/** The answers of a connection that are under way. Node closes only the one whose turn it is: the others go with the connection here. */
function closedWith(socket: Socket): Set<ServerResponse> {
  const waiting = new Set<ServerResponse>()
  socket.on('close', () => {
    for (const outgoing of waiting) {
      if (outgoing.socket !== null) continue
      outgoing.destroy()
      outgoing.emit('close')
    }
  })
  return waiting
}

function parseErrorAnswer(code: string | undefined): PlainAnswer {
  const { status, code: apiCode, message } = PARSE_ERRORS[code ?? ''] ?? BROKEN
  return { ...answerError(new ApiError(apiCode, message)), status }
}
