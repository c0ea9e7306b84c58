import { NoAnswerError } from './no-answer-error.ts'
import type { HttpAnswer, HttpRequest, SocketEvents, StreamSocket, Transport } from './transport.ts'

/** What the client needs of `fetch`. */
export type FetchLike = (
  url: string,
  init: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
    readonly signal: AbortSignal
  },
) => Promise<{ readonly status: number; text(): Promise<string> }>

/** What the client needs of a WebSocket, as browsers have it. */
export interface WebSocketLike {
  send(text: string): void
  close(code?: number): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
  addEventListener(type: 'error', listener: () => void): void
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

/** Opens a socket that carries headers. */
export type OpenSocket = (
  url: string,
  protocols: readonly string[],
  headers: Readonly<Record<string, string>>,
  events: SocketEvents,
) => StreamSocket

/** How a server on the network is reached. */
export interface WebTransportOptions {
  readonly url: string
  readonly token?: string
  readonly fetch: FetchLike
  /** A constructor as in browsers, or what can do more. */
  readonly sockets: { readonly standard: WebSocketConstructor } | { readonly open: OpenSocket }
}

/** Reaches a server by `fetch` and WebSocket. Throws TypeError for a URL that is none. */
export function webTransport({ url, token, fetch, sockets }: WebTransportOptions): Transport {
  const base = baseOf(url)
  const headers: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return {
    headers,
    bareSockets: 'standard' in sockets,
    exchange: (request) => exchange(fetch, base, request),
    mayHaveArrived: (cause) => !isNotSent(cause),
    failure: (failure) => new NoAnswerError(base, failure),
    openSocket(path, protocols, events) {
      const address = `${base}${path}`.replace(/^http/, 'ws')
      if ('open' in sockets) return sockets.open(address, protocols, headers, events)
      return openStandard(new sockets.standard(address, [...protocols]), events)
    },
  }
}

/** Without a slash at its end. */
function baseOf(url: string): string {
  const { protocol, origin, pathname } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TypeError(`The URL of a troupe server begins with http:// or https://, not with ${protocol}//`)
  }
  return `${origin}${pathname}`.replace(/\/+$/, '')
}

async function exchange(fetch: FetchLike, base: string, request: HttpRequest): Promise<HttpAnswer> {
  const { method, path, headers, body, signal } = request
  const answer = await fetch(`${base}${path}`, { method, headers, signal, ...(body === undefined ? {} : { body }) })
  return { status: answer.status, text: await answer.text() }
}

/** What Node says when nobody could be reached. A browser does not say why a request failed: it may have arrived then. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

function isNotSent(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string' && NOT_SENT.has(error.code)) return true
    // Each address of a name was tried.
    if (error instanceof AggregateError) return error.errors.every(isNotSent)
  }
  return false
}

function openStandard(socket: WebSocketLike, { onText, onClose }: SocketEvents): StreamSocket {
  let over = false
  socket.addEventListener('message', ({ data }) => {
    if (!over && typeof data === 'string') onText(data)
  })
  socket.addEventListener('close', ({ code, reason }) => {
    if (over) return
    over = true
    onClose({ code, reason })
  })
  // It says nothing, and 'close' follows; but some libraries throw what nobody listens for.
  socket.addEventListener('error', () => undefined)
  const leave = () => {
    over = true
    socket.close(1000)
  }
  return { send: (text) => socket.send(text), close: leave, destroy: leave }
}
