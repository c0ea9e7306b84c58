import type { RunView, TaskView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { nextCommands, taskCommandHint } from './next-commands.ts'
import { glyphOf, styleOf } from './state-style.ts'
import type { SummaryFrame } from './summary.ts'
import { agentsOf, progressOf, reasonOf, rowsOf } from './task-rows.ts'
import { escapeLine, formatElapsed } from './terminal-text.ts'

const MAX_ALERTS = 10

/** How a run stands, for a person: each task, why it waits since when and until when, and what one can do. */
export function renderShow(view: RunView, frame: SummaryFrame): readonly string[] {
  const { done, total } = progressOf(view)
  const ended = view.endedAt === undefined ? frame.now : Date.parse(view.endedAt)
  const manager = agentsOf(view).filter(({ task }) => task === 'manager')
  return [
    `${frame.paint(view.run, 'bold')} ${escapeLine(view.name)}${view.standIn ? ' (stand-in)' : ''}`,
    [
      frame.paint(`${glyphOf(view.status)} ${view.status}`, styleOf(view.status)),
      `${done} of ${total} completed, ${formatElapsed(ended - Date.parse(view.startedAt))} since ${view.startedAt}`,
    ].join(', '),
    ...(view.reason === undefined ? [] : [frame.paint(escapeLine(view.reason), 'yellow')]),
    '',
    ...[...manager, ...rowsOf(view)].flatMap((task) => taskLines(view, task, frame)),
    ...alertLines(view, frame),
    ...nextLines(view, frame),
  ]
}

function taskLines(view: RunView, task: TaskView, { now, paint, dataDir }: SummaryFrame): readonly string[] {
  const since = task.since === undefined ? '' : ` for ${formatElapsed(now - Date.parse(task.since))}`
  const attempt = task.attempt > 1 ? `, attempt ${task.attempt}` : ''
  const ended = isFinalState(task.state)
  const lines = [
    `${paint(glyphOf(task.state), styleOf(task.state))} ${task.task}${task.role === undefined ? '' : ` ${paint(escapeLine(task.role), 'dim')}`} ${task.state}${ended ? '' : since}${attempt}`,
  ]
  const reason = task.state === 'completed' ? '' : reasonOf(task, now)
  if (reason !== '') lines.push(`    ${reason}`)
  if (!ended && task.waitingFor) lines.push(`    ${waitingLine(task.waitingFor, now)}`)
  if (task.failure && !reason.includes(escapeLine(task.failure.message))) {
    lines.push(`    last failure: ${escapeLine(task.failure.message)}`)
  }
  if (task.url !== undefined) lines.push(`    ${paint(escapeLine(task.url), 'dim')}`)
  for (const { url, title } of task.pullRequests) lines.push(`    pull request ${escapeLine(url ?? title ?? '')}`)
  if (task.commands.length > 0) {
    const can = dataDir === undefined ? task.commands.join('|') : `troupe ${taskCommandHint(view.run, task)}`
    lines.push(paint(`    can: ${can}`, 'dim'))
  }
  return lines
}

function waitingLine(waiting: NonNullable<TaskView['waitingFor']>, now: number): string {
  const until = waiting.until === undefined ? '' : `, until ${new Date(waiting.until).toISOString()}`
  return `since ${new Date(waiting.since).toISOString()} (${formatElapsed(now - waiting.since)})${until}`
}

function nextLines(view: RunView, { dataDir }: SummaryFrame): readonly string[] {
  const commands = dataDir === undefined ? [] : nextCommands(view, dataDir)
  return commands.length === 0 ? [] : ['', 'Next:', ...commands.map((command) => `  ${command}`)]
}

function alertLines(view: RunView, { paint }: SummaryFrame): readonly string[] {
  if (view.alerts.length === 0) return []
  const alerts = view.alerts.slice(-MAX_ALERTS)
  const left = view.alerts.length - alerts.length
  return [
    '',
    `Alerts${left > 0 ? ` (the last ${alerts.length} of ${view.alerts.length})` : ''}:`,
    ...alerts.map(({ at, task, message }) =>
      paint(`  ${at} ${task === undefined ? '' : `${task}: `}${escapeLine(message)}`, 'yellow'),
    ),
  ]
}
