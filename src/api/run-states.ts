import type { RunPlaces } from './run-places.ts'
import type { RunViews } from './run-views.ts'

/** How a run stood at its record `seq`: a RunView as JSON. */
export interface RunState {
  readonly seq: number
  readonly text: string
}

/** More than this is not kept; it would rather be made again. */
const MAX_LENGTH = 8 * 1024 * 1024

/** The states of runs that the orchestrator carries. Many clients that are slow at the same time get the same ones. */
export class RunStates {
  readonly #views: Pick<RunViews, 'carried'>
  readonly #places: RunPlaces
  readonly #states = new Map<string, RunState>()
  #length = 0

  constructor(views: Pick<RunViews, 'carried'>, places: RunPlaces) {
    this.#views = views
    this.#places = places
  }

  /** The present state; undefined for a run that is not carried. */
  now(run: string): RunState | undefined {
    const kept = this.#states.get(run)
    if (kept && kept.seq === this.#places.get(run)?.announced) return kept
    const view = this.#views.carried(run)
    if (!view) return undefined
    const state = { seq: view.seq, text: JSON.stringify(view) }
    this.#length += state.text.length - (kept?.text.length ?? 0)
    if (this.#length > MAX_LENGTH) this.clear()
    else this.#states.set(run, state)
    return state
  }

  clear(): void {
    this.#states.clear()
    this.#length = 0
  }
}
