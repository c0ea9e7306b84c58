import { addedUse } from './budget-view.ts'
import type { AgentRunRef } from './domain/backend.ts'
import type { Usage } from './domain/budget.ts'
import type { JsonObject } from './domain/json.ts'
import type { LateEnd } from './domain/late-end.ts'
import type { WaitingFor } from './domain/limiter.ts'
import type { CollectedWork } from './domain/local-work.ts'
import type { JournalRecord } from './domain/record.ts'
import type { PullRequest } from './domain/report.ts'
import { type ReportedWork, reportedWork } from './domain/reported-work.ts'
import type { CheckView, FailureView, LateView, SteerView } from './domain/views.ts'
import { isFinalState } from './machines/public-state.ts'
import type { OutcomeData } from './machines/record-data.ts'

/** Of what a late attempt returned, views show so much, characters. */
const LATE_RESULT = 500
/** Of an attempt's checks, views show so many. */
const CHECKS = 20

/** What the records tell of one attempt. */
export interface AttemptFacts {
  readonly attempt: number
  readonly startedAt: string
  state: string
  url: string | undefined
  endedAt: string | undefined
  failure: TaskFacts['failure']
  /** When its creation was intended, unless that was certainly refused. */
  begun: string | undefined
  /** What its agent run has used; and what a second one of the same attempt has. */
  usage: Usage | undefined
  beside: Usage | undefined
}

/** What the records tell of one task. Mutable: the registry is the only writer, and a copy a record would be quadratic. */
export interface TaskFacts {
  readonly task: string
  state: string
  since: string
  attempt: number
  /** The last attempt of earlier generations; 0 where there was none. */
  generation: number
  startedAt: string
  readonly attempts: AttemptFacts[]
  url: string | undefined
  pullRequests: readonly PullRequest[] | undefined
  endedAt: string | undefined
  waitingFor: WaitingFor | undefined
  failure: FailureView | undefined
  reason: string | undefined
  note: string | undefined
  asks: string | undefined
  paused: true | undefined
  steers: readonly SteerView[] | undefined
  until: string | undefined
  progress: number | string | undefined
  /** Ends of attempts that had been given up, as they were recorded. */
  late: readonly Omit<LateView, 'commands'>[] | undefined
  /** The attempt whose late result a person adopted. */
  adopted: number | undefined
  /** The attempt whose creation was counted last. */
  counted: number | undefined
  /** What the report that completed it claims. */
  work: ReportedWork | undefined
  /** Of the present attempt. */
  checks: readonly CheckView[] | undefined
  collected: CollectedWork | undefined
}

/** Every field from the start: objects of one shape cost half. */
export function newTask(task: string, state: string, at: string): TaskFacts {
  return {
    task,
    state,
    since: at,
    attempt: 0,
    generation: 0,
    startedAt: at,
    attempts: [],
    url: undefined,
    pullRequests: undefined,
    endedAt: undefined,
    waitingFor: undefined,
    failure: undefined,
    reason: undefined,
    note: undefined,
    asks: undefined,
    paused: undefined,
    steers: undefined,
    until: undefined,
    progress: undefined,
    late: undefined,
    adopted: undefined,
    counted: undefined,
    work: undefined,
    checks: undefined,
    collected: undefined,
  }
}

function newAttempt(attempt: number, state: string, at: string): AttemptFacts {
  const nothing = { url: undefined, endedAt: undefined, failure: undefined }
  return { attempt, startedAt: at, state, ...nothing, begun: undefined, usage: undefined, beside: undefined }
}

/** The task is to be carried out once more: of what it was, only its attempts still count. */
export function repeatTask(task: TaskFacts, at: string, attempt: number): void {
  const { attempts, late, startedAt } = task
  Object.assign(task, { ...newTask(task.task, 'waiting', at), attempts, late, startedAt, attempt, generation: attempt })
}

/** Adds a transition of the task's agent, or of the manager. */
export function foldTransition(task: TaskFacts, record: JournalRecord, data: JsonObject): void {
  const state = record.to ?? ''
  foldAttempt(task, record, state, data)
  task.asks = asksIn(task, state, data)
  task.state = state
  // What people say to it does not make it begin anew.
  if (record.from !== state || record.event?.startsWith('task.') !== true) task.since = record.at
  task.paused = data['paused'] === true ? true : undefined
  task.steers = data['steers'] as unknown as readonly SteerView[] | undefined
  task.waitingFor = undefined
  task.until = textOf(data['until']) ?? dueOf(record)
  task.progress = undefined
  task.reason = textOf(data['reason'])
  task.note = ASKING.has(state) ? undefined : textOf(data['note'])
  const failure = failureIn(data)
  if (failure !== undefined) task.failure = failure
  else if (state === 'completed') task.failure = undefined
  const outcome = data['outcome'] as Partial<OutcomeData> | undefined
  if (outcome?.pullRequests !== undefined && outcome.pullRequests.length > 0) task.pullRequests = outcome.pullRequests
  task.adopted = outcome?.adopted
  task.collected = outcome?.collected
  task.work = outcome?.work ?? reportedWork(outcome?.output, outcome?.metrics)
  task.endedAt = isFinalState(state) ? record.at : undefined
}

