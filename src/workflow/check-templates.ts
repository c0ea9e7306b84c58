import type { DraftGraph } from './check-needs.ts'
import { analyseCondition, toCondition } from './condition.ts'
import { parseForEach } from './for-each.ts'
import type { Path, ProblemList, Spot } from './problems.ts'
import type { TaskDraft, WorkflowDraft } from './shape.ts'
import { suggest } from './suggestion.ts'
import { analyseTemplate } from './template.ts'
import type { Read } from './template-reads.ts'
import { VIEW_PROPERTIES } from './template-view.ts'
import { type Reach, unreachable } from './topology.ts'

/** A read whose task is not needed directly; whether it is needed at all is answered for all together. */
interface Question extends Reach {
  readonly path: Path
  readonly what: string
  readonly at: Spot
}

interface Names {
  /** Undefined when the inputs cannot be used: then none is called unknown. */
  readonly inputs: readonly string[] | undefined
  readonly tasks: readonly string[]
}

/** Checks prompts, conditions and `forEach`: their syntax, and that every name they read is known and in reach. */
export function checkTemplates(draft: WorkflowDraft, graph: DraftGraph, problems: ProblemList): void {
  const names: Names = {
    inputs: draft.inputNames,
    tasks: draft.tasks.map((task) => task.id),
  }
  for (const key of ['prompt', 'objective'] as const) {
    const text = draft.manager[key]
    if (text !== undefined) checkManager(key, text, names, problems)
  }
  const questions: Question[] = []
  for (const task of draft.tasks) checkTask(task, graph, names, problems, questions)
  for (const { path, what, at, target } of unreachable(graph.needs, graph.order, questions)) {
    const id = names.tasks[target] ?? ''
    problems.add(path, `${what} is of a task that this one does not need; add '${id}' to its needs`, at)
  }
}

function checkManager(key: 'prompt' | 'objective', text: string, names: Names, problems: ProblemList): void {
  const path = ['manager', key]
  const { mistakes, reads } = analyseTemplate(text)
  for (const { message, at } of mistakes) problems.add(path, message, at)
  for (const read of reads) {
    const wrong =
      read.root === 'inputs'
        ? checkInputRead(read, names)
        : `${nameOf(read)} is not known here; the manager's ${key} sees inputs only`
    if (wrong !== undefined) problems.add(path, wrong, read.at)
  }
}

function checkTask(
  task: TaskDraft,
  graph: DraftGraph,
  names: Names,
  problems: ProblemList,
  questions: Question[],
): void {
  if (task.broken === true) return
  const { prompt, if: condition, forEach } = task.given
  const hasItems = forEach !== undefined || task.broken.has('forEach')
  const reader = graph.index.get(task.id) ?? 0
  const needs = task.broken.has('needs') ? undefined : new Set(graph.needs[reader])
  const ask = (id: string, path: Path, what: string, at: Spot) => {
    const target = graph.index.get(id)
    if (target === undefined) {
      problems.add(path, `${what} is of a task that does not exist${suggest(id, names.tasks)}`, at)
    } else if (target === reader) problems.add(path, `${what} is of the task itself`, at)
    else if (needs !== undefined && !needs.has(target)) questions.push({ reader, target, path, what, at })
  }
  const check: CheckReads = (reads, path, items) => {
    for (const read of reads) {
      const wrong = checkRead(read, names, items)
      if (wrong !== undefined) problems.add(path, wrong, read.at)
      else if (read.root === 'tasks') ask(String(read.path[0]), path, nameOf(read), read.at)
    }
  }
  if (prompt !== undefined) {
    const { mistakes, reads } = analyseTemplate(prompt)
    const path = ['tasks', task.id, 'prompt']
    for (const { message, at } of mistakes) problems.add(path, message, at)
    check(reads, path, hasItems)
  }
  if (condition !== undefined) checkCondition(task, condition, problems, check)
  const source = forEach === undefined ? undefined : parseForEach(forEach)
  if (source !== undefined && forEach !== undefined) ask(source.task, ['tasks', task.id, 'forEach'], forEach, 'value')
}

type CheckReads = (reads: readonly Read[], path: Path, items: boolean) => void

function checkCondition(task: TaskDraft, text: string, problems: ProblemList, check: CheckReads): void {
  const path = ['tasks', task.id, 'if']
  const condition = toCondition(text)
  if (condition.kind === 'failed' && (task.given.needs ?? []).length === 0 && !hasBroken(task, 'needs')) {
    problems.add(path, `'failed' runs a task when one it needs failed, and this one needs none`)
  }
  if (condition.kind !== 'expression') return
  const { mistake, reads } = analyseCondition(condition.source)
  if (mistake !== undefined) problems.add(path, mistake)
  // Decided once for the task, before there are items.
  check(reads, path, false)
}

function hasBroken(task: TaskDraft, key: string): boolean {
  return task.broken === true || task.broken.has(key)
}

function checkRead(read: Read, names: Names, hasItems: boolean): string | undefined {
  switch (read.root) {
    case 'inputs':
      return checkInputRead(read, names)
    case 'item':
    case 'index':
      if (read.path.includes(null)) return computed(read)
      return hasItems ? undefined : `'${read.root}' exists only in the prompt of a task with forEach`
    case 'tasks':
      return checkTaskRead(read)
    default:
      return `the name '${nameOf(read)}' is unknown; there is: inputs, tasks${hasItems ? ', item, index' : ''}`
  }
}

function checkInputRead(read: Read, names: Names): string | undefined {
  if (read.path.includes(null)) return computed(read)
  const [name] = read.path
  if (name === undefined || names.inputs === undefined || names.inputs.includes(String(name))) return undefined
  const hint = names.inputs.length === 0 ? '; declare it under inputs' : suggest(String(name), names.inputs)
  return `there is no input '${name}'${hint}`
}

function checkTaskRead(read: Read): string | undefined {
  if (read.path.includes(null)) return computed(read)
  const [task, property] = read.path
  if (task === undefined) return `'tasks' needs a task and a property, such as tasks.plan.result`
  if (property === undefined) return `${nameOf(read)} needs a property: ${VIEW_PROPERTIES.join(', ')}`
  if (VIEW_PROPERTIES.includes(String(property))) return undefined
  return `a task has no property '${property}'${suggest(String(property), VIEW_PROPERTIES)}`
}

function computed(read: Read): string {
  return `${nameOf(read)} has a computed part; write names and numbers only, so that it can be checked before the run`
}

function nameOf(read: Read): string {
  return [read.root, ...read.path.map((part) => (part === null ? '[…]' : String(part)))].join('.').replaceAll('.[', '[')
}
