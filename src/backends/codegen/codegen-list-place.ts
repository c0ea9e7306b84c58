import { PAGE_SIZE } from './codegen-sender.ts'

/** Where a run is thought to be in the list, which is newest first: newer runs only push it down. */
export interface ListPlace {
  /** Counted from 0. */
  readonly index: number
  /** It is not before this index, and (if known) before that one. */
  readonly low: number
  readonly high: number | null
  /** Length of the list when this was noted; what it grew by since is what pushed the run down. */
  readonly total: number | null
  /** Pages in a row that were to show the run and did not. */
  readonly misses: number
}

/** A page as it was answered. */
export interface ListedPage {
  readonly skip: number
  readonly limit: number
  readonly total: number | null
  readonly ids: readonly string[]
  /** How many watched runs it shows. */
  readonly hits: number
}

/** What the planner must know of a watched run. */
export interface PlacedRun {
  readonly id: string
  readonly place: ListPlace
  /** The list does not show it: it is asked for by itself. */
  readonly alone: boolean
  /** How often in a row a page about it was garbage; each halves the next one. */
  readonly shrink: number
}

/** The next call of the watcher. */
export type PollRequest =
  | { readonly kind: 'run' }
  | { readonly kind: 'page'; readonly skip: number; readonly limit: number }

/** Most items in front of the first wanted run, in case runs above it were deleted. */
const MOST_LEAD = 20

/** A new run is at the top, and so is the search for one that nobody has seen in the list yet. */
export const TOP: ListPlace = { index: 0, low: 0, high: null, total: null, misses: 0 }

/** Where the run is expected in a list that is now `total` long. */
export function expectedIndex(place: ListPlace, total: number | null): number {
  return place.index + growth(place, total)
}

/** The place of a run that a page showed at `index`. */
export function seenAt(index: number, total: number | null): ListPlace {
  return { index, low: 0, high: null, total, misses: 0 }
}

/**
 * The next place to look for a run that `page` was to show and did not; 'unlisted' where the page proves that the list does
 * not hold it (only asking for the run itself can tell why). A page may be out of date, so neither is an end.
 */
export function missedBy(page: ListedPage, id: string, place: ListPlace): ListPlace | 'unlisted' {
  const pushed = growth(place, page.total)
  const side = sideOf(page, id)
  if (side === 'inside') return 'unlisted'
  const end = page.skip + page.ids.length
  let low = place.low + pushed
  let high = place.high === null ? page.total : place.high + pushed
  if (side === 'before') high = page.skip
  else low = end
  if (high !== null && low >= high) return 'unlisted'

  const expected = place.index + pushed
  const stillLikely = pushed > 0 && expected >= low && (high === null || expected < high)
  const index = stillLikely ? expected : nextProbe(page, side, low, high, isComparable(page, id))
  return { index, low, high, total: page.total ?? place.total, misses: place.misses + 1 }
}

/**
 * The call that serves `target`, the run that is most overdue, and as many others as one page can show. A page costs as
 * much as asking for one run, so it must be likely to show two, or more the longer the search has failed.
 */
export function planRequest(
  target: PlacedRun,
  due: readonly PlacedRun[],
  live: readonly PlacedRun[],
  total: number | null,
): PollRequest {
  const limit = PAGE_SIZE >> target.shrink
  if (target.alone || limit <= 1) return { kind: 'run' }
  const wanted = expectedIndex(target.place, total)
  let start = wanted
  for (const run of due) {
    const index = expectedIndex(run.place, total)
    if (!run.alone && index < start && index > wanted - limit) start = index
  }
  let end = start
  let shown = 0
  for (const run of live) {
    const index = expectedIndex(run.place, total)
    if (run.alone || index < start || index >= start + limit) continue
    end = Math.max(end, index)
    shown++
  }
  if (shown <= target.place.misses + 1) return { kind: 'run' }
  const lead = Math.min(start, MOST_LEAD, (limit - 1 - (end - start)) >> 1)
  return { kind: 'page', skip: start - lead, limit }
}

function growth(place: ListPlace, total: number | null): number {
  return place.total === null || total === null ? 0 : Math.max(0, total - place.total)
}

/** On which side of the page the run must be. Ids ascend with time; where they are no numbers, the search goes down. */
function sideOf(page: ListedPage, id: string): 'before' | 'inside' | 'after' {
  const first = page.ids.at(0)
  const last = page.ids.at(-1)
  if (first === undefined || last === undefined) return page.skip === 0 ? 'inside' : 'before'
  const isLast = page.ids.length < page.limit
  if (!isComparable(page, id)) return isLast ? 'inside' : 'after'
  // Newer than the newest: this list is older than the run.
  if (Number(id) > Number(first)) return page.skip === 0 ? 'inside' : 'before'
  return Number(id) < Number(last) && !isLast ? 'after' : 'inside'
}

function isComparable(page: ListedPage, id: string): boolean {
  return !Number.isNaN(Number(id)) && !Number.isNaN(Number(page.ids[0] ?? 0))
}

/** Next to a page that showed some of ours, else half-way, else twice as deep. */
function nextProbe(
  page: ListedPage,
  side: 'before' | 'after',
  low: number,
  high: number | null,
  isComparable: boolean,
): number {
  if (side === 'before' && (page.hits > 0 || high === null)) return Math.max(low, page.skip - page.limit)
  if (side === 'after' && (page.hits > 0 || !isComparable)) return low
  if (high === null) return low * 2
  return Math.max(low, Math.floor((low + high - page.limit) / 2))
}
