import type { RunOutcome } from '../domain/orchestration.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { budgetLines, reportedLines } from './budget-text.ts'
import type { Paint } from './colours.ts'
import { nextCommands, troupeLine } from './next-commands.ts'
import { glyphOf, styleOf } from './state-style.ts'
import { renderTable } from './table.ts'
import { agentsOf, elapsedOf, progressOf, reasonOf } from './task-rows.ts'
import { cutToWidth, escapeLine, formatElapsed } from './terminal-text.ts'

/** What a summary is drawn with. */
export interface SummaryFrame {
  readonly width: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly paint: Paint
  /** Undefined where the run is elsewhere: then nothing is said of what to type next. */
  readonly dataDir: string | undefined
}

const MAX_REASON = 80

/** How a run ended or stands, for a person: each agent, the totals, and what to type next. */
export function renderSummary(
  view: RunView,
  outcome: Pick<RunOutcome, 'status' | 'reason'>,
  frame: SummaryFrame,
): readonly string[] {
  const { done, total } = progressOf(view)
  const ended = view.endedAt === undefined ? frame.now : Date.parse(view.endedAt)
  const attempts = agentsOf(view).reduce((sum, { attempt }) => sum + attempt, 0)
  const reason = outcome.reason ?? view.reason
  return [
    '',
    ...renderTable(
      ['task', 'state', 'attempts', 'took', 'why', 'work', 'pull requests', 'agent run'],
      agentsOf(view).map((task) => rowOf(task, frame)),
      frame,
    ),
    '',
    [
      frame.paint(`${glyphOf(outcome.status)} ${view.run} ${outcome.status}`, styleOf(outcome.status)),
      `${done} of ${total} completed, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}, ${formatElapsed(ended - Date.parse(view.startedAt))}`,
      ...(view.standIn ? ['by the stand-in, not by real agents'] : []),
    ].join(', '),
    ...budgetLines(view.budget, frame.now),
    ...reportedLines(view.reported),
    ...(reason === undefined ? [] : [frame.paint(escapeLine(reason), 'yellow')]),
    ...nextLines(view, frame.dataDir),
  ]
}

function nextLines(view: RunView, dataDir: string | undefined): readonly string[] {
  if (dataDir === undefined) return []
  const commands = [troupeLine(`show ${view.run}`, dataDir), ...nextCommands(view, dataDir)]
  return ['', 'Next:', ...commands.map((command) => `  ${command}`)]
}

function rowOf(task: TaskView, { now }: SummaryFrame) {
  const elapsed = elapsedOf(task, now)
  const why = task.state === 'completed' ? '' : reasonOf(task, now)
  return [
    task.task,
    [`${glyphOf(task.state)} ${task.state}`, styleOf(task.state)] as const,
    String(task.attempt),
    elapsed === undefined ? '' : formatElapsed(elapsed),
    cutToWidth(why, MAX_REASON),
    workOf(task),
    task.pullRequests.map(({ url, title, branch }) => escapeLine(url ?? title ?? branch ?? '')).join(' '),
    task.url === undefined ? '' : escapeLine(task.url),
  ]
}

/** What git knows of its work, in a few words. */
function workOf({ collected }: TaskView): string {
  if (collected === undefined) return ''
  const { base, commit, commits, fileCount, added, removed } = collected
  if (commit === base) return 'no change'
  const files = `${fileCount} ${fileCount === 1 ? 'file' : 'files'}`
  return `${commit.slice(0, 10)} (${commits} ${commits === 1 ? 'commit' : 'commits'}, ${files}, +${added} -${removed})`
}
