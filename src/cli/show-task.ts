import type { CheckView, LateView, RunView, TaskView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { useText } from './budget-text.ts'
import { continueWords, troupeLine } from './next-commands.ts'
import { glyphOf, styleOf } from './state-style.ts'
import type { SummaryFrame } from './summary.ts'
import { actionsOf, needsPerson, type TaskAction, taskWords } from './task-actions.ts'
import { parentOf } from './task-rows.ts'
import { escapeLine, formatElapsed } from './terminal-text.ts'
import { workLines } from './work-text.ts'

/** States that end by themselves, as long as a process carries the run. */
const AT_WORK = /^(creating|running|reporting|recovering|cancelling)/
/** How many of the tasks that one waits for are named. */
const NAMED = 20

/** One task for a person: of an unfinished one why it waits, since when, until when, and what one can do. */
export function taskLines(view: RunView, task: TaskView, frame: SummaryFrame): readonly string[] {
  const { paint } = frame
  const role = task.role === undefined ? '' : ` ${paint(escapeLine(task.role), 'dim')}`
  const attempt = task.attempt > 1 ? `, attempt ${task.attempt}` : ''
  return [
    `${paint(glyphOf(task.state), styleOf(task.state))} ${task.task}${role} ${task.state}${attempt}`,
    ...labelled('why', whyIn(view, task)),
    ...(isOpen(view, task) ? openLines(view, task, frame) : []),
    ...labelled('agent', task.agent),
    ...labelled('used', useText(task, frame.now)),
    ...labelled('asks', task.asks),
    ...(task.steers ?? []).flatMap(({ text, state }) => labelled('said', `${text} (${STEER_WORDS[state] ?? state})`)),
    ...labelled('failed', failureOf(task)),
    ...(task.late ?? []).flatMap((late) => labelled('late', lateText(view, task, late, frame))),
    ...(task.checks ?? []).flatMap((check) => labelled('check', checkText(check))),
    ...(task.collected === undefined ? [] : workLines(task.collected, paint)),
    ...labelled('at', task.url).map((line) => paint(line, 'dim')),
    ...task.pullRequests.flatMap(({ url, title, branch }) => labelled('opened', url ?? title ?? branch)),
    ...(isOpen(view, task) || actionsOf(task).length > 0 ? canLines(view, task, frame) : []),
  ]
}

/** How far what a person said got. */
const STEER_WORDS: Readonly<Record<string, string>> = {
  queued: 'not sent yet',
  sent: 'on its way',
  delivered: 'its agent was told',
  maybe: 'may have been delivered',
  refused: 'could not be sent',
}

/** A check that troupe ran, and how it ended. */
function checkText({ round, of, command, passed, exitCode, trouble, ms }: CheckView): string {
  const why = trouble ?? (exitCode === undefined ? 'stopped by a signal' : `exit code ${exitCode}`)
  const end = passed ? 'passed' : `failed (${why})`
  return `${round} of at most ${of}: ${command} ${end} in ${formatElapsed(ms)}`
}

function isOpen(view: RunView, task: TaskView): boolean {
  return !isFinalState(task.state) && !isFinalState(view.status)
}

function labelled(label: string, text: string | undefined): readonly string[] {
  const line = text === undefined ? '' : escapeLine(text)
  return line === '' ? [] : [`    ${label.padEnd(6)} ${line}`]
}

/** A completed task has nothing to explain, unless a person adopted a late result. */
function whyOf({ state, why, adopted, url }: TaskView): string | undefined {
  if (state === 'completed' && adopted === undefined) return undefined
  // Its address has a line of its own.
  return url === undefined || why?.endsWith(` at ${url}`) !== true ? why : why.slice(0, -` at ${url}`.length)
}

/** Where no process carries the run an agent that was at work is not, or nobody watches it. */
function whyIn(view: RunView, task: TaskView): string | undefined {
  const why = whyOf(task)
  const goesOn = view.carried !== false || !isOpen(view, task) || !AT_WORK.test(task.state)
  return goesOn || why === undefined ? why : `no process carries it now; before that: ${why}`
}

function openLines(view: RunView, task: TaskView, { now }: SummaryFrame): readonly string[] {
  return [
    ...labelled('since', task.since && instant(task.since, now)),
    ...labelled('until', untilText(view, task, now)),
    ...labelled('seen', task.lastSign && `its agent got on at ${instant(task.lastSign, now)}`),
  ]
}

/** An instant, and how far away it is. */
function instant(at: string, now: number): string {
  const ms = Date.parse(at) - now
  return `${at} (${ms > 0 ? `in ${formatElapsed(ms)}` : `${formatElapsed(-ms)} ago`})`
}

/** What ends its state, and when at the latest. */
function untilText(view: RunView, task: TaskView, now: number): string {
  const { until, awaits, nextAttempt } = task
  const at = until === undefined ? undefined : instant(until, now)
  const latest = at === undefined ? '' : `, at the latest its deadline ${at}`
  if (nextAttempt !== undefined) return `${at ?? 'its delay is over'}, then attempt ${nextAttempt} begins`
  switch (awaits) {
    case 'needs':
      return needsText(view, task)
    case 'slot':
      return at ?? 'there is room'
    case 'agent':
      return `its agent ends${latest}`
    case 'news':
      return 'there is something to tell it'
    case 'person':
      return `${personText(task)}${latest}`
    default:
      return at ?? 'the backend has answered'
  }
}

function personText({ state, url, waitingFor }: TaskView): string {
  if (state === 'pending') return waitingFor === undefined ? 'a person decides' : 'a person lets the run continue'
  if (state === 'pending.approval') return 'a person approves or rejects it'
  if (state === 'pending.paused') return 'a person lets it continue'
  if (state === 'running.needsInput') return `a person answers it${url === undefined ? '' : ` at ${url}`}`
  if (state === 'running.asking') return 'a person answers it'
  return state === 'escalated.overdue' ? 'a person decides, or its agent ends' : 'a person decides'
}

/** Which tasks have to settle, and how far each of them is. */
function needsText(view: RunView, { needs = [] }: TaskView): string {
  if (needs.length === 0) return 'it starts at once'
  const named = needs.slice(0, NAMED).map((need) => `${need} settles (${progressOf(view, need)})`)
  const rest = needs.length - named.length
  return `${named.join(', ')}${rest > 0 ? ` and ${rest} more settle` : ''}`
}

function progressOf(view: RunView, need: string): string {
  const own = view.tasks.find(({ task }) => task === need)
  if (own !== undefined) return own.awaits === 'person' ? `${own.state}, a person must act` : own.state
  const items = view.tasks.filter(({ task }) => parentOf(task) === need)
  const settled = items.filter(({ state }) => isFinalState(state)).length
  const waiting = items.filter(({ awaits }) => awaits === 'person').length
  return `${settled} of ${items.length}${waiting > 0 ? `, for ${waiting} a person must act` : ''}`
}

/** The last failure, unless the reason says the same. */
function failureOf({ failure, why = '' }: TaskView): string | undefined {
  if (failure === undefined) return undefined
  const parts = [failure.message, failure.why].filter((part) => part !== undefined && !why.includes(part))
  return parts.length === 0 ? undefined : parts.map((part) => `${part}`.replace(/([^.!?…])$/, '$1.')).join(' ')
}

function lateText(view: RunView, task: TaskView, late: LateView, { dataDir }: SummaryFrame): string {
  const { attempt, status, url, usable, reason } = late
  const ended = `attempt ${attempt} ended after it was given up: ${status}${url === undefined ? '' : ` at ${url}`}`
  if (!usable) return `${ended}; ${reason ?? 'it is of no use'}`
  if (!late.commands.includes('adopt')) return ended
  const words = `${taskWords(view.run, task.task)}adopt --attempt ${attempt}`
  return `${ended}; use it with: ${dataDir === undefined ? `adopt, attempt ${attempt}` : troupeLine(words, dataDir)}`
}

/** Where a person must act, a line for each thing they can do; else all of them on one. */
function canLines(view: RunView, task: TaskView, frame: SummaryFrame): readonly string[] {
  const { dataDir, paint } = frame
  const actions = actionsOf(task)
  const lines = isHeldByRun(task) ? continueLines(view, dataDir) : []
  if (actions.length > 0) {
    const act = needsPerson(task)
    lines.push(...(act ? eachOf(view, task, actions, dataDir) : [allOf(view, task, actions, dataDir)]))
  }
  if (lines.length === 0) lines.push(nothingText(view, task))
  return lines.map((line, index) => paint(`    ${(index === 0 ? 'can' : '').padEnd(6)} ${line}`, 'dim'))
}

function isHeldByRun({ state, awaits, waitingFor }: TaskView): boolean {
  return state === 'pending' && awaits === 'person' && waitingFor !== undefined
}

function continueLines(view: RunView, dataDir: string | undefined): string[] {
  if (!view.commands.includes('continue')) return []
  return [dataDir === undefined ? 'let the run continue' : troupeLine(continueWords(view), dataDir)]
}

function eachOf(view: RunView, task: TaskView, actions: readonly TaskAction[], dataDir: string | undefined) {
  const typed = actions.map(({ syntax }) => lineOf(view, task, syntax, dataDir))
  const width = Math.max(...typed.map((line) => line.length))
  return actions.map(({ words }, index) => `${(typed[index] ?? '').padEnd(width)}  ${words ?? ''}`.trimEnd())
}

function allOf(view: RunView, task: TaskView, actions: readonly TaskAction[], dataDir: string | undefined): string {
  return lineOf(view, task, actions.map(({ syntax }) => syntax).join(' | '), dataDir)
}

/** Where the run is elsewhere there is no line to type. */
function lineOf(view: RunView, task: TaskView, syntax: string, dataDir: string | undefined): string {
  return dataDir === undefined ? syntax : troupeLine(`${taskWords(view.run, task.task)}${syntax}`, dataDir)
}

function nothingText({ plans }: RunView, { task, state, needs }: TaskView): string {
  if (task === 'manager' && !plans) return 'nothing: the tasks do not wait for it'
  return state === 'waiting' && needs !== undefined && needs.length > 0
    ? 'nothing here: see what it waits for'
    : 'nothing: it goes on by itself'
}
