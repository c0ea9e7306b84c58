import { ApiError } from '../api/errors.ts'
import {
  type ClientMessage,
  type ServerMessage,
  STREAM_PATH,
  STREAM_PROTOCOL,
  type SubscribeMessage,
} from '../api/stream-messages.ts'
import type { Clock, TimerHandle } from '../domain/clock.ts'
import { TroupeError } from '../domain/errors.ts'
import { type Backoff, backoffDelay } from './backoff.ts'
import { errorOf, type Http, wordsOf } from './http.ts'
import type { SocketEnd, SocketEvents, StreamSocket, Transport } from './transport.ts'

/** What uses a link: it is told when it may speak, what is said to it, and why the link is down. */
export interface LinkUser {
  /** The link stands: subscribe. What was said over an earlier one is forgotten. */
  onUp(): void
  /** `size`: of the message's text. */
  onMessage(message: StreamMessage, size: number): void
  /** The link is down; it is tried again after `retryInMs`. */
  onDown(error: TroupeError, retryInMs: number): void
  /** The link is down for good. */
  onEnd(error: TroupeError): void
}

/** A message of one subscription. */
export type StreamMessage = Exclude<ServerMessage, { readonly type: 'welcome' }>

export interface StreamLinkOptions {
  readonly transport: Transport
  readonly http: Http
  readonly clock: Clock
  /** Gives 0 <= x < 1. */
  readonly random: () => number
  /** False: the first loss is the end. */
  readonly reconnect: boolean
}

const RECONNECT: Backoff = { firstMs: 250, mostMs: 15_000 }
/** A link that stood for less counts as one more failed try. */
const STEADY_MS = 5_000
/** The server pings three times within this time, ms. */
const SILENCE_MS = 45_000
/** How long it may take to answer when it was silent, or to open, ms. */
const ANSWER_MS = 15_000
/** Trying again would be refused again: what was said, or who said it, is not accepted. */
const FINAL_CODES = new Set([1002, 1003, 1007, 1008, 1009, 1010, 4401])
const FINAL_STATUSES = new Set([400, 401, 403, 404, 405, 421, 422, 426])
/** Names no subscription: the answer to it is a sign of life. */
const ARE_YOU_THERE = 'are-you-there'

/** One WebSocket for all subscriptions of a client: open while somebody uses it, made again when it is lost. */
export class StreamLink {
  readonly #options: StreamLinkOptions
  readonly #users = new Set<LinkUser>()
  readonly #routes = new Map<string, LinkUser>()
  #socket: StreamSocket | undefined
  #up = false
  #upSince = 0
  /** Counts connections, so that what belongs to an earlier one is known. */
  #connection = 0
  #tries = 0
  #subscriptions = 0
  #timer: TimerHandle | undefined
  #lastSign = 0
  #asked = false
  #paused = false

  constructor(options: StreamLinkOptions) {
    this.#options = options
  }

  /** Whether `user` is the only one. */
  isAlone(user: LinkUser): boolean {
    return this.#users.size === 1 && this.#users.has(user)
  }

