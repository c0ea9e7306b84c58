import type { AgentRunRef } from '../domain/backend.ts'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { LateEnd, LateOutcome } from '../domain/late-end.ts'
import type { HostPart, JournalRecord } from '../domain/record.ts'
import type { PullRequest } from '../domain/report.ts'
import { isFinalState } from '../machines/public-state.ts'

/** The last record of an actor that has not ended. */
export interface LiveActor {
  readonly state: string
  readonly attempt: number
  /** The attempt whose creation was counted last: a put-back create counts once. */
  readonly counted?: number
  /** When its last record was made, by the clock of that time; absent in checkpoints of earlier versions. */
  readonly at?: string
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
  readonly reason?: string
  /** The attempt whose late result a person adopted: it is that attempt's. */
  readonly adopted?: number
}

/** What an attempt returned after it had been given up; a person may adopt it as long as its task is not settled. */
export interface LateResult {
  readonly attempt: number
  readonly outcome: LateOutcome & { readonly pullRequests: readonly PullRequest[] }
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
  readonly created: number
  readonly startedAt: number
  readonly raised: Readonly<Record<string, number>>
  readonly pausedMs: number
  readonly pausedAt?: number
}

/**
 * What a run's records add up to: all that restore needs. Folded as records are appended, so it is always the state at `seq`; a
 * checkpoint is this as JSON.
 */
export class RunProjection {
  seq = 0
  /** Attempts whose create was intended and not certainly refused: what the budget counts. */
  created = 0
  /** When the run began, ms. */
  startedAt = 0
  /** By how much a person raised the budget. */
  readonly raised: Record<string, number> = {}
  /** How long the run was paused in all, and since when it is, ms. */
  pausedMs = 0
  pausedAt: number | undefined
  readonly live = new Map<string, LiveActor>()
  readonly settled = new Map<string, SettledTask>()
  /** Number of items by forEach task. */
  readonly expansions = new Map<string, number>()
  readonly givenUp = new Map<string, GivenUpRun>()
  /** Usable late results by task. */
  readonly late = new Map<string, readonly LateResult[]>()
  /** Ids as they settled, so that what is new is found without looking at what is old. */
  readonly #order: string[] = []

  fold(record: JournalRecord): void {
    this.seq = record.seq
    if (record.type === 'transition') this.#transition(record)
    else if (record.type === 'plan') this.#plan(record)
    else if (record.type === 'run') this.startedAt = Date.parse(record.at)
    else if (record.type === 'command') this.#raise(record.data?.['budget'] as Record<string, number> | undefined)
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

  toJson(): JsonObject {
    const plain: Plain = {
      seq: this.seq,
      live: [...this.live],
      settled: [...this.settled],
      expansions: [...this.expansions],
      givenUp: [...this.givenUp],
      late: [...this.late],
      created: this.created,
      startedAt: this.startedAt,
      raised: { ...this.raised },
      pausedMs: this.pausedMs,
      ...(this.pausedAt === undefined ? {} : { pausedAt: this.pausedAt }),
    }
    return plain as unknown as JsonObject
  }

  static fromJson(json: JsonObject): RunProjection {
    const plain = json as unknown as Plain
    const projection = new RunProjection()
    projection.seq = plain.seq
    projection.created = plain.created
    projection.startedAt = plain.startedAt
    Object.assign(projection.raised, plain.raised)
    projection.pausedMs = plain.pausedMs
    projection.pausedAt = plain.pausedAt
    for (const [id, actor] of plain.live) projection.live.set(id, actor)
    for (const [id, task] of plain.settled) projection.#put(id, task)
    for (const [id, count] of plain.expansions) projection.expansions.set(id, count)
    for (const [id, run] of plain.givenUp) projection.givenUp.set(id, run)
    for (const [id, results] of plain.late ?? []) projection.late.set(id, results)
    return projection
  }

  #transition(record: JournalRecord): void {
    const { id, kind } = record.actor
    const state = record.to ?? ''
    if (kind === 'supervisor') this.#notePause(state, Date.parse(record.at))
    const attempt = record.attempt ?? 0
    const counted = this.#count(this.live.get(id), state, attempt)
    const gaveUp = record.data?.['gaveUp'] as GivenUpRun | undefined
    if (gaveUp !== undefined) this.givenUp.set(`${record.run}/${id}/${gaveUp.attempt}`, gaveUp)
    if (isFinalState(state)) {
      this.live.delete(id)
      if (kind === 'agent') this.#settle(id, record)
      else this.live.set(id, { state, attempt: record.attempt ?? 0, host: { v: 1, n: record.host?.n ?? 0 } })
      return
    }
    // A task that was settled and lives again (a new generation) is not settled any more.
    this.settled.delete(id)
    this.live.set(id, {
      state,
      attempt,
      ...(counted === undefined ? {} : { counted }),
      at: record.at,
      host: record.host ?? { v: 1, n: 0 },
    })
  }

  #notePause(state: string, at: number): void {
    // A clock that was set back meanwhile takes no time away.
    if (this.pausedAt !== undefined) this.pausedMs += Math.max(0, at - this.pausedAt)
    this.pausedAt = state === 'paused' ? at : undefined
  }

  /** Counts an intended creation once an attempt, and no longer when it certainly did nothing; the attempt that is counted. */
  #count(before: LiveActor | undefined, state: string, attempt: number): number | undefined {
    if (state === 'creating' && before?.counted !== attempt) {
      this.created++
      return attempt
    }
    const refused = before?.state === 'creating' && (state === 'pending' || state === 'recovering')
    const neverMade = before?.state === 'creating.reconciling' && state === 'pending'
    if (before?.counted !== attempt || !(refused || neverMade)) return before?.counted
    this.created--
    return undefined
  }

  #settle(id: string, record: JournalRecord): void {
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
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(outcome?.adopted === undefined ? {} : { adopted: outcome.adopted }),
    })
  }

  #put(id: string, task: SettledTask): void {
    this.settled.set(id, task)
    this.late.delete(id)
    this.#order.push(id)
  }

  #plan(record: JournalRecord): void {
    const count = record.data?.['count']
    if (record.task !== undefined && typeof count === 'number') this.expansions.set(record.task, count)
  }

  #raise(budget: Readonly<Record<string, number>> | undefined): void {
    for (const [name, more] of Object.entries(budget ?? {})) this.raised[name] = (this.raised[name] ?? 0) + more
  }

  /** A given-up agent run ended: nothing is left to watch. What it returned is kept for as long as its task may still use it. */
  #notice({ run, task, attempt }: JournalRecord, data: JsonObject): void {
    const double = data['double'] as GivenUpRun | undefined
    if (double !== undefined) this.givenUp.set(holderOfDouble(run, double), double)
    const end = data['lateEnd'] as LateEnd | undefined
    if (end?.holder === undefined) return
    this.givenUp.delete(end.holder)
    if (!end.usable || end.outcome === undefined || task === undefined || attempt === undefined) return
    if (this.settled.has(task)) return
    const outcome = { ...end.outcome, pullRequests: end.pullRequests ?? [] }
    this.late.set(task, [...(this.late.get(task) ?? []), { attempt, outcome }])
  }
}

/** Whether an id is an agent's, not the supervisor's or the manager's. */
export function isAgent(id: string): boolean {
  return id !== SUPERVISOR && id !== MANAGER
}
