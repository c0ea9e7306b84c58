import { NotFoundError, UsageError } from '../domain/errors.ts'
import { itemId } from '../domain/ids.ts'
import type { TaskOutcome } from '../domain/report.ts'
import type { TaskSpec, Workflow } from '../domain/workflow.ts'
import { CODES, type GraphState, ItemStates, StateCounts, stateOf } from './graph-state.ts'
import { dependentsOf, longestPaths, type Needs } from './topology.ts'

// The state of a run's graph: integers and adjacency lists, O(1) an edge over the whole run, no recursion. It holds no
// time, no agents and no results; it is rebuilt by settling again what the records say has settled.
//
//   waiting -> ready -> completed | failed | skipped | cancelled
//
// A task is ready when all it needs has settled: then it can be decided on. What has settled never changes.

const DEFAULT_ESTIMATE_MS = 600_000

/** What is to be done with a task whose needs have all settled. `condition`: evaluate its `if`, then run or skip it. */
export type TaskDecision =
  | { readonly id: string; readonly decision: 'run' | 'condition' }
  | { readonly id: string; readonly decision: 'skip'; readonly reason: string }

/** Creates the graph of a checked workflow, nothing settled. Throws NotFoundError or UsageError for an unchecked one. */
export function createTaskGraph(workflow: Pick<Workflow, 'tasks'>): TaskGraph {
  return new TaskGraph(workflow.tasks)
}

/** Which tasks are ready, settled or waiting, and what follows when one settles. */
export class TaskGraph {
  readonly #tasks: readonly TaskSpec[]
  readonly #index: ReadonlyMap<string, number>
  readonly #needs: Needs
  readonly #dependents: Needs
  readonly #remaining: Float64Array
  readonly #states: Uint8Array
  /** Needs that have not settled, by task. */
  readonly #open: Int32Array
  /** The first need that forbids an unconditional start, by task; -1 for none. */
  readonly #bad: Int32Array
  readonly #failedNeeds: Int32Array
  readonly #items = new Map<number, ItemStates>()
  readonly #counts = new StateCounts()
  #unsettled: number
  /** Tasks and items whose failure makes the run fail. */
  #failures = 0

