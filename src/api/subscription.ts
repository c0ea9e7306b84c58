import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import { isFinalState } from '../machines/public-state.ts'
import { openRecordFeed, type RecordFeed } from './record-feed.ts'

import { type CursorPosition, formatCursor, parseCursor, type SubscribeMessage } from './stream-protocol.ts'

/** How a subscription reaches its client. */
export interface SubscriptionSink {
  /** `records` is a JSON array already; the promise settles when it was handed to the socket. */
  readonly records: (subscription: string, cursor: string, records: string) => Promise<void> | undefined
  readonly caughtUp: (subscription: string, cursor: string) => void
  readonly failed: (subscription: string, error: unknown) => void
}

// A live group goes to every subscriber as the same array: it is serialised once.
const serialised = new WeakMap<readonly RunRecord[], string>()

/**
 * Begins what a `subscribe` message asks for: history from its cursor, then what is live. Throws UsageError for a bad cursor and
 * NotFoundError for an unknown run.
 */
export function openSubscription(
  orchestrator: Orchestrator,
  message: SubscribeMessage,
  sink: SubscriptionSink,
): RecordFeed {
  const all = message.runs.includes('*')
  const start = startOf(orchestrator, message, all)
  const cursor = () => formatCursor(all ? wholeCursor(orchestrator, feed) : { seqs: feed.positions() })
  const feed = openRecordFeed({
    orchestrator,
    after: start.after,
    ...(all ? { newcomer: start.newcomer } : {}),
    deliver: (_run, records) => {
      const wanted = filtered(records, message.filter)
      return wanted.length > 0 ? sink.records(message.id, cursor(), serialise(wanted)) : undefined
    },
    onCaughtUp: () => sink.caughtUp(message.id, cursor()),
    onError: (_run, error) => sink.failed(message.id, error),
  })
  return feed
}

interface Start {
  readonly after: ReadonlyMap<string, number>
  readonly newcomer: (run: string) => number
}

function startOf(orchestrator: Orchestrator, message: SubscribeMessage, all: boolean): Start {
  const seen = message.after === 'start' || message.after === 'now' ? undefined : parseCursor(message.after)
  const present = (run: string) => orchestrator.view(run).seq
  const runs = all ? orchestrator.runs().map(({ run }) => run) : message.runs
  const after = new Map<string, number>()
  for (const run of runs) {
    const now = present(run)
    after.set(run, message.after === 'start' ? 0 : seen ? seqAfter(seen, run, all, now) : now)
  }
  return { after, newcomer: (run) => (seen ? seqAfter(seen, run, all, 0) : 0) }
}

/**
 * A `*` cursor names only what may still change; a run it does not name began after it was made, or had ended and was seen
 * whole. Run ids sort by the millisecond, so runs of one millisecond are not told apart by their order.
 */
function seqAfter(seen: CursorPosition, run: string, all: boolean, whole: number): number {
  const seq = seen.seqs.get(run)
  if (seq !== undefined) return seq
  if (!all || seen.newest === undefined) return 0
  return instantOf(run) < instantOf(seen.newest) ? whole : 0
}

function wholeCursor(orchestrator: Orchestrator, feed: RecordFeed): CursorPosition {
  const positions = feed.positions()
  const newest = [...positions.keys()].reduce((a, b) => (a > b ? a : b), '')
  if (newest === '') return { seqs: positions }
  const ended = new Map(orchestrator.runs().map(({ run, status }) => [run, isFinalState(status)]))
  const whole = (run: string, seq: number) => ended.get(run) === true && seq >= orchestrator.view(run).seq
  const seqs = [...positions].filter(([run, seq]) => instantOf(run) >= instantOf(newest) || !whole(run, seq))
  return { seqs: new Map(seqs), newest }
}

/** The part of a run id that holds its millisecond: `run_` and 10 characters. */
function instantOf(run: string): string {
  return run.slice(0, 14)
}

function filtered(records: readonly RunRecord[], filter: SubscribeMessage['filter']): readonly RunRecord[] {
  if (!filter) return records
  const { tasks, types } = filter
  return records.filter(
    (record) =>
      (tasks === undefined || (record.task !== undefined && tasks.includes(record.task))) &&
      (types === undefined || types.includes(record.type)),
  )
}

function serialise(records: readonly RunRecord[]): string {
  let json = serialised.get(records)
  if (json === undefined) {
    json = JSON.stringify(records)
    serialised.set(records, json)
  }
  return json
}
