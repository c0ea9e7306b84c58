import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import { isFinalState } from '../machines/public-state.ts'
import { openRecordFeed, type RecordFeed } from './record-feed.ts'
import type { RunViews, Served } from './run-views.ts'

import { type CursorPosition, formatCursor, parseCursor, type SubscribeMessage } from './stream-protocol.ts'

/** How a subscription reaches its client. */
export interface SubscriptionSink {
  /** `records` is a JSON array already; the promise settles when it was handed to the socket. */
  readonly records: (subscription: string, cursor: string, records: string) => Promise<void> | undefined
  readonly caughtUp: (subscription: string, cursor: string) => void
  readonly failed: (subscription: string, error: unknown) => void
}

const UNKNOWN = -1

// A live group goes to every subscriber as the same array: it is serialised once.
const serialised = new WeakMap<readonly RunRecord[], string>()

/** The seqs after which a subscription begins. */
export interface SubscriptionStart {
  readonly after: ReadonlyMap<string, number>
  /** For a run that turns up later, whose first announced record is `first`. */
  readonly newcomer: (run: string, first: number) => number | undefined
}

/** Where a `subscribe` message begins. Throws UsageError for a bad cursor and NotFoundError for an unknown run. */
export async function startOf({ orchestrator, views }: Served, message: SubscribeMessage): Promise<SubscriptionStart> {
  const all = message.runs.includes('*')
  const { after: from } = message
  const seen = from === 'start' || from === 'now' ? undefined : parseCursor(from)
  const seqAfter = (run: string, now: number) => (from === 'start' ? 0 : seen ? seqSeen(seen, run, all, now) : now)
  const after = new Map<string, number>()
  if (!all) {
    for (const run of message.runs) after.set(run, seqAfter(run, (await views.read(run)).seq))
    return { after, newcomer: () => undefined }
  }
  for (const { run } of orchestrator.runs()) {
    const now = views.carried(run)?.seq
    const begin = seqAfter(run, now ?? UNKNOWN)
    // A run that nobody carries says nothing; what it says once it is carried again is new.
    if (begin !== UNKNOWN) after.set(run, begin)
  }
  const newcomer = (run: string, first: number) =>
    from === 'start' ? 0 : seen ? seqSeen(seen, run, all, first - 1) : first - 1
  return { after, newcomer }
}

/** Begins what a `subscribe` message asks for: history from its start, then what is live. */
export function openSubscription(
  { orchestrator, views }: Served,
  message: SubscribeMessage,
  start: SubscriptionStart,
  sink: SubscriptionSink,
): RecordFeed {
  const all = message.runs.includes('*')
  const cursor = () => formatCursor(all ? wholeCursor(orchestrator, views, feed) : { seqs: feed.positions() })
  const feed = openRecordFeed({
    orchestrator,
    ...start,
    deliver: (_run, records) => {
      const wanted = filtered(records, message.filter)
      return wanted.length > 0 ? sink.records(message.id, cursor(), serialise(wanted)) : undefined
    },
    onCaughtUp: () => sink.caughtUp(message.id, cursor()),
    onError: (_run, error) => sink.failed(message.id, error),
  })
  return feed
}

/**
 * A `*` cursor names only what may still change; a run it does not name began after it was made, or had ended and was seen
 * whole. Run ids sort by the millisecond, so runs of one millisecond are not told apart by their order.
 */
function seqSeen(seen: CursorPosition, run: string, all: boolean, whole: number): number {
  const seq = seen.seqs.get(run)
  if (seq !== undefined) return seq
  if (!all || seen.newest === undefined) return 0
  return instantOf(run) < instantOf(seen.newest) ? whole : 0
}

function wholeCursor(orchestrator: Orchestrator, views: RunViews, feed: RecordFeed): CursorPosition {
  const positions = feed.positions()
  const newest = [...positions.keys()].reduce((a, b) => (a > b ? a : b), '')
  if (newest === '') return { seqs: positions }
  const ended = new Map(orchestrator.runs().map(({ run, status }) => [run, isFinalState(status)]))
  const whole = (run: string, seq: number) => ended.get(run) === true && seq >= (views.carried(run)?.seq ?? seq)
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
