import type { AgentRunRef } from '../domain/backend.ts'
import type { Usage } from '../domain/budget.ts'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { LateEnd, LateOutcome } from '../domain/late-end.ts'
import type { CollectedWork } from '../domain/local-work.ts'
import type { Decision } from '../domain/planning.ts'
import type { HostPart, JournalRecord } from '../domain/record.ts'
import type { PullRequest } from '../domain/report.ts'
import type { TaskSpec } from '../domain/workflow.ts'
import { isFinalState } from '../machines/public-state.ts'
import { type BudgetFacts, emptyBudget, type FoldedUse, foldBudget, readBudget } from './budget-facts.ts'

/** The last record of an actor that has not ended. */
export interface LiveActor {
  readonly state: string
  readonly attempt: number
  /** The attempt whose creation was counted last: a put-back create counts once. */
  readonly counted?: number
  /** When its creation was last intended, ms. */
  readonly begun?: number
  /** When its last record was made, by the clock of that time; absent in checkpoints of earlier versions. */
  readonly at?: string
  /** The attempt that it gave up last. */
  readonly gaveUp?: number
  readonly host: HostPart
}

/** A settled task: one array write on restore. */
export interface SettledTask {
  readonly status: 'completed' | 'failed' | 'skipped' | 'cancelled'
  readonly attempt: number
  /** The record that settled it. */
  readonly seq: number
  readonly result?: string
  readonly file?: string
  readonly output?: Json
  readonly pullRequests?: readonly PullRequest[]
  /** What git knows of its work, where it worked in a worktree of this machine. */
  readonly collected?: CollectedWork
  readonly reason?: string
  /** How long the agent run took that completed it, from the intent of its create, ms. */
  readonly ms?: number
  /** What that agent run has used. */
  readonly usage?: Usage
  /** The attempt whose late result a person adopted: it is that attempt's. */
  readonly adopted?: number
}

/** What an attempt returned after it had been given up; a person may adopt it as long as its task is not settled. */
export interface LateResult {
  readonly attempt: number
  readonly outcome: LateOutcome & { readonly pullRequests: readonly PullRequest[] }
}

/** A task, an item, or the manager that is carried out once more, and the last attempt that it has made. */
export interface RepeatedTask {
  readonly task: string
  readonly attempt: number
}

/** An agent run that nobody waits for any more and that may still go on. */
export interface GivenUpRun {
  readonly task: string
  readonly attempt: number
  readonly ref?: AgentRunRef | undefined
  /** Without a ref: when its create may have left, so that it can be looked for. */
  readonly intentAt?: number | undefined
}

/** The name under which a second agent run of an attempt is kept, whose first is used. */
export function holderOfDouble(run: string, { task, attempt, ref }: GivenUpRun): string {
  return `${run}/${task}/${attempt}#${ref?.id ?? ''}`
}

interface Plain {
  readonly seq: number
  readonly live: readonly (readonly [string, LiveActor])[]
  readonly settled: readonly (readonly [string, SettledTask])[]
  readonly expansions: readonly (readonly [string, number])[]
  readonly givenUp: readonly (readonly [string, GivenUpRun])[]
  /** Absent in checkpoints of earlier versions. */
  readonly late?: readonly (readonly [string, readonly LateResult[]])[]
  readonly generations?: readonly (readonly [string, number])[]
  readonly generation?: number
  readonly reopenedFrom?: string
  readonly startedAt: number
  readonly budget: BudgetFacts
  readonly planned?: readonly TaskSpec[]
  readonly planEnd?: PlanEnd
}

/** How a plan ended: by the manager's decision, or with the manager. */
export type PlanEnd = 'completed' | 'failed'

/**
 * What a run's records add up to: all that restore needs. Folded as records are appended, so it is always the state at `seq`; a
 * checkpoint is this as JSON.
 */
export class RunProjection {
  seq = 0
  /** What is used of the budget. */
  budget = emptyBudget()
  /** When the run began, ms. */
  startedAt = 0
  readonly live = new Map<string, LiveActor>()
  readonly settled = new Map<string, SettledTask>()
  /** Number of items by forEach task. */
  readonly expansions = new Map<string, number>()
  readonly givenUp = new Map<string, GivenUpRun>()
  /** Tasks that the manager's decisions added, in their order. */
  readonly planned: TaskSpec[] = []
  /** Undefined as long as the manager may decide. */
  planEnd: PlanEnd | undefined
  /** Usable late results by task. */
  readonly late = new Map<string, readonly LateResult[]>()
  /** The last attempt of the generations before, by task: numbers are never used again. */
  readonly generations = new Map<string, number>()
  /** How often something was to be carried out once more. */
  generation = 0
  /** How the run had ended that was to go on; until its supervisor does. */
  reopenedFrom: string | undefined
  /** Ids as they settled, so that what is new is found without looking at what is old. */
  #order: string[] = []

