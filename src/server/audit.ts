import { errorBody } from '../api/errors.ts'
import type { CommandOrigin, CommandReply } from '../domain/command.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { Log } from './log.ts'
import { type Answered, UNANSWERED } from './request-listener.ts'

/**
 * The orchestrator, with each command to a run or a task logged: who gave it, by which way, and what became of it. What else
 * changes something is logged where it is asked for, see {@link auditRequest}.
 */
export function auditCommands(orchestrator: Orchestrator, log: Log): Orchestrator {
  const told = async (fields: object, by: CommandOrigin | undefined, give: () => Promise<CommandReply>) => {
    const asked = { audit: 'command', who: by?.who ?? 'anybody', via: by?.via ?? 'rest', ...fields }
    try {
      const reply = await give()
      log.info({ ...asked, outcome: 'taken', seq: reply.seq, state: reply.state }, 'A command was taken.')
      return reply
    } catch (error) {
      log.info({ ...asked, outcome: errorBody(error).code }, 'A command was refused.')
      throw error
    }
  }
  const own: Pick<Orchestrator, 'command' | 'commandTask'> = {
    command: (run, command, by) =>
      told({ run, command: command.type }, by, () => orchestrator.command(run, command, by)),
    commandTask: (run, task, command, by) =>
      told({ run, task, command: command.type }, by, () => orchestrator.commandTask(run, task, command, by)),
  }
  return new Proxy(orchestrator, {
    get(target, name) {
      const value: unknown = Reflect.get(name in own ? own : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const READING: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** Logs who asked for a start, a deletion or anything else that changes something, and what became of it. */
export function auditRequest(log: Log, { method, path, status, access, address, location }: Answered): void {
  if (!access || READING.includes(method) || !path.startsWith('/v1/runs')) return
  // A command that reached its run was told of there.
  if (path.endsWith('/commands') && [200, 404, 409].includes(status)) return
  const outcome = status === UNANSWERED ? 'unanswered' : status < 400 ? 'taken' : 'refused'
  const run = (location ?? path).split('/')[3]
  log.info(
    {
      audit: 'request',
      who: access.who ?? 'anybody',
      address,
      method,
      path,
      status,
      outcome,
      ...(run === undefined || run === 'resume' ? {} : { run }),
    },
    `A request to change something was ${outcome}.`,
  )
}
