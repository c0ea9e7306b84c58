import { addedUse, useOf } from './budget-view.ts'
import { itemId } from './domain/ids.ts'
import type { WaitingFor } from './domain/limiter.ts'
import type { AttemptView, LateView, TaskView } from './domain/views.ts'
import type { TaskSpec } from './domain/workflow.ts'
import { legalTaskCommands, takesLateResult, takesReruns } from './machines/commands.ts'
import { isFinalState, mainState } from './machines/public-state.ts'
import type { RunFacts } from './registry.ts'
import type { AttemptFacts, TaskFacts } from './task-facts.ts'
import { awaitedIn, whyOpen } from './why-open.ts'
import { isLocalBackend } from './workflow/backend-names.ts'

/** What a process that holds the run knows beyond its records. */
export interface LiveKnowledge {
  waiting(task: string, attempt: number): WaitingFor | undefined
  /** When the attempt's agent was last seen to get on, ms. */
  lastSign(task: string, attempt: number): number | undefined
}

/** A task that has no agent yet. */
export function unstartedView(spec: TaskSpec, facts: RunFacts): TaskView {
  const needs = spec.needs.filter((need) => !isSettled(need, facts))
  const over = isFinalState(facts.status)
  const before = facts.before.get(spec.id)
  return {
    task: spec.id,
    ...(spec.role === undefined ? {} : { role: spec.role }),
    ...agentOf(spec),
    ...(spec.forEach !== undefined && !spec.id.endsWith(']') ? { forEach: true } : {}),
    state: 'waiting',
    // It has waited since there is a run, or since it was to be repeated.
    ...(over ? {} : { since: before?.since ?? facts.startedAt, awaits: 'needs' }),
    attempt: before?.attempt ?? 0,
    attempts: before?.attempts.map(attemptView) ?? [],
    ...useOf(before?.attempts ?? [], facts),
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

function agentOf(spec: TaskSpec | undefined): Pick<TaskView, 'agent'> {
  return spec !== undefined && isLocalBackend(spec.backend) ? { agent: spec.backend } : {}
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

/** A task that has an agent, or the manager. */
export function taskView(
  task: TaskFacts,
  spec: TaskSpec | undefined,
  facts: RunFacts,
  live: LiveKnowledge | undefined,
  held?: ReadonlySet<string>,
): TaskView {
  const isOpen = !isFinalState(task.state) && !isFinalState(facts.status)
  const waitingFor = task.state === 'pending' ? waitingForOf(task, live) : undefined
  const why = isFinalState(task.state) ? whyEnded(task) : whyOpen(task, waitingFor, facts)
  return {
    task: task.task,
    ...(spec?.role === undefined ? {} : { role: spec.role }),
    ...agentOf(spec),
    state: task.state,
    since: task.since,
    attempt: task.attempt,
    attempts: task.attempts.map(attemptView),
    ...(task.url === undefined ? {} : { url: task.url }),
    pullRequests: task.pullRequests ?? [],
    startedAt: task.startedAt,
    ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt }),
    ...(isOpen ? openPart(task, waitingFor, live) : {}),
    ...(waitingFor === undefined ? {} : { waitingFor }),
    ...(task.failure === undefined ? {} : { failure: task.failure }),
    ...(task.asks === undefined ? {} : { asks: task.asks }),
    ...(task.paused === undefined ? {} : { paused: task.paused }),
    ...(task.steers === undefined ? {} : { steers: task.steers }),
    ...(task.late === undefined ? {} : { late: task.late.map((late) => lateView(late, task, facts)) }),
    ...(task.adopted === undefined ? {} : { adopted: task.adopted }),
    ...(task.checks === undefined ? {} : { checks: task.checks }),
    ...(task.collected === undefined ? {} : { collected: task.collected }),
    ...useOf(task.attempts, facts),
    ...(task.progress === undefined ? {} : { progress: task.progress }),
    ...(why === undefined ? {} : { why }),
    commands: commandsOf(task, facts, held),
  }
}

/** What has settled is repeated unless something holds it back; the manager never is. */
function commandsOf(facts: TaskFacts, { status }: RunFacts, held?: ReadonlySet<string>): readonly string[] {
  const { task, state } = facts
  if (!isFinalState(state)) return isFinalState(status) ? [] : legalTaskCommands(state, facts)
  const mayRerun = takesReruns(status) && held !== undefined && !held.has(task.replace(/\[\d+\]$/, ''))
  return mayRerun ? ['rerun'] : []
}

/** What ends its state, when, and whether it still gets on. */
function openPart(task: TaskFacts, waitingFor: WaitingFor | undefined, live: LiveKnowledge | undefined) {
  const until = waitingFor?.until === undefined ? task.until : new Date(waitingFor.until).toISOString()
  const sign = mainState(task.state) === 'pending' ? undefined : live?.lastSign(task.task, task.attempt)
  return {
    awaits: awaitedIn(task.state, waitingFor),
    ...(until === undefined ? {} : { until }),
    ...(task.state === 'retrying' ? { nextAttempt: task.attempt + 1 } : {}),
    ...(sign === undefined ? {} : { lastSign: new Date(sign).toISOString() }),
  }
}

/** What an attempt waits for; after a create that was put back also why that was. */
function waitingForOf(task: TaskFacts, live: LiveKnowledge | undefined): WaitingFor | undefined {
  const waiting = live?.waiting(task.task, task.attempt) ?? task.waitingFor
  if (waiting?.kind !== 'closed' || task.reason === undefined) return waiting
  return { ...waiting, detail: task.reason }
}

function attemptView(facts: AttemptFacts): AttemptView {
  const { attempt, state, startedAt, url, endedAt, failure, usage, beside } = facts
  return {
    attempt,
    state,
    startedAt,
    ...(url === undefined ? {} : { url }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(failure === undefined ? {} : { failure }),
    ...(beside === undefined ? usage : addedUse(usage, beside)),
  }
}

/** It may be adopted wherever the task may be completed by a person, unless the task was begun anew since. */
function lateView(late: Omit<LateView, 'commands'>, { state, generation }: TaskFacts, facts: RunFacts): LateView {
  const isOfNow = late.attempt > generation
  const mayAdopt = late.usable && isOfNow && takesLateResult(state) && !isFinalState(facts.status)
  return { ...late, commands: mayAdopt ? ['adopt'] : [] }
}

function whyEnded({ adopted, reason }: TaskFacts): string | undefined {
  return adopted === undefined ? reason : `a person adopted the late result of attempt ${adopted}`
}
