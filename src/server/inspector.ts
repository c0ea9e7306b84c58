import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Hono } from 'hono'
import { type WebSocket, WebSocketServer } from 'ws'
import { ApiError, stopping } from '../api/errors.ts'
import { refuseUpgrade } from '../api/refuse-upgrade.ts'
import type { Clock } from '../domain/clock.ts'
import { parseTaskId } from '../domain/ids.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { InspectorHub } from './inspector-hub.ts'
import { INSPECT_CLOSED, type InspectorFilter } from './inspector-viewer.ts'
import { servePage } from './page-assets.ts'

/** Where an inspector's messages come from: a WebSocket. */
export const INSPECT_PATH = '/v1/inspect'
/** Its subprotocol. A client that offers none is let in too: the receiver of `@statelyai/inspect` is one. */
export const INSPECT_PROTOCOL = 'troupe.inspect.v1'
/** The viewers of one server. Each costs every transition a message. */
export const MOST_VIEWERS = 20

const MAX_MESSAGE_BYTES = 1024
const LONGEST_QUERY = 200
/** How long a viewer may take to say goodbye, ms. The types of ws do not know the option yet. */
const GOODBYE = { closeTimeout: 1000 }

/** The hosted user interface of the Stately Inspector; the only other site that any page of ours names. */
const INSPECTOR_SITE = 'https://stately.ai'
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  `frame-src ${INSPECTOR_SITE}`,
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Shows what happens in the actors of an orchestrator to the Stately Inspector. */
export interface Inspector {
  /** `GET /inspect`: the page that passes the messages on to the inspector's user interface. */
  readonly routes: Hono
  /** Takes over a WebSocket upgrade of {@link INSPECT_PATH} whose sender was let in already. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Says goodbye to every viewer and lets none in any more. */
  close(): void
}

/**
 * Makes an inspector of `orchestrator`, which is listened to only while somebody watches. `?run=RUN` and `?actor=ID` of the
 * WebSocket's address choose who is shown.
 */
export function createInspector({ orchestrator, clock }: InspectorOptions): Inspector {
  const hub = new InspectorHub(orchestrator, clock)
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    ...GOODBYE,
    handleProtocols: (offered) => (offered.has(INSPECT_PROTOCOL) ? INSPECT_PROTOCOL : false),
  })
  let closed = false
  const begin = (client: WebSocket, query: URLSearchParams) => {
    const chosen = chooseActors(query, orchestrator)
    const refusal = hub.size >= MOST_VIEWERS ? TOO_MANY : 'refusal' in chosen ? chosen.refusal : undefined
    if (refusal) {
      client.on('error', () => undefined)
      client.close(refusal.code, refusal.reason)
    } else if ('filter' in chosen) hub.add(client, chosen.filter)
  }
  return {
    routes: inspectorRoutes(),
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy())
      if (closed) return refuseUpgrade(socket, stopping())
      const [path = '', query] = (request.url ?? '').split('?')
      const wrong = wrongUpgrade(path, request.headers['sec-websocket-protocol'])
      if (wrong) return refuseUpgrade(socket, wrong)
      sockets.handleUpgrade(request, socket, head, (client) => begin(client, new URLSearchParams(query)))
    },
    close() {
      closed = true
      hub.close(INSPECT_CLOSED.ending, 'The process that serves this is ending.')
    },
  }
}

/** What an inspector shows, and when it asks its viewers whether they are there. */
export interface InspectorOptions {
  readonly orchestrator: Pick<Orchestrator, 'inspect' | 'actors' | 'runs'>
  readonly clock: Clock
}

/** Why a viewer is sent away again: said by the WebSocket, since a page is not told of an HTTP answer. */
interface Refusal {
  readonly code: number
  readonly reason: string
}

const TOO_MANY: Refusal = {
  code: INSPECT_CLOSED.tooMany,
  reason: `${MOST_VIEWERS} viewers are watching already: close one of them first.`,
}

function wrongUpgrade(path: string, protocols: string | undefined): ApiError | undefined {
  if (path !== INSPECT_PATH) return new ApiError('not-found', `The inspector's WebSocket is at ${INSPECT_PATH}.`)
  const offered = protocols?.split(',').map((name) => name.trim())
  if (offered === undefined || offered.includes(INSPECT_PROTOCOL)) return undefined
  return new ApiError('usage', `The WebSocket speaks ${INSPECT_PROTOCOL}: offer it as a subprotocol, or offer none.`)
}

function chooseActors(
  query: URLSearchParams,
  orchestrator: Pick<Orchestrator, 'runs'>,
): { readonly filter: InspectorFilter } | { readonly refusal: Refusal } {
  const run = query.get('run') || undefined
  const named = query.get('actor') || undefined
  const actor = named === undefined ? undefined : parseTaskId(named.slice(0, LONGEST_QUERY))
  if (run !== undefined && !orchestrator.runs().some((row) => row.run === run)) {
    return { refusal: { code: INSPECT_CLOSED.unknown, reason: 'There is no such run here.' } }
  }
  if (named !== undefined && actor === undefined) {
    const reason = 'An actor is named supervisor, manager, or like a task: spec, execute.0.'
    return { refusal: { code: INSPECT_CLOSED.unknown, reason } }
  }
  return { filter: { ...(run === undefined ? {} : { run }), ...(actor === undefined ? {} : { actor }) } }
}

function inspectorRoutes(): Hono {
  return servePage({
    path: '/inspect',
    page: 'inspect.html',
    assets: ['inspect.js', 'page-elements.js', 'server-access.js', 'pages.css'],
    policy: CONTENT_POLICY,
  })
}
