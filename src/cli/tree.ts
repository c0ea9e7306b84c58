import { MANAGER } from '../domain/ids.ts'
import type { RunView, TaskView } from '../domain/views.ts'
import { isFinalState, mainState } from '../machines/public-state.ts'
import type { Paint, Style } from './colours.ts'
import { glyphOf, styleOf } from './state-style.ts'
import { elapsedOf, lateOf, parentOf, progressOf, reasonOf, rowsOf } from './task-rows.ts'
import { cutToWidth, displayWidth, escapeLine, formatElapsed, padToWidth } from './terminal-text.ts'

/** The room a tree has, and the time it shows. */
export interface TreeFrame {
  /** Columns; no line is longer. */
  readonly width: number
  /** Lines; there are never more. */
  readonly height: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly paint: Paint
}

type Piece = readonly [text: string, style: Style]

const BAR = 10
const MAX_ID = 28

/** What is where in these runs, as lines that fit the frame: a header a run, its manager, and a row for each agent. */
export function renderTree(views: readonly RunView[], frame: TreeFrame): readonly string[] {
  const lines: string[] = []
  views.forEach((view, index) => {
    const height = Math.floor((frame.height - lines.length) / (views.length - index))
    lines.push(...renderRun(view, { ...frame, height }))
  })
  return lines.slice(0, Math.max(0, frame.height))
}

function renderRun(view: RunView, frame: TreeFrame): readonly string[] {
  if (frame.height <= 0) return []
  const tasks = rowsOf(view)
  const manager = view.manager && { ...view.manager, task: MANAGER }
  const columns = columnsOf(manager ? [manager, ...tasks] : tasks)
  const lines = [headerOf(view, frame)]
  if (manager) lines.push(rowOf(manager, columns, frame))
  const { shown, folded } = choose(tasks, frame.height - lines.length)
  for (const task of shown) lines.push(rowOf(task, columns, frame))
  if (folded.length > 0) lines.push(squeeze([[`  … ${countStates(folded)}`, 'dim']], frame))
  return lines.slice(0, frame.height)
}

function headerOf(view: RunView, frame: TreeFrame): string {
  const { done, total } = progressOf(view)
  const ended = view.endedAt === undefined ? frame.now : Date.parse(view.endedAt)
  const reason = view.reason === undefined ? '' : `  ${escapeLine(view.reason)}`
  return squeeze(
    [
      [`${glyphOf(view.status)} `, styleOf(view.status)],
      [view.run, 'bold'],
      [`  ${escapeLine(view.name)}  `, 'plain'],
      [view.status, styleOf(view.status)],
      [`  ${done}/${total}  ${formatElapsed(ended - Date.parse(view.startedAt))}`, 'plain'],
      [view.standIn ? '  stand-in' : '', 'dim'],
      [reason, 'yellow'],
    ],
    frame,
  )
}

interface Columns {
  readonly id: number
  readonly role: number
  readonly state: number
}

function columnsOf(tasks: readonly TaskView[]): Columns {
  const widest = (texts: readonly string[]) => texts.reduce((width, text) => Math.max(width, displayWidth(text)), 0)
  return {
    id: Math.min(MAX_ID, widest(tasks.map(({ task }) => indentOf(task) + task))),
    role: Math.min(MAX_ID, widest(tasks.map(({ role }) => escapeLine(role ?? '')))),
    state: widest(tasks.map(({ state }) => state)),
  }
}

function rowOf(task: TaskView, columns: Columns, frame: TreeFrame): string {
  const elapsed = elapsedOf(task, frame.now)
  const attempt = task.attempt > 1 ? `#${task.attempt}` : ''
  const reason = isFinalState(task.state) && task.state !== 'failed' ? '' : reasonOf(task, frame.now)
  const late = lateOf(task)
  const column = (text: string, width: number) => padToWidth(cutToWidth(text, width), width)
  return squeeze(
    [
      [`  ${glyphOf(task.state)} `, styleOf(task.state)],
      [column(indentOf(task.task) + task.task, columns.id), 'plain'],
      [columns.role > 0 ? ` ${column(escapeLine(task.role ?? ''), columns.role)}` : '', 'dim'],
      [` ${column(task.state, columns.state)}`, styleOf(task.state)],
      [` ${attempt.padEnd(3)}`, 'yellow'],
      [(elapsed === undefined ? '' : formatElapsed(elapsed)).padStart(6), 'plain'],
      [progressText(task), 'cyan'],
      [reason === '' ? '' : `  ${reason}`, task.state === 'failed' ? 'red' : 'yellow'],
      [late === '' ? '' : `  ${late}`, 'yellow'],
      [task.url === undefined ? '' : `  ${escapeLine(task.url)}`, 'dim'],
    ],
    frame,
  )
}

function indentOf(task: string): string {
  return parentOf(task) === undefined ? '' : '  '
}

function progressText({ progress, state }: TaskView): string {
  if (progress === undefined || isFinalState(state)) return ''
  if (typeof progress === 'string') return `  ${escapeLine(progress)}`
  const share = Math.min(1, Math.max(0, progress))
  const full = Math.round(share * BAR)
  return `  ${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.round(share * 100)}%`
}

/** The rows there is room for: what works or needs somebody first, then what waits, then the latest that ended. */
function choose(tasks: readonly TaskView[], room: number): { shown: readonly TaskView[]; folded: readonly TaskView[] } {
  if (tasks.length <= room) return { shown: tasks, folded: [] }
  const ranked = tasks
    .map((task, index) => ({ index, rank: rankOf(task), order: isFinalState(task.state) ? -index : index }))
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
  const kept = new Set(ranked.slice(0, Math.max(0, room - 1)).map(({ index }) => index))
  return { shown: tasks.filter((_, index) => kept.has(index)), folded: tasks.filter((_, index) => !kept.has(index)) }
}

function rankOf({ state }: TaskView): number {
  if (state === 'completed' || state === 'skipped' || state === 'cancelled') return 2
  return state === 'waiting' || state === 'pending' ? 1 : 0
}

function countStates(tasks: readonly TaskView[]): string {
  const counts = new Map<string, number>()
  for (const { state } of tasks) counts.set(mainState(state), (counts.get(mainState(state)) ?? 0) + 1)
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ')
}

/** The pieces side by side in at most the frame's width. */
function squeeze(pieces: readonly Piece[], { width, paint }: TreeFrame): string {
  let left = width
  let line = ''
  for (const [text, style] of pieces) {
    const cut = cutToWidth(text, left)
    left -= displayWidth(cut)
    line += paint(cut, style)
    if (cut !== text) break
  }
  return line
}
