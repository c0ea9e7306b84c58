import { UsageError } from '../domain/errors.ts'
import { describeIssues } from './errors.ts'
import { EVENT_FORM, eventFrame } from './frame-form.ts'
import { Outlet } from './outlet.ts'
import { type Selection, selectRecords } from './selection.ts'
import { ENDING, type StreamClient, type StreamParts } from './stream-client.ts'
import { afterSchema, filterSchema, runsSchema } from './stream-protocol.ts'
import { Subscription } from './subscription.ts'
import { type After, parseAfter } from './subscription-start.ts'

/** How long a browser waits before it connects again, ms. */
const RETRY_MS = 2000
/** What the body of an answer holds before it says that this is enough. */
const BODY_BYTES = 16 * 1024

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Proxies that gather an answer before they pass it on would hold the records back.
  'x-accel-buffering': 'no',
}

/** What a request for Server-Sent Events asks for. */
export interface EventsQuery {
  readonly selection: Selection
  readonly after: After
}

/** Reads `?run=…&task=…&type=…&after=…` and the header `Last-Event-ID`, which is where an interrupted client was. Throws UsageError. */
export function readEventsQuery(request: Request): EventsQuery {
  const { searchParams } = new URL(request.url)
  const runs = searchParams.getAll('run')
  const tasks = searchParams.getAll('task')
  const types = searchParams.getAll('type')
  const chosen = runsSchema.safeParse(runs.length > 0 ? runs : ['*'])
  const filter = filterSchema.safeParse({
    ...(tasks.length > 0 ? { tasks } : {}),
    ...(types.length > 0 ? { types } : {}),
  })
  const after = afterSchema.safeParse(request.headers.get('last-event-id') || searchParams.get('after') || 'now')
  for (const { error } of [chosen, filter, after]) {
    if (error) throw new UsageError(`These events cannot be asked for: ${describeIssues(error)}.`)
  }
  if (!chosen.success || !filter.success || !after.success) throw new UsageError('These events cannot be asked for.')
  return { selection: selectRecords(chosen.data, filter.data), after: parseAfter(after.data) }
}

/** One client of the stream over Server-Sent Events. Ends when it stops reading the answer's body. */
export class EventConnection implements StreamClient {
  readonly outlet: Outlet
  readonly #parts: StreamParts
  readonly #body: ReadableStream<Uint8Array>
  readonly #subscription: Subscription
  #control: ReadableStreamDefaultController<Uint8Array> | undefined
  #left: (() => void) | undefined

  constructor({ selection, after }: EventsQuery, parts: StreamParts) {
    this.#parts = parts
    this.#body = new ReadableStream<Uint8Array>(
      {
        start: (control) => {
          this.#control = control
        },
        pull: () => {
          const left = this.#left
          this.#left = undefined
          left?.()
        },
        cancel: () => this.#leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BODY_BYTES }),
    )
    this.outlet = new Outlet({
      carrier: { buffered: () => BODY_BYTES - this.#room(), write: (part, _whole, left) => this.#write(part, left) },
      clock: parts.clock,
      maxWaiting: parts.bounds.maxWaitingBytes,
      stuckAfter: parts.bounds.stuckAfterMs,
      onStuck: () => this.#breakOff(),
    })
    this.#subscription = new Subscription({
      served: parts.served,
      hub: parts.hub,
      selection,
      after,
      form: EVENT_FORM,
      outlet: this.outlet,
      maxBehind: parts.bounds.maxBehind,
      onResync: parts.onResync,
      onFailed: (error) => this.#endWith(EVENT_FORM.failed(error)),
    })
  }

  get subscriptions(): number {
    return 1
  }

  /** The answer. Throws NotFoundError when there is no such run. */
  async respond(): Promise<Response> {
    this.outlet.push(Buffer.from(`retry: ${RETRY_MS}\n\n`))
    try {
      await this.#subscription.begin()
    } catch (error) {
      this.#leave()
      throw error
    }
    return new Response(this.#body, { headers: HEADERS })
  }

  beat(): void {
    if (!this.outlet.congested) this.outlet.push(Buffer.from(':\n\n'))
  }

  end(): void {
    this.#endWith(eventFrame('ending', { reason: ENDING }))
  }

  #endWith(frame: Buffer): void {
    this.#subscription.stop()
    this.outlet.push(frame)
    void this.outlet.drained().then(() => {
      if (this.outlet.closed) return
      this.#leave()
      this.#control?.close()
    })
  }

  /** What it has got so far is the end; the HTTP server gives up a client that does not even take that. */
  #breakOff(): void {
    this.#leave()
    this.#control?.close()
  }

  #room(): number {
    return this.#control?.desiredSize ?? 0
  }

  #write(part: Buffer, left: (() => void) | undefined): void {
    this.#control?.enqueue(part)
    if (!left) return
    if (this.#room() > 0) queueMicrotask(left)
    else this.#left = left
  }

  #leave(): void {
    if (this.outlet.closed) return
    this.#subscription.stop()
    this.outlet.close()
    this.#parts.onGone(this)
  }
}
