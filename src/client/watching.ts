import { formatCursor, parseCursor } from '../api/cursor.ts'
import { reviveError } from '../api/errors.ts'
import type { SubscribeMessage } from '../api/stream-messages.ts'
import type { TroupeError } from '../domain/errors.ts'
import type { RunRecord } from '../domain/record.ts'
import { SeenRecords } from './seen-records.ts'
import type { LinkUser, StreamLink, StreamMessage } from './stream-link.ts'
import type { Resync, Watching, WatchOptions } from './watch-options.ts'

const BUFFER = 10_000
/** Records may be long: no more text than this waits either, in characters. */
const BUFFERED_TEXT = 32 * 1024 * 1024

/** Records that came together, and the place after them. */
interface Batch {
  readonly records: readonly RunRecord[]
  readonly cursor: string
}

/** Something that waits to be taken. */
type Waiting = { readonly cursor: string; readonly size: number } & (
  | ({ readonly type: 'records' } & Batch)
  | { readonly type: 'caught-up' }
  | { readonly type: 'resync'; readonly resync: Resync }
)

/** One subscription over a link, buffered and made again whenever it breaks. */
export class StreamWatching implements Watching, LinkUser {
  readonly #link: StreamLink
  readonly #options: WatchOptions
  readonly #request: Pick<SubscribeMessage, 'runs' | 'filter'>
  readonly #seen: SeenRecords
  readonly #waiting: Waiting[] = []
  readonly #onAbort = () => this.close()
  #records = 0
  #text = 0
  /** Too much waits: the server is not listened to. */
  #full = false
  /** Its name on the wire; undefined while it is not subscribed. */
  #id: string | undefined
  /** Up to where everything was taken in. */
  #takenIn: string
  /** Up to where everything was handed out, but for what `#handedOut` has of the next records. */
  #place: string
  #current: Batch | undefined
  #handedOut = 0
  #caughtUp = false
  #lost = false
  #iterated = false
  #over = false
  #error: TroupeError | undefined
  #wake: () => void = () => undefined

  constructor(link: StreamLink, options: WatchOptions) {
    const { runs, tasks, types, after = 'now', signal } = options
    this.#link = link
    this.#options = options
    const filter = { ...(tasks ? { tasks } : {}), ...(types ? { types } : {}) }
    this.#request = { runs: runs === '*' ? ['*'] : runs, ...(tasks || types ? { filter } : {}) }
    this.#seen = new SeenRecords({ gapless: !tasks && !types, from: seqsAt(after, runs) })
    this.#takenIn = after
    this.#place = after
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#over = true
    else link.attach(this)
  }

