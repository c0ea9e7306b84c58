import { BackendError, type BackendErrorDetails } from '../../domain/errors.ts'

/** A call as far as errors need to know it. */
export interface CallFacts {
  /** All but a GET may have taken effect although no answer came. */
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Completes "Codegen could not ...". */
  readonly action: string
  /** Whom a 403 concerns. */
  readonly scope: 'token' | 'organization'
  /** What a 404 means. */
  readonly notFound: 'refused' | 'not-found'
}

/** An answer that is not a success. `body` is undefined where it could not be read. */
export interface RefusedAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string | undefined
}

const MOST_TEXT = 300
/** Shorter tokens are placeholders, and parts of ordinary words. */
const SHORTEST_SECRET = 9
/** A longer Retry-After is taken for a mistake. */
const LONGEST_WAIT_MS = 3_600_000

/** Takes out of a text what must not be seen. */
export type Hide = (text: string) => string

/** Hides the token of an account, and the secret that its webhooks are signed with. */
export function createHide(token: string, webhookSecret = ''): Hide {
  const hidden = [[token, '[token]'] as const, [webhookSecret, '[secret]'] as const].filter(
    ([secret]) => secret.length >= SHORTEST_SECRET,
  )
  return (text) => hidden.reduce((clean, [secret, mark]) => clean.replaceAll(secret, mark), text)
}

/** What an answer that is no success means. The status decides; the body only explains. */
export function refusedAnswer(call: CallFacts, answer: RefusedAnswer, now: number, hide: Hide): BackendError {
  const { status } = answer
  const body = parsedBody(answer.body)
  const said = oneLine(spoken(body), hide)
  const fail = (text: string, details: Omit<BackendErrorDetails, 'certain' | 'status'>, certain = true) =>
    new BackendError(text, { ...details, certain, status })
  const told = failed(call, `it answered ${status}${said === '' ? '' : `: ${said}`}`)

  if (status === 401) return fail(tokenRefused(call), { kind: 'auth', retryable: false })
  if (status === 403) return fail(forbidden(call), { kind: 'auth', retryable: false })
  if (status === 402) return fail(told, { kind: 'quota', retryable: false })
  if (status === 404) return notFound(call, body, told)
  if (status === 429) {
    const notBefore = retryAfter(answer.headers, now)
    return fail(told, { kind: 'limit', retryable: true, ...(notBefore === undefined ? {} : { notBefore }) })
  }
  if (status === 408 || status >= 500) {
    if (call.method !== 'GET') return fail(told, { kind: 'unknown-outcome', retryable: true }, false)
    return fail(told, { kind: 'unreachable', retryable: true })
  }
  if (status < 400) {
    return fail(
      failed(call, `it answered ${status} and points elsewhere. Set CODEGEN_API_BASE_URL to its new address`),
      {
        kind: 'invalid',
        retryable: false,
      },
    )
  }
  return fail(told, { kind: 'invalid', retryable: false })
}

/** An answer that came, but is not what the API answers. All but a GET may have taken effect all the same. */
export function unreadableAnswer(call: CallFacts, status: number, reason: string): BackendError {
  const message = failed(call, `its answer ${reason}`)
  if (call.method !== 'GET') {
    return new BackendError(message, { kind: 'unknown-outcome', retryable: true, certain: false, status })
  }
  return new BackendError(message, { kind: 'unreachable', retryable: true, certain: true, status })
}

/** No answer in time. */
export function lateAnswer(call: CallFacts, timeoutMs: number): BackendError {
  const message = failed(call, `no answer within ${Math.round(timeoutMs / 1000)} s`)
  if (call.method !== 'GET') {
    return new BackendError(message, { kind: 'unknown-outcome', retryable: true, certain: false })
  }
  return new BackendError(message, { kind: 'timeout', retryable: true, certain: true })
}

/** The connection failed. A POST is certain to have done nothing only if no connection was made. */
export function brokenConnection(call: CallFacts, error: unknown, hide: Hide): BackendError {
  const reason = oneLine(connectionReason(error), hide)
  if (call.method === 'GET' || neverConnected(error)) {
    const message = failed(call, `no connection (${reason}). Check the network and CODEGEN_API_BASE_URL`)
    return new BackendError(message, { kind: 'unreachable', retryable: true, certain: true, cause: error })
  }
  const message = failed(call, `the connection broke before the answer came (${reason})`)
  return new BackendError(message, { kind: 'unknown-outcome', retryable: true, certain: false, cause: error })
}

