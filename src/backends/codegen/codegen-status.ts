import type { AgentRunState } from '../../domain/backend.ts'
import type { CodegenRun } from './codegen-schemas.ts'

const ENDED: ReadonlyMap<string, AgentRunState['status']> = new Map([
  ['COMPLETE', 'complete'],
  ['COMPLETED', 'complete'],
  ['ERROR', 'failed'],
  ['FAILED', 'failed'],
  ['TIMEOUT', 'failed'],
  ['MAX_ITERATIONS_REACHED', 'failed'],
  ['OUT_OF_TOKENS', 'failed'],
  ['CANCELLED', 'cancelled'],
  ['CANCELED', 'cancelled'],
  ['STOPPED', 'cancelled'],
  ['PAUSED', 'paused'],
])

/** What a status of the API means; a null or unknown one is active, and the caller's deadline bounds it. */
export function mapStatus(raw: string | null): AgentRunState['status'] {
  return ENDED.get((raw ?? '').trim().toUpperCase()) ?? 'active'
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
