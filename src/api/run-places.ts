import type { RunRecord } from '../domain/record.ts'
import type { RunSummary } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { formatCursor } from './cursor.ts'
import type { RunViews } from './run-views.ts'

/** How far one run has come. */
export interface RunPlace {
  /** The newest seq that was announced. */
  announced: number
  /** The newest seq that went to whoever listens. */
  sent: number
  ended: boolean
  /** Of one that went on after its first end: the seq of that. */
  reopenedAfter?: number | undefined
  /** Nothing was announced of it yet, and nobody carries it: it is known only because somebody read it. */
  quiet: boolean
}

/** Ended runs are kept only until there are so many. */
const MANY = 2000

/** How far each run has come, as far as anybody asked or anything was announced. */
export class RunPlaces {
  readonly #views: Pick<RunViews, 'carried'>
  readonly #places = new Map<string, RunPlace>()
  #newest = ''
  #prunedAt = MANY

  constructor(views: Pick<RunViews, 'carried'>) {
    this.#views = views
  }

  /** What is known already. */
  get(run: string): RunPlace | undefined {
    return this.#places.get(run)
  }

  /** The same, and for a run that the orchestrator carries what its view says. */
  locate(run: string): RunPlace | undefined {
    const known = this.#places.get(run)
    if (known) return known
    const view = this.#views.carried(run)
    return view && this.put(run, view.seq, { ended: isOver(view), reopenedAfter: view.reopenedAfter })
  }

  put(run: string, seq: number, known: Partial<Pick<RunPlace, 'ended' | 'quiet' | 'reopenedAfter'>> = {}): RunPlace {
    const { ended = false, quiet = false, reopenedAfter } = known
    const place = { announced: seq, sent: seq, ended, quiet, reopenedAfter }
    this.#places.set(run, place)
    this.see(run)
    return place
  }

  /** Makes a run known that is not worth a place. */
  see(run: string): void {
    if (run > this.#newest) this.#newest = run
  }

  /** Whether a run began in the same millisecond as the newest that is known, or later. */
  isNewest(run: string): boolean {
    return instantOf(run) >= instantOf(this.#newest)
  }

  runs(): Iterable<string> {
    return this.#places.keys()
  }

  /** How far all that went out reaches; `ahead` holds the runs of which somebody has more. */
  cursor(ahead?: ReadonlyMap<string, number>): string {
    const seqs = new Map<string, number>()
    for (const [run, { announced, sent, ended }] of this.#places) {
      // An ended run that is not named was seen whole.
      if (ended && sent === announced && !this.isNewest(run)) continue
      seqs.set(run, Math.max(sent, ahead?.get(run) ?? 0))
    }
    return formatCursor({ seqs, newest: this.#newest })
  }

  /** Forgets ended runs when there are many, but for those that `isUsed`. */
  prune(isUsed: (run: string) => boolean): void {
    if (this.#places.size < this.#prunedAt) return
    for (const [run, { announced, sent, ended }] of this.#places) {
      if (ended && announced === sent && !this.isNewest(run) && !isUsed(run)) this.#places.delete(run)
    }
    this.#prunedAt = Math.max(MANY, this.#places.size * 2)
  }

  clear(): void {
    this.#places.clear()
    this.#newest = ''
    this.#prunedAt = MANY
  }
}

/** Whether nothing more is expected of a run. One that went on after its end is named in cursors for good: who saw that end cannot else be told apart. */
export function isOver({ status, reopenedAfter }: Pick<RunSummary, 'status' | 'reopenedAfter'>): boolean {
  return isFinalState(status) && reopenedAfter === undefined
}

/** Whether a run ends with this record. */
export function endsRun({ type, actor, to }: RunRecord): boolean {
  return type === 'transition' && actor.kind === 'supervisor' && to !== undefined && isFinalState(to)
}

/**
 * The part of a run's id that holds its millisecond: `run_` and 10 characters. A cursor tells runs of one millisecond apart
 * by naming them, because their ids do not sort as they began.
 */
export function instantOf(run: string): string {
  return run.slice(0, 14)
}
