import { MANAGER } from '../domain/ids.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { escapeLine, formatElapsed } from './terminal-text.ts'

/** Every agent of a run in graph order, items too, and the manager last; never a `forEach` task itself. */
export function agentsOf(view: RunView): readonly TaskView[] {
  const agents = rowsOf(view).filter(({ forEach }) => forEach !== true)
  return view.manager ? [...agents, { ...view.manager, task: MANAGER }] : agents
}

/** What a tree shows: every agent but the manager, and a `forEach` task as long as it has no items. */
export function rowsOf(view: RunView): readonly TaskView[] {
  const parents = new Set(view.tasks.map(({ task }) => parentOf(task)))
  return view.tasks.filter(({ task }) => !parents.has(task))
}

/** `execute` of `execute[0]`; undefined for a task that is no item. */
export function parentOf(task: string): string | undefined {
  const bracket = task.lastIndexOf('[')
  return bracket < 0 ? undefined : task.slice(0, bracket)
}

/** How long a task has taken, or took, ms; undefined before its first attempt. */
export function elapsedOf(task: Pick<TaskView, 'startedAt' | 'endedAt'>, now: number): number | undefined {
  if (task.startedAt === undefined) return undefined
  return (task.endedAt === undefined ? now : Date.parse(task.endedAt)) - Date.parse(task.startedAt)
}

/** Why a task does not go on, until when, on one line; empty when there is nothing to say. */
export function reasonOf(task: TaskView, now: number): string {
  const { waitingFor } = task
  if (waitingFor) {
    const left = waitingFor.until === undefined ? '' : ` ${formatElapsed(waitingFor.until - now)}`
    const detail = waitingFor.detail === undefined ? '' : ` (${waitingFor.detail})`
    return escapeLine(`waits for ${waitingFor.name}${left}${detail}`)
  }
  if (task.why !== undefined) return escapeLine(withoutPlace(task.why, task))
  if (task.needs && task.needs.length > 0) return escapeLine(`needs ${task.needs.join(', ')}`)
  return task.failure ? escapeLine(task.failure.message) : ''
}

/** That a person may adopt what an attempt returned late; empty when there is nothing. */
export function lateOf({ late = [] }: TaskView): string {
  const end = late.findLast(({ commands }) => commands.includes('adopt'))
  return end === undefined ? '' : escapeLine(`attempt ${end.attempt} ended late: ${end.status}, may be adopted`)
}

/** How many tasks of a run have completed, and how many there are; the manager does not count. */
export function progressOf(view: RunView): { readonly done: number; readonly total: number } {
  const rows = rowsOf(view)
  return { done: rows.filter(({ state }) => state === 'completed').length, total: rows.length }
}

/** The address has a column of its own; a reason that says nothing else is none. */
function withoutPlace(why: string, { url, state }: TaskView): string {
  if (url === undefined || !why.endsWith(url)) return why
  return state === 'running' || state === 'running.deciding' ? '' : why.slice(0, -url.length).replace(/ at $/, '')
}
