import { itemId, MANAGER } from './domain/ids.ts'
import type { WaitingFor } from './domain/limiter.ts'
import type { RunOutcome } from './domain/orchestration.ts'
import type { AttemptView, RunView, TaskView } from './domain/views.ts'
import type { TaskSpec, Workflow } from './domain/workflow.ts'
import { legalRunCommands, legalTaskCommands } from './machines/commands.ts'
import { isFinalState } from './machines/public-state.ts'
import { type AttemptFacts, type RunFacts, summaryOf, type TaskFacts } from './registry.ts'

/** How many tasks a reason names. */
const NAMED = 10

/** What a process that holds the run knows beyond its records. */
export interface LiveKnowledge {
  waiting(task: string, attempt: number): WaitingFor | undefined
}

/** A run as people see it: its records' facts laid over its workflow, in graph order. */
export function buildRunView(workflow: Workflow, facts: RunFacts, live?: LiveKnowledge): RunView {
  const tasks: TaskView[] = []
  const counts = new Map(facts.counts)
  const waitingTask = (spec: TaskSpec) => {
    counts.set('waiting', (counts.get('waiting') ?? 0) + 1)
    return unstartedView(spec, facts)
  }
  for (const spec of workflow.tasks) {
    const items = facts.expansions.get(spec.id)
    for (let index = 0; index < (items ?? 0); index++) {
      const task = facts.tasks.get(itemId(spec.id, index))
      tasks.push(
        task === undefined ? waitingTask({ ...spec, id: itemId(spec.id, index) }) : taskView(task, spec, facts, live),
      )
    }
    if (items !== undefined) continue
    const task = facts.tasks.get(spec.id)
    tasks.push(task === undefined ? waitingTask(spec) : taskView(task, spec, facts, live))
  }
  const manager = facts.tasks.get(MANAGER)
  return {
    ...summaryOf(facts),
    ...(facts.reason === undefined ? {} : { reason: facts.reason }),
    seq: facts.seq,
    inputs: facts.inputs,
    tasks,
    ...(manager === undefined ? {} : { manager: { ...taskView(manager, undefined, facts, live), commands: [] } }),
    counts: Object.fromEntries(counts),
    alerts: [...facts.alerts],
    commands: legalRunCommands(facts.status),
  }
}

/** A task's state as a view tells it, without building one; undefined when the run has no such task. */
export function stateOfTask(workflow: Workflow, facts: RunFacts, task: string): string | undefined {
  const items = facts.expansions.get(task)
  if (items !== undefined || task === MANAGER) return undefined
  const own = facts.tasks.get(task)
  if (own !== undefined) return own.state
  const [, parent = task, index] = /^(.*)\[(\d+)\]$/.exec(task) ?? []
  const exists = index === undefined || Number(index) < (facts.expansions.get(parent) ?? 0)
  return exists && workflow.tasks.some(({ id }) => id === parent) ? 'waiting' : undefined
}

/** How many tasks have no agent yet, without looking at them. */
export function countWaiting(workflow: Workflow, facts: RunFacts): number {
  let tasks = workflow.tasks.length
  for (const items of facts.expansions.values()) tasks += items - 1
  return Math.max(0, tasks - facts.tasks.size + (facts.tasks.has(MANAGER) ? 1 : 0))
}

/** The outcome of a run that has ended; what failed is named. */
export function endedOutcome(run: string, status: string, failed: () => readonly string[]): RunOutcome {
  if (status !== 'failed') return { run, status, exitCode: status === 'completed' ? 0 : 1 }
  const names = failed()
  return {
    run,
    status,
    exitCode: 1,
    reason: `Failed: ${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ', …' : ''}`,
  }
}

function unstartedView(spec: TaskSpec, facts: RunFacts): TaskView {
  const needs = spec.needs.filter((need) => !isSettled(need, facts))
  const over = isFinalState(facts.status)
  return {
    task: spec.id,
    ...(spec.role === undefined ? {} : { role: spec.role }),
    ...(spec.forEach !== undefined && !spec.id.endsWith(']') ? { forEach: true } : {}),
    state: 'waiting',
    attempt: 0,
    attempts: [],
    pullRequests: [],
    needs,
    why: over
      ? 'the run ended before it began'
      : needs.length === 0
        ? 'about to start'
        : `waits for ${needs.join(', ')}`,
    commands: [],
  }
}

function isSettled(task: string, facts: RunFacts): boolean {
  const own = facts.tasks.get(task)
  if (own !== undefined) return isFinalState(own.state)
  const items = facts.expansions.get(task)
  if (items === undefined) return false
  for (let index = 0; index < items; index++) {
    if (!isFinalState(facts.tasks.get(itemId(task, index))?.state ?? '')) return false
  }
  return true
}

function taskView(
  task: TaskFacts,
  spec: TaskSpec | undefined,
  facts: RunFacts,
  live: LiveKnowledge | undefined,
): TaskView {
  const waitingFor = task.state === 'pending' ? waitingForOf(task, live) : undefined
  const why = isFinalState(task.state) ? task.reason : whyOpen(task, waitingFor, facts)
  return {
    task: task.task,
    ...(spec?.role === undefined ? {} : { role: spec.role }),
    state: task.state,
    since: task.since,
    attempt: task.attempt,
    attempts: task.attempts.map(attemptView),
    ...(task.url === undefined ? {} : { url: task.url }),
    pullRequests: task.pullRequests ?? [],
    startedAt: task.startedAt,
    ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt }),
    ...(waitingFor === undefined ? {} : { waitingFor }),
    ...(task.failure === undefined ? {} : { failure: task.failure }),
    ...(task.progress === undefined ? {} : { progress: task.progress }),
    ...(why === undefined ? {} : { why }),
    commands: isFinalState(facts.status) ? [] : legalTaskCommands(task.state),
  }
}

/** What an attempt waits for; after a create that was put back also why that was. */
function waitingForOf(task: TaskFacts, live: LiveKnowledge | undefined): WaitingFor | undefined {
  const waiting = live?.waiting(task.task, task.attempt) ?? task.waitingFor
  if (waiting?.kind !== 'closed' || task.reason === undefined) return waiting
  return { ...waiting, detail: task.reason }
}

function attemptView({ attempt, state, startedAt, url, endedAt, failure }: AttemptFacts): AttemptView {
  return {
    attempt,
    state,
    startedAt,
    ...(url === undefined ? {} : { url }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(failure === undefined ? {} : { failure }),
  }
}

/** One line: why an unfinished task is where it is. */
function whyOpen(task: TaskFacts, waitingFor: WaitingFor | undefined, facts: RunFacts): string | undefined {
  const at = task.url === undefined ? '' : ` at ${task.url}`
  const until = task.until === undefined ? '' : ` until ${task.until}`
  switch (task.state) {
    case 'pending':
      if (waitingFor === undefined) return facts.reason ?? task.reason ?? 'waits for a slot'
      return waitingFor.detail ?? `waits for ${waitingFor.kind} ${waitingFor.name}`
    case 'creating':
      return 'its agent is being created'
    case 'creating.reconciling':
      return `outcome of the creation unknown, reconciling${until}`
    case 'running':
    case 'running.deciding':
      return task.note ?? `its agent works${at}`
    case 'running.needsInput':
      return `its agent is paused and waits for input${at}`
    case 'running.idle':
      return 'waits for news'
    case 'retrying':
      return `tries again${until}${task.failure === undefined ? '' : `: ${task.failure.message}`}`
    default:
      return task.reason ?? task.failure?.message
  }
}
