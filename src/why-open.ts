import type { WaitingFor } from './domain/limiter.ts'
import type { Awaited } from './domain/views.ts'
import type { RunFacts } from './registry.ts'
import type { TaskFacts } from './task-facts.ts'

/** One line: why an unfinished task is where it is. */
export function whyOpen(task: TaskFacts, waitingFor: WaitingFor | undefined, facts: RunFacts): string | undefined {
  const at = task.url === undefined ? '' : ` at ${task.url}`
  switch (task.state) {
    case 'pending':
      if (waitingFor === undefined) return facts.reason ?? task.reason ?? 'waits for a slot'
      if (waitingFor.kind === 'closed' && task.reason !== undefined) return `its creation was put back: ${task.reason}`
      return whyWaiting(waitingFor, facts.run)
    case 'pending.approval':
      return 'a person must approve that it starts'
    case 'pending.paused':
      return 'a person paused it'
    case 'creating':
      return 'its agent is being created'
    case 'creating.reconciling':
      return `outcome unknown, reconciling${task.until === undefined ? '' : ` until ${task.until}`}`
    case 'running':
    case 'running.deciding':
      return task.note ?? `its agent works${at}`
    case 'running.needsInput':
      return `its agent is paused and waits for input${at}${task.reason === undefined ? '' : `. ${task.reason}`}`
    case 'running.answering':
      return 'its agent is being answered'
    case 'running.steering':
      return 'its agent is being told what a person said'
    case 'running.stopping':
      return `past its deadline, its agent is being stopped${at}`
    case 'running.idle':
      return whyIdle(facts)
    case 'running.asking':
      return 'it asks a person'
    case 'running.prompting':
      return 'is being told what settled'
    case 'reporting.checking':
      return task.note ?? 'its work is being checked'
    case 'reporting.mending':
      return `${failedCheck(task)}, its agent is being told so`
    case 'reporting':
      return 'its agent has ended, its report is being read'
    case 'reporting.repairing':
      return 'its report does not fit and is being asked for once more'
    case 'recovering':
      return withFailure('its failure is being looked into', task)
    case 'retrying':
      return `${withFailure(`attempt ${task.attempt} failed`, task)}; attempt ${task.attempt + 1} begins ${task.until === undefined ? 'soon' : `at ${task.until}`}`
    case 'cancelling':
      return `is being cancelled${task.url === undefined ? '' : `, its agent is to be stopped${at}`}`
    default:
      return task.reason ?? task.failure?.message
  }
}

function failedCheck({ checks }: TaskFacts): string {
  const last = checks?.at(-1)
  return last === undefined ? 'its check failed' : `check ${last.round} of at most ${last.of} failed (${last.command})`
}

/** A manager that has decided something plans. */
function whyIdle({ plan, status, reason }: RunFacts): string {
  if (plan.decisions.length === 0) return 'waits for news'
  return status === 'paused' ? (reason ?? 'the run is paused') : 'waits until all tasks have settled'
}

function withFailure(words: string, { failure }: TaskFacts): string {
  return failure === undefined ? words : `${words}: ${failure.message}`
}

/** What holds an attempt back, in the words of the limit that does. */
function whyWaiting({ kind, name, detail }: WaitingFor, run: string): string {
  const more = detail === undefined ? '' : `: ${detail}`
  switch (kind) {
    case 'concurrency':
      return `waits for a place ${name === run ? 'in this run' : `at ${name}`}${more}`
    case 'rate':
      return `waits for the rate limit ${name}${more}`
    case 'resource':
      return `waits for the resource ${name}${more}`
    case 'closed':
      return `waits until ${name} is open again${more}`
    case 'circuit':
      return `nothing is created at ${name} for now${more}`
    case 'paused':
      return detail ?? 'the run is paused'
    case 'quota':
      return `the quota of ${name} is used up${more}`
    case 'auth':
      return `${name} refuses the credentials${more}`
    case 'budget':
      return detail ?? 'the budget of the run is used up'
  }
}

const BY_A_PERSON: ReadonlySet<WaitingFor['kind']> = new Set(['paused', 'quota', 'auth', 'budget'])
const AWAITED: Readonly<Record<string, Awaited>> = {
  running: 'agent',
  'running.deciding': 'agent',
  'running.needsInput': 'person',
  'pending.approval': 'person',
  'pending.paused': 'person',
  'running.idle': 'news',
  'running.asking': 'person',
  retrying: 'time',
  escalated: 'person',
  'escalated.conflict': 'person',
  'escalated.overdue': 'person',
  'escalated.undecided': 'person',
  'escalated.doubtful': 'person',
}

/** What ends a state that is not final; where nothing else does, an answer of the backend. */
export function awaitedIn(state: string, waitingFor: WaitingFor | undefined): Awaited {
  if (state !== 'pending') return AWAITED[state] ?? 'backend'
  return waitingFor !== undefined && BY_A_PERSON.has(waitingFor.kind) ? 'person' : 'slot'
}
