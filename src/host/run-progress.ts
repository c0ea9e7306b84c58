import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { TaskSpec } from '../domain/workflow.ts'
import { createTaskGraph, type TaskGraph } from '../workflow/graph.ts'
import type { TaskDecision } from '../workflow/task-decision.ts'
import type { RunHost } from './run-host.ts'
import type { RunPorts } from './run-ports.ts'
import type { SettledTask } from './run-projection.ts'

/**
 * The graph of a run and what it asks for next. It is a projection of task records: after a restart it is rebuilt from them, so a
 * crash between a task's record and what should follow heals itself (I4, I5).
 */
export class RunProgress {
  readonly graph: TaskGraph
  readonly #host: RunHost
  readonly #ports: RunPorts
  /** Decided by a rebuild, not yet carried out. */
  #owed: TaskDecision[]
  #begun = false
  /** What is being found out for tasks that are to start; a repetition makes it void. */
  readonly #preparing = new Map<string, symbol>()
  #working = 0
  readonly #ids: Set<string>
  /** How many of the manager's tasks the graph has. */
  #added: number

  constructor(host: RunHost, ports: RunPorts) {
    this.#host = host
    this.#ports = ports
    this.graph = createTaskGraph(host.workflow)
    this.#added = host.projection.planned.length
    this.#ids = new Set(host.workflow.tasks.map(({ id }) => id))
    this.#owed = [...this.graph.roots()]
  }

  /** Plays the settled tasks back in the order they settled. */
  rebuild(): void {
    const { projection } = this.#host
    const decided = this.#owed
    const expand = (decision: TaskDecision) => {
      const count = projection.expansions.get(decision.id)
      if (count === undefined || this.graph.isExpanded(decision.id)) decided.push(decision)
      else for (const next of this.graph.expand(decision.id, count)) expand(next)
    }
    this.#owed = []
    for (const decision of decided.splice(0)) expand(decision)
    for (const [id, task] of projection.settledAfter(0)) {
      if (!this.#knows(id)) continue
      this.#learn(id, task)
      for (const decision of this.graph.settle(id, task.status)) expand(decision)
    }
    this.#owed = decided.filter(({ id }) => !projection.live.has(id) && !projection.settled.has(id))
  }

  /** Tasks of its role that have no estimate are thought to take as long. */
  #learn(id: string, { ms }: SettledTask): void {
    if (ms !== undefined) this.graph.learn(id, ms)
  }

  /**
   * False for an item whose plan record is lost: the plan is made again, then the item is marked. And for a task whose manager's decision is
   * lost: it is carried out to its end, and marked if it is added again.
   */
  #knows(id: string): boolean {
    const parent = parentOf(id)
    if (!this.#ids.has(parent ?? id)) return false
    return parent === undefined || this.graph.isExpanded(parent)
  }

