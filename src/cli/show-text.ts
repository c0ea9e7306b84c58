import type { RunView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { budgetLines, reportedLines } from './budget-text.ts'
import { continueWords, nextCommands, troupeLine } from './next-commands.ts'
import { decisionLines } from './show-decisions.ts'
import { taskLines } from './show-task.ts'
import { glyphOf, styleOf } from './state-style.ts'
import type { SummaryFrame } from './summary.ts'
import { agentsOf, progressOf, rowsOf } from './task-rows.ts'
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
    ...budgetLines(view.budget, frame.now),
    ...reportedLines(view.reported),
    ...(view.reason === undefined ? [] : [frame.paint(escapeLine(view.reason), 'yellow')]),
    ...waitLines(view, frame),
    '',
    ...[...manager, ...rowsOf(view)].flatMap((task) => taskLines(view, task, frame)),
    ...decisionLines(view, frame),
    ...alertLines(view, frame),
    ...nextLines(view, frame),
  ]
}

/** Why nothing of the run may go on, and what lets it. */
function waitLines(view: RunView, { now, paint, dataDir }: SummaryFrame): readonly string[] {
  const type = (words: string) => (dataDir === undefined ? '' : `: ${troupeLine(words, dataDir)}`)
  const lines: string[] = []
  if (view.commands.includes('continue')) {
    const since =
      view.since === undefined ? '' : `since ${view.since} (${formatElapsed(now - Date.parse(view.since))}), `
    lines.push(`Paused ${since}until a person lets it continue${type(continueWords(view))}`)
  }
  if (view.carried === false && !isFinalState(view.status)) {
    lines.push(`No process carries it, so nothing of it goes on until one does${type(`resume ${view.run}`)}`)
  }
  return lines.map((line) => paint(line, 'yellow'))
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
    ...alerts.map(({ at, task, message }) => {
      // Many begin with the task's name themselves.
      const who = task === undefined || message.startsWith(task) ? '' : `${task}: `
      return paint(`  ${at} ${who}${escapeLine(message)}`, 'yellow')
    }),
  ]
}
