const END = ['complete', 'fail'] as const
const OF_PLANNER: Readonly<Record<string, readonly string[]>> = {
  'running.asking': ['answer', ...END],
  retrying: ['retry', ...END],
  escalated: ['retry', ...END],
  'escalated.undecided': ['answer', 'retry', ...END],
  'escalated.doubtful': ['retry', 'wait', ...END],
  'escalated.overdue': ['retry', 'wait', ...END],
}

/** What a manager in this public state takes; one that does not plan goes on by itself, or not at all. */
export function legalManagerCommands(state: string, plans: boolean): readonly string[] {
  return plans ? (OF_PLANNER[state] ?? []) : []
}
