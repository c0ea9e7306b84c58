import type { JournalRecord } from '../../src/domain/record.ts'

/** A record of a run with a snapshot in it; multi-byte text, so that bytes and characters differ. */
export function record(seq: number, state = 'running'): JournalRecord {
  return {
    seq,
    at: '2026-01-01T00:00:00.000Z',
    type: 'transition',
    run: 'run_0test',
    actor: { kind: 'agent', id: 'spec' },
    task: 'spec',
    attempt: 1,
    event: 'slot.granted',
    from: 'pending',
    to: state,
    host: { v: 1, n: seq, snapshot: { value: state, context: { note: 'größer – 大きい', number: seq } } },
  }
}

/** The records from `first` to `last`. */
export function records(first: number, last: number): JournalRecord[] {
  return Array.from({ length: last - first + 1 }, (_, i) => record(first + i))
}
