import { MANAGER } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Said } from './run-actions.ts'
import type { RunHost } from './run-host.ts'
import type { RunPorts } from './run-ports.ts'
import type { GivenUpRun } from './run-projection.ts'

/** An actor that is to be replaced: why, at which attempt, and what it last knew. */
export interface Aside {
  readonly id: string
  readonly reason: string
  readonly attempt: number
  readonly context: JsonObject | undefined
}

/** What the coming record says; taken out, nothing is said. */
export interface Saying {
  say(): Said
  take(): Said | undefined
}

/** The actor is gone; its agent run may go on and is given up, its task is put before a person. */
export function setAside(
  host: RunHost,
  ports: RunPorts,
  saying: Saying,
  { id, reason, attempt, context }: Aside,
): void {
  host.actors.forget(id)
  const { ref, intentAt } = (context ?? {}) as Pick<GivenUpRun, 'ref' | 'intentAt'>
  if (ref !== undefined || intentAt !== undefined) {
    const given: GivenUpRun = { task: id, attempt, ...(ref === undefined ? { intentAt } : { ref }) }
    saying.say().data['gaveUp'] = given
    queueMicrotask(() => ports.watchGivenUp(given))
  }
  if (id === MANAGER && !host.plans) loseManager(host, saying, reason, attempt)
  else if (id === MANAGER) host.startManager({ quarantined: { reason, attempt } })
  else host.startAgent(id, { quarantined: { reason, attempt } })
}

/** There is no actor left to say so: the record that ends the manager is made here. */
function loseManager(host: RunHost, saying: Saying, reason: string, attempt: number): void {
  const from = host.projection.live.get(MANAGER)?.state ?? 'pending'
  const data = { ...saying.take()?.data, reason: `${reason}. The run goes on without it.` } as JsonObject
  const rest = { task: MANAGER, attempt, event: 'quarantine', from, to: 'failed', data }
  host.append('transition', { kind: 'manager', id: MANAGER }, rest)
  host.alert('quarantined', `manager: ${data['reason']}`, MANAGER)
}
