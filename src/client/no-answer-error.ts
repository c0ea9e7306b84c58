import { TroupeError } from '../domain/errors.ts'

/**
 * Thrown when a server cannot be reached, or gives no whole answer in time. `sent`: the request may have reached it, so that it
 * may have taken effect.
 */
export class NoAnswerError extends TroupeError {
  override readonly name = 'NoAnswerError' as const
  readonly code = 'no-answer'
  readonly url: string
  readonly sent: boolean
  constructor(url: string, details: { sent: boolean; why: string; cause?: unknown }) {
    super(`There is no answer from ${url}: ${details.why}.`, { cause: details.cause })
    this.url = url
    this.sent = details.sent
  }
}
