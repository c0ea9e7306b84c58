import type { z } from 'zod'
import type { BackendErrorKind } from '../domain/backend.ts'
import {
  BackendError,
  CommandRefusedError,
  DataFolderError,
  type DataFolderTrouble,
  IdempotencyConflictError,
  NotFoundError,
  type Problem,
  TroupeError,
  UsageError,
  WorkflowError,
} from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/json.ts'

/** An error as every way in answers it. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly details: JsonObject
}

interface ErrorRow {
  readonly status: 400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 422 | 426 | 429 | 500 | 502 | 503
  readonly exitCode: 1 | 2 | 3
  /** What it says to whoever reads the documentation. */
  readonly means: string
}

/** What each `TroupeError.code` means to an HTTP client and to a shell. */
const TABLE = {
  'workflow-invalid': {
    status: 422,
    exitCode: 2,
    means:
      'The workflow has mistakes: `details.problems` has each with its file, line and column. Nothing was started.',
  },
  usage: { status: 400, exitCode: 2, means: 'The request, its inputs or its settings cannot be used.' },
  'not-found': { status: 404, exitCode: 2, means: 'There is no such run, task, file or path.' },
  'command-refused': {
    status: 409,
    exitCode: 2,
    means: 'The command is not legal in the present state; `details.legal` names those that are.',
  },
  'too-large': { status: 413, exitCode: 2, means: 'The body is larger than the server takes.' },
  'idempotency-conflict': {
    status: 422,
    exitCode: 2,
    means: 'The Idempotency-Key started another request before: `details.run`.',
  },
  unauthorized: { status: 401, exitCode: 2, means: 'No token or signature came with the request, or a wrong one.' },
  forbidden: { status: 403, exitCode: 2, means: 'The token may only read, or a page of another site asked.' },
  'method-not-allowed': { status: 405, exitCode: 2, means: 'The path has other methods: see the header Allow.' },
  'media-type': { status: 415, exitCode: 2, means: 'The body is not sent as application/json in UTF-8.' },
  'wrong-host': { status: 421, exitCode: 2, means: 'The Host header names another machine.' },
  'upgrade-required': { status: 426, exitCode: 2, means: 'The path is a WebSocket.' },
  'too-many-attempts': { status: 429, exitCode: 2, means: 'Too many wrong tokens came from this address.' },
  busy: { status: 503, exitCode: 2, means: 'Too many are asking at once; it took no effect.' },
  stopping: { status: 503, exitCode: 2, means: 'The process is ending; nothing that was asked took effect.' },
  'holder-gone': { status: 503, exitCode: 2, means: 'The process that holds the data folder does not answer.' },
  'no-answer': { status: 503, exitCode: 2, means: 'The server cannot be reached, or does not answer.' },
  'data-folder-locked': { status: 503, exitCode: 2, means: 'Another process holds the data folder.' },
  'data-folder-read-only': { status: 503, exitCode: 2, means: 'The data folder cannot be written.' },
  'data-folder-full': { status: 503, exitCode: 2, means: 'The disk is full.' },
  'data-folder-damaged': { status: 503, exitCode: 2, means: 'A file of the data folder cannot be read back.' },
  'data-folder-newer-format': { status: 503, exitCode: 2, means: 'A newer troupe wrote the data folder.' },
  'data-folder-lost': { status: 503, exitCode: 2, means: 'Another process took the data folder.' },
  'data-folder-failed': { status: 503, exitCode: 2, means: 'The system refuses work on the data folder.' },
  'backend-limit': { status: 429, exitCode: 3, means: 'The backend asks for fewer calls.' },
  'backend-quota': { status: 402, exitCode: 3, means: 'The account at the backend is used up.' },
  // Not 401: the caller's own credentials are fine, those for the backend are not.
  'backend-auth': { status: 502, exitCode: 2, means: 'The backend refuses the credentials of this server.' },
  'backend-refused': { status: 502, exitCode: 1, means: 'The backend refuses the call.' },
  'backend-not-found': { status: 502, exitCode: 1, means: 'The backend does not know the agent run.' },
  'backend-invalid': { status: 502, exitCode: 1, means: 'The backend cannot use what it was sent.' },
  'backend-unreachable': { status: 502, exitCode: 1, means: 'The backend does not answer.' },
  'backend-crashed': { status: 502, exitCode: 1, means: 'The backend failed inside.' },
  'backend-timeout': { status: 502, exitCode: 1, means: 'The backend answered too late.' },
  'backend-unknown-outcome': { status: 502, exitCode: 1, means: 'Whether the call took effect is not known.' },
  'backend-conflict': { status: 502, exitCode: 1, means: 'Work that a task needs cannot be merged.' },
  internal: { status: 500, exitCode: 1, means: 'Something inside troupe failed; its log says what.' },
} as const satisfies Readonly<Record<string, ErrorRow>>

