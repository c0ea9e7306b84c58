import type { Failure } from './domain/backend.ts'
import type { RunRecord } from './domain/record.ts'
import { mainState } from './machines/public-state.ts'
import { isPlainObject } from './workflow/json-value.ts'

/** How the agent run of an attempt came to its end. */
export type AgentEnd = { readonly how: 'completed' } | { readonly how: 'failed'; readonly reason: string }

/** An end that says something of the account. That somebody cancelled an agent run there does not. */
const FAILED: ReadonlySet<unknown> = new Set<Failure['kind']>([
  'agent-failed',
  'reported',
  'invalid-report',
  'check-failed',
  'not-found',
  'crashed',
  'deadline',
])
/** An attempt has an agent run in these. */
const AT_WORK: ReadonlySet<string> = new Set(['running', 'reporting', 'escalated'])
const REPORTED = 'xstate.done.actor.report'

/** The end of an agent run that a record tells of; undefined for all other records. */
export function agentEnd({ type, actor, event, from, to, data }: RunRecord): AgentEnd | undefined {
  if (type !== 'transition' || actor.kind === 'supervisor') return undefined
  if (event === REPORTED) return { how: 'completed' }
  if (to !== 'recovering' || !AT_WORK.has(mainState(from ?? ''))) return undefined
  const failure = data?.['failure']
  if (!isPlainObject(failure) || !FAILED.has(failure['kind'])) return undefined
  return { how: 'failed', reason: `${failure['kind']}: ${failure['message']}` }
}
