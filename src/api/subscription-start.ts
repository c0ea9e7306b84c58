import { NotFoundError } from '../domain/errors.ts'
import type { RunSummary } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { type CursorPosition, parseCursor } from './cursor.ts'
import type { RecordHub } from './record-hub.ts'
import { instantOf, isOver, type RunPlace } from './run-places.ts'
import type { Selection } from './selection.ts'
import type { StreamSource } from './stream-source.ts'

/** Where a subscription begins: the beginning, what comes from now on, or where a cursor stands. */
export type After = 'start' | 'now' | CursorPosition

/** What a subscription begins with. */
export interface SubscriptionStart {
  /** The seq after which each run begins. */
  readonly after: Map<string, number>
  /** The last seq of runs that nobody carries, where it was looked up. */
  readonly last: Map<string, number>
  readonly ended: Set<string>
  /** Runs that are known and have no part in it: they had ended and were seen whole, or cannot be read. */
  readonly without: Set<string>
  /** Runs that cannot be gone on with, and why: whole sentences. */
  readonly leftOut: Map<string, string>
  /** Of `*`: the newest run that was seen before. */
  readonly newest: string
}

/** What `after` of a subscription means. Throws UsageError for a text that is no cursor. */
export function parseAfter(text: string): After {
  return text === 'start' || text === 'now' ? text : parseCursor(text)
}

/** Looks up where a subscription begins. Throws NotFoundError for a run that never was or, of one run alone, is no more. */
export function startOf(
  served: StreamSource,
  hub: RecordHub,
  selection: Selection,
  after: After,
): Promise<SubscriptionStart> {
  return selection.runs ? startOfSome(served, hub, selection.runs, after) : startOfAll(served, hub, after)
}

async function startOfSome({ views }: StreamSource, hub: RecordHub, runs: readonly string[], from: After) {
  const start = emptyStart('')
  let readable = 0
  for (const run of runs) {
    const known = typeof from === 'string' ? undefined : from.seqs.get(run)
    const mayBeGone = typeof from !== 'string' && runs.length > 1
    const view = views.carried(run) ?? (await readUnlessGone(views, run, mayBeGone))
    if (!view) {
      // A cursor that does not name it was made when it had gone already.
      if (known !== undefined) placeGone(start, hub, run, known)
      continue
    }
    readable++
    // What is carried is followed from here on.
    if (!hub.places.locate(run)) start.last.set(run, view.seq)
    if (isFinalState(view.status)) start.ended.add(run)
    placeAt(start, run, from === 'now' ? view.seq : (known ?? 0), view.seq)
  }
  if (readable === 0) throw new NotFoundError(`Each of ${runs.length} runs`, 'They were removed.')
  return start
}

async function startOfAll(
  { orchestrator, views }: StreamSource,
  hub: RecordHub,
  from: After,
): Promise<SubscriptionStart> {
  const rows = [...orchestrator.runs()].sort((a, b) => (a.run < b.run ? -1 : 1))
  const newest = rows.at(-1)?.run ?? ''
  const seen = typeof from === 'string' ? undefined : from
  const start = emptyStart(from === 'now' ? newest : (seen?.newest ?? ''))
  const known = new Set(rows.map(({ run }) => run))
  for (const run of hub.places.runs()) {
    const place = hub.places.get(run)
    if (place && !known.has(run)) start.after.set(run, place.announced)
  }
  for (const [run, seq] of seen?.seqs ?? []) if (!known.has(run)) placeGone(start, hub, run, seq)
  for (const row of rows) {
    const { run, reopenedAfter } = row
    const ended = isOver(row)
    if (ended) start.ended.add(run)
    // A run that the cursor does not name began after it was made, or had ended and was seen whole.
    const wasSeen = from === 'now' || (seen?.newest !== undefined && !seen.seqs.has(run) && run < seen.newest)
    const isBehind = wasSeen && instantOf(run) < instantOf(start.newest)
    const isWhole = ended && isBehind
    // The newest that is left has to be named in cursors, though one that was newer may have been removed.
    if (isWhole && instantOf(run) < instantOf(newest)) start.without.add(run)
    else if (isWhole || from === 'now') await placeNow(start, views, hub, run)
    else {
      // The view of a run that has ended is not worth making for this: its records are read until there are no more.
      const place = ended ? hub.places.get(run) : (hub.places.locate(run) ?? (await placeReopened(views, hub, row)))
      // A cursor that does not name it was made when it had ended, and before it went on.
      const before = isBehind ? reopenedAfter : undefined
      placeAt(start, run, seen?.seqs.get(run) ?? before ?? 0, place?.announced)
    }
  }
  return start
}

/** One that went on after its end is named in cursors for good, though nobody carries it any more. */
async function placeReopened(
  views: StreamSource['views'],
  hub: RecordHub,
  { run, status, reopenedAfter }: RunSummary,
): Promise<RunPlace | undefined> {
  if (!isFinalState(status) || reopenedAfter === undefined) return undefined
  const view = await views.read(run).catch(() => undefined)
  return view && (hub.places.locate(run) ?? hub.places.put(run, view.seq, { quiet: true, reopenedAfter }))
}

/** A run that was removed: what was not seen of it is left out. */
function placeGone(start: SubscriptionStart, hub: RecordHub, run: string, seq: number): void {
  const place = hub.places.get(run)
  start.after.set(run, seq)
  if (!place || seq < place.announced) start.leftOut.set(run, `${run} was removed.`)
}

/** A run that nobody carries says nothing; what it says once it is carried is new. */
async function placeNow(
  start: SubscriptionStart,
  views: StreamSource['views'],
  hub: RecordHub,
  run: string,
): Promise<void> {
  const place = hub.places.locate(run)
  const last = place?.announced ?? (await views.read(run).catch(() => undefined))?.seq
  if (last === undefined) return void start.without.add(run)
  start.after.set(run, last)
  if (!place) start.last.set(run, last)
}

function placeAt(start: SubscriptionStart, run: string, after: number, last: number | undefined): void {
  start.after.set(run, after)
  if (last !== undefined && after > last) {
    start.leftOut.set(run, `${run} has no record ${after} any more.`)
  }
}

function emptyStart(newest: string): SubscriptionStart {
  return { after: new Map(), last: new Map(), ended: new Set(), without: new Set(), leftOut: new Map(), newest }
}

async function readUnlessGone(views: StreamSource['views'], run: string, mayBeGone: boolean) {
  try {
    return await views.read(run)
  } catch (error) {
    if (mayBeGone && error instanceof NotFoundError) return undefined
    throw error
  }
}
