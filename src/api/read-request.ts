import type { Context } from 'hono'
import type { z } from 'zod'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { isRunId, parseTaskId } from '../domain/ids.ts'
import { type Access, demandCommand, OWNER } from './access.ts'
import type { Asked, Operation } from './operation.ts'
import { MAX_BODY_BYTES, readJsonBody } from './request-body.ts'
import { checked, parseResolvedStart, startRequest } from './requests.ts'
import type { RoutesOptions } from './routes-options.ts'

/** What the server passes along with a request: who asks. Absent on the control socket, whose askers own the folder. */
export type ApiEnv = { Bindings: { access?: Access } }

/**
 * A request as its operation describes it. Throws ApiError `forbidden`, `media-type`, `too-large`; NotFoundError for a path
 * that names nothing; UsageError for the rest. Nothing is read of the body of whoever may not send one.
 */
export async function readRequest(
  c: Context<ApiEnv>,
  operation: Operation,
  options: Pick<RoutesOptions, 'trusted' | 'maxBody'>,
): Promise<Asked<Operation>> {
  const access = c.env?.access ?? OWNER
  if (operation.may === 'command') demandCommand(access)
  const params = readParams(c.req.param())
  const query = operation.query && operation.queryBy === undefined ? readQuery(operation.query, c.req.url) : undefined
  const body = operation.body && (await readBody(c.req.raw, operation.body, options))
  // Each handler knows its own types; the table says that they are these.
  return { params, query, body, access, request: c.req.raw } as Asked<Operation>
}

/** Throws UsageError for a path with broken percent-encoding. */
export function demandReadablePath(url: string): void {
  const { pathname } = new URL(url)
  try {
    decodeURIComponent(pathname)
  } catch (cause) {
    throw new UsageError('The path of the request is not properly percent-encoded.', { cause })
  }
}

function readParams(given: Readonly<Record<string, string>>): Record<string, string> {
  const { run, task } = given
  if (run !== undefined && !isRunId(run)) {
    throw new NotFoundError(`Run '${run.slice(0, 100)}'`, 'A run is named like run_06f2r0m5e8q1w7xk3d.')
  }
  if (task === undefined) return given
  const canonical = parseTaskId(task)
  if (canonical !== undefined) return { ...given, task: canonical }
  throw new NotFoundError(`Task '${task.slice(0, 100)}'`, 'A task is named like spec or execute.0.')
}

function readQuery(schema: z.ZodObject, url: string): unknown {
  const given = new Map<string, string>()
  for (const [name, value] of new URL(url).searchParams) {
    if (given.has(name)) throw new UsageError(`The query has '${name.slice(0, 100)}' more than once.`)
    given.set(name, value)
  }
  return checked(schema, Object.fromEntries(given), 'The query')
}

async function readBody(
  request: Request,
  schema: z.ZodType,
  { trusted, maxBody = MAX_BODY_BYTES }: Pick<RoutesOptions, 'trusted' | 'maxBody'>,
): Promise<unknown> {
  const body = await readJsonBody(request, maxBody)
  const resolved = trusted && schema === startRequest ? parseResolvedStart(body) : undefined
  return resolved ?? checked(schema, body, 'The request')
}
