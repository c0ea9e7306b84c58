import { Hono } from 'hono'
import type { Access } from '../api/access.ts'
import { errorResponse } from '../api/error-response.ts'
import { ApiError, errorBody, httpStatusOf } from '../api/errors.ts'
import type { ApiEnv } from '../api/routes.ts'
import { CODEGEN_WEBHOOK_PATH } from '../backends/codegen/webhook-signature.ts'
import { TICKETS_PATH } from './let-in.ts'
import type { Metrics } from './metrics.ts'
import type { Tickets } from './tickets.ts'

/** What a server answers with. */
export interface AppOptions {
  /** Everything below `/v1`, and its description. */
  readonly routes: Hono<ApiEnv>
  readonly health: Hono
  /** Pages that need nothing but themselves. */
  readonly pages: readonly Hono[]
  readonly metrics: Pick<Metrics, 'render'>
  readonly tickets: Pick<Tickets, 'issue'>
  /** Takes what is signed instead of sent with a token. */
  readonly webhook: Hono
  /** Told of what no route foresaw; the asker is told nothing of it. */
  readonly failed: (error: unknown) => void
  /** Resolves when there is something to answer with; until then only health is told. */
  readonly ready: Promise<unknown>
  /** True: whoever shows no token learns no more than whether all is well. */
  readonly terse: boolean
}

/** Joins the parts of a server. What it gives answers requests that were let in; it never rejects. */
export function createApp(options: AppOptions): (request: Request, access: Access | undefined) => Promise<Response> {
  const { routes, health, pages, metrics, tickets, webhook, failed, ready } = options
  const app = new Hono<ApiEnv>()
  app.onError((error, c) => {
    if (httpStatusOf(error) === 500) failed(error)
    return c.json(errorBody(error), httpStatusOf(error))
  })
  app.get('/', (c) => c.redirect('/docs'))
  app.get('/metrics', async () => {
    const { contentType, text } = await metrics.render()
    return new Response(text, { headers: { 'content-type': contentType } })
  })
  app.post(TICKETS_PATH, (c) => c.json(tickets.issue(c.env.access ?? NOBODY), 201))
  for (const page of pages) app.route('/', page)
  app.all('*', (c) => routes.fetch(c.req.raw, c.env))
  return async (request, access) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/healthz' || pathname === '/readyz') {
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return errorResponse(onlyRead(request.method, pathname))
      const answer = await health.fetch(request)
      return access || !options.terse ? answer : terse(answer)
    }
    // Whoever sends it must not wait: what is not restored yet is looked at soon in any case.
    if (pathname === CODEGEN_WEBHOOK_PATH) return webhook.fetch(request)
    await ready
    return app.fetch(request, { access: access ?? NOBODY })
  }
}

/** Whoever came without a token is let in to the pages alone. */
const NOBODY: Access = { may: 'watch', via: 'rest' }

function onlyRead(method: string, path: string): ApiError {
  return new ApiError('method-not-allowed', `${path} takes GET, HEAD, not ${method}.`, { allow: ['GET', 'HEAD'] })
}

async function terse(answer: Response): Promise<Response> {
  // A HEAD is answered with the status alone.
  if (answer.body === null) return answer
  const said: { readonly status?: unknown } = JSON.parse(await answer.text())
  return Response.json({ status: said.status }, { status: answer.status })
}
