import type { CommandOrigin, CommandReply } from '../domain/command.ts'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { parseTaskId } from '../domain/ids.ts'
import { parseRunCommand, parseTaskCommand } from './commands.ts'
import { type Selection, selectRecords } from './selection.ts'
import type { CommandMessage } from './stream-messages.ts'
import { parseClientMessage, UnclearMessageError } from './stream-protocol.ts'
import type { StreamSource } from './stream-source.ts'
import { type After, parseAfter } from './subscription-start.ts'

/** What a client wants. */
export type Wish =
  | { readonly type: 'subscribe'; readonly id: string; readonly selection: Selection; readonly after: After }
  | { readonly type: 'unsubscribe'; readonly id: string }
  | { readonly type: 'command'; readonly id: string; readonly give: GiveCommand }

type GiveCommand = (orchestrator: StreamSource['orchestrator'], origin: CommandOrigin) => Promise<CommandReply>

/** What a message means, checked to its last word. Throws UnclearMessageError, and NotFoundError never: that is a matter of the runs. */
export function understandMessage(text: string): Wish {
  const message = parseClientMessage(text)
  try {
    const { type, id } = message
    if (type === 'unsubscribe') return { type, id }
    if (type === 'command') return { type, id, give: readCommand(message) }
    return { type, id, selection: selectRecords(message.runs, message.filter), after: parseAfter(message.after) }
  } catch (error) {
    if (error instanceof UsageError) throw new UnclearMessageError(error.message, message.id)
    throw error
  }
}

function readCommand({ run, task: name, command: value }: CommandMessage): GiveCommand {
  if (name === undefined) {
    const command = parseRunCommand(value)
    return (orchestrator, origin) => orchestrator.command(run, command, origin)
  }
  const command = parseTaskCommand(value)
  const task = parseTaskId(name)
  return async (orchestrator, origin) => {
    if (task === undefined) throw new NotFoundError(`Task '${name}'`, 'A task is named like spec or execute.0.')
    return orchestrator.commandTask(run, task, command, origin)
  }
}