  get cursor(): string {
    return this.#current ? (cursorWithin(this.#current, this.#handedOut) ?? this.#place) : this.#place
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunRecord, void, undefined> {
    for await (const records of this.batches()) {
      for (const [index, record] of records.entries()) {
        this.#handedOut = index + 1
        yield record
        if (this.#over && !this.#error) return
      }
    }
  }

  async *batches(): AsyncGenerator<readonly RunRecord[], void, undefined> {
    for await (const { records } of this.entries()) yield records
  }

  /** The batches, each with the place after it. */
  async *entries(): AsyncGenerator<Batch, void, undefined> {
    if (this.#iterated) throw new TypeError('A watching can be iterated once only.')
    this.#iterated = true
    try {
      for (let next = await this.#next(); next; next = await this.#next()) {
        this.#current = next
        this.#handedOut = 0
        yield next
        this.#arriveAt(next.cursor)
      }
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#waiting.length = 0
    this.#end()
  }

  onUp(): void {
    if (this.#lost) this.#tell(() => this.#options.onReconnect?.())
    this.#lost = false
    this.#id = undefined
    if (!this.#full) this.#subscribe()
  }

  onDown(error: TroupeError, retryInMs: number): void {
    this.#id = undefined
    if (!this.#lost) this.#tell(() => this.#options.onDisconnect?.({ error, retryInMs }))
    this.#lost = true
  }

  onEnd(error: TroupeError): void {
    this.#end(error)
  }

  onMessage(message: StreamMessage, size: number): void {
    if (message.type === 'records') this.#takeIn(message.records, message.cursor, size)
    else if (message.type === 'caught-up') this.#catchUp(message.cursor)
    else if (message.type === 'resync') this.#passOver(message, size)
    else if (message.type === 'reply' && !message.ok) this.#end(reviveError(message.error))
  }

  #takeIn(records: readonly RunRecord[], cursor: string, size: number): void {
    const fresh = this.#seen.take(records)
    if (fresh) this.#keep({ type: 'records', records: fresh, cursor, size })
    else this.#subscribeAgain()
  }

  #catchUp(cursor: string): void {
    this.#caughtUp = true
    this.#keep({ type: 'caught-up', cursor, size: 0 })
  }

  #passOver(resync: Resync, size: number): void {
    const { reason, cursor, state } = resync
    // What is left out of the history could not be read, and would not be if it was asked for again.
    if (this.#caughtUp && this.#options.onGap !== 'state') {
      this.#subscribeAgain()
    } else {
      this.#seen.forget()
      this.#keep({ type: 'resync', resync: { reason, cursor, state }, cursor, size })
    }
  }

  #keep(item: Waiting): void {
    this.#takenIn = item.cursor
    this.#waiting.push(item)
    this.#count(item, 1)
    const { buffer = BUFFER } = this.#options
    if (this.#records >= buffer || this.#text >= BUFFERED_TEXT) this.#holdBack()
    this.#wake()
  }

  /** Alone on its connection, the connection waits; in company this subscription ends, to be made again where it was. */
  #holdBack(): void {
    this.#full = true
    if (this.#link.isAlone(this) && this.#link.pause()) return
    this.#unsubscribe()
  }

  #goOn(): void {
    const { buffer = BUFFER } = this.#options
    if (!this.#full || this.#records > buffer / 4 || this.#text > BUFFERED_TEXT / 4) return
    this.#full = false
    this.#link.resume()
    if (this.#id === undefined) this.#subscribe()
  }

  #subscribe(): void {
    this.#caughtUp = false
    this.#id = this.#link.subscribe(this, { ...this.#request, after: this.#takenIn })
  }

  #unsubscribe(): void {
    if (this.#id !== undefined) this.#link.unsubscribe(this.#id)
    this.#id = undefined
  }

  #subscribeAgain(): void {
    this.#unsubscribe()
    this.#subscribe()
  }

  async #next(): Promise<Batch | undefined> {
    for (;;) {
      const item = this.#waiting.shift()
      if (!item) {
        if (this.#error) throw this.#error
        if (this.#over) return undefined
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#count(item, -1)
      this.#goOn()
      if (item.type === 'records' && item.records.length > 0) return item
      this.#arriveAt(item.cursor)
      if (item.type === 'caught-up') this.#options.onCaughtUp?.(item.cursor)
      if (item.type === 'resync') this.#options.onResync?.(item.resync)
    }
  }

  #arriveAt(cursor: string): void {
    this.#place = cursor
    this.#current = undefined
  }

  #count(item: Waiting, sign: 1 | -1): void {
    this.#text += sign * item.size
    if (item.type === 'records') this.#records += sign * item.records.length
  }

  #end(error?: TroupeError): void {
    if (this.#over) return
    this.#over = true
    this.#error = error
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#link.detach(this)
    this.#wake()
  }

  /** A handler that throws must not stand in the way of the others. */
  #tell(handler: () => void): void {
    queueMicrotask(handler)
  }
}

/** How far each run was seen before, where that can be known. */
function seqsAt(after: string, runs: readonly string[] | '*'): ReadonlyMap<string, number> {
  if (after === 'start' && runs !== '*') return new Map(runs.map((run) => [run, 0]))
  try {
    return parseCursor(after).seqs
  } catch {
    return new Map()
  }
}

/** The place within a batch: its end, but its runs where they were before the records that were not handed out. */
function cursorWithin({ records, cursor }: Batch, handedOut: number): string | undefined {
  try {
    const { seqs, ...rest } = parseCursor(cursor)
    const places = new Map(seqs)
    const rests = new Set<string>()
    for (const { run, seq } of records.slice(handedOut)) {
      if (!rests.has(run)) places.set(run, seq - 1)
      rests.add(run)
    }
    return formatCursor({ seqs: places, ...rest })
  } catch {
    // A cursor of a newer server.
    return undefined
  }
}