/** What was asked waits for an answer in these, or for that to arrive. */
const ASKING: ReadonlySet<string> = new Set(['running.needsInput', 'running.answering', 'running.asking'])

/** What its agent asks; one that is past its deadline still waits for the answer. */
function asksIn(task: TaskFacts, state: string, data: JsonObject): string | undefined {
  if (ASKING.has(state)) return textOf(data['note'])?.replace(/^it asks: /, '')
  return state === 'escalated.overdue' ? task.asks : undefined
}

/** When the first of its timers is due: a deadline, or the end of a delay. */
function dueOf({ host }: JournalRecord): string | undefined {
  let first = Number.POSITIVE_INFINITY
  for (const [, , due] of host?.timers ?? []) first = Math.min(first, due)
  return first === Number.POSITIVE_INFINITY ? undefined : new Date(first).toISOString()
}

function failureIn(data: JsonObject): FailureView | undefined {
  const failure = data['failure'] as FailureView | undefined
  if (failure === undefined) return undefined
  const { kind, message, why } = failure
  return { kind, message, ...(why === undefined ? {} : { why }) }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function foldAttempt(task: TaskFacts, record: JournalRecord, state: string, data: JsonObject): void {
  const attempt = record.attempt ?? 1
  let facts = task.attempts.at(-1)
  if (facts === undefined || attempt !== task.attempt) {
    task.attempt = attempt
    task.url = undefined
    task.checks = undefined
    facts = newAttempt(attempt, state, record.at)
    task.attempts.push(facts)
  }
  facts.state = state
  const url = (data['ref'] as AgentRunRef | undefined)?.url
  if (url !== undefined) {
    task.url = url
    facts.url = url
  }
  const failure = failureIn(data)
  if (failure !== undefined) facts.failure = failure
  const check = data['check'] as unknown as CheckView | undefined
  if (check !== undefined) task.checks = [...(task.checks ?? []), { ...check, attempt, at: record.at }].slice(-CHECKS)
  const ended = isFinalState(state) || ENDED.has(state)
  if (ended) facts.endedAt ??= record.at
}

/** An attempt has ended in these, whatever becomes of its task. */
const ENDED: ReadonlySet<string> = new Set(['recovering', 'retrying', 'escalated', 'escalated.conflict'])

/** Adds what was said of a task without a transition. */
export function foldProgress(task: TaskFacts | undefined, record: JournalRecord, data: JsonObject): void {
  if (task === undefined) return
  const lateEnd = data['lateEnd'] as LateEnd | undefined
  if (lateEnd !== undefined) {
    task.late = [...(task.late ?? []), lateFacts(record, lateEnd)]
    foldLateUse(task, record, lateEnd)
  }
  if (data['waitingFor'] !== undefined) task.waitingFor = data['waitingFor'] as unknown as WaitingFor
  if (typeof data['note'] === 'string') task.note = data['note']
  if (typeof data['until'] === 'string') task.until = data['until']
  const progress = data['progress']
  if (typeof progress === 'number' || typeof progress === 'string') task.progress = progress
}

function foldLateUse(task: TaskFacts, { attempt }: JournalRecord, { holder, usage }: LateEnd): void {
  const facts = task.attempts.find((one) => one.attempt === attempt)
  if (facts === undefined || usage === undefined) return
  if (holder.includes('#')) facts.beside = addedUse(facts.beside, usage)
  else facts.usage = usage
}

function lateFacts(record: JournalRecord, end: LateEnd): Omit<LateView, 'commands'> {
  const { status, url, usable, reason, outcome, pullRequests = [] } = end
  return {
    attempt: record.attempt ?? 1,
    at: record.at,
    status,
    ...(url === undefined ? {} : { url }),
    pullRequests,
    ...(outcome === undefined ? {} : { result: outcome.result.slice(0, LATE_RESULT) }),
    usable: usable === true,
    ...(reason === undefined ? {} : { reason }),
  }
}
