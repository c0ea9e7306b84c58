import type { TaskSpec } from '../domain/workflow.ts'
import { longestPaths, type Needs } from './topology.ts'

const DEFAULT_ESTIMATE_MS = 600_000

/** How long the tasks of one role took so far. */
interface RoleTimes {
  sumMs: number
  count: number
  /** The mean that the paths were last computed with, and after how many tasks. */
  usedMs: number
  usedAt: number
}

/**
 * How long the way from each task to the end of the run is, by estimates. A task without one is thought to take what finished
 * tasks of its role took in the mean, else 10 minutes. Paths are computed anew when the number of finished tasks of a role has
 * doubled, so that a run of n tasks pays for log n computations.
 */
export class GraphWeights {
  readonly #tasks: readonly TaskSpec[]
  readonly #needs: Needs
  readonly #dependents: Needs
  readonly #roles = new Map<string, RoleTimes>()
  #paths: Float64Array | undefined
  #stale = false

  /** All three are kept, and read again after {@link changed}. */
  constructor(tasks: readonly TaskSpec[], needs: Needs, dependents: Needs) {
    this.#tasks = tasks
    this.#needs = needs
    this.#dependents = dependents
    this.#paths = this.#compute()
  }

  /** False where the tasks need each other in a circle. */
  get areKnown(): boolean {
    return this.#paths !== undefined
  }

  /** The graph was changed: paths are computed when they are asked for. */
  changed(): void {
    this.#stale = true
  }

  /** The longest way from the start of a node to the end, ms. */
  remaining(node: number): number {
    if (this.#stale) this.#paths = this.#compute()
    this.#stale = false
    return this.#paths?.[node] ?? 0
  }

  /** A task of a role was completed in `ms`. */
  learn(role: string, ms: number): void {
    const times = this.#roles.get(role) ?? { sumMs: 0, count: 0, usedMs: DEFAULT_ESTIMATE_MS, usedAt: 0 }
    this.#roles.set(role, times)
    times.sumMs += ms
    times.count++
    if (times.count < 2 * times.usedAt || times.count === times.usedAt) return
    times.usedAt = times.count
    times.usedMs = times.sumMs / times.count
    this.#stale = true
  }

  #compute(): Float64Array | undefined {
    const estimates = this.#tasks.map(
      ({ estimateMs, role }) =>
        estimateMs ?? (role === undefined ? undefined : this.#roles.get(role)?.usedMs) ?? DEFAULT_ESTIMATE_MS,
    )
    return longestPaths(estimates, this.#needs, this.#dependents)
  }
}
