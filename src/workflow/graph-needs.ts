import type { TaskOutcome } from '../domain/report.ts'

/** How a need has settled, and whether what needs it may start unconditionally; undefined: not yet. */
export type NeedState = { readonly status: TaskOutcome['status']; readonly satisfies: boolean } | undefined

/** Of each node's needs: how many are open, which one forbids an unconditional start, how many failed. O(1) an edge. */
export class NeedCounts {
  readonly #open: number[]
  readonly #bad: number[]
  readonly #failed: number[]

  /** `counts[n]` is how many nodes node n needs, none of which has settled. */
  constructor(counts: readonly number[]) {
    this.#open = [...counts]
    this.#bad = counts.map(() => -1)
    this.#failed = counts.map(() => 0)
  }

  /** Needs that have not settled. */
  open(node: number): number {
    return this.#open[node] ?? 0
  }

  failed(node: number): number {
    return this.#failed[node] ?? 0
  }

  /** The first need that forbids an unconditional start; -1 for none. */
  bad(node: number): number {
    return this.#bad[node] ?? -1
  }

  /** One need of a node has settled. */
  settle(node: number, need: number, state: NonNullable<NeedState>): void {
    if (state.status === 'failed') this.#failed[node] = this.failed(node) + 1
    if (!state.satisfies && this.bad(node) === -1) this.#bad[node] = need
    this.#open[node] = this.open(node) - 1
  }

  /** Counts a node's needs anew; `node` may be the next new one. */
  recount(node: number, needs: readonly number[], stateOf: (need: number) => NeedState): void {
    this.#open[node] = needs.length
    this.#bad[node] = -1
    this.#failed[node] = 0
    for (const need of needs) {
      const state = stateOf(need)
      if (state !== undefined) this.settle(node, need, state)
    }
  }
}
