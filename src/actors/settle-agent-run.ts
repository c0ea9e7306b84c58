import type { AgentRunRef, AgentRunState, Backend } from '../domain/backend.ts'
import { cleanUsage } from '../domain/budget.ts'
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
    // A damaged record may have named what an attempt without a doubt of its own has made.
    const since = input.intentAt ?? run.searchSince(input.task, input.attempt)
    if (ref === undefined && since !== undefined) {
      const key = { run: run.run, task: input.task, attempt: input.attempt }
      const until = run.clock.now() + run.graceMs(input.task)
      const found = await findUntil(run, backend, key, since, until, signal)
      if (found.kind === 'unknown')
        return { note: `An agent may have been created: ${found.reason}`, stillRunning: true }
      if (found.kind === 'found') {
        for (const other of found.others) run.reportDouble(input.task, input.attempt, other)
        ref = found.ref
      }
    }
    if (ref === undefined) return { note: 'Nothing had been created', stillRunning: false }
    const where = ref.url ?? ref.id
    if (backend.cancel === undefined || !backend.capabilities.cancel) {
      const state = await backend.read(ref, signal).catch(() => undefined)
      // Nobody watches what has ended, so one stale 404 must not pass for an end.
      const ended = state !== undefined && !['active', 'paused', 'gone'].includes(state.status)
      return ended
        ? { note: 'The agent run had already ended', ref, stillRunning: false, ...usageOf(state) }
        : { note: goesOn(backend, ref), ref, stillRunning: true, ...usageOf(state) }
    }
    try {
      await backend.cancel(ref, signal)
      const state = backend.capabilities.usage ? await backend.read(ref, signal).catch(() => undefined) : undefined
      return { note: `Stopped ${where}`, ref, stillRunning: false, ...usageOf(state) }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BackendError)) throw error
      return { note: `Could not stop ${where}: ${error.message}`, ref, stillRunning: true }
    }
  }

/** What it was stopped at is paid for. */
function usageOf(state: AgentRunState | undefined): { readonly usage?: SettleOutput['usage'] & {} } {
  const usage = cleanUsage(state?.usage)
  return usage === undefined ? {} : { usage }
}

/** Ends with what a person can do about it. */
function goesOn(backend: Backend, ref: AgentRunRef): string {
  const how = backend.howToStop?.(ref)
  const note = `${backend.id} cannot stop an agent run: it goes on at ${ref.url ?? ref.id}`
  return how === undefined ? note : `${note}. ${how}`
}
