import type { JsonObject } from '../domain/json.ts'
import type { CheckSpec, CommandLine, PermissionSpec } from '../domain/local-work.ts'
import type { PlanningSpec } from '../domain/planning.ts'
import type { InputSpec, ManagerSpec, RateLimit, RetryPolicy, TaskSpec, Workflow } from '../domain/workflow.ts'
import { DEFAULT_BACKEND } from './backend-names.ts'
import { toCondition } from './condition.ts'
import { parseDuration, parseRateLimit } from './duration.ts'
import { parseForEach } from './for-each.ts'
import { DEFAULT_ROLE_LINE } from './role.ts'
import type {
  CheckDefinition,
  CommandsDefinition,
  ManagerDefinition,
  PermissionsDefinition,
  SimulateDefinition,
  TaskDefaults,
  TaskDefinition,
  WorkflowDefinition,
} from './schema.ts'

const CONCURRENCY = 20
const MAX_ITEMS = 100
const TIMEOUT = '45m'
const STUCK_AFTER = '15m'
const MANAGER_TIMEOUT = '10m'
const REPORT_EVERY = '5m'
const ROUNDS = 20
const CHECK_ROUNDS = 3
const CHECK_TIMEOUT = '10m'
const PERSON_DEADLINE = '10m'
/** Shared by all tasks that have none of something: there may be 50,000. */
const NONE: readonly string[] = []
const RETRY = { attempts: 3, delay: '2s', factor: 2, maxDelay: '5m', onTimeout: false }

/** A checked definition with every default filled in and every duration in ms. */
export function completeWorkflow(given: WorkflowDefinition): Workflow {
  const { description, manager, budget = {}, defaults = {} } = given
  const retry = completeRetry(defaults.retry, undefined)
  return {
    name: given.name,
    ...present({ description }),
    inputs: mapValues(given.inputs ?? {}, completeInput),
    concurrency: given.concurrency ?? CONCURRENCY,
    limits: completeLimits(given.limits ?? {}),
    resources: { ...given.resources },
    budget: present({
      agentRuns: budget.agentRuns,
      durationMs: toMs(budget.duration),
      managerTurns: budget.managerTurns,
      cost: budget.cost,
      tokens: budget.tokens,
    }),
    roles: { default: DEFAULT_ROLE_LINE, ...given.roles },
    ...(manager === undefined ? {} : { manager: completeManager(manager, given, retry) }),
    tasks: Object.entries(given.tasks ?? {}).map(([id, task]) => completeTask(id, task, defaults, retry)),
  }
}

function completeInput(input: NonNullable<WorkflowDefinition['inputs']>[string]): InputSpec {
  const { type, required = false, default: value, description } = input
  return { type, required, ...present({ default: value, description }) }
}

function completeLimits(given: NonNullable<WorkflowDefinition['limits']>): Workflow['limits'] {
  const limits: Record<string, Record<string, RateLimit>> = {}
  for (const [backend, buckets] of Object.entries(given)) {
    const parsed: Record<string, RateLimit> = {}
    for (const [bucket, text] of Object.entries(buckets ?? {})) {
      const limit = text === undefined ? undefined : parseRateLimit(text)
      if (limit !== undefined) parsed[bucket] = limit
    }
    limits[backend] = parsed
  }
  return limits
}

function completeManager(given: ManagerDefinition, workflow: WorkflowDefinition, retry: RetryPolicy): ManagerSpec {
  const { defaults = {} } = workflow
  return {
    prompt: given.prompt ?? '',
    backend: given.backend ?? defaults.backend ?? DEFAULT_BACKEND,
    ...present({
      repository: toText(given.repository ?? defaults.repository),
      model: given.model ?? defaults.model,
      simulate: completeSimulate(given.simulate),
      planning: given.plan === true ? completePlanning(given, workflow, retry) : undefined,
    }),
    timeoutMs: toMs(given.timeout ?? MANAGER_TIMEOUT),
    reportEveryMs: toMs(given.reportEvery ?? REPORT_EVERY),
  }
}

function completePlanning(given: ManagerDefinition, workflow: WorkflowDefinition, retry: RetryPolicy): PlanningSpec {
  const { defaults: { simulate: _, ...defaults } = {}, tasks = {} } = workflow
  const { id, prompt, needs, ...rest } = completeTask('', { prompt: '' }, defaults, retry)
  const repositories = [given.repository, ...Object.values(tasks).map((task) => task.repository)]
  return {
    objective: given.objective ?? '',
    rounds: given.rounds ?? ROUNDS,
    defaults: rest,
    repositories: [...new Set(repositories.flatMap((name) => toText(name) ?? []))],
  }
}

