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
  readonly status: 400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 422 | 429 | 500 | 502 | 503
  readonly exitCode: 1 | 2 | 3
}

/** What each `TroupeError.code` means to an HTTP client and to a shell. */
const TABLE: Readonly<Record<string, ErrorRow>> = {
  'workflow-invalid': { status: 422, exitCode: 2 },
  usage: { status: 400, exitCode: 2 },
  'not-found': { status: 404, exitCode: 2 },
  'command-refused': { status: 409, exitCode: 2 },
  'too-large': { status: 413, exitCode: 2 },
  'idempotency-conflict': { status: 422, exitCode: 2 },
  // No token, or a wrong one.
  unauthorized: { status: 401, exitCode: 2 },
  // A read-only token, or a page of another site.
  forbidden: { status: 403, exitCode: 2 },
  'method-not-allowed': { status: 405, exitCode: 2 },
  'media-type': { status: 415, exitCode: 2 },
  // The Host header names another machine.
  'wrong-host': { status: 421, exitCode: 2 },
  'too-many-attempts': { status: 429, exitCode: 2 },
  stopping: { status: 503, exitCode: 2 },
  'holder-gone': { status: 503, exitCode: 2 },
  'data-folder-locked': { status: 503, exitCode: 2 },
  'data-folder-read-only': { status: 503, exitCode: 2 },
  'data-folder-full': { status: 503, exitCode: 2 },
  'data-folder-damaged': { status: 503, exitCode: 2 },
  'data-folder-newer-format': { status: 503, exitCode: 2 },
  'data-folder-lost': { status: 503, exitCode: 2 },
  'data-folder-failed': { status: 503, exitCode: 2 },
  'backend-limit': { status: 429, exitCode: 3 },
  'backend-quota': { status: 402, exitCode: 3 },
  // Not 401: the caller's own credentials are fine, those for the backend are not.
  'backend-auth': { status: 502, exitCode: 2 },
  'backend-refused': { status: 502, exitCode: 1 },
  'backend-not-found': { status: 502, exitCode: 1 },
  'backend-invalid': { status: 502, exitCode: 1 },
  'backend-unreachable': { status: 502, exitCode: 1 },
  'backend-crashed': { status: 502, exitCode: 1 },
  'backend-timeout': { status: 502, exitCode: 1 },
  'backend-unknown-outcome': { status: 502, exitCode: 1 },
}

const UNKNOWN: ErrorRow = { status: 500, exitCode: 1 }

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
  if (code.startsWith('data-folder-') && code in TABLE) {
    const trouble = code.slice('data-folder-'.length) as DataFolderTrouble
    return new DataFolderError(trouble, text(details['folder']), message)
  }
  if (code.startsWith('backend-') && code in TABLE) return reviveBackendError(body)
  return new ApiError(code, message, details)
}

/** All of a zod error's complaints in one line: `path: complaint; path: complaint`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 10)
    .map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
    .join('; ')
}

function rowOf(error: unknown): ErrorRow {
  return error instanceof TroupeError ? (TABLE[error.code] ?? UNKNOWN) : UNKNOWN
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
