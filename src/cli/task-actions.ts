import { portableTaskId } from '../domain/ids.ts'
import type { TaskView } from '../domain/views.ts'
import { mainState } from '../machines/public-state.ts'

/** How each command is typed after `troupe task RUN TASK`. */
const SYNTAX: Readonly<Record<string, string>> = {
  retry: 'retry [--prompt TEXT]',
  'retry --resolve': 'retry --resolve [--prompt TEXT]',
  complete: 'complete [--result JSON]',
  fail: 'fail [--reason TEXT]',
  wait: 'wait [DURATION]',
  reject: 'reject [--reason TEXT]',
  answer: 'answer --text TEXT',
  steer: 'steer --text TEXT',
}

const WORDS: Readonly<Record<string, string>> = {
  retry: 'a new attempt by a new agent',
  'retry --resolve': 'a new agent that is given the conflicts to resolve',
  complete: 'take a result that you give',
  skip: 'leave it out, with what depends on it',
  fail: 'let it fail',
  wait: 'wait longer',
  adopt: 'look again, or take it when it is done',
  approve: 'let it start',
  reject: 'do not let it start',
  answer: 'answer what its agent asks',
  steer: 'tell its agent something',
  pause: 'start nothing new for it',
  continue: 'let it go on',
  cancel: 'end it, and stop its agent if that is possible',
}

/** Something that a task takes now. */
export interface TaskAction {
  /** As a person names it: `retry`, `adopt 1`. */
  readonly name: string
  /** What is typed after `troupe task RUN TASK`. */
  readonly syntax: string
  /** What it does; undefined where this version does not know. */
  readonly words: string | undefined
  /** The attempt whose late result is adopted. */
  readonly attempt?: number
  /** The agent of the attempt resolves what cannot be merged. */
  readonly resolve?: true
}

const RESOLVE = 'retry --resolve'
const PERSON = new Set(['running.needsInput', 'running.asking', 'pending.approval', 'pending.paused'])

/** Whether a task, or the manager, goes on only when a person says something, and takes what they say. */
export function needsPerson({ state, commands }: Pick<TaskView, 'state' | 'commands'>): boolean {
  return commands.length > 0 && (mainState(state) === 'escalated' || PERSON.has(state))
}

/** What a task takes now, and the late results that it may be completed with. */
export function actionsOf({
  commands,
  late = [],
  state,
}: Pick<TaskView, 'commands' | 'late' | 'state'>): readonly TaskAction[] {
  // A rerun is a command of its own.
  const given = commands.filter((name) => name !== 'rerun')
  const isConflict = state === 'escalated.conflict' && given.includes('retry')
  const own = [...(isConflict ? [RESOLVE] : []), ...given].map((name) => ({
    name,
    syntax: SYNTAX[name] ?? name,
    words: WORDS[name],
    ...(name === RESOLVE ? { resolve: true as const } : {}),
  }))
  const adoptions = late
    .filter((end) => end.commands.includes('adopt'))
    .map(({ attempt }) => ({
      name: `adopt ${attempt}`,
      syntax: `adopt --attempt ${attempt}`,
      words: `take what attempt ${attempt} returned after it was given up`,
      attempt,
    }))
  return [...own, ...adoptions]
}

/** `task RUN TASK `: what comes before an action. */
export function taskWords(run: string, task: string): string {
  return `task ${run} ${portableTaskId(task)} `
}
