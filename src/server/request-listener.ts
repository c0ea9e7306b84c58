import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Access } from '../api/access.ts'
import { UsageError } from '../domain/errors.ts'
import { answerError, SECURITY_HEADERS } from './answers.ts'
import type { Arrival, LetIn } from './let-in.ts'

/** A request that was answered, or whose sender has gone. */
export interface Answered {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** {@link UNANSWERED} when its sender had gone before an answer began. */
  readonly status: number
  readonly access: Access | undefined
  readonly address: string
  /** Where what was made is. */
  readonly location: string | undefined
}

/** Stands for the status of a request whose sender had gone before an answer began; no answer ever has it. */
export const UNANSWERED = 499

/** What becomes of requests that are let in. */
export interface RequestListenerOptions {
  readonly letIn: LetIn
  /** Never rejects. */
  readonly fetch: (request: Request, access: Access | undefined) => Promise<Response>
  /** Called as a request arrives; what it gives is called once that is over. */
  readonly began: () => (answered: Answered) => void
}

const CORS_ALLOWED = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
  'access-control-max-age': '600',
}
const CORS_EXPOSED = 'Allow, Location, Retry-After'

/** Lets requests in or refuses them, and puts on every answer what belongs on every answer. */
export function createRequestListener({ letIn, fetch, began }: RequestListenerOptions): RequestListener {
  const accesses = new WeakMap<object, Access | undefined>()
  const listen = getRequestListener((request, { incoming }) => fetch(withoutTicket(request), accesses.get(incoming)), {
    overrideGlobalObjects: false,
    errorHandler: () => badRequest(),
  })
  return (incoming, outgoing) => {
    const ended = began()
    const { method = '', url = '' } = incoming
    const address = incoming.socket.remoteAddress ?? ''
    let access: Access | undefined
    outgoing.on('close', () => {
      const location = outgoing.getHeader('location')?.toString()
      const status = outgoing.headersSent ? outgoing.statusCode : UNANSWERED
      ended({ method, path: url.split('?')[0] ?? '', status, access, address, location })
    })
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) outgoing.setHeader(name, value)
    try {
      const arrival = letIn.arrive(incoming)
      nameOrigin(outgoing, arrival)
      if (isPreflight(arrival)) return void outgoing.writeHead(204, CORS_ALLOWED).end()
      access = letIn.enter(arrival)
      letIn.demand(arrival, access)
      accesses.set(incoming, access)
    } catch (error) {
      return refuse(incoming, outgoing, error)
    }
    void listen(incoming, outgoing)
  }
}

function nameOrigin(outgoing: ServerResponse, { origin }: Arrival): void {
  if (origin === undefined) return
  outgoing.setHeader('access-control-allow-origin', origin)
  outgoing.setHeader('access-control-expose-headers', CORS_EXPOSED)
  outgoing.setHeader('vary', 'Origin')
}

function isPreflight({ request, origin }: Arrival): boolean {
  return origin !== undefined && request.method === 'OPTIONS' && 'access-control-request-method' in request.headers
}

/** What is left of the body is not waited for. */
function refuse(incoming: IncomingMessage, outgoing: ServerResponse, error: unknown): void {
  const { status, headers, body } = answerError(error)
  if (!incoming.complete) outgoing.setHeader('connection', 'close')
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  outgoing.end(incoming.method === 'HEAD' ? undefined : body)
}

/** Whoever came in by a ticket used it up; nothing further in needs to know of it. */
function withoutTicket(request: Request): Request {
  if (!request.url.includes('ticket=')) return request
  const url = new URL(request.url)
  url.searchParams.delete('ticket')
  const { method, headers, signal } = request
  return method === 'GET' ? new Request(url, { method, headers, signal }) : request
}

function badRequest(): Response {
  const { status, headers, body } = answerError(new UsageError('The request cannot be understood.'))
  return new Response(body, { status, headers })
}
