import type { z } from 'zod'
import { RESERVED_IDS } from '../domain/ids.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Decision, PlanningSpec, RefusedDecision } from '../domain/planning.ts'
import type { TaskSpec } from '../domain/workflow.ts'
import { toCondition } from './condition.ts'
import { parseDuration } from './duration.ts'
import { parseForEach, pathIsNoList } from './for-each.ts'
import { checkSchema } from './output-schema.ts'
import { decisionSchema, type PlannedTask } from './plan-schema.ts'
import { nearest } from './suggestion.ts'
import { dependentsOf, findCircles, topologicalOrder } from './topology.ts'

/** What a decision is checked against. */
export interface PlanState {
  readonly planning: PlanningSpec
  /** The tasks of the run, by id. */
  readonly tasks: ReadonlyMap<string, TaskSpec>
  /** Roles that tasks may have; undefined for whatever it likes. */
  readonly roles: readonly string[] | undefined
  /** Agent runs that the budget still allows; undefined: no bound. */
  readonly agentRunsLeft: number | undefined
  /** No further turn follows: only `finish` can be carried out. */
  readonly lastRound: boolean
}

const MOST_PROBLEMS = 20
/** It becomes part of one record. */
const MOST_LENGTH = 400_000
const MOST_SCHEMA = 20_000

/**
 * What a manager decided, checked whole: either all of it can be carried out, or none, with every reason. `result` is that of its
 * report; text in it is data, so prompts are not templates and no path or command is taken from it.
 */
export function checkDecision(result: Json, state: PlanState): Decision | RefusedDecision {
  const { length } = JSON.stringify(result)
  if (length > MOST_LENGTH)
    return refused([`the decision has ${length} characters of JSON; it may have ${MOST_LENGTH}`])
  const parsed = decisionSchema.safeParse(result)
  if (!parsed.success) return refused(parsed.error.issues.map(issueLine))
  const given = parsed.data
  if (given.decision === 'finish') {
    return { kind: 'finish', summary: given.summary, outcome: given.outcome ?? 'completed' }
  }
  if (state.lastRound) return refused(['this was the last round: only the decision "finish" is possible'])
  if (given.decision === 'ask') return { kind: 'ask', question: given.question }
  const problems = checkTasks(given.tasks, state)
  if (problems.length > 0) return refused(problems)
  const tasks = inOrder(given.tasks).map((task) => completePlanned(task, state.planning))
  return { kind: 'delegate', tasks, ...(given.reason === undefined ? {} : { reason: given.reason }) }
}

function refused(problems: readonly string[]): RefusedDecision {
  const rest = problems.length - MOST_PROBLEMS
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => problem.slice(0, 500))
  return { kind: 'refused', problems: rest > 0 ? [...shown, `and ${rest} more mistakes`] : shown }
}

function issueLine(issue: z.core.$ZodIssue): string {
  const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  if (issue.code === 'unrecognized_keys') return `result${place}: unknown keys ${issue.keys.join(', ')}`
  if (issue.code === 'invalid_union') return 'result.decision: must be one of delegate, finish, ask'
  return `result${place}: ${issue.message}`
}

function checkTasks(tasks: readonly PlannedTask[], state: PlanState): string[] {
  const problems: string[] = []
  const byId = new Map<string, PlannedTask>()
  for (const task of tasks) {
    if (RESERVED_IDS.includes(task.id)) problems.push(`task ${task.id}: the id belongs to troupe itself`)
    else if (state.tasks.has(task.id))
      problems.push(`task ${task.id}: there is such a task already; tasks are only added`)
    else if (byId.has(task.id)) problems.push(`task ${task.id}: the id is used twice`)
    byId.set(task.id, task)
  }
  for (const task of tasks) {
    const say = (what: string) => problems.push(`task ${task.id}: ${what}`)
    checkNames(task, byId, state, say, () => problems.length < MOST_PROBLEMS)
    const mistake = task.output === undefined ? undefined : checkPlannedSchema(task.output)
    if (mistake !== undefined) say(`output ${mistake}`)
    checkPlannedForEach(task, byId, state, say)
    if (task.if === 'failed' && (task.needs ?? []).length === 0) say(`"if": "failed" has no need that could fail`)
  }
  problems.push(...circlesIn([...byId.values()]))
  const { agentRunsLeft } = state
  if (agentRunsLeft !== undefined && tasks.length > agentRunsLeft) {
    problems.push(`${tasks.length} tasks need more agent runs than the budget has left (${Math.max(0, agentRunsLeft)})`)
  }
  return problems
}

type Say = (what: string) => void

