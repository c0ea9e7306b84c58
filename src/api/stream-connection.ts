import { type RawData, WebSocket } from 'ws'
import type { CommandOrigin } from '../domain/command.ts'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { type Access, demandCommand } from './access.ts'
import { errorBody } from './errors.ts'
import { messageForm, messageFrame } from './frame-form.ts'
import { type Carrier, Outlet } from './outlet.ts'
import { ENDING, type StreamClient, type StreamParts } from './stream-client.ts'
import { type ServerMessage, STREAM_CLOSED } from './stream-messages.ts'
import { UnclearMessageError } from './stream-protocol.ts'
import { Subscription } from './subscription.ts'
import { understandMessage, type Wish } from './understand-message.ts'

/** Messages that are carried out at the same time; the others wait in the socket. */
const MAX_AT_ONCE = 32
/** So many messages in a row that cannot be understood are no accident. */
const MAX_NONSENSE = 100

const TEXT = { binary: false } as const
const PART_OF_TEXT = { binary: false, fin: false } as const

class SocketCarrier implements Carrier {
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  buffered(): number {
    return this.#socket.bufferedAmount
  }

  write(part: Buffer, whole: boolean, left?: () => void): void {
    this.#socket.send(part, whole ? TEXT : PART_OF_TEXT, left)
  }
}

/** One client of the stream over a WebSocket: its subscriptions, and the commands it gives. Ends with its socket. */
export class StreamConnection implements StreamClient {
  readonly outlet: Outlet
  readonly #socket: WebSocket
  readonly #access: Access
  readonly #parts: StreamParts
  readonly #subscriptions = new Map<string, Subscription>()
  /** What was said and not looked at yet; undefined for what is no text. */
  readonly #inbox: (string | undefined)[] = []
  #working = 0
  #nonsense = 0
  #heard: number
  /** Something was heard since the last ping. */
  #alive = true
  #waitsToWork = false
  #ending = false

