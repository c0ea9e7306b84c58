import type { RunRecord } from '../domain/record.ts'

/** Runs that are remembered; the one that was quiet for longest is forgotten first. */
const MOST_RUNS = 10_000
const MOST_HOLES = 1_000

/** Remembers how far each run was seen, so that nothing is taken twice and what is missing is noticed. */
export class SeenRecords {
  readonly #last: Map<string, number>
  readonly #gapless: boolean
  /** Holes that were come upon once. */
  readonly #holes = new Set<string>()

  /** `gapless`: every record of a run is meant to come, so that a hole in the numbers is a loss; `from`: where they begin. */
  constructor({ gapless, from }: { readonly gapless: boolean; readonly from: ReadonlyMap<string, number> }) {
    this.#gapless = gapless
    this.#last = new Map(from)
  }

  /**
   * Those of the records that were not taken before, in order; undefined, and nothing is taken, when some before them are missing.
   * The same hole, come upon again, is taken for what it is: what was there cannot be read any more.
   */
  take(records: readonly RunRecord[]): readonly RunRecord[] | undefined {
    const now = new Map<string, number>()
    const fresh: RunRecord[] = []
    for (const record of records) {
      const last = now.get(record.run) ?? this.#last.get(record.run)
      if (last !== undefined && record.seq <= last) continue
      if (this.#gapless && last !== undefined && record.seq > last + 1 && !this.#excuse(record, last)) return undefined
      now.set(record.run, record.seq)
      fresh.push(record)
    }
    for (const [run, seq] of now) this.#remember(run, seq)
    return fresh
  }

  /** Forgets where the runs are: what comes next may come after a hole. */
  forget(): void {
    this.#last.clear()
  }

  #excuse({ run, seq }: RunRecord, last: number): boolean {
    const hole = `${run} ${last} ${seq}`
    if (this.#holes.has(hole)) return true
    if (this.#holes.size >= MOST_HOLES) this.#holes.clear()
    this.#holes.add(hole)
    return false
  }

  #remember(run: string, seq: number): void {
    this.#last.delete(run)
    this.#last.set(run, seq)
    if (this.#last.size <= MOST_RUNS) return
    for (const oldest of this.#last.keys()) return void this.#last.delete(oldest)
  }
}
