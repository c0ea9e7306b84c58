import type { Clock } from '../domain/clock.ts'
import { realClock } from '../host/clock.ts'
import { createClientOver, type TroupeClient } from './client.ts'
import type { FetchLike, WebSocketConstructor, WebTransportOptions } from './web-transport.ts'
import { webTransport } from './web-transport.ts'

const TIMEOUT_MS = 60_000
const RETRIES = 3

/** Which server a client is for, and what it reaches it with. */
export interface ClientOptions {
  /** As in `http://127.0.0.1:4600`; may have a path where a proxy puts the server below one. */
  readonly url: string
  /** Needed beyond loopback. It never stands in a URL. */
  readonly token?: string
  /** @default the global one */
  readonly fetch?: FetchLike
  /**
   * A WebSocket as browsers have it; with a token it shows a ticket that is bought with it.
   *
   * @default in a browser the global one; in Node one that carries the token itself
   */
  readonly WebSocket?: WebSocketConstructor
  /**
   * How long a whole answer may take, ms.
   *
   * @default 60000
   */
  readonly timeoutMs?: number
  /** @default the machine's time */
  readonly clock?: Clock
}

/** A client with the sockets of where it runs. */
export function createClientWith(
  { url, token, fetch, clock, timeoutMs }: ClientOptions,
  sockets: WebTransportOptions['sockets'],
): TroupeClient {
  // Called without `this`, as browsers demand.
  const ask: FetchLike = fetch ?? ((address, init) => globalThis.fetch(address, init))
  return createClientOver({
    transport: webTransport({ url, fetch: ask, sockets, ...(token === undefined ? {} : { token }) }),
    clock: clock ?? realClock,
    timeoutMs: timeoutMs ?? TIMEOUT_MS,
    retries: RETRIES,
    reconnect: true,
  })
}
