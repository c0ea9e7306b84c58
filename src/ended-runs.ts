import type { RunOutcome } from './domain/orchestration.ts'
import type { Workflow } from './domain/workflow.ts'

/** What is kept of a run that has ended, beside its facts in the registry. */
export interface EndedRun {
  readonly workflow: Workflow
  readonly outcome: RunOutcome
  /** How many tasks its facts tell of. */
  readonly tasks: number
}

/** How much of what has ended stays in memory. */
export interface EndedRunsBounds {
  readonly runs: number
  readonly tasks: number
}

const BOUNDS: EndedRunsBounds = { runs: 50, tasks: 20_000 }

/** The runs that ended last: whoever follows them may still ask. The newest is kept however large it is. */
export class EndedRuns {
  readonly #onForgotten: (run: string) => void
  readonly #bounds: EndedRunsBounds
  /** In the order in which they ended. */
  readonly #runs = new Map<string, EndedRun>()
  #tasks = 0

  constructor(onForgotten: (run: string) => void, bounds: EndedRunsBounds = BOUNDS) {
    this.#onForgotten = onForgotten
    this.#bounds = bounds
  }

  get(run: string): EndedRun | undefined {
    return this.#runs.get(run)
  }

  keep(run: string, ended: EndedRun): void {
    this.#runs.set(run, ended)
    this.#tasks += ended.tasks
    for (const oldest of this.#runs.keys()) {
      const fits = this.#runs.size <= this.#bounds.runs && this.#tasks <= this.#bounds.tasks
      if (fits || this.#runs.size === 1) return
      this.forget(oldest)
    }
  }

  forget(run: string): void {
    const ended = this.#runs.get(run)
    if (ended === undefined) return
    this.#runs.delete(run)
    this.#tasks -= ended.tasks
    this.#onForgotten(run)
  }
}
