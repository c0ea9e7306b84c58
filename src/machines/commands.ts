import { hasRoom, type Steer } from './agent-steers.ts'
import { isFinalState } from './public-state.ts'

const DECIDE = ['retry', 'complete', 'skip', 'fail'] as const
/** What is said here takes effect later, or at once where its backend can do that. */
const HEARD = ['steer', 'pause', 'continue', 'cancel'] as const
const RUNNING = [...DECIDE, 'wait', ...HEARD] as const
/** Task commands that are legal in each public state: what a person is offered. A test holds this against the machine itself. */
const LEGAL: Readonly<Record<string, readonly string[]>> = {
  pending: ['complete', 'skip', 'fail', 'steer', 'pause', 'cancel'],
  'pending.approval': ['approve', 'reject', 'complete', 'skip', 'fail', ...HEARD],
  'pending.paused': ['complete', 'skip', 'fail', 'steer', 'continue', 'cancel'],
  creating: HEARD,
  'creating.reconciling': HEARD,
  running: RUNNING,
  'running.needsInput': ['answer', ...RUNNING],
  'running.answering': [...DECIDE, ...HEARD],
  'running.steering': [...DECIDE, ...HEARD],
  'running.stopping': RUNNING,
  reporting: [...DECIDE, ...HEARD],
  'reporting.repairing': [...DECIDE, ...HEARD],
  'reporting.checking': [...DECIDE, ...HEARD],
  'reporting.mending': [...DECIDE, ...HEARD],
  recovering: ['cancel'],
  retrying: [...DECIDE, ...HEARD],
  escalated: [...DECIDE, 'cancel'],
  'escalated.conflict': [...DECIDE, 'cancel'],
  'escalated.overdue': [...DECIDE, 'wait', 'adopt', 'cancel'],
  'escalated.doubtful': [...DECIDE, 'wait', 'adopt', 'cancel'],
}

/** What decides, beside its state, on what a task takes. */
export interface TaskNow {
  readonly paused?: boolean | undefined
  readonly steers?: readonly Pick<Steer, 'state'>[] | undefined
}

/** What a task in this public state takes. */
export function legalTaskCommands(state: string, now: TaskNow = {}): readonly string[] {
  const legal = LEGAL[state] ?? []
  const isPaused = now.paused === true || state === 'pending.paused'
  const isTaken = (name: string) => {
    if (name === 'pause') return !isPaused
    if (name === 'continue') return isPaused
    return name !== 'steer' || hasRoom(now)
  }
  return legal.filter(isTaken)
}

/** Whether a task in this public state may be completed with what an attempt returned late: wherever a person may complete it. */
export function takesLateResult(state: string): boolean {
  return LEGAL[state]?.includes('complete') === true
}

/** Whether a run in this public state may repeat what has settled: one that goes on, or has ended. */
export function takesReruns(status: string): boolean {
  return status === 'running' || status === 'paused' || isFinalState(status)
}

/** What a run in this public state takes. */
export function legalRunCommands(status: string): readonly string[] {
  switch (status) {
    case 'running':
      return ['pause', 'cancel']
    case 'paused':
      return ['continue', 'cancel']
    case 'starting':
    case 'finishing':
      return ['cancel']
    default:
      return []
  }
}