  /** The longest path that still lies ahead of a task, its own part included, ms. */
  remaining(id: string): number {
    if (!this.#ids.has(parentOf(id) ?? id)) return 0
    return this.graph.remaining(this.#knows(id) ? id : (parentOf(id) ?? id))
  }

  /** Starts the manager and every task that is ready and has no agent yet. */
  startReady(): void {
    const { projection, workflow } = this.#host
    if (!this.#begun && workflow.manager !== undefined && !projection.live.has(MANAGER)) this.#host.startManager()
    this.#begun = true
    this.#carryOut(this.#owed.splice(0))
  }

  /** The manager added tasks: those that need nothing more start at once. */
  append(tasks: readonly TaskSpec[]): void {
    const decisions = this.graph.append(tasks)
    this.#added += tasks.length
    for (const task of tasks) this.#ids.add(task.id)
    this.#carryOut(decisions)
  }

  /** Begins again with a task, or an item, that had settled, and with all that depends on it. */
  repeat(id: string): void {
    const { ids, decisions } = this.graph.reset(id)
    const repeated = new Set(ids)
    for (const task of ids) this.#preparing.delete(task)
    this.#owed = [...this.#owed.filter((owed) => !repeated.has(owed.id)), ...decisions]
    this.startReady()
  }

  /** An actor ended: its task is marked, and what became ready starts at once. */
  settled(actor: string): void {
    const task = this.#host.projection.settled.get(actor)
    if (task === undefined || !this.#knows(actor) || this.graph.isSettled(actor)) return
    this.#learn(actor, task)
    this.#carryOut(this.graph.settle(actor, task.status))
  }

  /** Whether all that the manager has added is part of the graph: a moment after its decision it is not yet. */
  get isWhole(): boolean {
    return this.#added === this.#host.projection.planned.length
  }

  /** True while something is being made ready that will start agents. */
  get busy(): boolean {
    return this.#working > 0 || this.#owed.length > 0
  }

  /** How the run ends, once every task is settled and nobody decides on further ones. */
  outcome(): 'completed' | 'failed' | 'cancelled' | undefined {
    if (!this.graph.allSettled) return undefined
    const { planEnd } = this.#host.projection
    if (this.#host.plans && planEnd === undefined) return undefined
    const { failed, cancelled } = this.graph.outcome()
    if (failed || (this.#host.plans && planEnd === 'failed')) return 'failed'
    return cancelled ? 'cancelled' : 'completed'
  }

  /** A run that is ending starts nothing any more, not even to skip it. */
  get #mayStart(): boolean {
    return !this.#host.finishing && !this.#host.ended && !this.#host.closed
  }

  #carryOut(decisions: readonly TaskDecision[]): void {
    for (const decision of decisions) if (this.#mayStart) this.#one(decision)
  }

  #one(decision: TaskDecision): void {
    const { id } = decision
    const settled = this.#host.projection.settled.get(id)
    // Its record came before what made it possible was known here: a damaged plan that was made again.
    if (settled !== undefined) {
      this.#carryOut(this.graph.settle(id, settled.status))
      return
    }
    if (this.#host.actors.has(id) || this.#host.projection.live.has(id)) return
    if (decision.decision === 'skip') this.#host.startAgent(id, { skip: decision.reason })
    else if (decision.decision === 'condition') this.#decide(id)
    else if (this.graph.isForEach(id)) this.#expand(id)
    else this.#host.startAgent(id, {})
  }

  #decide(id: string): void {
    this.#prepare(
      id,
      this.#ports.holdsCondition(id),
      (holds) => {
        const reason = holds ? 'its `if` holds' : 'its `if` does not hold'
        this.#one({ id, decision: holds ? 'run' : 'skip', reason })
      },
      'Its `if` cannot be evaluated',
    )
  }

  #expand(id: string): void {
    this.#prepare(
      id,
      this.#ports.countItems(id),
      (count) => {
        if (this.graph.isExpanded(id)) return
        this.#host.append('plan', { kind: 'supervisor', id: SUPERVISOR }, { task: id, data: { count } })
        this.#carryOut(this.graph.expand(id, count))
      },
      'Its items cannot be made',
    )
  }

  /** Carries on once `work` has its result, unless the run is ending by then. */
  #prepare<T>(id: string, work: Promise<T>, then: (result: T) => void, what: string): void {
    const mine = Symbol(id)
    this.#preparing.set(id, mine)
    const isDue = () => {
      this.#working--
      return this.#mayStart && this.#preparing.get(id) === mine
    }
    this.#working++
    work
      .then(
        (result) => {
          if (isDue()) then(result)
        },
        (error: unknown) => {
          if (isDue()) this.#host.startAgent(id, { fail: `${what}: ${messageOf(error)}` })
        },
      )
      .then(() => this.#host.checkEnd())
      .catch((error: unknown) => this.#host.alert('internal', `${id}: ${messageOf(error)}`, id))
  }
}

/** The forEach task that an item belongs to. */
function parentOf(id: string): string | undefined {
  return /^(.*)\[\d+\]$/.exec(id)?.[1]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
