import { createHash } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { NotFoundError, TroupeError } from '../domain/errors.ts'
import { errorResponse } from './error-response.ts'
import { ApiError } from './errors.ts'
import type { Asked, Operation } from './operation.ts'
import { OPERATIONS, type OperationId } from './operations.ts'
import { type ApiEnv, demandReadablePath, readRequest } from './read-request.ts'
import type { Handlers, RoutesOptions } from './routes-options.ts'
import { runHandlers } from './run-handlers.ts'
import { serverHandlers } from './server-handlers.ts'
import { startHandlers } from './start-handlers.ts'
import { taskHandlers } from './task-handlers.ts'

export type { ApiEnv } from './read-request.ts'
export type { RoutesOptions } from './routes-options.ts'

/** The API of one orchestrator: JSON in, JSON out, every error as `{code, message, details}`. */
export function createRoutes(options: RoutesOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  app.onError((error) => {
    if (!(error instanceof TroupeError)) options.onError?.(error)
    return errorResponse(error)
  })
  app.notFound((c) => errorResponse(new NotFoundError(`${c.req.method} ${c.req.path}`, 'GET /docs tells what does.')))
  app.use(async (c, next) => {
    demandReadablePath(c.req.url)
    await next()
    c.res.headers.set('cache-control', 'no-store')
  })
  const handlers: Handlers<OperationId> = {
    ...startHandlers(options),
    ...runHandlers(options),
    ...taskHandlers(options),
    ...serverHandlers(options),
  }
  const entries = Object.entries(OPERATIONS) as [OperationId, Operation][]
  for (const [id, operation] of entries) {
    // That it fits its operation was checked above; here all are called alike.
    const handle = handlers[id] as unknown as (asked: Asked<Operation>) => Promise<Response | PlainAnswer>
    app.on(operation.method.toUpperCase(), routePath(operation), async (c) => {
      const answer = await handle(await readRequest(c, operation, options))
      return answer instanceof Response ? answer : respond(c, operation, answer)
    })
  }
  // Registered last: they answer what no operation took.
  for (const path of new Set(entries.map(([, operation]) => routePath(operation)))) {
    const allow = allowed(entries.flatMap(([, operation]) => (routePath(operation) === path ? operation.method : [])))
    app.all(path, (c) => {
      throw new ApiError('method-not-allowed', `${c.req.path} takes ${allow.join(', ')}, not ${c.req.method}.`, {
        allow,
      })
    })
  }
  return app
}

interface PlainAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** `/v1/runs/{run}` as the router has it: `/v1/runs/:run`. */
function routePath({ path }: Operation): string {
  return path.replace(/\{(\w+)\}/g, ':$1')
}

function allowed(methods: readonly Operation['method'][]): readonly string[] {
  return methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).sort()
}

function respond(c: Context, { tagged }: Operation, { status, body, headers }: PlainAnswer): Response {
  const text = JSON.stringify(body)
  const all = new Headers({ 'content-type': 'application/json', ...headers })
  if (tagged) {
    // Of the whole answer: what a task waits for changes without a record, so the seq would not tell.
    const tag = `"${createHash('sha256').update(text).digest('base64url')}"`
    all.set('etag', tag)
    if (hasTag(c.req.header('if-none-match'), tag)) return new Response(null, { status: 304, headers: all })
  }
  return new Response(text, { status, headers: all })
}

function hasTag(given: string | undefined, tag: string): boolean {
  return (given ?? '').split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
}
