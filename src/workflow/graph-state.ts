import type { TaskOutcome } from '../domain/report.ts'

/** State of a task in the graph: `waiting` for its needs, `ready` to be decided on or running, or how it settled. */
export type GraphState = 'waiting' | 'ready' | TaskOutcome['status']

const STATES = ['waiting', 'ready', 'completed', 'failed', 'skipped', 'cancelled'] as const

/** The number of each state; those beyond `ready` are settled. */
export const CODES: Readonly<Record<GraphState, number>> = {
  waiting: 0,
  ready: 1,
  completed: 2,
  failed: 3,
  skipped: 4,
  cancelled: 5,
}

/** The state that a number of {@link CODES} stands for. */
export function stateOf(code: number | undefined): GraphState {
  return STATES[code ?? 0] ?? 'waiting'
}

/** How many are in each state. */
export class StateCounts {
  readonly #counts = new Uint32Array(STATES.length)

  add(state: GraphState, change: number): void {
    this.#counts[CODES[state]] = this.of(state) + change
  }

  of(state: GraphState): number {
    return this.#counts[CODES[state]] ?? 0
  }

  all(): Readonly<Record<GraphState, number>> {
    const [waiting = 0, ready = 0, completed = 0, failed = 0, skipped = 0, cancelled = 0] = this.#counts
    return { waiting, ready, completed, failed, skipped, cancelled }
  }
}

/** The items of an expanded `forEach` task: ready from the start. */
export class ItemStates {
  readonly size: number
  readonly #states: Uint8Array
  readonly #counts = new StateCounts()

  constructor(size: number) {
    this.size = size
    this.#states = new Uint8Array(size).fill(CODES.ready)
    this.#counts.add('ready', size)
  }

  state(item: number): GraphState {
    return stateOf(this.#states[item])
  }

  /** False when the item had settled before. */
  settle(item: number, status: TaskOutcome['status']): boolean {
    if (this.state(item) !== 'ready') return false
    this.#states[item] = CODES[status]
    this.#counts.add('ready', -1)
    this.#counts.add(status, 1)
    return true
  }

  /** Puts an item that had settled back to ready. */
  repeat(item: number): void {
    this.#counts.add(this.state(item), -1)
    this.#counts.add('ready', 1)
    this.#states[item] = CODES.ready
  }

  count(state: GraphState): number {
    return this.#counts.of(state)
  }

  /** The task's status once all items have settled, by the rule of `aggregateStatus` in template-view.ts. */
  status(): TaskOutcome['status'] | undefined {
    if (this.#counts.of('ready') > 0) return undefined
    if (this.#counts.of('failed') > 0) return 'failed'
    if (this.#counts.of('cancelled') > 0) return 'cancelled'
    return this.#counts.of('skipped') > 0 && this.#counts.of('completed') === 0 ? 'skipped' : 'completed'
  }
}
