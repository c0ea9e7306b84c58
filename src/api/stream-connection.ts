import { type RawData, WebSocket } from 'ws'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { parseTaskId } from '../domain/ids.ts'
import { parseRunCommand, parseTaskCommand } from './commands.ts'
import { errorBody } from './errors.ts'
import type { RecordFeed } from './record-feed.ts'
import type { Served } from './run-views.ts'
import {
  type CommandMessage,
  parseClientMessage,
  type ServerMessage,
  STREAM_CLOSED,
  STREAM_PROTOCOL,
  type SubscribeMessage,
} from './stream-protocol.ts'
import { openSubscription, startOf } from './subscription.ts'

/** A client that lets more than this wait for it is closed. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
const MAX_SUBSCRIPTIONS = 100
const MAX_COMMANDS_AT_ONCE = 32

/** One client of the stream: its subscriptions, and the commands it gives. Ends with its socket. */
export class StreamConnection {
  readonly #client: WebSocket
  readonly #served: Served
  /** Undefined while the runs of a subscription are looked up. */
  readonly #feeds = new Map<string, RecordFeed | undefined>()
  #commands = 0

  constructor(client: WebSocket, served: Served) {
    this.#client = client
    this.#served = served
    client.on('message', (data: RawData) => void this.#hear(String(data)))
    client.on('close', () => this.#leave())
    // A broken connection is followed by 'close'; nothing else is to be done about it.
    client.on('error', () => undefined)
    this.#say({ type: 'welcome', protocol: STREAM_PROTOCOL, server: 'troupe' })
  }

  async #hear(text: string): Promise<void> {
    let id = ''
    try {
      const message = parseClientMessage(text)
      id = message.id
      if (message.type === 'subscribe') await this.#subscribe(message)
      else if (message.type === 'unsubscribe') this.#unsubscribe(id)
      else await this.#obey(message)
    } catch (error) {
      this.#say({ type: 'reply', id, ok: false, error: errorBody(error) })
    }
  }

  async #subscribe(message: SubscribeMessage): Promise<void> {
    const { id } = message
    if (this.#feeds.has(id)) throw new UsageError(`There is a subscription '${id}' already.`)
    if (this.#feeds.size >= MAX_SUBSCRIPTIONS) {
      throw new UsageError(`A client has at most ${MAX_SUBSCRIPTIONS} subscriptions.`)
    }
    // Taken at once: an unsubscribe may come before the runs were looked up.
    this.#feeds.set(id, undefined)
    try {
      const start = await startOf(this.#served, message)
      if (!this.#feeds.has(id)) return
      const feed = openSubscription(this.#served, message, start, {
        records: (subscription, cursor, records) => this.#transmit(envelope(subscription, cursor, records)),
        caughtUp: (subscription, cursor) => this.#say({ type: 'caught-up', subscription, cursor }),
        failed: (subscription, error) =>
          this.#say({ type: 'reply', id: subscription, ok: false, error: errorBody(error) }),
      })
      this.#feeds.set(id, feed)
    } catch (error) {
      this.#feeds.delete(id)
      throw error
    }
  }

  #unsubscribe(id: string): void {
    if (!this.#feeds.has(id)) throw new NotFoundError(`Subscription '${id}'`, 'It may have been ended before.')
    this.#feeds.get(id)?.stop()
    this.#feeds.delete(id)
    this.#say({ type: 'reply', id, ok: true, result: null })
  }

  async #obey(message: CommandMessage): Promise<void> {
    if (++this.#commands >= MAX_COMMANDS_AT_ONCE) this.#client.pause()
    try {
      this.#say({ type: 'reply', id: message.id, ok: true, result: await this.#carryOut(message) })
    } finally {
      if (--this.#commands < MAX_COMMANDS_AT_ONCE && this.#client.isPaused) this.#client.resume()
    }
  }

  #carryOut(message: CommandMessage) {
    const { orchestrator } = this.#served
    if (message.task === undefined) return orchestrator.command(message.run, parseRunCommand(message.command))
    const task = parseTaskId(message.task)
    if (task === undefined) throw new NotFoundError(`Task '${message.task}'`, 'A task is named like spec or execute.0.')
    return orchestrator.commandTask(message.run, task, parseTaskCommand(message.command))
  }

  #say(message: ServerMessage): void {
    void this.#transmit(JSON.stringify(message))
  }

  /** Resolves when the text left for the kernel, or the client is gone: history is paced by it. */
  #transmit(text: string): Promise<void> {
    const client = this.#client
    if (client.readyState !== WebSocket.OPEN) return Promise.resolve()
    if (client.bufferedAmount <= MAX_WAITING_BYTES) return new Promise((resolve) => client.send(text, () => resolve()))
    this.#leave()
    client.close(STREAM_CLOSED.tooSlow, 'Too slow: subscribe again with the last cursor.')
    return Promise.resolve()
  }

  #leave(): void {
    for (const feed of this.#feeds.values()) feed?.stop()
    this.#feeds.clear()
  }
}

/** The array was serialised before, perhaps for another subscriber. */
function envelope(subscription: string, cursor: string, records: string): string {
  const head = JSON.stringify({ type: 'records', subscription, cursor })
  return `${head.slice(0, -1)},"records":${records}}`
}