/** Credentials concern the whole account: every other failure may be told as an unknown. */
export function isAuth(error: unknown): boolean {
  return error instanceof BackendError && error.kind === 'auth'
}

function failed(call: CallFacts, reason: string): string {
  return `Codegen could not ${call.action}: ${reason}.`.replace(/\.\.$/, '.')
}

function tokenRefused(call: CallFacts): string {
  return failed(call, 'the token was refused (401). Set CODEGEN_API_TOKEN to a valid token')
}

function forbidden(call: CallFacts): string {
  return call.scope === 'organization'
    ? failed(call, 'the token has no access (403). Set CODEGEN_ORG_ID to an organization that it may use')
    : failed(call, 'the token has no access (403). Set CODEGEN_API_TOKEN to a token that has')
}

/** Only the API's own 404 proves something; another server's, or that of an unknown path, says that the address is wrong. */
function notFound(call: CallFacts, body: unknown, told: string): BackendError {
  const details = { certain: true, status: 404 }
  if (call.notFound === 'refused') return new BackendError(told, { kind: 'refused', retryable: false, ...details })
  if (isRecord(body) && !isUnknownPath(body)) {
    return new BackendError(told, { kind: 'not-found', retryable: false, ...details })
  }
  const message = failed(call, 'it answered 404, but not as the API does. Check CODEGEN_API_BASE_URL')
  return new BackendError(message, { kind: 'unreachable', retryable: true, ...details })
}

/** FastAPI's answer to a path that it has no route for. */
function isUnknownPath(body: Readonly<Record<string, unknown>>): boolean {
  return body['detail'] === 'Not Found' && Object.keys(body).length === 1
}

function parsedBody(text: string | undefined): unknown {
  if (text === undefined) return undefined
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The API explains itself in `message`, or in `detail`: a text, or FastAPI's list of mistakes. */
function spoken(body: unknown): string {
  if (!isRecord(body)) return ''
  const { message, detail } = body
  if (typeof message === 'string') return message
  if (typeof detail === 'string') return detail
  return Array.isArray(detail) ? detail.map(mistake).join('; ') : ''
}

function mistake(entry: unknown): string {
  if (!isRecord(entry)) return String(entry)
  const place = Array.isArray(entry['loc']) ? entry['loc'].join('.') : ''
  const text = typeof entry['msg'] === 'string' ? entry['msg'] : 'not valid'
  return place === '' ? text : `${place}: ${text}`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const MOST_NAMES = 10
const MOST_NAME = 80

/** Names from outside for a message: the first ten, and how many more there are. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'it has none'
  const shown = names.slice(0, MOST_NAMES).map((name) => oneLine(name, (text) => text).slice(0, MOST_NAME))
  const rest = names.length - shown.length
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`
}

/** Text from outside as one short line in which no secret appears. */
function oneLine(text: string, hide: Hide): string {
  const line = hide(text)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return line.length > MOST_TEXT ? `${line.slice(0, MOST_TEXT)}…` : line
}

/** Seconds or a date; a date is read against the server's own clock where it tells its time. */
function retryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  const seconds = Number(value)
  const wait = Number.isNaN(seconds)
    ? Date.parse(value) - (Date.parse(headers.get('date') ?? '') || now)
    : seconds * 1000
  if (Number.isNaN(wait)) return undefined
  return now + Math.min(Math.max(wait, 0), LONGEST_WAIT_MS)
}

const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|CERT_.*|ERR_TLS_.*|.*SELF_SIGNED_CERT.*)$/
const CONNECTING = new Set(['connect', 'getaddrinfo'])

/** Whether the failure shows that nothing was sent: no name, no connection, no trusted certificate. */
function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(neverConnected)
  if ('code' in error && typeof error.code === 'string' && BEFORE_SENDING.test(error.code)) return true
  if ('syscall' in error && typeof error.syscall === 'string' && CONNECTING.has(error.syscall)) return true
  return neverConnected(error.cause)
}

function connectionReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return connectionReason(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