  fold(record: JournalRecord): void {
    this.seq = record.seq
    const used = foldBudget(this.budget, record, this.live.get(record.actor.id))
    if (record.type === 'transition') this.#transition(record, used)
    else if (record.type === 'plan') this.#plan(record)
    else if (record.type === 'run') this.startedAt = Date.parse(record.at)
    else if (record.data !== undefined) this.#notice(record, record.data)
  }

  /** Tasks settled by records with seq > after, in order. */
  settledAfter(after: number): readonly (readonly [string, SettledTask])[] {
    const news: (readonly [string, SettledTask])[] = []
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const id = this.#order[i] ?? ''
      const task = this.settled.get(id)
      if (task === undefined) continue
      if (task.seq <= after) break
      news.push([id, task])
    }
    return news.reverse()
  }

  /** Ids of the tasks that failed. */
  failed(): readonly string[] {
    return [...this.settled].flatMap(([id, { status }]) => (status === 'failed' ? [id] : []))
  }

  /** The number with which a new agent of the task, or a new manager, begins; nothing where that is 1. */
  firstAttempt(id: string): { readonly firstAttempt?: number } {
    const last = this.generations.get(id)
    return last === undefined ? {} : { firstAttempt: last + 1 }
  }

  toJson(): JsonObject {
    const plain: Plain = {
      seq: this.seq,
      live: [...this.live],
      settled: [...this.settled],
      expansions: [...this.expansions],
      givenUp: [...this.givenUp],
      late: [...this.late],
      startedAt: this.startedAt,
      budget: structuredClone(this.budget),
      planned: [...this.planned],
      ...(this.planEnd === undefined ? {} : { planEnd: this.planEnd }),
      ...(this.generation === 0 ? {} : { generation: this.generation, generations: [...this.generations] }),
      ...(this.reopenedFrom === undefined ? {} : { reopenedFrom: this.reopenedFrom }),
    }
    return plain as unknown as JsonObject
  }

  static fromJson(json: JsonObject): RunProjection {
    const plain = json as unknown as Plain
    const projection = new RunProjection()
    projection.seq = plain.seq
    projection.startedAt = plain.startedAt
    projection.budget = readBudget(json, new Map(plain.live))
    projection.planned.push(...(plain.planned ?? []))
    projection.planEnd = plain.planEnd
    for (const [id, actor] of plain.live) projection.live.set(id, actor)
    for (const [id, task] of plain.settled) projection.#put(id, task)
    for (const [id, count] of plain.expansions) projection.expansions.set(id, count)
    for (const [id, run] of plain.givenUp) projection.givenUp.set(id, run)
    for (const [id, results] of plain.late ?? []) projection.late.set(id, results)
    for (const [id, attempt] of plain.generations ?? []) projection.generations.set(id, attempt)
    projection.generation = plain.generation ?? 0
    projection.reopenedFrom = plain.reopenedFrom
    return projection
  }

  #transition(record: JournalRecord, { counted, usage }: FoldedUse): void {
    const { id, kind } = record.actor
    const state = record.to ?? ''
    if (kind === 'supervisor') this.reopenedFrom = undefined
    if (kind === 'manager') this.#decide(record.data?.['decision'] as Decision | undefined, state)
    const attempt = record.attempt ?? 0
    const before = this.live.get(id)
    const begun = begunAt(before, record)
    const gaveUp = record.data?.['gaveUp'] as GivenUpRun | undefined
    const lastGivenUp = gaveUp?.attempt ?? before?.gaveUp
    if (gaveUp !== undefined) this.givenUp.set(`${record.run}/${id}/${gaveUp.attempt}`, gaveUp)
    if (isFinalState(state)) {
      this.live.delete(id)
      if (kind === 'agent') this.#settle(id, record, begun, usage)
      else this.live.set(id, { state, attempt: record.attempt ?? 0, host: { v: 1, n: record.host?.n ?? 0 } })
      return
    }
    // A task that was settled and lives again (a new generation) is not settled any more.
    this.settled.delete(id)
    this.live.set(id, {
      state,
      attempt,
      ...(counted === undefined ? {} : { counted }),
      ...(begun === undefined ? {} : { begun }),
      at: record.at,
      ...(lastGivenUp === undefined ? {} : { gaveUp: lastGivenUp }),
      host: record.host ?? { v: 1, n: 0 },
    })
  }

  #decide(decision: Decision | undefined, state: string): void {
    if (decision?.kind === 'delegate') this.planned.push(...decision.tasks)
    if (decision?.kind === 'finish') this.planEnd = decision.outcome
    if (isFinalState(state)) this.planEnd ??= state === 'completed' ? 'completed' : 'failed'
  }

  #settle(id: string, record: JournalRecord, begun: number | undefined, usage: Usage | undefined): void {
    const outcome = record.data?.['outcome'] as unknown as Partial<SettledTask> | undefined
    const reason = record.data?.['reason']
    this.#put(id, {
      status: record.to as SettledTask['status'],
      attempt: record.attempt ?? 0,
      seq: record.seq,
      ...(outcome?.result === undefined ? {} : { result: outcome.result }),
      ...(outcome?.file === undefined ? {} : { file: outcome.file }),
      ...(outcome?.output === undefined ? {} : { output: outcome.output }),
      ...(outcome?.pullRequests === undefined || outcome.pullRequests.length === 0
        ? {}
        : { pullRequests: outcome.pullRequests }),
      ...(outcome?.collected === undefined ? {} : { collected: outcome.collected }),
      ...(typeof reason === 'string' ? { reason } : {}),
      // What a person completed took nobody's time.
      ...(begun === undefined || record.to !== 'completed' || record.event === 'task.complete'
        ? {}
        : { ms: Math.max(0, Date.parse(record.at) - begun) }),
      ...(usage === undefined ? {} : { usage }),
      ...(outcome?.adopted === undefined ? {} : { adopted: outcome.adopted }),
    })
  }

  #put(id: string, task: SettledTask): void {
    this.settled.set(id, task)
    this.late.delete(id)
    this.#order.push(id)
  }

  #plan(record: JournalRecord): void {
    const rerun = record.data?.['rerun'] as unknown as readonly RepeatedTask[] | undefined
    if (rerun !== undefined) this.#repeat(rerun)
    const count = record.data?.['count']
    if (rerun === undefined && record.task !== undefined && typeof count === 'number')
      this.expansions.set(record.task, count)
  }

  /** These live again, with all that they once were forgotten but the numbers of their attempts. */
  #repeat(tasks: readonly RepeatedTask[]): void {
    this.generation++
    for (const { task, attempt } of tasks) {
      this.settled.delete(task)
      this.expansions.delete(task)
      this.late.delete(task)
      // Only the manager's: that it has ended would keep another from beginning.
      this.live.delete(task)
      if (attempt > 0) this.generations.set(task, attempt)
      if (task === MANAGER) this.planEnd = undefined
    }
    this.#order = this.#order.filter((id) => this.settled.has(id))
    const { state = '' } = this.live.get(SUPERVISOR) ?? {}
    if (isFinalState(state)) this.reopenedFrom = state
  }

  /** A given-up agent run ended: nothing is left to watch. What it returned is kept for as long as its task may still use it. */
  #notice({ run, task, attempt }: JournalRecord, data: JsonObject): void {
    const double = data['double'] as GivenUpRun | undefined
    if (double !== undefined) this.givenUp.set(holderOfDouble(run, double), double)
    const end = data['lateEnd'] as LateEnd | undefined
    if (end?.holder === undefined) return
    this.givenUp.delete(end.holder)
    if (!end.usable || end.outcome === undefined || task === undefined || attempt === undefined) return
    if (this.settled.has(task) || attempt <= (this.generations.get(task) ?? 0)) return
    const outcome = { ...end.outcome, pullRequests: end.pullRequests ?? [] }
    this.late.set(task, [...(this.late.get(task) ?? []), { attempt, outcome }])
  }
}

/** When the creation of the record's attempt was last intended. */
function begunAt(before: LiveActor | undefined, { to, at, attempt }: JournalRecord): number | undefined {
  if (to === 'creating') return Date.parse(at)
  return before?.attempt === attempt ? before?.begun : undefined
}

/** Whether an id is an agent's, not the supervisor's or the manager's. */
export function isAgent(id: string): boolean {
  return id !== SUPERVISOR && id !== MANAGER
}