function checkNames(
  task: PlannedTask,
  patch: ReadonlyMap<string, PlannedTask>,
  { tasks, roles, planning }: PlanState,
  say: Say,
  isShown: () => boolean,
): void {
  const { role, needs = [], repository } = task
  const seen = new Set<string>()
  for (const need of needs) {
    if (seen.has(need)) say(`needs '${need}' twice`)
    else if (!tasks.has(need) && !patch.has(need)) {
      const near = isShown() ? orNearest(need, [...tasks.keys(), ...patch.keys()]) : ''
      say(`needs '${need}', and there is no such task${near}`)
    }
    seen.add(need)
  }
  if (role !== undefined && roles !== undefined && !roles.includes(role)) {
    say(`the role '${role}' is unknown; there is: ${roles.join(', ')}`)
  }
  const known = [planning.defaults.repository, ...planning.repositories].filter((name) => name !== undefined)
  if (repository !== undefined && !known.includes(String(repository))) {
    say(`the repository '${repository}' is not one of this run's: ${known.join(', ') || 'none'}`)
  }
}

function orNearest(name: string, names: readonly string[]): string {
  const near = nearest(name, names)
  return near === undefined ? '' : `; did you mean '${near}'?`
}

function checkPlannedForEach(
  task: PlannedTask,
  patch: ReadonlyMap<string, PlannedTask>,
  { tasks }: PlanState,
  say: Say,
): void {
  if (task.forEach === undefined) return
  const source = parseForEach(task.forEach)
  if (source === undefined) return void say(`forEach must be tasks.X.output, tasks.X.output.path or tasks.X.outputs`)
  const upstream = patch.get(source.task) ?? tasks.get(source.task)
  if (upstream === undefined) return void say(`forEach reads '${source.task}', and there is no such task`)
  if (!(task.needs ?? []).includes(source.task)) say(`forEach reads '${source.task}': add it to needs`)
  if (upstream.output === undefined) return void say(`forEach reads '${source.task}', which has no output schema`)
  const why = source.outputs === true ? undefined : pathIsNoList(upstream.output, source.path)
  if (why !== undefined) say(`forEach reads no list: ${why}`)
}

/** A schema that an agent wrote: a pattern of its could take for ever to match what another agent returns. */
function checkPlannedSchema(schema: JsonObject): string | undefined {
  const text = JSON.stringify(schema)
  if (text.length > MOST_SCHEMA) return `has ${text.length} characters; it may have ${MOST_SCHEMA}`
  if (hasPattern(schema)) return 'has a pattern, which a plan may not have'
  return checkSchema(schema)
}

function hasPattern(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(hasPattern)
  return Object.entries(value).some(
    ([key, item]) => (key === 'pattern' && typeof item === 'string') || key === 'patternProperties' || hasPattern(item),
  )
}

/** What the tasks of one decision need of each other, as nodes. */
function needsWithin(tasks: readonly PlannedTask[]): number[][] {
  const index = new Map(tasks.map(({ id }, at) => [id, at]))
  return tasks.map(({ needs = [] }) => needs.flatMap((need) => index.get(need) ?? []))
}

/** Each after what it needs: the graph grows task by task. */
function inOrder(tasks: readonly PlannedTask[]): readonly PlannedTask[] {
  const needs = needsWithin(tasks)
  return topologicalOrder(needs, dependentsOf(needs)).flatMap((node) => tasks[node] ?? [])
}

function circlesIn(tasks: readonly PlannedTask[]): string[] {
  return findCircles(needsWithin(tasks)).map((circle) => {
    const names = circle.map((node) => tasks[node]?.id ?? '')
    return `a circle of needs: ${[...names, names[0]].join(' -> ')}`
  })
}

function completePlanned(task: PlannedTask, { defaults }: PlanningSpec): TaskSpec {
  const { id, prompt, role, needs = [], output, repository } = task
  const forEach = task.forEach === undefined ? undefined : parseForEach(task.forEach)
  const timeoutMs = task.timeout === undefined ? undefined : parseDuration(task.timeout)
  const estimateMs = task.estimate === undefined ? undefined : parseDuration(task.estimate)
  return {
    ...defaults,
    id,
    prompt,
    needs,
    planned: true,
    ...(role === undefined ? {} : { role }),
    ...(task.if === undefined ? {} : { if: toCondition(task.if) }),
    ...(forEach === undefined ? {} : { forEach }),
    ...(output === undefined ? {} : { output }),
    ...(task.maxItems === undefined ? {} : { maxItems: task.maxItems }),
    ...(task.approval === undefined ? {} : { approval: task.approval }),
    ...(repository === undefined ? {} : { repository: String(repository) }),
    ...(task.priority === undefined ? {} : { priority: task.priority }),
    ...(task.onFailure === undefined ? {} : { onFailure: task.onFailure }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(estimateMs === undefined ? {} : { estimateMs }),
  }
}
