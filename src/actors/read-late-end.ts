import type { AgentRunRef, AgentRunState } from '../domain/backend.ts'
import { cleanUsage } from '../domain/budget.ts'
import { type AttemptKey, formatKey, MANAGER } from '../domain/ids.ts'
import type { LateEnd } from '../domain/late-end.ts'
import { failureOf } from '../machines/effects.ts'
import { parseReport } from './parse-report.ts'
import { readReport } from './read-report.ts'
import type { RunContext } from './run-context.ts'

/** Of what cannot be used, so much is told, characters. */
const BEGINNING = 2_000

/** The end of an agent run that had been given up. Without a ref none was ever created. */
export interface EndedLate {
  readonly key: AttemptKey
  readonly ref?: AgentRunRef
  readonly state?: AgentRunState
}

/**
 * What a late end comes to. A report is read, checked and kept as one in time is, so that a person may adopt it; of an end that is
 * of no use it is said why. Rejects only when it is stopped.
 */
export const readLateEnd =
  (run: RunContext) =>
  async ({ key, ref, state }: EndedLate, signal: AbortSignal): Promise<LateEnd> => {
    const holder = formatKey(key)
    if (ref === undefined || state === undefined) {
      return { holder, status: 'none was ever created', usable: false, reason: 'There was no agent run' }
    }
    const url = state.url ?? ref.url
    const usage = cleanUsage(state.usage)
    const paid = usage === undefined ? {} : { usage }
    const end = { holder, status: state.rawStatus ?? state.status, ...(url === undefined ? {} : { url }), ...paid }
    const { pullRequests } = state
    const opened = pullRequests.length === 0 ? {} : { pullRequests }
    if (state.status !== 'complete') return { ...end, usable: false, reason: 'It did not complete', ...opened }
    if (key.task === MANAGER) return { ...end, usable: false, reason: 'The run went on without it', ...opened }
    try {
      const input = { task: key.task, attempt: key.attempt, ref, turn: state.turn ?? 1 }
      const { url: _url, pullRequests: found, ...outcome } = await readReport(run)(input, { signal, restarted: false })
      return { ...end, usable: true, outcome, ...(found.length === 0 ? opened : { pullRequests: found }) }
    } catch (error) {
      signal.throwIfAborted()
      const result = beginningOf(state)
      const said = result === '' ? {} : { outcome: { result } }
      return { ...end, usable: false, reason: failureOf(error).message, ...said, ...opened }
    }
  }

function beginningOf({ result = '', summary = '' }: AgentRunState): string {
  return (parseReport(result).text || result || summary).slice(0, BEGINNING)
}
