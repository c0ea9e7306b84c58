import { itemId } from './domain/ids.ts'
import type { Json, JsonObject } from './domain/json.ts'
import type { TaskOutcome } from './domain/report.ts'
import type { TaskSpec, Workflow } from './domain/workflow.ts'
import type { ResultStore } from './host/result-store.ts'
import type { RunHost } from './host/run-host.ts'
import { evaluateCondition, referencedTasks } from './workflow/condition.ts'
import { expandForEach, type ForEachSource } from './workflow/for-each.ts'
import { namesBranches, neededBranches } from './workflow/needed-branches.ts'
import { type NeededResult, plannedText } from './workflow/planning-prompt.ts'
import { renderTemplate, type TemplateScope } from './workflow/template.ts'
import { type TaskTemplateView, templateView, templateViewOfItems } from './workflow/template-view.ts'

/** A planned task whose decision cannot be read any more: it has no prompt, so that no agent is created for it. */
function lostTask(id: string, { manager }: Workflow): TaskSpec | undefined {
  if (manager?.planning === undefined) return undefined
  return { ...manager.planning.defaults, id, prompt: '', needs: [], planned: true }
}

/** What settled tasks hand on: to templates, to conditions, to `forEach`. */
export class TaskOutcomes {
  readonly #host: () => RunHost
  readonly #inputs: JsonObject
  readonly #results: ResultStore
  readonly #specs = new Map<string, TaskSpec>()
  /** The items of a forEach task: its source never changes once it has settled, but where it is carried out once more. */
  readonly #items = new Map<string, Promise<readonly Json[]>>()
  /** How often something was repeated when these items were made. */
  #generation = 0

  constructor(host: () => RunHost, inputs: JsonObject, results: ResultStore) {
    this.#host = host
    this.#inputs = inputs
    this.#results = results
  }

  /** The spec of a task, or of the forEach task that an item belongs to. */
  spec(task: string): TaskSpec {
    const { tasks } = this.#host().workflow
    // A manager that plans adds tasks.
    for (const spec of tasks.slice(this.#specs.size)) this.#specs.set(spec.id, spec)
    const bracket = task.indexOf('[')
    const id = bracket < 0 ? task : task.slice(0, bracket)
    const spec = this.#specs.get(id) ?? lostTask(id, this.#host().workflow)
    if (spec === undefined) throw new Error(`No task '${task}' in this workflow`)
    return spec
  }

  /** A settled task's outcome; what lay in a file is read. */
  async outcome(task: string): Promise<TaskOutcome> {
    const settled = this.#host().projection.settled.get(task)
    if (settled === undefined) return { status: 'skipped', pullRequests: [] }
    const whole = settled.file === undefined ? settled : await this.#whole(settled.file)
    return {
      status: settled.status,
      ...(whole.result === undefined ? {} : { result: whole.result }),
      ...(whole.output === undefined ? {} : { output: whole.output }),
      ...(whole.output === undefined ? {} : { report: { status: 'completed' as const, result: whole.output } }),
      pullRequests: settled.pullRequests ?? [],
    }
  }

  /** The number of items of a forEach task. Throws WorkflowError when its list cannot be used. */
  async countItems(task: string): Promise<number> {
    return (await this.#itemsOf(task)).length
  }

  async holdsCondition(task: string): Promise<boolean> {
    const spec = this.spec(task)
    if (spec.if === undefined) return true
    return evaluateCondition(spec.if, await this.#scopeOf(task, referencedTasks(spec.if)))
  }

  /** The text of a task's prompt, or of what a person wrote in its place: rendered, but what an agent wrote is taken literally. */
  async promptText(task: string, replacement: string | undefined): Promise<string> {
    const spec = this.spec(task)
    if (spec.planned === true) {
      const { item } = await this.#scopeOf(task, [])
      return plannedText(replacement ?? spec.prompt, await this.#neededBy(spec), item)
    }
    const template = replacement ?? spec.prompt
    const text = renderTemplate(template, await this.#scopeOf(task, referencedTasks(template)))
    const branches = namesBranches(template) ? undefined : neededBranches(this.#opened(spec))
    return branches === undefined ? text : `${text}\n\n${branches}`
  }

  /** What the tasks that it needs directly have opened. */
  #opened({ needs }: TaskSpec) {
    const { settled } = this.#host().projection
    return needs
      .flatMap((need) => this.#idsOf(need))
      .map((id) => ({ id, pullRequests: settled.get(id)?.pullRequests ?? [] }))
  }

  /** The items of a forEach task, else the task. */
  #idsOf(task: string): readonly string[] {
    const count = this.#host().projection.expansions.get(task)
    return count === undefined ? [task] : Array.from({ length: count }, (_, index) => itemId(task, index))
  }

  async #neededBy({ needs }: TaskSpec): Promise<readonly NeededResult[]> {
    const results: NeededResult[] = []
    for (const need of needs) {
      for (const id of this.#idsOf(need)) {
        const { status, result = '', pullRequests } = await this.outcome(id)
        results.push({ id, status, result, branches: pullRequests.flatMap(({ branch }) => branch ?? []) })
      }
    }
    return results
  }

  async #scopeOf(task: string, reads: readonly string[]): Promise<TemplateScope> {
    const tasks: Record<string, TaskTemplateView> = {}
    for (const id of reads) tasks[id] = await this.#view(id)
    const index = /\[(\d+)\]$/.exec(task)?.[1]
    if (index === undefined) return { inputs: this.#inputs, tasks }
    const items = await this.#itemsOf(this.spec(task).id)
    return { inputs: this.#inputs, tasks, item: items[Number(index)] ?? null, index: Number(index) }
  }

  async #view(task: string): Promise<TaskTemplateView> {
    const count = this.#host().projection.expansions.get(task)
    if (count === undefined) return templateView(await this.outcome(task))
    const outcomes: TaskOutcome[] = []
    for (let index = 0; index < count; index++) outcomes.push(await this.outcome(itemId(task, index)))
    return templateViewOfItems(outcomes)
  }

  #itemsOf(task: string): Promise<readonly Json[]> {
    const { generation } = this.#host().projection
    if (generation !== this.#generation) this.#items.clear()
    this.#generation = generation
    const known = this.#items.get(task)
    if (known !== undefined) return known
    const items = this.#makeItems(task)
    this.#items.set(task, items)
    items.catch(() => this.#items.get(task) === items && this.#items.delete(task))
    return items
  }

  async #makeItems(task: string): Promise<readonly Json[]> {
    const spec = this.spec(task)
    return expandForEach(spec, await this.#sourceOf(spec.forEach?.task ?? '')).items
  }

  async #sourceOf(task: string): Promise<ForEachSource> {
    const count = this.#host().projection.expansions.get(task)
    if (count === undefined) return { output: (await this.outcome(task)).output ?? null }
    const items: { id: string; output: Json | undefined }[] = []
    for (let index = 0; index < count; index++) {
      const id = itemId(task, index)
      items.push({ id, output: (await this.outcome(id)).output })
    }
    return { items }
  }

  async #whole(file: string): Promise<{ result?: string; output?: Json }> {
    return JSON.parse(await this.#results.read({ file, bytes: 0 })) as { result?: string; output?: Json }
  }
}
