import { paintFor } from './colours.ts'
import type { CliContext } from './context.ts'
import { plainLine } from './plain-line.ts'
import { type RunOutput, standInNote } from './run-output.ts'
import { renderSummary } from './summary.ts'
import { escapeLine, escapeText } from './terminal-text.ts'

/** A line a record, for logs and pipes. */
export function createPlainOutput({ stdout, env, now }: CliContext, dataDir: string | undefined): RunOutput {
  let several = false
  const say = (text: string) => void stdout.write(`${text}\n`)
  return {
    begun(views, verb) {
      several = views.length > 1
      for (const view of views) say(`${view.run} ${escapeLine(view.name)} ${verb}`)
      const standIn = standInNote(views)
      if (standIn !== undefined) say(standIn)
    },
    records(_run, records) {
      const taken = stdout.write(records.map((record) => `${plainLine(record, several)}\n`).join(''))
      return taken ? undefined : new Promise((resolve) => stdout.onceDrained(resolve))
    },
    watch: () => undefined,
    note: (text) => say(escapeText(text)),
    aside: (work) => work(),
    finished(view, outcome) {
      // A log has no width; what is cut there is lost.
      const frame = { width: Number.POSITIVE_INFINITY, now: now(), paint: paintFor(stdout.isTerminal, env), dataDir }
      for (const line of renderSummary(view, outcome, frame)) say(line)
    },
    close: () => undefined,
  }
}
