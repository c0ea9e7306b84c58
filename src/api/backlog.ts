import { NotFoundError, TroupeError } from '../domain/errors.ts'
import { formatCursor } from './cursor.ts'
import type { HistoryPage } from './history.ts'
import type { RecordHub } from './record-hub.ts'
import { instantOf } from './run-places.ts'
import type { Selection } from './selection.ts'
import type { SubscriptionStart } from './subscription-start.ts'

/** What a subscription has not got yet and has to read from the disk, until it has all that was announced of its runs. */
export class Backlog {
  /** The seq up to which the client has each run. */
  readonly after: Map<string, number>
  readonly ended: ReadonlySet<string>
  /** What kept the first run from being read that could not be. */
  trouble: unknown
  readonly #hub: RecordHub
  readonly #selection: Selection
  readonly #last: Map<string, number>
  readonly #without: ReadonlySet<string>
  /** Runs that cannot be gone on with, and why; until the state was sent, a cursor names how far they were. */
  readonly #leftOut: Map<string, string>
  /** Of `*`: no run newer than this was begun with. */
  #newest: string
  #todo: string[] = []

  constructor(hub: RecordHub, selection: Selection, start: SubscriptionStart) {
    this.#hub = hub
    this.#selection = selection
    this.after = start.after
    this.ended = start.ended
    this.#last = start.last
    this.#without = start.without
    this.#leftOut = start.leftOut
    this.#newest = start.newest
  }

  /** Why the rest of some runs cannot be had; undefined when all was read. */
  get gaps(): string | undefined {
    return this.#leftOut.size > 0 ? [...this.#leftOut.values()].join(' ') : undefined
  }

  /** How far the client is with those runs of which it has everything. */
  get complete(): ReadonlyMap<string, number> {
    return new Map([...this.after].filter(([run]) => !this.#leftOut.has(run)))
  }

  /** How many records are known to be missing. */
  get missed(): number {
    let missed = 0
    for (const [run, after] of this.after) missed += Math.max(0, (this.#hub.places.get(run)?.announced ?? 0) - after)
    return missed
  }

  /** A run of which something is missing: the oldest, so that a cursor need not name all those after it. */
  next(): string | undefined {
    for (let run = this.#todo.at(-1); run !== undefined; run = this.#todo.at(-1)) {
      if (this.#isBehind(run)) return run
      this.#todo.pop()
    }
    if (!this.#selection.runs) this.#addNew()
    const behind = [...this.after.keys()].filter((run) => this.#isBehind(run))
    this.#todo = behind.sort().reverse()
    return this.#todo.at(-1)
  }

  /** The next page of a run; undefined when nothing more of it can be had. */
  async read(run: string, limit: number): Promise<HistoryPage | undefined> {
    const after = this.after.get(run) ?? 0
    const announced = this.#hub.places.get(run)?.announced ?? 0
    let page: HistoryPage
    try {
      page = await this.#hub.read(run, after, limit)
    } catch (error) {
      this.trouble ??= error
      return this.#leaveOut(run, error instanceof NotFoundError ? 'was removed.' : reasonOf(error))
    }
    const end = page.records.at(-1)?.seq ?? after
    if (end <= after) {
      // What is announced can be read, unless it was removed or damaged meanwhile.
      if (announced > after) return this.#leaveOut(run, `has no records ${after + 1}.. on disk any more.`)
      this.#last.set(run, after)
      return undefined
    }
    this.after.set(run, end)
    if (run > this.#newest) this.#newest = run
    return page
  }

  /** How far the client is. */
  cursor(): string {
    if (this.#selection.runs) return formatCursor({ seqs: this.after })
    const last = instantOf(this.#newest)
    const seqs = [...this.after].filter(([run, after]) => {
      const instant = instantOf(run)
      // What is newer and not begun with has no place in it; what has ended, is older and was read whole needs none.
      return instant === last || (instant > last ? after > 0 : !this.#isWhole(run))
    })
    return formatCursor({ seqs: new Map(seqs), newest: this.#newest })
  }

  /** Runs that have begun since, or that had ended and went on. */
  #addNew(): void {
    const { places } = this.#hub
    for (const run of places.runs()) {
      const place = places.get(run)
      if (this.after.has(run) || place?.quiet !== false) continue
      const from = this.#without.has(run) ? place.reopenedAfter : 0
      if (from !== undefined) this.after.set(run, from)
    }
  }

  #isBehind(run: string): boolean {
    const after = this.after.get(run)
    return after !== undefined && !this.#leftOut.has(run) && after < this.#target(run)
  }

  /** Up to where there are records: of a run that is neither carried nor looked up, until nothing more is found. */
  #target(run: string): number {
    return this.#hub.places.get(run)?.announced ?? this.#last.get(run) ?? Number.POSITIVE_INFINITY
  }

  #isWhole(run: string): boolean {
    const place = this.#hub.places.get(run)
    const hasEnded = place?.reopenedAfter === undefined && (this.ended.has(run) || place?.ended === true)
    return hasEnded && !this.#leftOut.has(run) && !this.#isBehind(run)
  }

  /** The others go on; at the end the state stands for what this one has. */
  #leaveOut(run: string, why: string): undefined {
    this.#leftOut.set(run, `${run} ${why}`)
  }
}

function reasonOf(error: unknown): string {
  return `cannot be read: ${error instanceof TroupeError ? error.message : 'something inside troupe failed.'}`
}
