import { NotFoundError, UsageError } from '../domain/errors.ts'
import { itemId } from '../domain/ids.ts'
import type { TaskOutcome } from '../domain/report.ts'
import type { TaskSpec, Workflow } from '../domain/workflow.ts'
import { NeedCounts, type NeedState } from './graph-needs.ts'
import { CODES, type GraphState, ItemStates, StateCounts, stateOf } from './graph-state.ts'
import { GraphWeights } from './graph-weights.ts'
import { decideTask, type TaskDecision } from './task-decision.ts'
import { allBehind, dependentsOf } from './topology.ts'

// The state of a run's graph: integers and adjacency lists, O(1) an edge over the whole run, no recursion. It holds no
// time, no agents and no results; it is rebuilt by settling again what the records say has settled.
//   waiting -> ready -> completed | failed | skipped | cancelled
// A task is ready when all it needs has settled. What has settled never changes but by `reset`: a person has it repeated.

/** Creates the graph of a checked workflow, nothing settled. Throws NotFoundError or UsageError for an unchecked one. */
export function createTaskGraph(workflow: Pick<Workflow, 'tasks'>): TaskGraph {
  return new TaskGraph(workflow.tasks)
}

/** Which tasks are ready, settled or waiting, and what follows when one settles. */
export class TaskGraph {
  readonly #tasks: TaskSpec[]
  readonly #index: Map<string, number>
  readonly #needs: number[][]
  readonly #dependents: number[][]
  readonly #weights: GraphWeights
  /** By task, as numbers of {@link CODES}. */
  readonly #states: number[]
  readonly #counted: NeedCounts
  readonly #items = new Map<number, ItemStates>()
  readonly #counts = new StateCounts()
  #unsettled: number
  /** Tasks and items whose failure makes the run fail. */
  #failures = 0

