import { budgetView } from './budget-view.ts'
import { itemId, MANAGER } from './domain/ids.ts'
import type { RunOutcome } from './domain/orchestration.ts'
import type { RunView, TaskView } from './domain/views.ts'
import type { TaskSpec, Workflow } from './domain/workflow.ts'
import { legalRunCommands } from './machines/commands.ts'
import { legalManagerCommands } from './machines/manager-commands.ts'
import { type RunFacts, summaryOf } from './registry.ts'
import { totalReports } from './reported-totals.ts'
import { whatHoldsReruns } from './rerun-holds.ts'
import type { TaskFacts } from './task-facts.ts'
import { type LiveKnowledge, taskView, unstartedView } from './task-view.ts'

/** How many tasks a reason names. */
const NAMED = 10

/** A run as people see it: its records' facts laid over its workflow, in graph order. */
export function buildRunView(workflow: Workflow, facts: RunFacts, live?: LiveKnowledge): RunView {
  const tasks: TaskView[] = []
  const counts = new Map(facts.counts)
  const waitingTask = (spec: TaskSpec) => {
    counts.set('waiting', (counts.get('waiting') ?? 0) + 1)
    return unstartedView(spec, facts)
  }
  const held = whatHoldsReruns(workflow, facts)
  for (const spec of tasksOf(workflow, facts)) {
    const items = facts.expansions.get(spec.id)
    for (let index = 0; index < (items ?? 0); index++) {
      const task = facts.tasks.get(itemId(spec.id, index))
      tasks.push(
        task === undefined
          ? waitingTask({ ...spec, id: itemId(spec.id, index) })
          : taskView(task, spec, facts, live, held),
      )
    }
    if (items !== undefined) continue
    const task = facts.tasks.get(spec.id)
    tasks.push(task === undefined ? waitingTask(spec) : taskView(task, spec, facts, live, held))
  }
  const manager = facts.tasks.get(MANAGER)
  const reported = totalReports(agentsOf(facts))
  return {
    ...summaryOf(facts),
    ...(facts.since === undefined ? {} : { since: facts.since }),
    ...(facts.reason === undefined ? {} : { reason: facts.reason }),
    seq: facts.seq,
    inputs: facts.inputs,
    tasks,
    ...(manager === undefined ? {} : { manager: managerView(taskView(manager, undefined, facts, live), workflow) }),
    ...(workflow.manager?.planning === undefined ? {} : { plans: true as const }),
    ...(facts.plan.decisions.length === 0 ? {} : { decisions: [...facts.plan.decisions] }),
    budget: budgetView(workflow, facts),
    ...(reported === undefined ? {} : { reported }),
    counts: Object.fromEntries(counts),
    alerts: [...facts.alerts],
    commands: legalRunCommands(facts.status),
  }
}

function managerView(view: TaskView, { manager }: Workflow): TaskView {
  return { ...view, commands: legalManagerCommands(view.state, manager?.planning !== undefined) }
}

function* agentsOf({ tasks }: RunFacts): Iterable<TaskFacts> {
  for (const task of tasks.values()) if (task.task !== MANAGER) yield task
}

/** A task's state as a view tells it, without building one; undefined when the run has no such task. */
export function stateOfTask(workflow: Workflow, facts: RunFacts, task: string): string | undefined {
  const items = facts.expansions.get(task)
  if (task === MANAGER) return facts.tasks.get(MANAGER)?.state
  if (items !== undefined) return undefined
  const own = facts.tasks.get(task)
  if (own !== undefined) return own.state
  const [, parent = task, index] = /^(.*)\[(\d+)\]$/.exec(task) ?? []
  const exists = index === undefined || Number(index) < (facts.expansions.get(parent) ?? 0)
  return exists && tasksOf(workflow, facts).some(({ id }) => id === parent) ? 'waiting' : undefined
}

/** The tasks of the file, then those that a manager added, then those whose decision cannot be read any more. */
function tasksOf(workflow: Workflow, { plan, tasks }: RunFacts): readonly TaskSpec[] {
  const planning = workflow.manager?.planning
  if (planning === undefined) return workflow.tasks
  const known = [...workflow.tasks, ...plan.tasks]
  const ids = new Set(known.map(({ id }) => id))
  const lost = [...tasks.keys()].filter((id) => id !== MANAGER && !ids.has(id.replace(/\[\d+\]$/, '')))
  return [...known, ...lost.map((id) => ({ ...planning.defaults, id, prompt: '', needs: [], planned: true }))]
}

/** How many tasks have no agent yet, without looking at them. */
export function countWaiting(workflow: Workflow, facts: RunFacts): number {
  let tasks = workflow.tasks.length + facts.plan.tasks.length
  for (const items of facts.expansions.values()) tasks += items - 1
  return Math.max(0, tasks - facts.tasks.size + (facts.tasks.has(MANAGER) ? 1 : 0))
}

/** The outcome of a run that has ended; what failed is named. */
export function endedOutcome(run: string, status: string, failed: () => readonly string[]): RunOutcome {
  if (status !== 'failed') return { run, status, exitCode: status === 'completed' ? 0 : 1 }
  const names = failed()
  if (names.length === 0) return { run, status, exitCode: 1, reason: 'The manager has ended the plan as failed' }
  return {
    run,
    status,
    exitCode: 1,
    reason: `Failed: ${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ', …' : ''}`,
  }
}
