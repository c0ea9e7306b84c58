/** Task commands that are legal in each public state: what a person is offered. A test holds this against the machine itself. */
const DECIDE = ['retry', 'complete', 'skip', 'fail'] as const
const LEGAL: Readonly<Record<string, readonly string[]>> = {
  pending: ['complete', 'skip', 'fail'],
  running: [...DECIDE, 'wait'],
  'running.needsInput': [...DECIDE, 'wait'],
  'running.stopping': [...DECIDE, 'wait'],
  reporting: DECIDE,
  retrying: DECIDE,
  escalated: DECIDE,
  'escalated.overdue': [...DECIDE, 'wait', 'adopt'],
  'escalated.doubtful': [...DECIDE, 'wait', 'adopt'],
}

/** What a task in this public state takes. */
export function legalTaskCommands(state: string): readonly string[] {
  return LEGAL[state] ?? []
}

/** Whether a task in this public state may be completed with what an attempt returned late: wherever a person may complete it. */
export function takesLateResult(state: string): boolean {
  return legalTaskCommands(state).includes('complete')
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
