import type { CarriedRuns } from './carried-runs.ts'
import { formatKey, MANAGER } from './domain/ids.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunView } from './domain/views.ts'
import type { RunFacts } from './registry.ts'
import { buildRunView, countWaiting } from './run-view.ts'

/** Views of the runs in memory. One that cannot have changed is not built again. */
export class LiveViews {
  readonly #runs: CarriedRuns
  readonly #limiter: Limiter
  /** Each with how many signs of life had been seen by then. */
  readonly #built = new WeakMap<RunFacts, { readonly view: RunView; readonly signs: number | undefined }>()

  constructor(runs: CarriedRuns, limiter: Limiter) {
    this.#runs = runs
    this.#limiter = limiter
  }

  /** Undefined for a run that is not in memory. */
  view(run: string): RunView | undefined {
    const facts = this.#runs.facts(run)
    const workflow = this.#runs.workflow(run)
    if (facts === undefined || workflow === undefined) return undefined
    const signs = this.#runs.get(run)?.carried.environment.signs
    const built = this.#built.get(facts)
    const isSame = built !== undefined && built.view.seq === facts.seq && built.signs === signs?.seen
    if (isSame && !waitsForSlots(facts)) return built.view
    const view = buildRunView(workflow, facts, {
      waiting: (task, attempt) => this.#limiter.waiting(formatKey({ run, task, attempt })),
      lastSign: (task, attempt) => signs?.last(task, attempt),
    })
    this.#built.set(facts, { view, signs: signs?.seen })
    return view
  }

  /** Tasks of unfinished runs by state, from what is counted anyway. */
  countTasks(): Record<string, number> {
    const counts: Record<string, number> = {}
    const add = (state: string, count: number) => {
      if (count > 0) counts[state] = (counts[state] ?? 0) + count
    }
    for (const { workflow, run } of this.#runs.hosts()) {
      const facts = this.#runs.facts(run)
      if (facts === undefined) continue
      for (const [state, count] of facts.counts) add(state, count)
      add('waiting', countWaiting(workflow, facts))
    }
    return counts
  }
}

/** What a task waits for changes without a record. */
function waitsForSlots({ counts, tasks }: RunFacts): boolean {
  return counts.has('pending') || tasks.get(MANAGER)?.state === 'pending'
}
