import type { CommandOrigin, CommandReply } from '../domain/command.ts'
import { CommandRefusedError } from '../domain/errors.ts'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { JournalRecord } from '../domain/record.ts'
import { legalTaskCommands } from '../machines/commands.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { RunHost } from './run-host.ts'
import type { RepeatedTask } from './run-projection.ts'

/** How many tasks a refusal names. */
const NAMED = 10

/**
 * Has a settled task, or an item, carried out once more, with all that depends on it: as a new generation, whose attempts are counted
 * on. Of a run that has ended the supervisor gets a new actor, and the manager a new attempt. What was to be repeated is one record:
 * what follows from it is made up for after a crash. Resolves once all that it caused at once is durable.
 *
 * @throws CommandRefusedError, NotFoundError
 */
export async function rerunTask(
  host: RunHost,
  task: string,
  actor: JournalRecord['actor'],
  by: CommandOrigin | undefined,
): Promise<CommandReply> {
  const repeated = planRerun(host, task)
  const said = { command: 'rerun', ...(by === undefined ? {} : { by: { ...by } }) } as JsonObject
  host.append('command', actor, { task, data: said })
  const seq = host.append('plan', { kind: 'supervisor', id: SUPERVISOR }, { task, data: { rerun: repeated } as never })
  if (host.projection.reopenedFrom !== undefined) host.reopen(host.projection.reopenedFrom)
  host.progress.repeat(task)
  host.checkEnd()
  await host.durable()
  return { run: host.run, task, seq, state: host.actors.state(task) ?? 'waiting' }
}

/** What a rerun of the task repeats. Throws CommandRefusedError where it is not legal, NotFoundError for a task that is not there. */
export function planRerun(host: RunHost, task: string): readonly RepeatedTask[] {
  const { projection, status } = host
  const refuse = (state: string, why: string) => {
    throw new CommandRefusedError(`${host.run} ${task}`, 'rerun', state, legalTaskCommands(state), why)
  }
  if (task === MANAGER) refuse(host.actors.state(MANAGER) ?? 'settled', 'Only tasks are repeated.')
  const { graph } = host.progress
  if (!graph.isSettled(task)) {
    refuse(host.actors.state(task) ?? 'waiting', 'Only what has settled is repeated.')
  }
  const state = projection.settled.get(task)?.status ?? graph.state(task)
  if (status !== 'running' && status !== 'paused' && !isFinalState(status)) {
    refuse(state, `The run is ${status}: wait until it has ended.`)
  }
  const ids = graph.repeated(task)
  const live = ids.filter((id) => host.actors.has(id))
  if (live.length > 0) refuse(state, `What depends on it has not settled: cancel ${listed(live)} first.`)
  const repeated: RepeatedTask[] = []
  for (const id of ids) {
    const attempt = projection.settled.get(id)?.attempt ?? projection.generations.get(id) ?? 0
    if (attempt > 0 || projection.expansions.has(id)) repeated.push({ task: id, attempt })
  }
  const manager = host.ended ? projection.live.get(MANAGER) : undefined
  return manager === undefined ? repeated : [...repeated, { task: MANAGER, attempt: manager.attempt }]
}

/** Whether a rerun of the task would be taken. */
export function mayRerun(host: RunHost, task: string): boolean {
  try {
    planRerun(host, task)
    return true
  } catch {
    return false
  }
}

function listed(ids: readonly string[]): string {
  return `${ids.slice(0, NAMED).join(', ')}${ids.length > NAMED ? ' and others' : ''}`
}
