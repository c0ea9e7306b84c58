import { NotFoundError } from '../domain/errors.ts'
import { docsPage } from './docs-page.ts'
import { ApiError } from './errors.ts'
import { openApiDocument } from './openapi.ts'
import type { Handlers, RoutesOptions } from './routes-options.ts'
import { STREAM_PATH, STREAM_PROTOCOL } from './stream-messages.ts'

type ServerOperation = 'openStream' | 'followEvents' | 'readBackends' | 'readOpenApi' | 'readDocs'

/** What is asked of the server itself. */
export function serverHandlers({ orchestrator, events, version }: RoutesOptions): Handlers<ServerOperation> {
  // Made when they are first asked for: a process that only holds a folder hardly ever is.
  let document: string | undefined
  let page: ReturnType<typeof docsPage> | undefined
  return {
    openStream() {
      const message = `${STREAM_PATH} is a WebSocket of the subprotocol ${STREAM_PROTOCOL}.`
      throw new ApiError('upgrade-required', message)
    },
    followEvents({ request, access }) {
      if (!events) throw new NotFoundError('/v1/events', `Use ${STREAM_PATH}.`)
      // Nobody would read the events of a HEAD, or end them.
      if (request.method === 'HEAD') return new Response(null, { headers: { 'content-type': 'text/event-stream' } })
      return events(request, access)
    },
    async readBackends() {
      const { backends } = await orchestrator.health()
      return { status: 200, body: { limits: orchestrator.limits(), backends } }
    },
    readOpenApi() {
      document ??= JSON.stringify(openApiDocument(version))
      return new Response(document, { headers: { 'content-type': 'application/json' } })
    },
    readDocs() {
      page ??= docsPage(version)
      return new Response(page.html, {
        headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': page.policy },
      })
    },
  }
}
