import { RESERVED_IDS } from '../domain/ids.ts'
import type { Workflow } from '../domain/workflow.ts'
import { checkLocal } from './check-local.ts'
import { checkNeeds } from './check-needs.ts'
import { checkTemplates } from './check-templates.ts'
import { checkUsageBudget } from './check-usage.ts'
import { completeWorkflow } from './complete.ts'
import { parseForEach, pathIsNoList } from './for-each.ts'
import { checkInputValue } from './inputs.ts'
import { checkSchema } from './output-schema.ts'
import type { ProblemList } from './problems.ts'
import type { WorkflowDefinition } from './schema.ts'
import { checkShape, type TaskDraft, type WorkflowDraft } from './shape.ts'
import { suggest } from './suggestion.ts'

/** Checks a workflow as it is written and completes it. Throws WorkflowError with every mistake at once. */
export function checkWorkflow(value: unknown, problems: ProblemList): Workflow {
  const draft = checkShape(value, problems)
  checkMeaning(draft, problems)
  problems.throwIfAny()
  // With no mistake found, the value is what the schema describes.
  return completeWorkflow(value as WorkflowDefinition)
}

/** Checks what a workflow means, after its shape: everything that is well formed, even when other parts are not. */
function checkMeaning(draft: WorkflowDraft, problems: ProblemList): void {
  if (draft.noTasks !== undefined && draft.manager.plan !== true) {
    problems.add(
      ['tasks'],
      `is ${draft.noTasks}; a workflow has at least one task, unless its manager plans (manager: { plan: true })`,
    )
  }
  checkInputs(draft, problems)
  if (draft.hasManager) checkPlanning(draft, problems)
  checkUsageBudget(draft, problems)
  checkLocal(draft, problems)
  const byId = new Map(draft.tasks.map((task) => [task.id, task]))
  const resources = draft.resourceNames === undefined ? undefined : new Set(draft.resourceNames)
  checkUses(draft.defaults.uses, ['defaults', 'uses'], resources, problems)
  for (const task of draft.tasks) {
    if (RESERVED_IDS.includes(task.id)) {
      problems.add(['tasks', task.id], `the id '${task.id}' belongs to troupe itself; choose another`, 'key')
    }
    checkUses(task.given.uses, ['tasks', task.id, 'uses'], resources, problems)
    if (task.given.output !== undefined) {
      const mistake = checkSchema(task.given.output)
      if (mistake !== undefined) problems.add(['tasks', task.id, 'output'], mistake)
    }
    checkForEach(task, byId, problems)
  }
  const graph = checkNeeds(draft.tasks, problems)
  checkTemplates(draft, graph, problems)
}

function checkPlanning({ manager, brokenManager }: WorkflowDraft, problems: ProblemList): void {
  const plans = manager.plan === true
  const missing = (key: 'prompt' | 'objective') => manager[key] === undefined && !brokenManager.has(key)
  if (plans && missing('objective')) problems.add(['manager', 'objective'], 'is missing; say what it is to plan for')
  if (!plans && missing('prompt')) problems.add(['manager', 'prompt'], 'is missing; say what the manager is told')
  if (plans || brokenManager.has('plan')) return
  for (const key of ['objective', 'rounds'] as const) {
    if (manager[key] !== undefined) problems.add(['manager', key], 'is for a manager that plans; add plan: true', 'key')
  }
}

function checkInputs(draft: WorkflowDraft, problems: ProblemList): void {
  for (const [name, input] of Object.entries(draft.inputs)) {
    if (input.default === undefined) continue
    const mistake = checkInputValue(input.type, input.default)
    if (mistake !== undefined) problems.add(['inputs', name, 'default'], mistake)
  }
}

function checkUses(
  uses: readonly string[] | undefined,
  path: readonly string[],
  resources: ReadonlySet<string> | undefined,
  problems: ProblemList,
): void {
  if (uses === undefined || resources === undefined) return
  const seen = new Set<string>()
  for (const [index, name] of uses.entries()) {
    if (seen.has(name)) problems.add([...path, index], `'${name}' is named twice`)
    else if (!resources.has(name)) {
      const hint =
        resources.size === 0 ? '; declare it under resources, with its capacity' : suggest(name, [...resources])
      problems.add([...path, index], `'${name}' is not a declared resource${hint}`)
    }
    seen.add(name)
  }
}

function checkForEach(task: TaskDraft, byId: ReadonlyMap<string, TaskDraft>, problems: ProblemList): void {
  const text = task.given.forEach
  if (text === undefined) return
  const path = ['tasks', task.id, 'forEach']
  const source = parseForEach(text)
  if (source === undefined) {
    problems.add(
      path,
      'write tasks.X.output, tasks.X.output.path or tasks.X.outputs, where X is a task with an output schema',
    )
    return
  }
  const upstream = byId.get(source.task)
  // That it exists and is needed is checked together with what templates read.
  if (upstream === undefined || upstream.broken === true) return
  if (upstream.broken.has('output')) return
  const schema = upstream.given.output
  if (schema === undefined) {
    const hint = source.outputs === true ? '' : ` in which ${text} is of type array`
    problems.add(path, `task '${source.task}' has no output schema; give it one${hint}`)
    return
  }
  if (source.outputs === true) return
  const why = pathIsNoList(schema, source.path)
  if (why !== undefined) problems.add(path, `${text} is no list in the output schema of task '${source.task}': ${why}`)
}
