import { type CursorPosition, formatCursor, parseCursor } from '../api/cursor.ts'
import { instantOf, isOver } from '../api/run-places.ts'
import type { DataFolderReader } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunSummary } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'

/** Records of a folder behind a place, read without whoever may hold it. */
export interface FolderRecords {
  /** The place behind what was given last. */
  readonly cursor: string
  /** The runs that may still get records, as far as is known. */
  readonly unfinished: readonly string[]
  /** What has been added since the last time, each record once and in order within a run. */
  read(): AsyncGenerator<readonly RunRecord[], void, undefined>
}

/** Reads one run, or all (`'*'`), behind `after`: `start`, `now` or a cursor. */
export async function openFolderRecords(
  reader: DataFolderReader,
  runs: readonly string[] | '*',
  after: string,
): Promise<FolderRecords> {
  const place = await placeOf(reader, runs, after)
  const seqs = new Map(place.seqs)
  const whole = new Set<string>()
  let newest = place.newest
  let unfinished: readonly string[] = runs === '*' ? [] : runs

  const readRun = async function* (run: string) {
    for (;;) {
      const records = await reader.records(run, seqs.get(run) ?? 0)
      const last = records.at(-1)
      if (!last) return
      yield records
      seqs.set(run, last.seq)
    }
  }
  return {
    get cursor() {
      return formatCursor({ seqs, ...(newest === undefined ? {} : { newest }) })
    },
    get unfinished() {
      return unfinished
    },
    async *read() {
      if (runs !== '*') {
        for (const run of runs) yield* readRun(run)
        return
      }
      const rows = await sortedRuns(reader)
      unfinished = rows.flatMap(({ run, status }) => (isFinalState(status) ? [] : [run]))
      for (const row of rows) {
        const { run, reopenedAfter } = row
        const ended = isOver(row)
        const wasWhole = wasSeenWhole(run, seqs, place.newest)
        if (ended && (whole.has(run) || wasWhole)) continue
        if (wasWhole && reopenedAfter !== undefined) seqs.set(run, reopenedAfter)
        try {
          yield* readRun(run)
        } catch {
          // One that cannot be read, or was removed, does not keep the others from being told of.
          continue
        }
        if (!seqs.has(run)) seqs.set(run, 0)
        if (newest === undefined || run > newest) newest = run
        if (ended) whole.add(run)
      }
    },
  }
}

/** As in every cursor of all runs: one that is not named began later, or had ended and was seen whole. */
function wasSeenWhole(run: string, seqs: ReadonlyMap<string, number>, newest: string | undefined): boolean {
  return newest !== undefined && !seqs.has(run) && instantOf(run) < instantOf(newest)
}

async function placeOf(
  reader: DataFolderReader,
  runs: readonly string[] | '*',
  after: string,
): Promise<CursorPosition> {
  if (after === 'start') return { seqs: new Map() }
  if (after !== 'now') return parseCursor(after)
  const rows = runs === '*' ? await sortedRuns(reader) : undefined
  const newest = rows?.at(-1)?.run
  const open = rows
    ? rows.filter((row) => !isOver(row) || instantOf(row.run) >= instantOf(newest ?? '')).map(({ run }) => run)
    : runs
  const seqs = new Map<string, number>()
  for (const run of open) {
    const view = await reader.view(run).catch(() => undefined)
    if (view) seqs.set(run, view.seq)
  }
  return { seqs, ...(newest === undefined ? {} : { newest }) }
}

async function sortedRuns(reader: DataFolderReader): Promise<readonly RunSummary[]> {
  return [...(await reader.runs())].sort((a, b) => (a.run < b.run ? -1 : 1))
}
