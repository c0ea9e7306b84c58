import { createStore } from '@xstate/store'
import { noteUse } from './budget-view.ts'
import { type DecisionFacts, foldDecision } from './decision-facts.ts'
import { MANAGER } from './domain/ids.ts'
import type { JsonObject } from './domain/json.ts'
import type { JournalRecord } from './domain/record.ts'
import type { RunSummary } from './domain/views.ts'
import { type BudgetFacts, emptyBudget, type FoldedUse, foldBudget } from './host/budget-facts.ts'
import type { RepeatedTask } from './host/run-projection.ts'
import { isFinalState } from './machines/public-state.ts'
import { foldProgress, foldTransition, newTask, repeatTask, type TaskFacts } from './task-facts.ts'

/** What the records tell of one run. */
export interface RunFacts {
  readonly run: string
  name: string
  status: string
  /** Since when it is in its status; absent in what earlier versions kept. */
  since?: string
  standIn: boolean
  startedAt: string
  endedAt?: string
  /** The record with which it ended last, and of a run that went on after that the first such. */
  endSeq?: number
  reopenedAfter?: number
  seq: number
  /** When the last record was made. */
  at: string
  inputs: JsonObject
  settings: JsonObject
  reason?: string
  readonly tasks: Map<string, TaskFacts>
  /** What is known of tasks that are to be carried out once more, until their agents begin. */
  readonly before: Map<string, TaskFacts>
  readonly counts: Map<string, number>
  readonly expansions: Map<string, number>
  readonly alerts: { at: string; code: string; message: string; task?: string }[]
  readonly budget: BudgetFacts
  /** Of a manager that plans. */
  readonly plan: DecisionFacts
}

/** How many alerts a view keeps; all of them are in the records. */
const ALERTS = 100

/** The facts of a run before its first record. */
export function emptyFacts(run: string): RunFacts {
  return {
    run,
    name: '',
    status: 'starting',
    standIn: false,
    startedAt: '',
    seq: 0,
    at: '',
    inputs: {},
    settings: {},
    tasks: new Map(),
    before: new Map(),
    counts: new Map(),
    expansions: new Map(),
    alerts: [],
    budget: emptyBudget(),
    plan: { tasks: [], decisions: [] },
  }
}

/** Adds one record to a run's facts. O(1). */
export function foldRecord(facts: RunFacts, record: JournalRecord): void {
  facts.seq = record.seq
  facts.at = record.at
  const used = foldBudget(facts.budget, record, facts.tasks.get(record.actor.id))
  const data = record.data ?? {}
  switch (record.type) {
    case 'run':
      facts.name = String(data['name'] ?? '')
      facts.standIn = data['standIn'] === true
      facts.startedAt = record.at
      facts.inputs = (data['inputs'] ?? {}) as JsonObject
      facts.settings = (data['settings'] ?? {}) as JsonObject
      return
    case 'transition':
      if (record.actor.kind === 'supervisor') foldSupervisor(facts, record, data)
      else foldTask(facts, record, data, used)
      return
    case 'plan':
      if (data['rerun'] !== undefined) foldRerun(facts, record, data['rerun'] as unknown as readonly RepeatedTask[])
      else if (record.task !== undefined) facts.expansions.set(record.task, Number(data['count']))
      return
    case 'alert':
      facts.alerts.push({
        at: record.at,
        code: String(data['code']),
        message: String(data['message']),
        ...(record.task === undefined ? {} : { task: record.task }),
      })
      if (facts.alerts.length > ALERTS) facts.alerts.shift()
      return
    case 'progress':
      foldProgress(facts.tasks.get(record.actor.id), record, data)
      return
    default:
      return
  }
}

function foldSupervisor(facts: RunFacts, record: JournalRecord, data: JsonObject): void {
  facts.status = record.to ?? facts.status
  facts.since = record.at
  const reason = data['reason'] as { message?: string } | undefined
  if (reason?.message === undefined) delete facts.reason
  else facts.reason = reason.message
  if (!isFinalState(facts.status)) return
  facts.endedAt = record.at
  facts.endSeq = record.seq
}

