import type { BackendErrorKind, Failure } from './backend.ts'

/** Base of every error that troupe throws on purpose. `code` is stable and documented. */
export abstract class TroupeError extends Error {
  abstract readonly code: string
}

/** One mistake in a workflow file or its inputs. */
export interface Problem {
  readonly file: string
  /** Counted from 1; 0 where the mistake has no place in a file. */
  readonly line: number
  readonly column: number
  /** What is wrong and what would be right. */
  readonly message: string
}

/** `file:line:column: message`. */
function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `:${problem.line}:${problem.column}` : ''
  return `${problem.file}${place}: ${problem.message}`
}

/** Thrown when a workflow cannot be used; holds every mistake at once. Nothing was started. */
export class WorkflowError extends TroupeError {
  override readonly name = 'WorkflowError' as const
  readonly code = 'workflow-invalid'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** Thrown when the inputs, flags or settings of a command cannot be used. */
export class UsageError extends TroupeError {
  override readonly name = 'UsageError' as const
  readonly code = 'usage'
}

/** Thrown when a named run or task does not exist. */
export class NotFoundError extends TroupeError {
  override readonly name = 'NotFoundError' as const
  readonly code = 'not-found'
  readonly subject: string
  readonly hint: string
  constructor(subject: string, hint: string) {
    super(`${subject} does not exist. ${hint}`)
    this.subject = subject
    this.hint = hint
  }
}

/** Thrown when a command is not legal in the present state; says what is. */
export class CommandRefusedError extends TroupeError {
  override readonly name = 'CommandRefusedError' as const
  readonly code = 'command-refused'
  readonly subject: string
  readonly command: string
  /** The subject's public state when it refused. */
  readonly state: string
  readonly legal: readonly string[]
  /** `why`: a whole sentence, where the state alone does not say it. */
  constructor(subject: string, command: string, state: string, legal: readonly string[], why?: string) {
    const takes = legal.length > 0 ? `It takes: ${legal.join(', ')}.` : 'It takes no command now.'
    super(`${subject} is ${state} and cannot take '${command}'. ${why ?? takes}`)
    this.subject = subject
    this.command = command
    this.state = state
    this.legal = legal
  }
}

/** Why a data folder cannot be used. */
export type DataFolderTrouble = 'locked' | 'read-only' | 'full' | 'damaged' | 'newer-format' | 'lost' | 'failed'

/** Thrown when the data folder cannot be taken, read or written. Nothing that was durable is lost. */
export class DataFolderError extends TroupeError {
  override readonly name = 'DataFolderError' as const
  readonly code: `data-folder-${DataFolderTrouble}`
  readonly folder: string
  constructor(trouble: DataFolderTrouble, folder: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = `data-folder-${trouble}`
    this.folder = folder
  }
}

/** Details of a {@link BackendError}. */
export interface BackendErrorDetails {
  readonly kind: BackendErrorKind
  readonly retryable: boolean
  /** False: the call may have taken effect. */
  readonly certain: boolean
  readonly notBefore?: number
  readonly status?: number
  readonly cause?: unknown
}

/** Thrown when an idempotency key was used before, for another request. */
export class IdempotencyConflictError extends TroupeError {
  override readonly name = 'IdempotencyConflictError' as const
  readonly code = 'idempotency-conflict' as const
  readonly key: string
  readonly run: string
  constructor(key: string, run: string) {
    super(`The idempotency key '${key}' started ${run} with another request. Use a new key for a new run.`)
    this.key = key
    this.run = run
  }
}

/** Thrown by a backend's methods. */
export class BackendError extends TroupeError {
  override readonly name = 'BackendError' as const
  readonly code: `backend-${BackendErrorKind}`
  readonly kind: BackendErrorKind
  readonly retryable: boolean
  readonly certain: boolean
  readonly notBefore: number | undefined
  readonly status: number | undefined
  constructor(message: string, details: BackendErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = `backend-${details.kind}`
    this.kind = details.kind
    this.retryable = details.retryable
    this.certain = details.certain
    this.notBefore = details.notBefore
    this.status = details.status
  }
}

/** Any thrown thing as plain data. */
export function toFailure(error: unknown): Failure {
  if (error instanceof BackendError) {
    return {
      kind: error.kind,
      message: error.message,
      retryable: error.retryable,
      certain: error.certain,
      ...(error.notBefore === undefined ? {} : { notBefore: error.notBefore }),
      ...(error.status === undefined ? {} : { httpStatus: error.status }),
    }
  }
  return {
    kind: 'internal',
    message: error instanceof Error ? error.message : String(error),
    retryable: false,
    certain: true,
  }
}
