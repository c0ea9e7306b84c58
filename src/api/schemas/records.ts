import { z } from 'zod'
import type { LogEntry } from '../../domain/backend.ts'
import type { CommandReply } from '../../domain/command.ts'
import type { RunRecord } from '../../domain/record.ts'
import { component } from './component.ts'
import { instant, jsonObject, names, runId, seq, taskId } from './values.ts'

/** One line of a run's journal and one message of its stream. */
export const runRecord = component<RunRecord>('RunRecord')(
  z.object({
    seq,
    at: instant,
    type: z.enum(['transition', 'plan', 'command', 'alert', 'progress', 'run']),
    run: runId,
    actor: z.object({
      kind: z.enum(['supervisor', 'manager', 'agent']),
      id: z.string().describe('`supervisor`, `manager`, or the id of the task.'),
    }),
    task: taskId.exactOptional(),
    attempt: z.int().nonnegative().exactOptional(),
    event: z.string().describe('Type of the event that caused it.').exactOptional(),
    from: z.string().describe('Public name of the state before; an actor’s first record has none.').exactOptional(),
    to: z.string().exactOptional(),
    via: names.describe('States passed through in between.').exactOptional(),
    data: jsonObject.exactOptional(),
  }),
)

/** Answer to a command. */
export const commandReply = component<CommandReply>('CommandReply')(
  z.object({
    run: runId,
    task: taskId.exactOptional(),
    seq: seq.describe('The record that the command caused. It is durable.'),
    state: z.string().describe('Public name of the state after the command.'),
  }),
)

/** One line of an agent's log. */
export const logEntry = component<LogEntry>('LogEntry')(
  z.object({
    at: z.number().nullable().describe('Milliseconds since 1970, UTC; null where the backend does not say.'),
    type: z.string(),
    text: z.string(),
    tool: z.string().exactOptional(),
  }),
)
