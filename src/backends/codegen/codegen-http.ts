import ky from 'ky'
import pLimit from 'p-limit'
import type { z } from 'zod'
import type { Clock } from '../../domain/clock.ts'
import { BackendError, UsageError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { BackendCall } from '../../domain/measure.ts'
import { createDeadline, untilAborted } from './abortable.ts'
import {
  brokenConnection,
  type CallFacts,
  createHide,
  type Hide,
  lateAnswer,
  type RefusedAnswer,
  refusedAnswer,
  unreadableAnswer,
} from './codegen-errors.ts'

/** One call of the API. */
export interface CodegenCall extends CallFacts {
  /** What it is counted as: `createRun`. */
  readonly operation: string
  /** Below `/v1`, without a slash in front. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: JsonObject
  /** Part of the body that does not come back in what is said of a failure. */
  readonly secret?: string
  /** In place of the client's, ms. */
  readonly timeoutMs?: number | undefined
}

/** What came back, and when the question was sent, ms: what happened after that is not in it. */
export interface CodegenAnswer<T> {
  readonly value: T
  readonly sentAt: number
  /** What time it is by the server's own clock, ms; null where it does not say. */
  readonly serverAt: number | null
}

/** Where the end of an agent run is told, and what that is signed with. */
export type CodegenWebhookTarget = { readonly url: string; readonly secret: string }

/** One server and one token. */
export interface CodegenHttpOptions {
  /** Without `/v1`. */
  readonly baseUrl: string
  readonly token: string
  /** Sent with calls; does not come back in what is said of their failures. */
  readonly webhook?: CodegenWebhookTarget
  /** Stands in for the network. */
  readonly fetch?: typeof fetch
  readonly clock: Clock
  /** How long one call may take, ms. */
  readonly timeoutMs: number
  /** Told of each call that came back, whatever came. */
  readonly onCall?: (call: BackendCall) => void
}

/** Sends one call and checks its answer. Throws BackendError, BodyTooLargeError, or the signal's reason. */
export type CodegenExchange = <T>(
  call: CodegenCall,
  schema: z.ZodType<T>,
  signal: AbortSignal,
) => Promise<CodegenAnswer<T>>

/** An answer was larger than is held in memory; the same with fewer items may not be. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError' as const
}

const CALLS_IN_FLIGHT = 8
const MOST_BYTES = 32 * 1024 * 1024

/** Opens the way to one server for one token. Throws UsageError when address or token cannot be used. */
export function createCodegenExchange(options: CodegenHttpOptions): CodegenExchange {
  const { clock } = options
  const token = checkedToken(options.token)
  const hideAlways = createHide(token, options.webhook?.secret)
  const inFlight = pLimit(CALLS_IN_FLIGHT)
  const api = ky.create({
    prefixUrl: `${checkedBaseUrl(options.baseUrl)}/v1/`,
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
    timeout: false,
    retry: 0,
    throwHttpErrors: false,
    // A POST that follows a redirect may arrive as a GET, and the token must not travel to another host.
    redirect: 'manual',
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  })
  // An injected fetch may sleep on the clock; only a real socket makes virtual time stand still.
  const register =
    options.fetch === undefined ? <T>(work: Promise<T>) => clock.operation(work) : <T>(work: Promise<T>) => work

  const send = async (call: CodegenCall, signal: AbortSignal) => {
    const response = await api(call.path, {
      method: call.method,
      signal,
      ...(call.query === undefined ? {} : { searchParams: call.query }),
      ...(call.body === undefined ? {} : { json: call.body }),
    })
    return { status: response.status, headers: response.headers, ...(await boundedBody(response)) }
  }

  const exchange: CodegenExchange = async (call, schema, signal) => {
    signal.throwIfAborted()
    const hide = call.secret === undefined ? hideAlways : createHide(token, call.secret)
    const sentAt = clock.now()
    const timeoutMs = call.timeoutMs ?? options.timeoutMs
    const deadline = createDeadline(clock, timeoutMs, signal)
    try {
      const answer = await untilAborted(register(send(call, deadline.signal)), deadline.signal)
      const value = checkedAnswer(call, answer, schema, clock.now(), hide)
      options.onCall?.({ operation: call.operation, outcome: 'ok', ms: clock.now() - sentAt })
      return { value, sentAt, serverAt: Date.parse(answer.headers.get('date') ?? '') || null }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const failure = failureOf(call, error, deadline.signal.aborted ? timeoutMs : undefined, hide)
      options.onCall?.({ operation: call.operation, ...outcomeOf(failure), ms: clock.now() - sentAt })
      throw failure
    } finally {
      deadline.clear()
    }
  }
  return (call, schema, signal) =>
    untilAborted(
      inFlight(() => exchange(call, schema, signal)),
      signal,
    )
}

/** `lateAfterMs`: its own time was up. */
function failureOf(call: CodegenCall, error: unknown, lateAfterMs: number | undefined, hide: Hide): Error {
  if (lateAfterMs !== undefined) return lateAnswer(call, lateAfterMs)
  return error instanceof AnswerError ? error.reason : brokenConnection(call, error, hide)
}

/** An answer that is only too large for us came from a server that works. */
function outcomeOf(failure: Error): Pick<BackendCall, 'outcome' | 'message'> {
  return failure instanceof BackendError ? { outcome: failure.kind, message: failure.message } : { outcome: 'ok' }
}

/** Carries a verdict on an answer past the handling of broken connections. */
class AnswerError extends Error {
  readonly reason: Error
  constructor(reason: Error) {
    super(reason.message)
    this.reason = reason
  }
}

interface Answer extends RefusedAnswer {
  readonly tooLarge: boolean
  readonly bodyError?: unknown
}

function checkedAnswer<T>(call: CodegenCall, answer: Answer, schema: z.ZodType<T>, now: number, hide: Hide): T {
  const { status } = answer
  if (status < 200 || status > 299) throw new AnswerError(refusedAnswer(call, answer, now, hide))
  if (answer.tooLarge) {
    const reason = 'is larger than 32 MB'
    throw new AnswerError(
      call.method === 'GET' ? new BodyTooLargeError(reason) : unreadableAnswer(call, status, reason),
    )
  }
  if (answer.body === undefined) throw answer.bodyError
  let json: unknown
  try {
    // What is only done may be answered with nothing.
    json = answer.body === '' ? undefined : JSON.parse(answer.body)
  } catch {
    throw new AnswerError(unreadableAnswer(call, status, 'is not JSON'))
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  if (json === undefined) throw new AnswerError(unreadableAnswer(call, status, 'is not JSON'))
  const place = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new AnswerError(unreadableAnswer(call, status, `is not what the API answers (at '${place}')`))
}

/** The status counts even if the body breaks off, so reading never throws. */
async function boundedBody(response: Response): Promise<Pick<Answer, 'body' | 'tooLarge' | 'bodyError'>> {
  if (response.body === null) return { body: '', tooLarge: false }
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let body = ''
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { body: body + decoder.decode(), tooLarge: false }
      bytes += value.byteLength
      if (bytes > MOST_BYTES) {
        reader.cancel().catch(() => {})
        return { body: undefined, tooLarge: true }
      }
      body += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    return { body: undefined, tooLarge: false, bodyError: error }
  }
}

function checkedBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (!usable) {
    throw new UsageError(
      'CODEGEN_API_BASE_URL is not a web address. Set it to http(s)://HOST[:PORT] without a user name.',
    )
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** Headers refuse other characters with a message that quotes the whole token. */
function checkedToken(text: string): string {
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError('CODEGEN_API_TOKEN is empty or holds characters that no token has. Set it to a valid token.')
  }
  return token
}
