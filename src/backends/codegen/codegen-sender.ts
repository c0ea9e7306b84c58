import type { z } from 'zod'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { Limiter } from '../../domain/limiter.ts'
import type { BackendCall } from '../../domain/measure.ts'
import {
  BodyTooLargeError,
  type CodegenAnswer,
  type CodegenCall,
  type CodegenWebhookTarget,
  createCodegenExchange,
} from './codegen-http.ts'
import type { CodegenBucket } from './codegen-limits.ts'

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

/** A page of a list. It may hold fewer than were asked for without being the last: then `limit` is smaller too. */
export interface CodegenPage<T> {
  readonly items: readonly T[]
  /** Null where the API does not say. */
  readonly total: number | null
  /** How many were asked for in the end. */
  readonly limit: number
  /** When it was asked for, ms. */
  readonly sentAt: number
  /** When it was answered by the server's own clock, ms; null where it does not say. */
  readonly serverAt: number | null
}

/** Whether nothing follows the page, of which `read` items have been read in all. A server may give fewer than asked for. */
export function isLastPage(page: CodegenPage<unknown>, read: number): boolean {
  if (page.items.length === 0) return true
  return page.total === null ? page.items.length < page.limit : read >= page.total
}

/** Which part of a list is read. */
export interface PageQuery {
  readonly skip: number
  readonly limit: number
}

/** Sends calls, each through the limiter and once. Throws BackendError, or the signal's reason. */
export interface CodegenSender {
  readonly account: string
  /** `holder` is the attempt (RUN/TASK/ATTEMPT) whose reservation is used. */
  send<T>(
    bucket: CodegenBucket,
    call: CodegenCall,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    holder?: string,
  ): Promise<CodegenAnswer<T>>
  /** A page of at most `limit` items; halved until it is not too large. */
  page<T>(
    bucket: CodegenBucket,
    call: CodegenCall,
    schema: z.ZodType<{ items: T[]; total: number | null }>,
    limit: number,
    signal: AbortSignal,
  ): Promise<CodegenPage<T>>
}

/** Opens the way to one account. Throws UsageError when the address or the token cannot be used. */
export function createCodegenSender(options: CodegenClientOptions): CodegenSender {
  const { limiter, account = 'codegen' } = options
  const exchange = createCodegenExchange({ ...options, timeoutMs: options.timeoutMs ?? 30_000 })
  const shared = `${account}.shared`

  const sender: CodegenSender = {
    account,
    send(bucket, call, schema, signal, holder) {
      const buckets = bucket === 'shared' ? [shared] : [`${account}.${bucket}`, shared]
      return limiter.call(buckets, () => exchange(call, schema, signal), signal, holder)
    },
    async page(bucket, call, schema, asked, signal) {
      for (let limit = asked; ; limit = Math.floor(limit / 2)) {
        try {
          const query = { ...call.query, limit }
          const { value, sentAt, serverAt } = await sender.send(bucket, { ...call, query }, schema, signal)
          return { ...value, limit, sentAt, serverAt }
        } catch (error) {
          if (!(error instanceof BodyTooLargeError)) throw error
          if (limit <= 1) throw tooLarge(call)
        }
      }
    },
  }
  return sender
}

/** What calls that concern one organization have in common. */
export const OF_ORGANIZATION = { scope: 'organization', notFound: 'not-found' } as const

/** Where the operations of an organization are. */
export function organizationPath(organization: string): string {
  return `organizations/${encodeURIComponent(organization)}`
}

/** The API takes numbers for ids; one that is none goes as it came, so that the API may say what is wrong with it. */
export function numberIfOne(id: string): number | string {
  const number = Number(id)
  // '1e3' and '007' are other ids than the numbers that could be read from them.
  return Number.isSafeInteger(number) && String(number) === id ? number : id
}

/** One item alone is larger than is held in memory. */
export function tooLarge(call: CodegenCall): BackendError {
  return new BackendError(`Codegen could not ${call.action}: the answer is larger than 32 MB.`, {
    kind: 'invalid',
    retryable: false,
    certain: true,
  })
}