  attach(user: LinkUser): void {
    this.#users.add(user)
    this.resume()
    if (this.#up) user.onUp()
    else if (this.#users.size === 1) void this.#connect()
  }

  /** Forgets a user; the last one takes the connection along. */
  detach(user: LinkUser): void {
    if (!this.#users.delete(user)) return
    for (const [id, owner] of this.#routes) if (owner === user) this.unsubscribe(id)
    if (this.#users.size === 0) this.#leave((socket) => socket.close())
  }

  /** Subscribes for a user; gives the name that ends it again, or undefined while the link is down. */
  subscribe(user: LinkUser, request: Omit<SubscribeMessage, 'type' | 'id'>): string | undefined {
    if (!this.#up) return undefined
    const id = `s${++this.#subscriptions}`
    this.#routes.set(id, user)
    this.#send({ type: 'subscribe', id, ...request })
    return id
  }

  unsubscribe(id: string): void {
    if (this.#routes.delete(id)) this.#send({ type: 'unsubscribe', id })
  }

  /** Keeps the server from sending more, whoever it is for. False where that cannot be. */
  pause(): boolean {
    const flow = this.#up ? this.#socket?.flow : undefined
    if (!flow) return false
    this.#paused = true
    flow.pause()
    return true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#lastSign = this.#options.clock.now()
    this.#socket?.flow?.resume()
  }

  async #connect(): Promise<void> {
    const connection = ++this.#connection
    const isCurrent = () => connection === this.#connection
    const { transport, clock } = this.#options
    try {
      const protocols = await this.#protocols()
      if (!isCurrent()) return
      this.#lastSign = clock.now()
      this.#asked = true
      this.#socket = transport.openSocket(STREAM_PATH, protocols, this.#eventsOf(isCurrent))
      this.#listenFor(ANSWER_MS)
    } catch (error) {
      if (isCurrent()) this.#lost(asFailure(transport, error), isFinalError(error))
    }
  }

  /** A socket without headers shows a ticket, which is bought with the token. */
  async #protocols(): Promise<readonly string[]> {
    const { transport, http } = this.#options
    if (!transport.bareSockets || Object.keys(transport.headers).length === 0) return [STREAM_PROTOCOL]
    const { ticket } = await http.post<{ readonly ticket: string }>('/v1/tickets', {})
    return [STREAM_PROTOCOL, `troupe.ticket.${ticket}`]
  }

  #eventsOf(isCurrent: () => boolean): SocketEvents {
    const sign = () => {
      this.#lastSign = this.#options.clock.now()
      this.#asked = false
    }
    return {
      onSign: () => {
        if (isCurrent()) sign()
      },
      onText: (text) => {
        if (!isCurrent()) return
        sign()
        this.#hear(text)
      },
      onClose: (end) => {
        if (isCurrent()) void this.#closed(end, isCurrent)
      },
    }
  }

  #hear(text: string): void {
    const message = parseMessage(text)
    if (!message) {
      this.#lost(this.#failure('it said something that is no message'), false)
    } else if (message.type !== 'welcome') {
      const id = 'subscription' in message ? message.subscription : message.id
      this.#routes.get(id)?.onMessage(message, text.length)
    } else if (message.protocol === STREAM_PROTOCOL) {
      this.#up = true
      this.#upSince = this.#options.clock.now()
      for (const user of [...this.#users]) user.onUp()
    } else {
      this.#lost(this.#failure(`it speaks ${message.protocol}, not ${STREAM_PROTOCOL}`), true)
    }
  }

  async #closed(end: SocketEnd, isCurrent: () => boolean): Promise<void> {
    const { refusal, code, reason, cause } = end
    if (refusal) return this.#lost(errorOf(refusal), FINAL_STATUSES.has(refusal.status))
    if (code === 4401) return this.#lost(new ApiError('unauthorized', reason || 'The token is not accepted.'), true)
    if (!this.#up && this.#options.transport.bareSockets) {
      const refused = await this.#whyRefused()
      if (!isCurrent()) return
      if (refused) return this.#lost(refused, true)
    }
    const why = reason || (cause === undefined ? `the stream ended (${code})` : wordsOf(cause))
    this.#lost(this.#failure(why.replace(/\.$/, ''), cause), FINAL_CODES.has(code))
  }

  /** A browser does not say why there is no WebSocket; where the token is not accepted, another request is told so. */
  async #whyRefused(): Promise<TroupeError | undefined> {
    try {
      await this.#options.http.get('/v1/runs?limit=1', { repeatable: false })
    } catch (error) {
      if (error instanceof TroupeError && isFinalError(error)) return error
    }
    return undefined
  }

  #lost(error: TroupeError, final: boolean): void {
    const { clock, random, reconnect } = this.#options
    this.#tries = this.#up && clock.now() - this.#upSince >= STEADY_MS ? 0 : this.#tries
    this.#leave((socket) => socket.destroy())
    const users = [...this.#users]
    if (final || !reconnect) {
      this.#users.clear()
      for (const user of users) user.onEnd(error)
      return
    }
    const delay = backoffDelay(RECONNECT, this.#tries++, random)
    this.#timer = clock.setTimeout(() => void this.#connect(), delay)
    for (const user of users) user.onDown(error, delay)
  }

  #leave(end: (socket: StreamSocket) => void): void {
    this.#connection++
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#up = false
    this.#paused = false
    this.#routes.clear()
    const socket = this.#socket
    this.#socket = undefined
    if (socket) end(socket)
  }

  /** A connection may die without a word: whoever is silent for long is asked, and then given up. */
  #listenFor(ms: number): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      const silent = this.#options.clock.now() - this.#lastSign
      if (this.#paused || silent < (this.#asked ? ANSWER_MS : SILENCE_MS)) {
        return this.#listenFor(this.#paused ? SILENCE_MS : (this.#asked ? ANSWER_MS : SILENCE_MS) - silent)
      }
      if (this.#asked) return this.#lost(this.#failure(`it was silent for ${silent} ms`), false)
      this.#asked = true
      this.#send({ type: 'unsubscribe', id: ARE_YOU_THERE })
      this.#listenFor(ANSWER_MS)
    }, ms)
  }

  #send(message: ClientMessage): void {
    if (this.#up) this.#socket?.send(JSON.stringify(message))
  }

  #failure(why: string, cause?: unknown): TroupeError {
    return this.#options.transport.failure({ sent: false, why, cause })
  }
}

/** What a server says is believed but for its being an object. */
function parseMessage(text: string): ServerMessage | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as ServerMessage) : undefined
  } catch {
    return undefined
  }
}

function asFailure(transport: Transport, error: unknown): TroupeError {
  if (error instanceof TroupeError) return error
  return transport.failure({ sent: false, why: wordsOf(error), cause: error })
}

/** Whether the same request would be refused again. */
function isFinalError(error: unknown): boolean {
  return error instanceof ApiError && ['unauthorized', 'forbidden', 'wrong-host'].includes(error.code)
}