/** These are as if they had never begun, but for what is known of their attempts; a run that had ended goes on. */
function foldRerun(facts: RunFacts, record: JournalRecord, tasks: readonly RepeatedTask[]): void {
  for (const { task: id, attempt } of tasks) {
    facts.expansions.delete(id)
    const task = facts.tasks.get(id)
    if (task === undefined) continue
    facts.tasks.delete(id)
    if (id !== MANAGER) count(facts, task.state, -1)
    repeatTask(task, record.at, attempt)
    facts.before.set(id, task)
  }
  if (!isFinalState(facts.status)) return
  facts.status = 'running'
  facts.since = record.at
  delete facts.endedAt
  facts.reopenedAfter ??= facts.endSeq ?? record.seq - 1
}

function foldTask(facts: RunFacts, record: JournalRecord, data: JsonObject, used: FoldedUse): void {
  const { id } = record.actor
  const state = record.to ?? ''
  let task = facts.tasks.get(id)
  if (task === undefined) {
    task = facts.before.get(id) ?? newTask(id, state, record.at)
    facts.before.delete(id)
    facts.tasks.set(id, task)
  } else if (id !== MANAGER) {
    count(facts, task.state, -1)
  }
  if (id === MANAGER) foldDecision(facts.plan, record)
  else count(facts, state, 1)
  foldTransition(task, record, data)
  task.counted = used.counted
  const attempt = task.attempts.at(-1)
  if (attempt !== undefined) noteUse(attempt, state, record.at, used)
}

function count(facts: RunFacts, state: string, by: number): void {
  const left = (facts.counts.get(state) ?? 0) + by
  if (left > 0) facts.counts.set(state, left)
  else facts.counts.delete(state)
}

/** The facts as JSON, for a checkpoint. */
export function factsToJson(facts: RunFacts): JsonObject {
  const { tasks, before, counts, expansions, ...rest } = facts
  return {
    ...rest,
    tasks: [...tasks.values()],
    ...(before.size === 0 ? {} : { before: [...before.values()] }),
    counts: [...counts],
    expansions: [...expansions],
  } as unknown as JsonObject
}

/** The inverse of {@link factsToJson}. `budget`: for those of earlier versions, which do not hold it. */
export function factsFromJson(json: JsonObject, budget = emptyBudget()): RunFacts {
  const { tasks, before, counts, expansions, ...rest } = json as unknown as Omit<
    RunFacts,
    'tasks' | 'before' | 'counts' | 'expansions'
  > & {
    tasks: TaskFacts[]
    before?: TaskFacts[]
    counts: [string, number][]
    expansions: [string, number][]
  }
  return {
    ...rest,
    tasks: byId(tasks),
    before: byId(before ?? []),
    counts: new Map(counts),
    expansions: new Map(expansions),
    // Checkpoints of earlier versions have none.
    plan: rest.plan ?? { tasks: [], decisions: [] },
    at: rest.at ?? rest.since ?? rest.startedAt,
    budget: rest.budget ?? budget,
  }
}

/** Checkpoints of earlier versions lack some fields. */
function byId(tasks: readonly TaskFacts[]): Map<string, TaskFacts> {
  return new Map(tasks.map((task) => [task.task, { ...newTask(task.task, task.state, task.since), ...task }]))
}

/** One row of a list of runs. */
export function summaryOf(facts: RunFacts): RunSummary {
  return {
    run: facts.run,
    name: facts.name,
    status: facts.status,
    standIn: facts.standIn,
    startedAt: facts.startedAt,
    ...(facts.endedAt === undefined ? {} : { endedAt: facts.endedAt }),
    ...(facts.reopenedAfter === undefined ? {} : { reopenedAfter: facts.reopenedAfter }),
  }
}

/**
 * The read model: what is where, fed by durable records only. A store of mutable maps with a version number: a copied record of
 * all tasks would cost 11 ms an update at 10,000 (reference xstate.md, section 7).
 */
export function createRegistry() {
  return createStore({
    context: { version: 0, runs: new Map<string, RunFacts>() },
    on: {
      restored: (context, event: { facts: RunFacts }) => {
        context.runs.set(event.facts.run, event.facts)
        return { ...context, version: context.version + 1 }
      },
      committed: (context, event: { run: string; records: readonly JournalRecord[] }) => {
        let facts = context.runs.get(event.run)
        if (facts === undefined) {
          facts = emptyFacts(event.run)
          context.runs.set(event.run, facts)
        }
        for (const record of event.records) if (record.seq > facts.seq) foldRecord(facts, record)
        return { ...context, version: context.version + 1 }
      },
      dropped: (context, event: { run: string }) => {
        context.runs.delete(event.run)
        return { ...context, version: context.version + 1 }
      },
    },
  })
}
