import type { TaskCommand } from '../domain/command.ts'
import { CommandRefusedError } from '../domain/errors.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { escapeLine } from './terminal-text.ts'

/** Asks one line of the person at the terminal; undefined when they leave. */
export type Question = (prompt: string) => Promise<string | undefined>

const TASK_WORDS: Readonly<Record<string, string>> = {
  retry: 'a new attempt by a new agent',
  complete: 'take a result that you give',
  skip: 'leave it out, with what depends on it',
  fail: 'let it fail',
  wait: 'wait longer',
  adopt: 'look again, or take it when it is done',
}
const RUN_WORDS: Readonly<Record<string, string>> = { continue: 'go on', cancel: 'cancel the run' }

/**
 * Puts what waits for a person before the one at the terminal, task by task. True when something was answered, so that the run may go
 * on; false when they left it as it is.
 */
export async function askPerson(orchestrator: Orchestrator, run: string, question: Question): Promise<boolean> {
  const view = orchestrator.view(run)
  let answered = false
  if (view.status === 'paused') answered = await askAboutRun(orchestrator, view, question)
  for (const task of view.tasks) {
    if (!task.state.startsWith('escalated') && task.state !== 'running.needsInput') continue
    if (!(await askAboutTask(orchestrator, view, task, question))) return answered
    answered = true
  }
  return answered
}

async function askAboutRun(orchestrator: Orchestrator, view: RunView, question: Question): Promise<boolean> {
  const type = await choose(
    `${view.run} is paused: ${view.reason ?? 'a person paused it'}`,
    view.commands,
    RUN_WORDS,
    question,
  )
  if (type === undefined) return false
  if (type === 'cancel') {
    await orchestrator.command(view.run, { type })
    return true
  }
  const raise = await raiseOf(view, question)
  if (raise === undefined) return false
  await orchestrator.command(view.run, { type: 'continue', ...raise })
  return true
}

/** A used-up budget goes on only when it is raised; undefined when it is not. */
async function raiseOf(view: RunView, question: Question): Promise<{ budget?: Record<string, number> } | undefined> {
  if (view.reason?.startsWith('The budget of ') !== true) return {}
  const duration = view.reason.includes('minutes')
  const more = Number(await question(duration ? 'How many more minutes? ' : 'How many more agent runs? '))
  if (!(more > 0)) return undefined
  return { budget: duration ? { duration: Math.ceil(more * 60_000) } : { agentRuns: Math.ceil(more) } }
}

async function askAboutTask(
  orchestrator: Orchestrator,
  view: RunView,
  task: TaskView,
  question: Question,
): Promise<boolean> {
  const type = await choose(`${task.task} is ${task.state}: ${task.why ?? ''}`, task.commands, TASK_WORDS, question)
  if (type === undefined) return false
  const result = type === 'complete' ? await question('Its result: ') : undefined
  if (type === 'complete' && result === undefined) return false
  const command = { type, ...(result === undefined ? {} : { result }) } as TaskCommand
  try {
    await orchestrator.commandTask(view.run, task.task, command)
  } catch (error) {
    // Somebody else decided meanwhile.
    if (!(error instanceof CommandRefusedError)) throw error
  }
  return true
}

async function choose(
  what: string,
  commands: readonly string[],
  words: Readonly<Record<string, string>>,
  question: Question,
): Promise<string | undefined> {
  const offered = commands.filter((command) => words[command] !== undefined)
  const menu = [
    ...offered.map((command) => `  ${command.padEnd(9)} ${words[command]}`),
    `  ${'leave'.padEnd(9)} end this command; nothing is lost`,
  ]
  for (let text = `\n${escapeLine(what)}\n${menu.join('\n')}\n> `; ; text = '> ') {
    const answer = (await question(text))?.trim().toLowerCase()
    if (answer === undefined || answer === 'leave' || answer === 'l') return undefined
    const matches = offered.filter((command) => answer !== '' && command.startsWith(answer))
    if (matches.length === 1) return matches[0]
  }
}