  constructor(socket: WebSocket, access: Access, parts: StreamParts) {
    this.#socket = socket
    this.#access = access
    this.#parts = parts
    this.#heard = parts.clock.now()
    this.outlet = new Outlet({
      carrier: new SocketCarrier(socket),
      clock: parts.clock,
      maxWaiting: parts.bounds.maxWaitingBytes,
      stuckAfter: parts.bounds.stuckAfterMs,
      onStuck: () => this.#close(STREAM_CLOSED.tooSlow, 'Too slow: subscribe again with the last cursor.'),
    })
    socket.on('message', (data, isBinary) => this.#hear(data, isBinary))
    socket.on('pong', () => {
      this.#alive = true
    })
    socket.on('close', () => this.#leave())
    // A broken connection is followed by 'close'; nothing else is to be done about it.
    socket.on('error', () => undefined)
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  /** The first word. */
  welcome(message: ServerMessage): void {
    this.#say(message)
  }

  beat(): void {
    // A ping does not get through to a client that does not take what waits, nor its answer to one who is not listened to.
    if (this.outlet.congested || this.#socket.isPaused) return
    if (!this.#alive) return void this.#socket.terminate()
    const { clock, bounds } = this.#parts
    const quiet = this.#subscriptions.size === 0 && this.#working === 0
    if (quiet && clock.now() - this.#heard >= bounds.idleAfterMs) {
      return void this.#close(STREAM_CLOSED.idle, 'Nothing was subscribed to and nothing said for a long time.')
    }
    this.#alive = false
    this.#socket.ping()
  }

  end(): void {
    this.#ending = true
    this.#stopAll()
    // What was durable before still leaves.
    void this.outlet.drained().then(() => this.#close(STREAM_CLOSED.ending, ENDING))
  }

  #hear(data: RawData, isBinary: boolean): void {
    if (this.#ending || this.#socket.readyState !== WebSocket.OPEN) return
    this.#alive = true
    this.#heard = this.#parts.clock.now()
    this.#inbox.push(isBinary ? undefined : String(data))
    this.#work()
  }

  /** Takes up what was said as long as that piles nothing up; while it may not, nothing is read from the socket. */
  #work(): void {
    while (this.#inbox.length > 0 && this.#working < MAX_AT_ONCE && this.#isHeardOut()) {
      void this.#answer(this.#inbox.shift())
    }
    if (this.#inbox.length > 0) this.#socket.pause()
    else if (this.#socket.isPaused) this.#socket.resume()
  }

  /** Whether the client takes the answers to what it says. */
  #isHeardOut(): boolean {
    if (this.outlet.waiting <= this.#parts.bounds.maxWaitingBytes) return true
    if (!this.#waitsToWork) {
      this.#waitsToWork = true
      void this.outlet.drained().then(() => {
        this.#waitsToWork = false
        this.#work()
      })
    }
    return false
  }

  async #answer(text: string | undefined): Promise<void> {
    this.#working++
    let id = ''
    try {
      if (text === undefined) throw new UnclearMessageError('The message is no text.')
      const wish = understandMessage(text)
      id = wish.id
      this.#nonsense = 0
      await this.#fulfil(wish)
    } catch (error) {
      if (error instanceof UnclearMessageError) {
        id = error.id
        this.#nonsense++
      }
      this.#say({ type: 'reply', id, ok: false, error: errorBody(error) })
      if (this.#nonsense >= MAX_NONSENSE) {
        this.#close(STREAM_CLOSED.nonsense, `${MAX_NONSENSE} messages in a row could not be understood.`)
      }
    } finally {
      this.#working--
      this.#work()
    }
  }

  async #fulfil(wish: Wish): Promise<void> {
    if (wish.type === 'subscribe') return this.#subscribe(wish)
    const { id } = wish
    if (wish.type === 'command') {
      demandCommand(this.#access)
      const result = await wish.give(this.#parts.served.orchestrator, originOf(this.#access))
      return this.#say({ type: 'reply', id, ok: true, result })
    }
    const subscription = this.#subscriptions.get(id)
    if (!subscription) throw new NotFoundError(`Subscription '${id}'`, 'It may have been ended before.')
    subscription.stop()
    this.#subscriptions.delete(id)
    this.#say({ type: 'reply', id, ok: true, result: null })
  }

  async #subscribe({ id, selection, after }: Extract<Wish, { type: 'subscribe' }>): Promise<void> {
    const { served, hub, bounds, onResync } = this.#parts
    if (this.#subscriptions.has(id)) throw new UsageError(`There is a subscription '${id}' already.`)
    if (this.#subscriptions.size >= bounds.maxSubscriptions) {
      throw new UsageError(`A client has at most ${bounds.maxSubscriptions} subscriptions.`)
    }
    const form = messageForm(id)
    const forget = () => {
      // The name may stand for another one by now.
      if (this.#subscriptions.get(id) === subscription) this.#subscriptions.delete(id)
    }
    const onFailed = (error: unknown) => {
      forget()
      this.outlet.push(form.failed(error))
    }
    const { outlet } = this
    const { maxBehind } = bounds
    const subscription = new Subscription({
      served,
      hub,
      selection,
      after,
      form,
      outlet,
      maxBehind,
      onResync,
      onFailed,
    })
    // Taken at once: an unsubscribe may come before the runs were looked up.
    this.#subscriptions.set(id, subscription)
    try {
      await subscription.begin()
    } catch (error) {
      forget()
      throw error
    }
  }

  #say(message: ServerMessage): void {
    this.outlet.push(messageFrame(message))
  }

  #close(code: number, reason: string): void {
    this.#socket.close(code, reason)
    this.#leave()
  }

  #stopAll(): void {
    for (const subscription of this.#subscriptions.values()) subscription.stop()
    this.#subscriptions.clear()
    this.#inbox.length = 0
  }

  #leave(): void {
    if (this.outlet.closed) return
    this.#stopAll()
    this.outlet.close()
    this.#parts.onGone(this)
  }
}

function originOf({ via, who }: Access): CommandOrigin {
  return { via: via === 'control' ? 'control' : 'stream', ...(who === undefined ? {} : { who }) }
}
