import type { RunRecord } from '../domain/record.ts'
import type { RunSource } from './run-source.ts'

/** What is watched, how far it was shown, and how. It outlives whoever tells of it. */
export interface Watched {
  readonly runs: readonly string[] | '*'
  /** `start`, `now`, or the place behind what was shown. */
  readonly cursor: string
  /** It has ended as far as is known: what is there is all that will be. */
  readonly ended: boolean
  /** It has ended, and all of it was shown. */
  readonly complete: boolean
  /** {@link finish} was called. */
  readonly finished: boolean
  /** From here on `source` tells how things stand. */
  meet(source: RunSource): Promise<void>
  /** Shows records; resolves when more can be taken. */
  show(records: readonly RunRecord[]): Promise<void>
  /** What comes from here on has just happened. */
  catchUp(): void
  /** Everything before the cursor was shown. */
  pass(cursor: string): void
  /** Shows how it ended. */
  finish(): void
  /** Shows how things stand when it is no longer watched, or stood last if nobody tells before `patience` is over. */
  leave(patience: Promise<void>): Promise<void>
  /** One line for a person. */
  note(text: string): void
  close(): void
}
