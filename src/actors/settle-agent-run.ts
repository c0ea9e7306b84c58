import type { AgentRunRef } from '../domain/backend.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { SettleInput, SettleOutput } from '../machines/effects.ts'
import { findUntil } from './reconcile-agent-run.ts'
import type { RunContext } from './run-context.ts'

/** Ends an attempt: settles a create in doubt first, stops what the backend can stop, says what it could not. */
export const settleAgentRun =
  (run: RunContext): Effect<SettleInput, SettleOutput> =>
  async (input, { signal }) => {
    const backend = run.backendOf(input.task)
    let ref: AgentRunRef | undefined = input.ref
    if (ref === undefined && input.intentAt !== undefined) {
      const key = { run: run.run, task: input.task, attempt: input.attempt }
      const until = run.clock.now() + run.graceMs(input.task)
      const found = await findUntil(run, backend, key, input.intentAt, until, signal)
      if (found.kind === 'unknown')
        return { note: `An agent may have been created: ${found.reason}`, stillRunning: true }
      if (found.kind === 'found') ref = found.ref
    }
    if (ref === undefined) return { note: 'Nothing had been created', stillRunning: false }
    const where = ref.url ?? ref.id
    if (backend.cancel === undefined || !backend.capabilities.cancel) {
      const state = await backend.read(ref, signal).catch(() => undefined)
      const ended = state !== undefined && state.status !== 'active' && state.status !== 'paused'
      return ended
        ? { note: 'The agent run had already ended', ref, stillRunning: false }
        : { note: `${backend.id} cannot stop an agent run: it goes on at ${where}`, ref, stillRunning: true }
    }
    try {
      await backend.cancel(ref, signal)
      return { note: `Stopped ${where}`, ref, stillRunning: false }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BackendError)) throw error
      return { note: `Could not stop ${where}: ${error.message}`, ref, stillRunning: true }
    }
  }
