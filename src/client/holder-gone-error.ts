import { TroupeError } from '../domain/errors.ts'

/**
 * Thrown when the process that holds the data folder does not answer any more. `sent`: the request had reached it, so it may
 * have taken effect.
 */
export class HolderGoneError extends TroupeError {
  override readonly name = 'HolderGoneError' as const
  readonly code = 'holder-gone'
  readonly socketPath: string
  readonly sent: boolean
  constructor(socketPath: string, details: { sent: boolean; why: string; cause?: unknown }) {
    const outcome = details.sent ? ' What was asked may have taken effect: look with troupe runs and troupe show.' : ''
    super(`The process that holds the data folder does not answer at ${socketPath}: ${details.why}.${outcome}`, {
      cause: details.cause,
    })
    this.socketPath = socketPath
    this.sent = details.sent
  }
}
