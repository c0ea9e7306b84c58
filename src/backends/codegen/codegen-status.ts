import type { AgentRunState } from '../../domain/backend.ts'
import type { CodegenRun } from './codegen-schemas.ts'

/** By the word in capitals, without what stands between its parts. */
const ENDED: ReadonlyMap<string, AgentRunState['status']> = new Map([
  ['COMPLETE', 'complete'],
  ['COMPLETED', 'complete'],
  ['ERROR', 'failed'],
  ['FAILED', 'failed'],
  ['TIMEOUT', 'failed'],
  ['MAXITERATIONSREACHED', 'failed'],
  ['OUTOFTOKENS', 'failed'],
  ['CANCELLED', 'cancelled'],
  ['CANCELED', 'cancelled'],
  ['STOPPED', 'cancelled'],
  ['PAUSED', 'paused'],
])

/**
 * What a status of the API means, in whatever case and with whatever between its words; a null or unknown one is active, and the
 * caller's deadline bounds it.
 */
export function mapStatus(raw: string | null): AgentRunState['status'] {
  return ENDED.get((raw ?? '').replace(/[\s_-]+/g, '').toUpperCase()) ?? 'active'
}

/** The state of a run that was asked for at `at` (ms). */
export function toAgentRunState(run: CodegenRun, at: number): AgentRunState {
  return {
    status: mapStatus(run.status),
    rawStatus: run.status,
    ...(run.result === null ? {} : { result: run.result }),
    ...(run.summary === null ? {} : { summary: run.summary }),
    pullRequests: run.pullRequests,
    ...(run.url === null ? {} : { url: run.url }),
    at,
  }
}

/** The state of a run that the API answered 404 for at `at` (ms). */
export function goneState(at: number): AgentRunState {
  return { status: 'gone', rawStatus: null, pullRequests: [], at }
}
