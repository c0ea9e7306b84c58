import type { AgentRunRef } from '../domain/backend.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { CreateInput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

/**
 * Creates the attempt's agent run. After a restart it does not call: the call may have been made, so the outcome is unknown and
 * the machine reconciles first (I2).
 */
export const createAgentRun =
  (run: RunContext): Effect<CreateInput, AgentRunRef> =>
  async (input, { signal, restarted }) => {
    const backend = run.backendOf(input.task)
    const doubtful = restarted || run.searchSince(input.task, input.attempt) !== undefined
    if (doubtful && !backend.capabilities.idempotentCreate) {
      throw new BackendError('Restarted while an agent may have been created', {
        kind: 'unknown-outcome',
        retryable: true,
        certain: false,
      })
    }
    const order = await run.order(input.task, input.attempt, input)
    signal.throwIfAborted()
    return backend.create(order, signal)
  }
