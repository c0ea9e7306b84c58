import type { z } from 'zod'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { Limiter } from '../../domain/limiter.ts'
import type { BackendCall } from '../../domain/measure.ts'
import type { RateLimit } from '../../domain/workflow.ts'
import {
  BodyTooLargeError,
  type CodegenAnswer,
  type CodegenCall,
  type CodegenWebhookTarget,
  createCodegenExchange,
} from './codegen-http.ts'
import {
  type CodegenLog,
  type CodegenRun,
  logPageSchema,
  organizationPageSchema,
  repositoryPageSchema,
  runPageSchema,
  runSchema,
  userSchema,
} from './codegen-schemas.ts'

/** Windows of an account's buckets, by the part of the name after `ACCOUNT.`. */
export type CodegenLimits = Readonly<Record<string, RateLimit>>

/** What the provider documents; where it contradicts itself, the stricter. */
export const CODEGEN_LIMITS = {
  create: { max: 10, windowMs: 60_000 },
  standard: { max: 60, windowMs: 30_000 },
  shared: { max: 60, windowMs: 60_000 },
} as const satisfies CodegenLimits

/** Places of `shared` left to lookups, polls and logs however many creates wait. */
const SHARED_HEADROOM = 12

/** Most items the API gives in a page. */
export const PAGE_SIZE = 100

/** Where the API is, who asks, and on whose clock. */
export interface CodegenClientOptions {
  /** Without `/v1`. */
  readonly baseUrl: string
  readonly token: string
  /** Stands in for the network. */
  readonly fetch?: typeof fetch
  readonly clock: Clock
  readonly limiter: Limiter
  /** How long one call may take from its sending, ms. Default 30 s. */
  readonly timeoutMs?: number
  /** Prefix of the buckets' names. Default `codegen`. */
  readonly account?: string
  /** Goes with each create and each resume: where the end of that agent run is told. Default: as the organization has it set. */
  readonly webhook?: CodegenWebhookTarget
  /** Told of each call that came back. */
  readonly onCall?: (call: BackendCall) => void
}

/** Body of a create, as the API names its fields. */
export interface CreateRunBody {
  readonly prompt: string
  readonly metadata: JsonObject
  readonly repo_id?: number
  readonly model?: string
  readonly agent_type?: string
  readonly images?: readonly string[]
  readonly webhooks?: readonly CodegenWebhookTarget[]
}

/** A page of a list. It may hold fewer than were asked for without being the last: then `limit` is smaller too. */
export interface CodegenPage<T> {
  readonly items: readonly T[]
  /** Null where the API does not say. */
  readonly total: number | null
  /** How many were asked for in the end. */
  readonly limit: number
  /** When it was asked for, ms. */
  readonly sentAt: number
}

/** Whether nothing follows the page, of which `read` items have been read in all. A server may give fewer than asked for. */
export function isLastPage(page: CodegenPage<unknown>, read: number): boolean {
  if (page.items.length === 0) return true
  return page.total === null ? page.items.length < page.limit : read >= page.total
}

/** Which runs of an organization are listed. */
export interface ListRunsQuery {
  readonly skip: number
  readonly limit: number
  readonly userId?: string | undefined
  readonly sourceType?: string | undefined
  /** In place of the client's, ms. */
  readonly timeoutMs?: number
}

/** Which entries of a log are read. */
export interface LogsQuery {
  readonly skip: number
  readonly limit: number
  /** Newest first. */
  readonly reverse: boolean
}

/**
 * The operations of the API that concern agents. Each goes through the limiter once a call, and is never repeated here.
 * All throw BackendError, or the signal's reason.
 */
