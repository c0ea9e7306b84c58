import type { Json, JsonObject } from '../domain/json.ts'
import type { HostPart } from '../domain/record.ts'
import type { LiveActor } from './run-projection.ts'

/**
 * The host's part of an actor's last record. Where the clock has been set back since, what was due later is due as long after `now` as
 * it was after the record: else a pause of two seconds would last until the clock is there again.
 */
export function rewindTimes({ at, host }: Pick<LiveActor, 'at' | 'host'>, now: number): HostPart {
  const ms = at === undefined ? 0 : Date.parse(at) - now
  if (!(ms > 0)) return host
  const { timers, owed, snapshot } = host
  const context = snapshot?.['context'] as JsonObject | undefined
  return {
    ...host,
    ...(timers === undefined ? {} : { timers: timers.map(([id, event, due]) => [id, event, due - ms]) }),
    ...(owed === undefined ? {} : { owed: mapped(owed, ([src, input]) => [src, rewound(input as Json, ms)]) }),
    ...(context === undefined ? {} : { snapshot: { ...snapshot, context: rewound(context, ms) } }),
  }
}

/** `notBefore` is the one time to come that machines and effects keep. */
function rewound<T>(value: T, ms: number): T {
  if (typeof value !== 'object' || value === null || !('notBefore' in value)) return value
  const { notBefore } = value
  return typeof notBefore === 'number' ? { ...value, notBefore: notBefore - ms } : value
}

function mapped<T>(entries: Readonly<Record<string, T>>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, map(value)]))
}