function completeTask(id: string, task: TaskDefinition, defaults: TaskDefaults, retry: RetryPolicy): TaskSpec {
  const given = { ...defaults, ...present(task) }
  const forEach = task.forEach === undefined ? undefined : parseForEach(task.forEach)
  const { estimate } = given
  return {
    id,
    prompt: task.prompt,
    needs: task.needs === undefined ? NONE : [...task.needs],
    maxItems: given.maxItems ?? MAX_ITEMS,
    backend: given.backend ?? DEFAULT_BACKEND,
    priority: given.priority ?? 'normal',
    uses: given.uses === undefined ? NONE : [...given.uses],
    timeoutMs: toMs(given.timeout ?? TIMEOUT),
    stuckAfterMs: toMs(given.stuckAfter ?? STUCK_AFTER),
    retry: task.retry === undefined ? retry : completeRetry(defaults.retry, task.retry),
    onFailure: given.onFailure ?? 'escalate',
    ...present({
      role: task.role,
      if: task.if === undefined ? undefined : toCondition(task.if),
      forEach,
      output: task.output,
      repository: toText(given.repository),
      model: given.model,
      agentType: given.agentType,
      images: given.images === undefined ? undefined : [...given.images],
      estimateMs: toMs(typeof estimate === 'string' ? estimate : estimate?.duration),
      estimateCost: typeof estimate === 'string' ? undefined : estimate?.cost,
      simulate: completeSimulate({ ...defaults.simulate, ...present(task.simulate ?? {}) }),
      approval: given.approval === true ? true : undefined,
      // What is given for all applies to agents of this machine, whichever those are in the end.
      check: completeCheck(given.check),
      setup: completeSetup(given.setup),
      permissions: completePermissions(given.permissions),
      onConflict: given.onConflict === 'agent' ? given.onConflict : undefined,
    }),
  }
}

function completeRetry(defaults: TaskDefaults['retry'], task: TaskDefinition['retry']): RetryPolicy {
  const given = { ...RETRY, ...present(defaults ?? {}), ...present(task ?? {}) }
  return {
    attempts: given.attempts,
    delayMs: toMs(given.delay),
    factor: given.factor,
    maxDelayMs: toMs(given.maxDelay),
    onTimeout: given.onTimeout,
  }
}

function completeCheck(given: CheckDefinition | undefined): CheckSpec | undefined {
  const commands = given === undefined ? [] : commandsOf(given.run)
  if (commands.length === 0) return undefined
  return { commands, rounds: given?.rounds ?? CHECK_ROUNDS, timeoutMs: toMs(given?.timeout ?? CHECK_TIMEOUT) }
}

function completeSetup(given: CommandsDefinition | undefined): readonly CommandLine[] | undefined {
  const commands = given === undefined ? [] : commandsOf(given)
  return commands.length === 0 ? undefined : commands
}

function completePermissions(given: PermissionsDefinition | undefined): PermissionSpec | undefined {
  if (given === undefined) return undefined
  const { rest = 'reject', deadline = PERSON_DEADLINE, allow = [] } = given
  return { rest, deadlineMs: toMs(deadline), allow: [...allow] }
}

/** One command is a list of words, several are a list of lists. */
function commandsOf(given: CommandsDefinition): readonly CommandLine[] {
  const isOne = (commands: CommandsDefinition): commands is CommandLine & [string, ...string[]] =>
    typeof commands[0] === 'string'
  return isOne(given) ? [[...given]] : given.map(([program, ...args]): CommandLine => [program, ...args])
}

function completeSimulate(given: SimulateDefinition | undefined): JsonObject | undefined {
  const simulate: Record<string, JsonObject[string]> = {}
  for (const [key, value] of Object.entries(given ?? {})) {
    if (key === 'duration') simulate['durationMs'] = toMs(String(value))
    else if (value !== undefined) simulate[key] = value as JsonObject[string]
  }
  return Object.keys(simulate).length === 0 ? undefined : simulate
}

function toMs(duration: string): number
function toMs(duration: string | undefined): number | undefined
function toMs(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : (parseDuration(duration) ?? 0)
}

function toText(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The object without what is undefined. Adds and never deletes: objects of equal keys then share one shape in memory. */
function present<T extends object>(object: T): Present<T> {
  const result: Present<T> = {}
  for (const key of Object.keys(object) as (keyof T)[]) {
    const value = object[key]
    if (value !== undefined) result[key] = value as Exclude<T[keyof T], undefined>
  }
  return result
}

function mapValues<T, U>(object: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}
