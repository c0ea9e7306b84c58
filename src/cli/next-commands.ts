import { MANAGER, portableTaskId } from '../domain/ids.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { agentsOf } from './task-rows.ts'

const MAX_TASKS = 5
const DEFAULT_FOLDER = '.troupe'

/** What a person may want to type next about a run: a line each, ready to be copied. */
export function nextCommands(view: RunView, dataDir: string): readonly string[] {
  const folder = dataDir === DEFAULT_FOLDER ? '' : ` --data-dir ${shellQuote(dataDir)}`
  const line = (words: string) => `troupe ${words}${folder}`
  const agents = agentsOf(view)
  const done = agents.findLast(({ task, state }) => state === 'completed' && task !== MANAGER)
  const begun = agents.find(({ state, attempt }) => attempt > 0 && state !== 'completed') ?? done
  const lines = [line(`show ${view.run}`)]
  if (done) lines.push(line(`result ${view.run} ${portableTaskId(done.task)}`))
  if (begun) lines.push(line(`logs ${view.run} ${portableTaskId(begun.task)}`))
  if (isFinalState(view.status)) return lines
  for (const task of agents.filter(({ commands }) => commands.length > 0).slice(0, MAX_TASKS)) {
    lines.push(line(taskCommandHint(view.run, task)))
  }
  if (view.commands.includes('continue')) lines.push(line(`continue ${view.run}`))
  lines.push(line(`resume ${view.run}`))
  return lines
}

/** `task RUN TASK retry|skip|fail`: what a task takes now. */
export function taskCommandHint(run: string, task: TaskView): string {
  return `task ${run} ${portableTaskId(task.task)} ${task.commands.join('|')}`
}

function shellQuote(text: string): string {
  return /^[\w./@%+:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