export interface CodegenClient {
  readonly account: string
  /** `holder` is the attempt (RUN/TASK/ATTEMPT) whose reservation is used. */
  create(organization: string, body: CreateRunBody, signal: AbortSignal, holder: string): Promise<CodegenRun>
  get(organization: string, id: string, signal: AbortSignal, timeoutMs?: number): Promise<CodegenAnswer<CodegenRun>>
  /** Newest first. */
  list(organization: string, query: ListRunsQuery, signal: AbortSignal): Promise<CodegenPage<CodegenRun>>
  /** A further prompt for a run that has ended or is paused. */
  resume(organization: string, id: string, prompt: string, signal: AbortSignal): Promise<CodegenRun>
  logs(organization: string, id: string, query: LogsQuery, signal: AbortSignal): Promise<CodegenPage<CodegenLog>>
  repositories(
    organization: string,
    query: { readonly skip: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<CodegenPage<{ readonly id: number; readonly name: string | null; readonly full_name: string | null }>>
  /** The user whom the token belongs to. */
  me(signal: AbortSignal): Promise<{ readonly id: string }>
  organizations(signal: AbortSignal): Promise<readonly { readonly id: string; readonly name: string | null }[]>
}

/** Declares the windows of an account's buckets: the provider's, where `overrides` has no other. */
export function declareCodegenLimits(limiter: Limiter, account = 'codegen', overrides: CodegenLimits = {}): void {
  for (const [bucket, limit] of Object.entries({ ...CODEGEN_LIMITS, ...overrides })) {
    limiter.setBucket(`${account}.${bucket}`, `account:${account}`, limit)
  }
  limiter.setHeadroom(`${account}.shared`, SHARED_HEADROOM)
}

/** A client of the Codegen API. Throws UsageError when the address or the token cannot be used. */
export function createCodegenClient(options: CodegenClientOptions): CodegenClient {
  const { limiter, account = 'codegen' } = options
  const exchange = createCodegenExchange({ ...options, timeoutMs: options.timeoutMs ?? 30_000 })
  const hooks = options.webhook === undefined ? {} : { webhooks: [{ ...options.webhook }] }
  const buckets = {
    create: [`${account}.create`, `${account}.shared`],
    standard: [`${account}.standard`, `${account}.shared`],
    logs: [`${account}.shared`],
  }
  const call = <T>(
    bucket: keyof typeof buckets,
    what: CodegenCall,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    holder?: string,
  ) => limiter.call(buckets[bucket], () => exchange(what, schema, signal), signal, holder)

  const page = async <T>(
    bucket: keyof typeof buckets,
    what: CodegenCall,
    schema: z.ZodType<{ items: T[]; total: number | null }>,
    asked: number,
    signal: AbortSignal,
  ): Promise<CodegenPage<T>> => {
    for (let limit = asked; ; limit = Math.floor(limit / 2)) {
      try {
        const query = { ...what.query, limit }
        const { value, sentAt } = await call(bucket, { ...what, query }, schema, signal)
        return { ...value, limit, sentAt }
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error
        if (limit <= 1) throw tooLarge(what)
      }
    }
  }

  return {
    account,
    async create(organization, body, signal, holder) {
      return (await call('create', createCall(organization, { ...body, ...hooks }), runSchema, signal, holder)).value
    },
    async get(organization, id, signal, timeoutMs) {
      const what = { ...getCall(organization, id), timeoutMs }
      const answer = await call('standard', what, runSchema, signal).catch((error: unknown) => {
        throw error instanceof BodyTooLargeError ? tooLarge(what) : error
      })
      if (answer.value.id !== id) throw wrongRun(what)
      return answer
    },
    list(organization, query, signal) {
      return page('standard', listCall(organization, query), runPageSchema, query.limit, signal)
    },
    async resume(organization, id, prompt, signal) {
      return (await call('standard', resumeCall(organization, id, { prompt, ...hooks }), runSchema, signal)).value
    },
    logs(organization, id, query, signal) {
      return page('logs', logsCall(organization, id, query), logPageSchema, query.limit, signal)
    },
    repositories(organization, query, signal) {
      return page('standard', repositoriesCall(organization, query.skip), repositoryPageSchema, query.limit, signal)
    },
    async me(signal) {
      return (await call('standard', ME, userSchema, signal)).value
    },
    async organizations(signal) {
      return (await call('standard', ORGANIZATIONS, organizationPageSchema, signal)).value.items
    },
  }
}

const ME: CodegenCall = {
  operation: 'getUser',
  method: 'GET',
  path: 'users/me',
  action: 'tell whose token this is',
  scope: 'token',
  notFound: 'not-found',
}
const ORGANIZATIONS: CodegenCall = {
  operation: 'listOrganizations',
  method: 'GET',
  path: 'organizations',
  action: 'list the organizations',
  scope: 'token',
  notFound: 'not-found',
}
const OF_ORGANIZATION = { scope: 'organization', notFound: 'not-found' } as const

function createCall(organization: string, body: CreateRunBody): CodegenCall {
  return {
    operation: 'createRun',
    method: 'POST',
    path: `${organizationPath(organization)}/agent/run`,
    body: { ...body },
    action: 'create an agent run',
    scope: 'organization',
    notFound: 'refused',
  }
}

function getCall(organization: string, id: string): CodegenCall {
  const path = `${organizationPath(organization)}/agent/run/${encodeURIComponent(id)}`
  return { operation: 'getRun', method: 'GET', path, action: `read agent run ${id}`, ...OF_ORGANIZATION }
}

function listCall(organization: string, query: ListRunsQuery): CodegenCall {
  return {
    operation: 'listRuns',
    method: 'GET',
    path: `${organizationPath(organization)}/agent/runs`,
    query: { skip: query.skip, user_id: query.userId, source_type: query.sourceType },
    action: 'list agent runs',
    timeoutMs: query.timeoutMs,
    ...OF_ORGANIZATION,
  }
}

function resumeCall(organization: string, id: string, body: Pick<CreateRunBody, 'prompt' | 'webhooks'>): CodegenCall {
  const number = Number(id)
  return {
    operation: 'resumeRun',
    method: 'POST',
    path: `${organizationPath(organization)}/agent/run/resume`,
    body: { agent_run_id: Number.isSafeInteger(number) ? number : id, ...body },
    action: `resume agent run ${id}`,
    ...OF_ORGANIZATION,
  }
}

function logsCall(organization: string, id: string, query: LogsQuery): CodegenCall {
  return {
    operation: 'readLogs',
    method: 'GET',
    path: `alpha/${organizationPath(organization)}/agent/run/${encodeURIComponent(id)}/logs`,
    query: { skip: query.skip, reverse: query.reverse },
    action: `read the log of agent run ${id}`,
    ...OF_ORGANIZATION,
  }
}

function repositoriesCall(organization: string, skip: number): CodegenCall {
  const path = `${organizationPath(organization)}/repos`
  const operation = 'listRepositories'
  return { operation, method: 'GET', path, query: { skip }, action: 'list the repositories', ...OF_ORGANIZATION }
}

function organizationPath(organization: string): string {
  return `organizations/${encodeURIComponent(organization)}`
}

function tooLarge(call: CodegenCall): BackendError {
  return new BackendError(`Codegen could not ${call.action}: the answer is larger than 32 MB.`, {
    kind: 'invalid',
    retryable: false,
    certain: true,
  })
}

function wrongRun(call: CodegenCall): BackendError {
  return new BackendError(`Codegen could not ${call.action}: the answer is about another agent run.`, {
    kind: 'unreachable',
    retryable: true,
    certain: true,
    status: 200,
  })
}
