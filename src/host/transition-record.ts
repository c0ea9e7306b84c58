import type { JsonObject } from '../domain/json.ts'
import type { JournalRecord } from '../domain/record.ts'
import { describeSupervisor, describeTransition } from '../machines/record-data.ts'
import type { SettledTransition } from './durable-actors.ts'
import type { Said } from './run-actions.ts'

/** A settled transition as its record tells it, with what the actions of the transition have said. */
export function transitionRecord(
  { kind, id, event, from, to, context, host }: SettledTransition,
  said: Said | undefined,
): Partial<JournalRecord> {
  const isOfTask = kind !== 'supervisor'
  const described = isOfTask
    ? describeTransition(context as never, to, event, host.timers)
    : describeSupervisor(context, to)
  const data = said === undefined ? described : ({ ...described, ...said.data } as JsonObject)
  return {
    ...(isOfTask ? { task: id, attempt: context['attempt'] as number } : {}),
    event: event.type,
    ...(from === undefined ? {} : { from }),
    to,
    ...(data === undefined || Object.keys(data).length === 0 ? {} : { data }),
    host,
  }
}
