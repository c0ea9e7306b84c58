import type { JsonObject } from './json.ts'

export type ActorKind = 'supervisor' | 'manager' | 'agent'
export type RecordType = 'transition' | 'plan' | 'command' | 'alert' | 'progress' | 'run'

/** One line of a run's journal and one message of its stream: the only thing that is ever broadcast. */
export interface RunRecord {
  /** From 1 per run, without gaps. */
  readonly seq: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly type: RecordType
  /** The run's id. */
  readonly run: string
  readonly actor: { readonly kind: ActorKind; readonly id: string }
  readonly task?: string
  readonly attempt?: number
  /** Type of the causing event. */
  readonly event?: string
  /** Public name of the state before; absent on an actor's first record. */
  readonly from?: string
  readonly to?: string
  /** States passed through in between. */
  readonly via?: readonly string[]
  readonly data?: JsonObject
}

/** What only the host needs, in the journal alone. */
export interface HostPart {
  /** Format version of this part. */
  readonly v: 1
  /** The actor's own sequence, from 1. */
  readonly n: number
  readonly snapshot?: JsonObject
  /** Owed invokes: id -> [src, input]. */
  readonly owed?: Readonly<Record<string, readonly [src: string, input: unknown]>>
  /** Pending timers: [id, event, due ms]. */
  readonly timers?: readonly (readonly [id: string, event: JsonObject, due: number])[]
}

/** A journal line. */
export interface JournalRecord extends RunRecord {
  readonly host?: HostPart
}

/** The record without what belongs to the host. */
export function publicRecord(record: JournalRecord): RunRecord {
  if (record.host === undefined) return record
  const { host: _host, ...rest } = record
  return rest
}
