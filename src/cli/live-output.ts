import type { RunView } from '../domain/views.ts'
import { paintFor } from './colours.ts'
import type { CliContext, Screen } from './context.ts'
import { type RunOutput, standInNote } from './run-output.ts'
import { renderSummary } from './summary.ts'
import { escapeLine, escapeText } from './terminal-text.ts'
import { renderTree } from './tree.ts'

const REDRAW_MS = 100

/** A tree that is drawn over again; what stays is written above it. */
export function createLiveOutput(context: CliContext, screen: Screen, dataDir: string | undefined): RunOutput {
  const { stdout, env } = context
  const paint = paintFor(true, env)
  const finished = new Set<string>()
  let read: () => readonly RunView[] = () => []
  let stop: (() => void) | undefined

  let asking = false

  const draw = () => {
    if (asking) return
    const views = read().filter(({ run }) => !finished.has(run))
    if (views.length === 0) return screen.clear()
    // One line less than the terminal has: the cursor stands on the last.
    const frame = { width: stdout.columns - 1, height: stdout.rows - 1, now: context.now(), paint }
    screen.draw(renderTree(views, frame))
  }
  const say = (lines: readonly string[]) => {
    screen.clear()
    stdout.write(lines.map((line) => `${line}\n`).join(''))
  }
  return {
    begun(views, verb) {
      const standIn = standInNote(views)
      say([
        ...views.map(({ run, name }) => `${paint(run, 'bold')} ${escapeLine(name)} ${verb}`),
        ...(standIn === undefined ? [] : [paint(standIn, 'yellow')]),
      ])
    },
    // The tree shows the views; records only make them newer.
    records: () => undefined,
    watch(source) {
      read = source
      stop ??= context.every(REDRAW_MS, draw)
    },
    note: (text) => say([escapeText(text)]),
    async aside(work) {
      screen.clear()
      asking = true
      try {
        return await work()
      } finally {
        asking = false
      }
    },
    finished(view, outcome) {
      finished.add(view.run)
      say(renderSummary(view, outcome, { width: stdout.columns, now: context.now(), paint, dataDir }))
    },
    close() {
      stop?.()
      screen.clear()
      screen.close()
    },
  }
}
