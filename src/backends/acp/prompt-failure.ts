import { RequestError } from '@agentclientprotocol/sdk'
import type { BackendErrorKind, EndFailure } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import { listOf, numberOf, recordOf, textOf } from './json-parts.ts'
import type { ToldLimit } from './turn-record.ts'

/** JSON-RPC codes that the protocol gives a meaning. */
const AUTH_REQUIRED = -32000
const NOT_FOUND = -32002
export const METHOD_NOT_FOUND = -32601
const CANCELLED = -32800
const MOST_MESSAGE = 2_000

type Kind = EndFailure['kind']

/** Kinds of failure that a later attempt may not meet again. */
const PASSING: ReadonlySet<Kind> = new Set(['limit', 'unreachable', 'crashed', 'timeout', 'agent-failed'])

/** What claude-agent-acp puts into `data.errorKind`. */
const CLAUDE_KINDS: Readonly<Record<string, Kind>> = {
  authentication_failed: 'auth',
  oauth_org_not_allowed: 'auth',
  billing_error: 'quota',
  rate_limit: 'limit',
  overloaded: 'unreachable',
  server_error: 'unreachable',
  invalid_request: 'invalid',
  model_not_found: 'invalid',
}

/** The system's word for why a provider was not reached: claude-agent-acp has no kind for it. */
const NOT_REACHED = /\bAPI Error: .*\b(E(CONN\w+|AI_AGAIN|HOSTUNREACH|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT))\b/

/** What codex-acp puts into `data.codexErrorInfo`: a word, or an object whose one name is the word. */
const CODEX_KINDS: Readonly<Record<string, Kind>> = {
  unauthorized: 'auth',
  usageLimitExceeded: 'quota',
  sessionBudgetExceeded: 'quota',
  serverOverloaded: 'unreachable',
  internalServerError: 'unreachable',
  httpConnectionFailed: 'unreachable',
  responseStreamConnectionFailed: 'unreachable',
  responseStreamDisconnected: 'unreachable',
  responseTooManyFailedAttempts: 'unreachable',
  badRequest: 'invalid',
}

/** What codex-acp puts into the category of a failure in the answer to a prompt, where its client can read it. */
const CODEX_CATEGORIES: Readonly<Record<string, Kind>> = {
  limit: 'limit',
  connection: 'unreachable',
  service: 'unreachable',
  request: 'invalid',
}

/** Whose failure it is, and what is known beside it. */
export interface FailureFacts {
  readonly name: string
  /** How to log in, a sentence. */
  readonly login: string
  readonly limit?: ToldLimit | undefined
}

/** How a turn failed, by the error that its prompt was answered with. The words of a message decide nothing, but for the system's own. */
export function failureOf(error: unknown, facts: FailureFacts): EndFailure {
  if (error instanceof BackendError) {
    const { kind, message, retryable, notBefore } = error
    return { kind, message, retryable, ...(notBefore === undefined ? {} : { notBefore }) }
  }
  const said = error instanceof Error ? error.message : String(error)
  const kind = error instanceof RequestError ? kindOf(error, facts.limit) : 'agent-failed'
  const detail = error instanceof RequestError ? (textOf(recordOf(error.data)['message']) ?? said) : said
  const words = detail.trim().slice(0, MOST_MESSAGE)
  const message = kind === 'auth' ? loginMessage(facts, words) : `${facts.name}: ${words}`
  const until = kind === 'limit' || kind === 'quota' ? facts.limit?.until : undefined
  return { kind, message, retryable: PASSING.has(kind), ...(until === undefined ? {} : { notBefore: until }) }
}

/** How a turn failed that was answered as if it had not: Codex answers so whatever its provider does. */
export function failureInAnswer(
  answer: Readonly<Record<string, unknown>>,
  facts: FailureFacts,
): EndFailure | undefined {
  const told = recordOf(recordOf(recordOf(recordOf(answer['_meta'])['jetbrains'])['air'])['sessionFailure'])
  if (told['severity'] !== 'error') return undefined
  const kind = kindOfTold(textOf(told['category']) ?? '', listOf(told['actions']))
  const words = textOf(told['title'])?.slice(0, MOST_MESSAGE) ?? 'it failed'
  const message = kind === 'auth' ? loginMessage(facts, words) : `${facts.name}: ${words}`
  return { kind, message, retryable: PASSING.has(kind) }
}

/** A failure as it is thrown. */
export function asBackendError(error: unknown, facts: FailureFacts): BackendError {
  if (error instanceof BackendError) return error
  const { kind, message, retryable } = failureOf(error, facts)
  const thrown: BackendErrorKind = kind === 'agent-failed' ? 'refused' : kind
  return new BackendError(message, {
    kind: thrown,
    retryable: thrown !== 'refused' && retryable,
    certain: true,
    cause: error,
  })
}

/** Whether an agent wants its user to log in before it does anything. */
export function wantsLogin(error: unknown): boolean {
  return error instanceof RequestError && error.code === AUTH_REQUIRED
}

/** What helps tells one limit from another: time, nothing, or a new session because this one is too long. */
function kindOfTold(category: string, actions: readonly unknown[]): Kind {
  if (actions.includes('login')) return 'auth'
  if (category === 'limit' && !actions.includes('retry')) return actions.length === 0 ? 'quota' : 'agent-failed'
  return CODEX_CATEGORIES[category] ?? 'agent-failed'
}

function loginMessage({ name, login }: FailureFacts, words: string): string {
  return `${name} is not logged in (${words}). ${login}`
}

function kindOf({ code, data, message }: RequestError, limit: ToldLimit | undefined): Kind {
  if (code === AUTH_REQUIRED) return 'auth'
  if (code === NOT_FOUND) return 'not-found'
  if (code === CANCELLED) return 'agent-failed'
  const { errorKind, codexErrorInfo } = recordOf(data)
  const word = textOf(errorKind)
  if (word !== undefined && word !== 'unknown') return CLAUDE_KINDS[word] ?? 'agent-failed'
  const codex = textOf(codexErrorInfo) ?? Object.keys(recordOf(codexErrorInfo))[0]
  if (codex !== undefined) {
    const status = numberOf(recordOf(recordOf(codexErrorInfo)[codex])['httpStatusCode'])
    return kindOfStatus(status) ?? CODEX_KINDS[codex] ?? 'agent-failed'
  }
  if (limit?.isRejected === true) return 'limit'
  return word !== undefined && NOT_REACHED.test(message) ? 'unreachable' : 'agent-failed'
}

function kindOfStatus(status: number | undefined): Kind | undefined {
  if (status === 429) return 'limit'
  if (status === 401 || status === 403) return 'auth'
  if (status === 402) return 'quota'
  return undefined
}
