import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import { CommandRefusedError } from '../domain/errors.ts'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { JournalRecord } from '../domain/record.ts'
import { hasRoom, MOST_STEERS } from '../machines/agent-steers.ts'
import { legalRunCommands, legalTaskCommands, type TaskNow, takesLateResult } from '../machines/commands.ts'
import { legalManagerCommands } from '../machines/manager-commands.ts'
import type { OutcomeData } from '../machines/record-data.ts'
import type { PauseReason } from '../machines/supervisor-machine.ts'
import { mayRerun, rerunTask } from './rerun-task.ts'
import type { RunHost } from './run-host.ts'

/** Tells a run something. Resolves once all that it caused at once is durable. Throws CommandRefusedError. */
export async function commandRun(host: RunHost, command: RunCommand, by?: CommandOrigin): Promise<CommandReply> {
  const legal = legalRunCommands(host.status)
  if (!legal.includes(command.type)) throw new CommandRefusedError(host.run, command.type, host.status, legal)
  const { type } = command
  const asked = host.append('command', { kind: 'supervisor', id: SUPERVISOR }, { data: dataOf(command, by) })
  const reason: PauseReason = { kind: 'person', message: 'Paused by a person' }
  if (type === 'pause') host.pause(reason)
  else host.actors.send(SUPERVISOR, { type: `run.${type}` })
  const seq = caused(host, asked)
  host.checkEnd()
  await host.durable()
  return { run: host.run, seq, state: host.status }
}

/** Tells a task something. As {@link commandRun}. */
export async function commandTask(
  host: RunHost,
  task: string,
  command: TaskCommand,
  by?: CommandOrigin,
): Promise<CommandReply> {
  if (command.type === 'rerun') return rerunTask(host, task, actorOf(task), by)
  if (!host.actors.has(task) && host.projection.expansions.has(task)) return commandItems(host, task, command, by)
  const event = eventOf(host, task, command, by)
  if (event === undefined || !host.actors.can(task, { type: event.type })) throw refusal(host, task, command)
  const asked = host.append('command', actorOf(task), { task, data: dataOf(command, by) })
  host.actors.send(task, event)
  const seq = caused(host, asked)
  await host.durable()
  return { run: host.run, task, seq, state: stateOf(host, task) }
}

/** Tells all items of a `forEach` task that take it. Resolves once all that it caused at once is durable. */
async function commandItems(
  host: RunHost,
  task: string,
  command: TaskCommand,
  by: CommandOrigin | undefined,
): Promise<CommandReply> {
  const items = [...host.actors.ids()].filter((id) => id.startsWith(`${task}[`))
  const told: string[] = []
  let seq = host.projection.seq
  for (const item of items) {
    const event = eventOf(host, item, command, by)
    if (event === undefined || !host.actors.can(item, { type: event.type })) continue
    const asked = host.append('command', actorOf(item), { task: item, data: dataOf(command, by) })
    host.actors.send(item, event)
    seq = caused(host, asked)
    told.push(item)
  }
  const states = [...new Set((told.length > 0 ? told : items).map((item) => stateOf(host, item)))].join(', ')
  if (told.length === 0) {
    const legal = new Set(items.flatMap((item) => legalTaskCommands(stateOf(host, item), nowOf(host, item))))
    throw new CommandRefusedError(`${host.run} ${task}`, command.type, states || 'settled', [...legal])
  }
  await host.durable()
  return { run: host.run, task, seq, state: states }
}

/** What decides, beside its state, on what a task takes. */
function nowOf(host: RunHost, task: string): TaskNow {
  return (host.actors.context(task) ?? {}) as TaskNow
}

/** What the task's agent is told; undefined when there is no such late result, or the task cannot use it now. */
function eventOf(
  host: RunHost,
  task: string,
  command: TaskCommand,
  by: CommandOrigin | undefined,
): { readonly type: string } | undefined {
  const { type, ...details } = command
  if (type === 'approve' || type === 'reject') {
    return { type: `task.${type}`, ...details, ...(by?.who === undefined ? {} : { by: by.who }) }
  }
  if (command.type !== 'adopt' || command.attempt === undefined) return { type: `task.${type}`, ...details }
  const late = host.projection.late.get(task)?.find(({ attempt }) => attempt === command.attempt)
  if (late === undefined || !takesLateResult(stateOf(host, task))) return undefined
  // A person completes the task, only that what it is completed with is there already.
  const outcome: OutcomeData = { ...late.outcome, adopted: late.attempt }
  return { type: 'task.complete', result: outcome.result, outcome } as { type: string }
}

function refusal(host: RunHost, task: string, command: TaskCommand): CommandRefusedError {
  const state = stateOf(host, task)
  const late = takesLateResult(state) ? (host.projection.late.get(task) ?? []) : []
  const own = task === MANAGER ? legalManagerCommands(state, host.plans) : legalTaskCommands(state, nowOf(host, task))
  const again = mayRerun(host, task) ? ['rerun'] : []
  const legal = [...own, ...late.map(({ attempt }) => adoption(attempt)), ...again]
  const said = command.type === 'adopt' && command.attempt !== undefined ? adoption(command.attempt) : command.type
  const isFull = command.type === 'steer' && !hasRoom(nowOf(host, task))
  const why = isFull ? `${MOST_STEERS} texts wait to be sent to its agent already.` : undefined
  return new CommandRefusedError(`${host.run} ${task}`, said, state, legal, why)
}

const adoption = (attempt: number) => `adopt of attempt ${attempt}`

/** What was said, and who said it where that is known. */
function dataOf({ type, ...details }: RunCommand | TaskCommand, by: CommandOrigin | undefined): JsonObject {
  return { command: type, ...details, ...(by === undefined ? {} : { by: { ...by } }) } as JsonObject
}

/** The actor that a task's records name. */
export function actorOf(task: string): JournalRecord['actor'] {
  return task === MANAGER ? { kind: 'manager', id: MANAGER } : { kind: 'agent', id: task }
}

function stateOf(host: RunHost, task: string): string {
  return host.actors.state(task) ?? host.projection.settled.get(task)?.status ?? 'waiting'
}

/** The record that a command caused: the one after its own. */
function caused(host: RunHost, asked: number): number {
  return Math.min(asked + 1, host.projection.seq)
}
