import { BUDGET_WORDS, type BudgetRaise, usedUpKey } from '../domain/budget.ts'
import type { TaskCommand } from '../domain/command.ts'
import { CommandRefusedError } from '../domain/errors.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { actionsOf, needsPerson } from './task-actions.ts'
import { escapeLine } from './terminal-text.ts'

/** Asks one line of the person at the terminal; undefined when they leave. */
export type Question = (prompt: string) => Promise<string | undefined>

const RUN_WORDS: Readonly<Record<string, string>> = { continue: 'go on', cancel: 'cancel the run' }

/**
 * Puts what waits for a person before the one at the terminal, task by task. True when something was answered, so that the run may go
 * on; false when they left it as it is.
 */
export async function askPerson(orchestrator: Orchestrator, run: string, question: Question): Promise<boolean> {
  const view = orchestrator.view(run)
  let answered = false
  if (view.status === 'paused') answered = await askAboutRun(orchestrator, view, question)
  for (const task of [...view.tasks, ...(view.manager === undefined ? [] : [view.manager])]) {
    if (!needsPerson(task)) continue
    if (!(await askAboutTask(orchestrator, view, task, question))) return answered
    answered = true
  }
  return answered
}

async function askAboutRun(orchestrator: Orchestrator, view: RunView, question: Question): Promise<boolean> {
  const offers = view.commands.flatMap((name) => offer(name, RUN_WORDS[name]))
  const type = await choose(`${view.run} is paused: ${view.reason ?? 'a person paused it'}`, offers, question)
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
async function raiseOf(view: RunView, question: Question): Promise<{ budget?: BudgetRaise } | undefined> {
  const key = usedUpKey(view.reason)
  if (key === undefined) return {}
  const more = Number(await question(`How many more ${BUDGET_WORDS[key]}? `))
  if (!(more > 0) || !Number.isFinite(more)) return undefined
  return { budget: { [key]: key === 'cost' ? more : Math.ceil(key === 'duration' ? more * 60_000 : more) } }
}

async function askAboutTask(
  orchestrator: Orchestrator,
  view: RunView,
  task: TaskView,
  question: Question,
): Promise<boolean> {
  const actions = actionsOf(task)
  const offers = actions.flatMap(({ name, words }) => offer(name, words))
  const asks = task.asks === undefined ? '' : `. It asks: ${task.asks}`
  const name = await choose(`${task.task} is ${task.state}: ${task.why ?? ''}${asks}`, offers, question)
  if (name === undefined) return false
  const { attempt, resolve } = actions.find((action) => action.name === name) ?? {}
  const type = resolve === true ? 'retry' : attempt === undefined ? name : 'adopt'
  const details = await detailsOf(type, question)
  if (details === undefined) return false
  const more = { ...(attempt === undefined ? {} : { attempt }), ...(resolve === undefined ? {} : { resolve }) }
  const command = { type, ...details, ...more } as TaskCommand
  try {
    await orchestrator.commandTask(view.run, task.task, command)
  } catch (error) {
    // Somebody else decided meanwhile.
    if (!(error instanceof CommandRefusedError)) throw error
  }
  return true
}

/** What a command needs beside its name; undefined when the person leaves. */
async function detailsOf(type: string, question: Question): Promise<object | undefined> {
  if (type === 'complete') return whole('result', await question('Its result: '))
  if (type === 'answer') return whole('text', await question('Your answer: '))
  if (type === 'steer') return whole('text', await question('What its agent is told: '))
  if (type !== 'reject') return {}
  const reason = await question('Why (may be empty): ')
  return reason === undefined ? undefined : reason.trim() === '' ? {} : { reason }
}

const whole = (name: string, text: string | undefined): object | undefined =>
  text === undefined || (name === 'text' && text.trim() === '') ? undefined : { [name]: text }

/** What a person may say, and what that does. */
type Offer = readonly [name: string, words: string]

/** Nothing where it is not known what it does. */
const offer = (name: string, words: string | undefined): readonly Offer[] =>
  words === undefined ? [] : [[name, words]]

async function choose(what: string, offers: readonly Offer[], question: Question): Promise<string | undefined> {
  const menu = [
    ...offers.map(([name, words]) => `  ${name.padEnd(9)} ${words}`),
    `  ${'leave'.padEnd(9)} end this command; nothing is lost`,
  ]
  for (let text = `\n${escapeLine(what)}\n${menu.join('\n')}\n> `; ; text = '> ') {
    const answer = (await question(text))?.trim().toLowerCase()
    if (answer === undefined || answer === 'leave' || answer === 'l') return undefined
    const names = offers.map(([name]) => name)
    if (names.includes(answer)) return answer
    const matches = names.filter((name) => answer !== '' && name.startsWith(answer))
    if (matches.length === 1) return matches[0]
  }
}
