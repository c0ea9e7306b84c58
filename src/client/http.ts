import { type ErrorBody, reviveError } from '../api/errors.ts'
import { type Clock, sleep } from '../domain/clock.ts'
import type { TroupeError } from '../domain/errors.ts'
import { type Backoff, backoffDelay } from './backoff.ts'
import type { HttpAnswer, HttpRequest, Transport } from './transport.ts'

/** What may be asked with a request. */
export interface AskOptions {
  /** Ends the waiting; its reason is thrown. */
  readonly signal?: AbortSignal
  /** How long the whole answer may take, ms; `Infinity` where it comes when something happens. */
  readonly timeoutMs?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Whether asking twice does no harm: it is asked again when the connection fails. */
  readonly repeatable?: boolean
}

/** Asks a server. Every method throws what the server threw (the same class), or what the transport makes of no answer. */
export interface Http {
  /** Asked again by itself when the connection fails. */
  get<T>(path: string, options?: AskOptions): Promise<T>
  post<T>(path: string, body: unknown, options?: AskOptions): Promise<T>
  delete<T>(path: string, options?: AskOptions): Promise<T>
}

export interface HttpOptions {
  readonly clock: Clock
  /** Gives 0 <= x < 1. */
  readonly random: () => number
  /** How long a whole answer may take, ms. */
  readonly timeoutMs: number
  /** How often more something repeatable is asked. */
  readonly retries: number
}

const RETRY: Backoff = { firstMs: 250, mostMs: 2_000 }

class LateAnswer extends Error {}

/** JSON in, JSON out, over any transport. */
export function createHttp(transport: Transport, options: HttpOptions): Http {
  const { clock, random, retries } = options

  const once = async (request: Omit<HttpRequest, 'signal'>, { signal, timeoutMs }: AskOptions): Promise<HttpAnswer> => {
    signal?.throwIfAborted()
    const limitMs = timeoutMs ?? options.timeoutMs
    const late = new AbortController()
    const timer = Number.isFinite(limitMs)
      ? clock.setTimeout(() => late.abort(new LateAnswer(`no whole answer within ${limitMs} ms`)), limitMs)
      : undefined
    try {
      const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal
      return await transport.exchange({ ...request, signal: either })
    } catch (cause) {
      signal?.throwIfAborted()
      throw late.signal.aborted ? late.signal.reason : cause
    } finally {
      if (timer !== undefined) clock.clearTimeout(timer)
    }
  }

  const exchange = async (request: Omit<HttpRequest, 'signal'>, asked: AskOptions): Promise<HttpAnswer> => {
    for (let tries = 0; ; tries++) {
      try {
        return await once(request, asked)
      } catch (cause) {
        if (asked.signal?.aborted) throw asked.signal.reason
        const late = cause instanceof LateAnswer
        if (late || asked.repeatable !== true || tries >= retries) {
          const sent = late || transport.mayHaveArrived(cause)
          throw transport.failure({ sent, why: wordsOf(cause), cause })
        }
        await sleep(clock, backoffDelay(RETRY, tries, random), asked.signal)
      }
    }
  }

  const ask = async <T>(method: HttpRequest['method'], path: string, body: unknown, asked: AskOptions): Promise<T> => {
    const headers = { accept: 'application/json', ...transport.headers, ...asked.headers }
    const json = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await exchange({ method, path, headers: { ...headers, ...type }, ...json }, asked)
    if (answer.status >= 400) throw errorOf(answer)
    if (answer.text === '') return undefined as T
    try {
      return JSON.parse(answer.text) as T
    } catch (cause) {
      throw transport.failure({ sent: true, why: `it answered ${answer.status} with no JSON`, cause })
    }
  }

  return {
    get: (path, asked = {}) => ask('GET', path, undefined, { repeatable: true, ...asked }),
    post: (path, body, asked = {}) => ask('POST', path, body, asked),
    delete: (path, asked = {}) => ask('DELETE', path, undefined, asked),
  }
}

/** Whether what was thrown says no more than that the answer took too long. */
export function isLate(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof LateAnswer
}

/** The error that an answer of status 400 or more stands for. */
export function errorOf({ status, text }: HttpAnswer): TroupeError {
  let body: Partial<ErrorBody> = {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) body = value
  } catch {
    // A proxy's page, perhaps: its status says the most.
  }
  return reviveError({
    code: typeof body.code === 'string' ? body.code : (CODES[status] ?? 'internal'),
    message: typeof body.message === 'string' ? body.message : `The server answered ${status}.`,
    details: typeof body.details === 'object' && body.details !== null ? body.details : {},
  })
}

/** What an answer without words of its own says. */
const CODES: Readonly<Record<number, string>> = { 401: 'unauthorized', 403: 'forbidden', 421: 'wrong-host' }

/** What is wrong, as the end of a sentence: the innermost cause says the most. */
export function wordsOf(cause: unknown): string {
  let error = cause
  while (error instanceof Error && error.cause instanceof Error) error = error.cause
  const words = error instanceof Error ? error.message : String(error)
  return words.replace(/\.$/, '') || 'the connection failed'
}
