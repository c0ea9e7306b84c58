import type { z } from 'zod'
import { isPlainObject } from './json-value.ts'
import type { ProblemList } from './problems.ts'
import {
  codegenLimitsSchema,
  type ManagerDefinition,
  type TaskDefaults,
  type TaskDefinition,
  type WorkflowDefinition,
  workflowSchema,
} from './schema.ts'
import { type IssueWords, noteIssues } from './schema-issues.ts'

/** A task with the keys that are well formed; `broken` names the others. */
export interface TaskDraft {
  readonly id: string
  readonly given: Partial<TaskDefinition>
  /** Keys that are there but cannot be used; `true` when the whole task cannot. */
  readonly broken: ReadonlySet<string> | true
}

/** A workflow with the parts that are well formed, so that the rest is checked all the same. */
export interface WorkflowDraft {
  readonly tasks: readonly TaskDraft[]
  /** There are no tasks, and why. */
  readonly noTasks: 'missing' | 'empty' | undefined
  readonly defaults: Partial<TaskDefaults>
  readonly manager: Partial<ManagerDefinition>
  readonly hasManager: boolean
  /** Keys of the manager that cannot be used. */
  readonly brokenManager: ReadonlySet<string>
  /** Inputs with a type and default that can be used. */
  readonly inputs: NonNullable<WorkflowDefinition['inputs']>
  /** Names that are declared, well or not; undefined when that cannot be known. */
  readonly inputNames: readonly string[] | undefined
  readonly resourceNames: readonly string[] | undefined
  readonly budget: NonNullable<WorkflowDefinition['budget']>
}

const NOTHING: ReadonlySet<string> = new Set()

// What the design has and this version does not carry out: refused by name, never silently ignored.
const NOT_YET = new Map<z.ZodType, Readonly<Record<string, string>>>([
  [workflowSchema, { alerts: 'alerts are shown in records and views' }],
  [codegenLimitsSchema, { grace: 'give it with the flag --grace' }],
])

const WORDS: IssueWords = {
  unknownKey(schema, key) {
    const reason = NOT_YET.get(schema)?.[key]
    return reason && `is not supported by this version yet (${reason}); leave it out`
  },
}

/** Checks the shape of a workflow and notes every mistake; what is well formed is returned for further checks. */
export function checkShape(value: unknown, problems: ProblemList): WorkflowDraft {
  const broken = new BrokenKeys()
  for (const issue of noteIssues(workflowSchema, value, problems, WORDS)) {
    if (issue.code !== 'unrecognized_keys') broken.add(issue.path)
  }
  const whole = isPlainObject(value) ? value : {}
  const tasks = isPlainObject(whole['tasks']) ? whole['tasks'] : {}
  const brokenManager = broken.under('manager')
  return {
    tasks: Object.entries(tasks).map(([id, task]) => draftOf(id, task, broken.under('tasks', id))),
    noTasks: noTasksIn(value),
    defaults: without(whole['defaults'], broken.under('defaults')),
    manager: without(whole['manager'], brokenManager),
    hasManager: isPlainObject(whole['manager']) && brokenManager !== true,
    brokenManager: brokenManager === true ? NOTHING : brokenManager,
    inputs: without(whole['inputs'], broken.under('inputs')) as WorkflowDraft['inputs'],
    inputNames: namesIn(whole['inputs']),
    resourceNames: namesIn(whole['resources']),
    budget: without(whole['budget'], broken.under('budget')),
  }
}

function noTasksIn(value: unknown): WorkflowDraft['noTasks'] {
  if (!isPlainObject(value)) return undefined
  const { tasks } = value
  if (tasks === undefined) return 'missing'
  return isPlainObject(tasks) && Object.keys(tasks).length === 0 ? 'empty' : undefined
}

function draftOf(id: string, task: unknown, broken: ReadonlySet<string> | true): TaskDraft {
  if (broken === true || !isPlainObject(task)) return { id, given: {}, broken: true }
  return { id, given: without(task, broken), broken }
}

/** The keys with mistakes, of each mapping that is checked further. */
class BrokenKeys {
  readonly #keys = new Map<string, Set<string> | true>()

  add(path: readonly PropertyKey[]): void {
    const [top, ...rest] = path.map(String)
    if (top === undefined) return
    if (top !== 'tasks') this.#note(top, rest[0])
    else if (rest[0] !== undefined) this.#note(`tasks.${rest[0]}`, rest[1])
  }

  under(...path: readonly string[]): ReadonlySet<string> | true {
    return this.#keys.get(path.join('.')) ?? NOTHING
  }

  #note(owner: string, key: string | undefined): void {
    const keys = this.#keys.get(owner)
    if (key === undefined) this.#keys.set(owner, true)
    else if (keys === undefined) this.#keys.set(owner, new Set([key]))
    else if (keys !== true) keys.add(key)
  }
}

function without(value: unknown, keys: ReadonlySet<string> | true): Record<string, unknown> {
  if (keys === true || !isPlainObject(value)) return {}
  return keys.size === 0 ? value : Object.fromEntries(Object.entries(value).filter(([key]) => !keys.has(key)))
}

function namesIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  return isPlainObject(value) ? Object.keys(value) : undefined
}