  constructor(tasks: readonly TaskSpec[]) {
    const size = tasks.length
    this.#tasks = tasks
    this.#index = new Map(tasks.map((task, node) => [task.id, node]))
    this.#needs = tasks.map((task) => task.needs.map((need) => this.#nodeOf(need)))
    this.#dependents = dependentsOf(this.#needs)
    const estimates = tasks.map((task) => task.estimateMs ?? DEFAULT_ESTIMATE_MS)
    const remaining = longestPaths(estimates, this.#needs, this.#dependents)
    if (remaining === undefined) throw new UsageError('The tasks need each other in a circle.')
    this.#remaining = remaining
    this.#states = new Uint8Array(size)
    this.#open = Int32Array.from(this.#needs, (needs) => needs.length)
    this.#bad = new Int32Array(size).fill(-1)
    this.#failedNeeds = new Int32Array(size)
    this.#unsettled = size
    this.#counts.add('waiting', size)
    for (let node = 0; node < size; node++) if (this.#open[node] === 0) this.#setState(node, 'ready')
  }

  /** The tasks that need nothing, in graph order: they can be decided on from the start. */
  roots(): readonly TaskDecision[] {
    const nodes = [...this.#needs.keys()].filter((node) => this.#needs[node]?.length === 0)
    return nodes.map((node) => this.#decide(node))
  }

  /**
   * Notes how a task or item settled; returns what can be decided on because of it. A second time changes nothing. The
   * last item of a `forEach` task settles the task too: failed when an item failed, else cancelled when one was
   * cancelled, else skipped when all were, else completed. Throws NotFoundError for an unknown id, UsageError for an
   * expanded `forEach` task that has not settled (its items settle it).
   */
  settle(id: string, status: TaskOutcome['status']): readonly TaskDecision[] {
    const { node, item } = this.#find(id)
    const items = this.#items.get(node)
    if (items === undefined) return this.#settleNode(node, status)
    if (item !== undefined) return this.#settleItem(node, items, item, status)
    if (items.status() !== undefined) return []
    throw new UsageError(`Task ${id} settles when its items do: settle those.`)
  }

  /**
   * Gives a `forEach` task its items; returns a decision to run for each, or, when there are none, what can be decided on
   * because the task has completed. The same count again changes nothing. Throws UsageError when the task has no
   * `forEach`, has settled without items, or was expanded with another count.
   */
  expand(id: string, count: number): readonly TaskDecision[] {
    if (!this.isForEach(id)) throw new UsageError(`Task ${id} has no forEach.`)
    if (!Number.isSafeInteger(count) || count < 0) throw new UsageError(`Task ${id} cannot have ${count} items.`)
    const node = this.#nodeOf(id)
    const known = this.#items.get(node)
    if (known !== undefined) {
      if (known.size === count) return []
      throw new UsageError(`Task ${id} was expanded to ${known.size} items already, not ${count}.`)
    }
    if (this.isSettled(id)) throw new UsageError(`Task ${id} has settled without items.`)
    // An expanded task is not counted itself: its items are what is carried out.
    this.#counts.add(this.state(id), -1)
    this.#counts.add('ready', count)
    this.#items.set(node, new ItemStates(count))
    if (count === 0) return this.#settleNode(node, 'completed')
    return this.itemsOf(id).map((item) => ({ id: item, decision: 'run' }))
  }

  /** Throws NotFoundError for an unknown id, as all queries do. */
  state(id: string): GraphState {
    const { node, item } = this.#find(id)
    const items = this.#items.get(node)
    return item === undefined || items === undefined ? stateOf(this.#states[node]) : items.state(item)
  }

  isSettled(id: string): boolean {
    return CODES[this.state(id)] > CODES.ready
  }

  /** Whether a task has a `forEach`; its items have not. */
  isForEach(id: string): boolean {
    const { node, item } = this.#find(id)
    return item === undefined && this.#tasks[node]?.forEach !== undefined
  }

  /** Whether a `forEach` task has its items: then they are carried out, and it is not. */
  isExpanded(id: string): boolean {
    const { node, item } = this.#find(id)
    return item === undefined && this.#items.has(node)
  }

  /** The task an item belongs to; undefined for a task. */
  parentOf(id: string): string | undefined {
    const { node, item } = this.#find(id)
    return item === undefined ? undefined : this.#tasks[node]?.id
  }

  /** The items of an expanded task in order; empty for others. */
  itemsOf(id: string): readonly string[] {
    const { node, item } = this.#find(id)
    const size = item === undefined ? (this.#items.get(node)?.size ?? 0) : 0
    return Array.from({ length: size }, (_, at) => itemId(id, at))
  }

  /** What a task still waits for; empty for items. */
  needs(id: string): readonly string[] {
    const { node, item } = this.#find(id)
    if (item !== undefined) return []
    const open = (this.#needs[node] ?? []).filter((need) => (this.#states[need] ?? 0) <= CODES.ready)
    return open.map((need) => this.#tasks[need]?.id ?? '')
  }

  /** The longest way from the start of a task to the end of the run, by estimates, ms. A task without one takes 10 minutes. */
  remaining(id: string): number {
    return this.#remaining[this.#find(id).node] ?? 0
  }

  /** All ids: tasks as in the file, each `forEach` task followed by its items. */
  order(): readonly string[] {
    return this.#tasks.flatMap((task) => [task.id, ...this.itemsOf(task.id)])
  }

  /** The ids that an agent carries out, in graph order: {@link order} without the `forEach` tasks themselves. */
  agents(): readonly string[] {
    return this.#tasks.flatMap((task) => (task.forEach === undefined ? [task.id] : this.itemsOf(task.id)))
  }

  /** How many are in each state; an expanded task counts as its items. */
  counts(): Readonly<Record<GraphState, number>> {
    return this.#counts.all()
  }

  get allSettled(): boolean {
    return this.#unsettled === 0
  }

  /**
   * What the run's end depends on. `failed`: a task or item failed, and its `onFailure` is neither `skip` nor `continue`.
   * `cancelled`: one was cancelled.
   */
  outcome(): { readonly failed: boolean; readonly cancelled: boolean } {
    return { failed: this.#failures > 0, cancelled: this.#counts.of('cancelled') > 0 }
  }

  #settleItem(node: number, items: ItemStates, item: number, status: TaskOutcome['status']): readonly TaskDecision[] {
    if (!items.settle(item, status)) return []
    this.#counts.add('ready', -1)
    this.#counts.add(status, 1)
    if (status === 'failed') this.#noteFailure(node)
    const whole = items.status()
    return whole === undefined ? [] : this.#settleNode(node, whole)
  }

  #settleNode(node: number, status: TaskOutcome['status']): readonly TaskDecision[] {
    if ((this.#states[node] ?? 0) > CODES.ready) return []
    this.#setState(node, status)
    this.#unsettled--
    if (status === 'failed' && !this.#items.has(node)) this.#noteFailure(node)
    const satisfied = status === 'completed' || (status === 'failed' && this.#tasks[node]?.onFailure === 'continue')
    const decisions: TaskDecision[] = []
    for (const next of this.#dependents[node] ?? []) {
      if (status === 'failed') this.#failedNeeds[next] = (this.#failedNeeds[next] ?? 0) + 1
      if (!satisfied && this.#bad[next] === -1) this.#bad[next] = node
      const open = (this.#open[next] ?? 0) - 1
      this.#open[next] = open
      if (open > 0 || stateOf(this.#states[next]) !== 'waiting') continue
      this.#setState(next, 'ready')
      decisions.push(this.#decide(next))
    }
    return decisions
  }

  #noteFailure(node: number): void {
    const onFailure = this.#tasks[node]?.onFailure
    if (onFailure !== 'skip' && onFailure !== 'continue') this.#failures++
  }

  #decide(node: number): TaskDecision {
    const task = this.#tasks[node]
    const id = task?.id ?? ''
    const kind = task?.if?.kind
    if (kind === 'expression') return { id, decision: 'condition' }
    if (kind === 'always') return { id, decision: 'run' }
    if (kind === 'failed') {
      if ((this.#failedNeeds[node] ?? 0) > 0) return { id, decision: 'run' }
      return { id, decision: 'skip', reason: 'none of its needs failed' }
    }
    const bad = this.#bad[node] ?? -1
    if (bad === -1) return { id, decision: 'run' }
    const state = stateOf(this.#states[bad])
    return { id, decision: 'skip', reason: `${this.#tasks[bad]?.id} ${state === 'failed' ? 'failed' : `was ${state}`}` }
  }

  #setState(node: number, state: GraphState): void {
    if (!this.#items.has(node)) {
      this.#counts.add(stateOf(this.#states[node]), -1)
      this.#counts.add(state, 1)
    }
    this.#states[node] = CODES[state]
  }

  #nodeOf(id: string): number {
    const node = this.#index.get(id)
    if (node === undefined) throw new NotFoundError(`Task ${id}`, 'The workflow names its tasks.')
    return node
  }

  #find(id: string): { node: number; item?: number } {
    const bracket = id.indexOf('[')
    if (bracket === -1) return { node: this.#nodeOf(id) }
    const task = id.slice(0, bracket)
    const node = this.#nodeOf(task)
    const item = Number(id.slice(bracket + 1, -1))
    const size = this.#items.get(node)?.size ?? 0
    if (item >= 0 && item < size && itemId(task, item) === id) return { node, item }
    throw new NotFoundError(`Task ${id}`, `${task} has ${size} items.`)
  }
}