  constructor(tasks: readonly TaskSpec[]) {
    const size = tasks.length
    this.#tasks = [...tasks]
    this.#index = new Map(tasks.map((task, node) => [task.id, node]))
    this.#needs = tasks.map((task) => task.needs.map((need) => this.#nodeOf(need)))
    this.#dependents = dependentsOf(this.#needs)
    this.#weights = new GraphWeights(this.#tasks, this.#needs, this.#dependents)
    if (!this.#weights.areKnown) throw new UsageError('The tasks need each other in a circle.')
    this.#states = new Array<number>(size).fill(CODES.waiting)
    this.#counted = new NeedCounts(this.#needs.map((needs) => needs.length))
    this.#unsettled = size
    this.#counts.add('waiting', size)
    for (let node = 0; node < size; node++) if (this.#counted.open(node) === 0) this.#setState(node, 'ready')
  }

  /**
   * Adds tasks that need each other only backwards, or what was there before; returns what can be decided on at once. Throws
   * UsageError for an id that is there, NotFoundError for an unknown need: then nothing was added.
   */
  append(tasks: readonly TaskSpec[]): readonly TaskDecision[] {
    const added = new Map<string, number>()
    for (const task of tasks) {
      if (this.#index.has(task.id) || added.has(task.id)) throw new UsageError(`Task ${task.id} is there already.`)
      for (const need of task.needs) if (!added.has(need)) this.#nodeOf(need)
      added.set(task.id, this.#tasks.length + added.size)
    }
    const decisions: TaskDecision[] = []
    for (const task of tasks) {
      const node = this.#tasks.push(task) - 1
      this.#index.set(task.id, node)
      const needs = task.needs.map((need) => this.#nodeOf(need))
      this.#needs.push(needs)
      this.#dependents.push([])
      for (const need of needs) this.#dependents[need]?.push(node)
      this.#states.push(CODES.waiting)
      this.#counts.add('waiting', 1)
      this.#unsettled++
      this.#lookAtNeeds(node)
      if (this.#counted.open(node) === 0) decisions.push(this.#ready(node))
    }
    this.#weights.changed()
    return decisions
  }

  /**
   * Undoes that a task, or an item, has settled, and with it all that depends on it; a `forEach` task among them loses its items.
   * Returns what can be decided on at once. Throws UsageError when the task itself has not settled.
   */
  reset(id: string): { readonly ids: readonly string[]; readonly decisions: readonly TaskDecision[] } {
    if (!this.isSettled(id)) throw new UsageError(`Task ${id} has not settled: there is nothing to repeat.`)
    const ids = this.repeated(id)
    const { node, item } = this.#find(id)
    const behind = allBehind(node, this.#dependents)
    for (const other of behind) this.#forget(other)
    const items = item === undefined ? undefined : this.#items.get(node)
    if (items === undefined || item === undefined) this.#forget(node)
    else this.#repeatItem(node, items, item)
    for (const other of behind) this.#lookAtNeeds(other)
    if (item !== undefined) return { ids, decisions: [{ id, decision: 'run' }] }
    this.#lookAtNeeds(node)
    return { ids, decisions: [this.#ready(node)] }
  }

  /** What {@link reset} undoes: the task, or the item, and all that depends on it, with their items. */
  repeated(id: string): readonly string[] {
    const behind = allBehind(this.#find(id).node, this.#dependents).map((node) => this.#tasks[node]?.id ?? '')
    return [id, ...behind].flatMap((task) => [task, ...this.itemsOf(task)])
  }

  /** The tasks that need nothing, in graph order: they can be decided on from the start. */
  roots(): readonly TaskDecision[] {
    return [...this.#needs.keys()].filter((node) => this.#needs[node]?.length === 0).map((node) => this.#decide(node))
  }

  /**
   * Notes how a task or item settled; returns what can be decided on because of it. A second time changes nothing. The last item of a
   * `forEach` task settles the task too: failed when an item failed, else cancelled when one was, else skipped when all were, else
   * completed. Throws NotFoundError for an unknown id, UsageError for an expanded `forEach` task that has not settled.
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

  /** The longest way from the start of a task to the end of the run, by estimates, ms; see {@link GraphWeights}. */
  remaining(id: string): number {
    return this.#weights.remaining(this.#find(id).node)
  }

  /** A task or item was completed in `ms`: tasks of its role that have no estimate are thought to take as long. */
  learn(id: string, ms: number): void {
    const role = this.#tasks[this.#find(id).node]?.role
    if (role !== undefined) this.#weights.learn(role, ms)
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
    const need = { status, satisfies: this.#satisfies(node) }
    const decisions: TaskDecision[] = []
    for (const next of this.#dependents[node] ?? []) {
      this.#counted.settle(next, node, need)
      if (this.#counted.open(next) > 0 || stateOf(this.#states[next]) !== 'waiting') continue
      decisions.push(this.#ready(next))
    }
    return decisions
  }

  #ready(node: number): TaskDecision {
    this.#setState(node, 'ready')
    return this.#decide(node)
  }

  #lookAtNeeds(node: number): void {
    this.#counted.recount(node, this.#needs[node] ?? [], (need) => this.#asNeed(need))
  }

  #asNeed(node: number): NeedState {
    const status = stateOf(this.#states[node])
    return status === 'waiting' || status === 'ready' ? undefined : { status, satisfies: this.#satisfies(node) }
  }

  #satisfies(node: number): boolean {
    const state = stateOf(this.#states[node])
    return state === 'completed' || (state === 'failed' && this.#tasks[node]?.onFailure === 'continue')
  }

  /** Puts a task back to waiting, without its items. */
  #forget(node: number): void {
    const items = this.#items.get(node)
    if ((this.#states[node] ?? 0) > CODES.ready) this.#unsettled++
    if (items === undefined) {
      if (stateOf(this.#states[node]) === 'failed') this.#noteFailure(node, -1)
    } else {
      this.#noteFailure(node, -items.count('failed'))
      for (let item = 0; item < items.size; item++) this.#counts.add(items.state(item), -1)
      this.#items.delete(node)
      this.#counts.add(stateOf(this.#states[node]), 1)
    }
    this.#setState(node, 'waiting')
  }

  #repeatItem(node: number, items: ItemStates, item: number): void {
    const before = items.state(item)
    if (before === 'failed') this.#noteFailure(node, -1)
    this.#counts.add(before, -1)
    this.#counts.add('ready', 1)
    items.repeat(item)
    if ((this.#states[node] ?? 0) <= CODES.ready) return
    this.#unsettled++
    this.#setState(node, 'ready')
  }

  #noteFailure(node: number, change = 1): void {
    const onFailure = this.#tasks[node]?.onFailure
    if (onFailure !== 'skip' && onFailure !== 'continue') this.#failures += change
  }

  #decide(node: number): TaskDecision {
    const task = this.#tasks[node]
    const bad = this.#counted.bad(node)
    const forbids = bad === -1 ? undefined : { id: this.#tasks[bad]?.id ?? '', state: stateOf(this.#states[bad]) }
    return decideTask(task ?? { id: '' }, this.#counted.failed(node), forbids)
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
