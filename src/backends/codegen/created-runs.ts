import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import { isKeyMetadata } from './codegen-order.ts'
import type { CodegenRun } from './codegen-schemas.ts'

const MOST_REMEMBERED = 10_000

/**
 * Checks what creates are answered with. An answer about a run that cannot be the one that was asked for says nothing of that one:
 * whoever believed it would wait for somebody else's agent, and have its own paid for in vain.
 */
export class CreatedRuns {
  /** Run id -> the attempt that it was created for. */
  readonly #byId = new Map<string, string>()

  /** Throws BackendError of unknown outcome unless the run may be the attempt's. */
  accept(run: CodegenRun, key: AttemptKey, organization: string): CodegenRun {
    const name = formatKey(key)
    if (run.organizationId !== null && run.organizationId !== organization) throw wrong('of another organization')
    if (run.metadata?.['troupe'] !== undefined && !isKeyMetadata(run.metadata, key)) throw wrong('of another attempt')
    if ((this.#byId.get(run.id) ?? name) !== name) throw wrong('that another create made')
    this.#byId.set(run.id, name)
    const [oldest] = this.#byId.keys()
    if (this.#byId.size > MOST_REMEMBERED && oldest !== undefined) this.#byId.delete(oldest)
    return run
  }
}

function wrong(whose: string): BackendError {
  return new BackendError(`Codegen could not create an agent run: its answer is about one ${whose}.`, {
    kind: 'unknown-outcome',
    retryable: true,
    certain: false,
    status: 200,
  })
}
