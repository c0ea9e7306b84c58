import type { JsonObject } from '../domain/json.ts'
import type { CliContext } from './context.ts'
import { resultLine } from './result-line.ts'
import { type RunOutput, standInNote } from './run-output.ts'
import { escapeText } from './terminal-text.ts'

/** Records as JSON lines and nothing else on stdout but the result lines, which come last; words for people go to stderr. */
export function createJsonOutput({ stdout, stderr }: Pick<CliContext, 'stdout' | 'stderr'>): RunOutput {
  const unfinished = new Set<string>()
  const results: JsonObject[] = []
  const note = (text: string) => void stderr.write(`${escapeText(text)}\n`)
  const flush = () => {
    for (const result of results.splice(0)) stdout.write(`${JSON.stringify(result)}\n`)
  }
  return {
    begun(views) {
      for (const { run } of views) unfinished.add(run)
      const standIn = standInNote(views)
      if (standIn !== undefined) note(standIn)
    },
    records(_run, records) {
      const taken = stdout.write(records.map((record) => `${JSON.stringify(record)}\n`).join(''))
      return taken ? undefined : new Promise((resolve) => stdout.onceDrained(resolve))
    },
    watch: () => undefined,
    note,
    aside: (work) => work(),
    finished(view, { reason }) {
      unfinished.delete(view.run)
      results.push(resultLine(view))
      if (reason !== undefined) note(`${view.run}: ${reason}`)
      if (unfinished.size === 0) flush()
    },
    close: flush,
  }
}
