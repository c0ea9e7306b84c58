import { z } from 'zod'
import { isPlainObject } from './json-value.ts'
import type { Path, ProblemList } from './problems.ts'
import {
  budgetSchema,
  codegenLimitsSchema,
  defaultsSchema,
  estimateSchema,
  type ManagerDefinition,
  managerSchema,
  type TaskDefaults,
  type TaskDefinition,
  taskSchema,
  type WorkflowDefinition,
  workflowSchema,
} from './schema.ts'
import { nearest } from './suggestion.ts'

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
  /** `tasks` is there and empty. */
  readonly noTasks: boolean
  readonly defaults: Partial<TaskDefaults>
  readonly manager: Partial<ManagerDefinition>
  /** Inputs with a type and default that can be used. */
  readonly inputs: NonNullable<WorkflowDefinition['inputs']>
  /** Names that are declared, well or not; undefined when that cannot be known. */
  readonly inputNames: readonly string[] | undefined
  readonly resourceNames: readonly string[] | undefined
}

const NOTHING: ReadonlySet<string> = new Set()

// What the design has and this version does not carry out: refused by name, never silently ignored.
const NOT_YET = new Map<z.ZodType, Readonly<Record<string, string>>>([
  [workflowSchema, { alerts: 'alerts are shown in records and views for now' }],
  [taskSchema, { approval: 'nobody would be asked' }],
  [defaultsSchema, { approval: 'nobody would be asked' }],
  [estimateSchema, { cost: 'write a duration only' }],
  [budgetSchema, { cost: 'limit agentRuns or duration', tokens: 'limit agentRuns or duration' }],
  [
    managerSchema,
    {
      plan: 'the manager is told of progress only',
      objective: 'write what it should know into prompt',
      rounds: 'there is no planning to bound',
    },
  ],
  [codegenLimitsSchema, { grace: 'give it with the flag --grace' }],
])

/** Checks the shape of a workflow and notes every mistake; what is well formed is returned for further checks. */
export function checkShape(value: unknown, problems: ProblemList): WorkflowDraft {
  const broken = new BrokenKeys()
  for (const issue of workflowSchema.safeParse(value).error?.issues ?? []) {
    reportIssue(issue, value, problems)
    if (issue.code !== 'unrecognized_keys') broken.add(issue.path)
  }
  const whole = isPlainObject(value) ? value : {}
  const tasks = isPlainObject(whole['tasks']) ? whole['tasks'] : {}
  return {
    tasks: Object.entries(tasks).map(([id, task]) => draftOf(id, task, broken.under('tasks', id))),
    noTasks: isPlainObject(whole['tasks']) && Object.keys(tasks).length === 0,
    defaults: without(whole['defaults'], broken.under('defaults')),
    manager: without(whole['manager'], broken.under('manager')),
    inputs: without(whole['inputs'], broken.under('inputs')) as WorkflowDraft['inputs'],
    inputNames: namesIn(whole['inputs']),
    resourceNames: namesIn(whole['resources']),
  }
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

function reportIssue(issue: z.core.$ZodIssue, value: unknown, problems: ProblemList): void {
  const path: Path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) problems.add([...path, key], unknownKey(key, path), 'key')
    return
  }
  if (issue.code === 'invalid_key') {
    problems.add(path, issue.issues[0]?.message ?? 'cannot be used as a name', 'key')
    return
  }
  problems.add(path, describe(issue, valueAt(value, path)))
}

function unknownKey(key: string, path: Path): string {
  const schema = schemaAt(path)
  const reason = NOT_YET.get(schema)?.[key]
  if (reason !== undefined) return `is not supported by this version yet (${reason}); leave it out`
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  const near = nearest(key, known)
  return near === undefined
    ? `is an unknown key; known here: ${known.join(', ')}`
    : `is an unknown key; did you mean '${near}'?`
}

/** The schema that describes the value at a path. */
function schemaAt(path: Path): z.ZodType {
  let schema: unknown = workflowSchema
  for (const part of path) {
    schema = core(schema)
    if (schema instanceof z.ZodObject) schema = schema.shape[String(part)]
    else if (schema instanceof z.ZodRecord) schema = schema.valueType
    else if (schema instanceof z.ZodArray) schema = schema.element
  }
  const found = core(schema)
  return found instanceof z.ZodType ? found : workflowSchema
}

function core(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional) return core(schema.unwrap())
  if (schema instanceof z.ZodUnion) return schema.options.find((option) => core(option) instanceof z.ZodObject)
  return schema
}

function valueAt(value: unknown, path: Path): unknown {
  let inside = value
  for (const part of path) {
    if (typeof inside !== 'object' || inside === null) return undefined
    inside = Reflect.get(inside, part)
  }
  return inside
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return `is missing; it must be ${NOUNS[issue.expected] ?? issue.expected}`
      return `must be ${NOUNS[issue.expected] ?? issue.expected}, not ${nounFor(value)}${hintFor(issue.expected, value)}`
    case 'invalid_value': {
      const values = issue.values.map(String)
      const near = typeof value === 'string' ? nearest(value, values) : undefined
      const list = `must be one of ${values.join(', ')}${value === undefined ? '' : `, not ${nounFor(value)}`}`
      if (LATER_BACKENDS.includes(String(value)) && values.includes('codegen')) {
        return `the backend '${value}' is not supported by this version yet; ${list}`
      }
      return near === undefined ? list : `${list}; did you mean '${near}'?`
    }
    case 'too_small':
      return issue.origin === 'string' ? issue.message : `must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'array' ? `has more than ${issue.maximum} entries` : `must be at most ${issue.maximum}`
    default:
      return issue.message
  }
}

const LATER_BACKENDS = ['command', 'acp']

function hintFor(expected: string, value: unknown): string {
  if (expected === 'array' && typeof value === 'string') return `; write [${value}]`
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return `; put it in quotes or add its unit`
  return ''
}

function nounFor(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return String(value)
}
