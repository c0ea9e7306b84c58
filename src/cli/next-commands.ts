import { raiseExample, usedUpKey } from '../domain/budget.ts'
import { MANAGER, portableTaskId } from '../domain/ids.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { actionsOf, needsPerson, taskWords } from './task-actions.ts'
import { agentsOf } from './task-rows.ts'

const MAX_TASKS = 5
const DEFAULT_FOLDER = '.troupe'

/** What a person who has seen how a run stands may want to type next: a line each, ready to be copied. */
export function nextCommands(view: RunView, dataDir: string): readonly string[] {
  const line = (words: string) => troupeLine(words, dataDir)
  const agents = agentsOf(view)
  const done = agents.findLast(({ task, state }) => state === 'completed' && task !== MANAGER)
  const begun = agents.find(({ state, attempt }) => attempt > 0 && state !== 'completed') ?? done
  const lines: string[] = []
  if (done) lines.push(line(`result ${view.run} ${portableTaskId(done.task)}`))
  if (begun) lines.push(line(`logs ${view.run} ${portableTaskId(begun.task)}`))
  if (agents.some(({ collected }) => collected !== undefined)) lines.push(line(`work ${view.run}`))
  if (isFinalState(view.status)) return lines
  for (const task of agents.filter(needsPerson).slice(0, MAX_TASKS)) {
    lines.push(line(taskCommandHint(view.run, task)))
  }
  if (view.commands.includes('continue')) lines.push(line(continueWords(view)))
  lines.push(line(`resume ${view.run}`))
  return lines
}

/** A command line of troupe for a data folder, ready to be copied. */
export function troupeLine(words: string, dataDir: string): string {
  return `troupe ${words}${dataDir === DEFAULT_FOLDER ? '' : ` --data-dir ${shellQuote(dataDir)}`}`
}

/** `task RUN TASK retry|skip|fail`: what a task takes now. */
function taskCommandHint(run: string, task: TaskView): string {
  const actions = actionsOf(task).map(({ name, syntax, attempt }) => (attempt === undefined ? name : syntax))
  return `${taskWords(run, task.task)}${actions.join('|')}`
}

/** `continue RUN`, with more of the budget that is used up. */
export function continueWords({ run, reason }: RunView): string {
  return `continue ${run}${raiseFor(reason)}`
}

function shellQuote(text: string): string {
  return /^[\w./@%+:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** What a used-up budget needs to go on. */
function raiseFor(reason: string | undefined): string {
  const key = usedUpKey(reason)
  return key === undefined ? '' : ` --budget ${raiseExample(key)}`
}