/** A code that troupe answers with. */
export type ErrorCode = keyof typeof TABLE

/** Every code with its HTTP status and what it means: the documentation. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorRow>> = TABLE

const UNKNOWN: ErrorRow = TABLE.internal

/** Thrown for a code of the table that has no class of its own, and for codes of a newer version. */
export class ApiError extends TroupeError {
  override readonly name = 'ApiError' as const
  readonly code: string
  readonly details: JsonObject
  constructor(code: string, message: string, details: JsonObject = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** Nothing that was asked took effect: the process that holds the folder is ending. */
export function stopping(): ApiError {
  return new ApiError('stopping', 'The process that holds the data folder is ending.')
}

/** The HTTP status that answers an error; 500 for anything troupe did not throw on purpose. */
export function httpStatusOf(error: unknown): ErrorRow['status'] {
  return rowOf(error).status
}

/** The process exit code an error leads to; 1 for anything troupe did not throw on purpose. */
export function exitCodeOf(error: unknown): ErrorRow['exitCode'] {
  return rowOf(error).exitCode
}

/** An error as `{code, message, details}`. What was not thrown on purpose gives nothing of its inside away. */
export function errorBody(error: unknown): ErrorBody {
  if (!(error instanceof TroupeError))
    return { code: 'internal', message: 'Something inside troupe failed.', details: {} }
  return { code: error.code, message: error.message, details: detailsOf(error) }
}

/** The error of the same class that {@link errorBody} was made from; an ApiError where there is none. */
export function reviveError(body: ErrorBody): TroupeError {
  const { code, message, details } = body
  if (code === 'workflow-invalid' && Array.isArray(details['problems'])) {
    return new WorkflowError(details['problems'].map(reviveProblem))
  }
  if (code === 'usage') return new UsageError(message)
  if (code === 'idempotency-conflict') return new IdempotencyConflictError(text(details['key']), text(details['run']))
  if (code === 'not-found') return new NotFoundError(text(details['subject']), text(details['hint']))
  if (code === 'command-refused') {
    const legal = Array.isArray(details['legal']) ? details['legal'].map(text) : []
    return new CommandRefusedError(text(details['subject']), text(details['command']), text(details['state']), legal)
  }
  if (code.startsWith('data-folder-') && isKnown(code)) {
    const trouble = code.slice('data-folder-'.length) as DataFolderTrouble
    return new DataFolderError(trouble, text(details['folder']), message)
  }
  if (code.startsWith('backend-') && isKnown(code)) return reviveBackendError(body)
  return new ApiError(code, message, details)
}

const MAX_WORDS = 2000

/** The first complaints of a zod error in one line: `path: complaint; path: complaint`. */
export function describeIssues(error: z.ZodError): string {
  const words = error.issues
    .slice(0, 10)
    .map((issue) => {
      const message = (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined) ?? issue.message
      return issue.path.length > 0 ? `${issue.path.join('.')}: ${message}` : message
    })
    .join('; ')
  // A complaint quotes what was sent, whatever its length.
  return words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS)}…` : words
}

function rowOf(error: unknown): ErrorRow {
  return error instanceof TroupeError && isKnown(error.code) ? TABLE[error.code] : UNKNOWN
}

function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(TABLE, code)
}

function detailsOf(error: TroupeError): JsonObject {
  if (error instanceof ApiError) return error.details
  if (error instanceof WorkflowError) return { problems: error.problems.map((problem) => ({ ...problem })) }
  if (error instanceof IdempotencyConflictError) return { key: error.key, run: error.run }
  if (error instanceof NotFoundError) return { subject: error.subject, hint: error.hint }
  if (error instanceof CommandRefusedError) {
    return { subject: error.subject, command: error.command, state: error.state, legal: error.legal }
  }
  if (error instanceof DataFolderError) return { folder: error.folder }
  if (error instanceof BackendError) {
    const { kind, retryable, certain, notBefore, status } = error
    return { kind, retryable, certain, notBefore, status }
  }
  return {}
}

function reviveBackendError({ code, message, details }: ErrorBody): BackendError {
  const { notBefore, status } = details
  return new BackendError(message, {
    kind: code.slice('backend-'.length) as BackendErrorKind,
    retryable: details['retryable'] === true,
    certain: details['certain'] !== false,
    ...(typeof notBefore === 'number' ? { notBefore } : {}),
    ...(typeof status === 'number' ? { status } : {}),
  })
}

function reviveProblem(value: Json): Problem {
  const problem = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
  const { line, column } = problem
  return {
    file: text(problem['file']),
    line: typeof line === 'number' ? line : 0,
    column: typeof column === 'number' ? column : 0,
    message: text(problem['message']),
  }
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
