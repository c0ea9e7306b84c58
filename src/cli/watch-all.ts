import type { RunRecord } from '../domain/record.ts'
import type { CliContext } from './context.ts'
import { plainLine } from './plain-line.ts'
import { escapeText } from './terminal-text.ts'
import type { Watched } from './watched.ts'

/** Shows the records of all runs, those too that begin later, a line each; it never comes to an end. */
export function watchAll({ stdout, stderr }: CliContext, json: boolean, fromStart: boolean): Watched {
  const line = json ? (record: RunRecord) => JSON.stringify(record) : (record: RunRecord) => plainLine(record, true)
  const note = (text: string) => void (json ? stderr : stdout).write(`${escapeText(text)}\n`)
  let said = false
  let cursor = fromStart ? 'start' : 'now'
  return {
    runs: '*',
    get cursor() {
      return cursor
    },
    ended: false,
    complete: false,
    finished: false,
    meet: async () => undefined,
    async show(records) {
      const taken = stdout.write(records.map((record) => `${line(record)}\n`).join(''))
      if (!taken) await new Promise<void>((resolve) => stdout.onceDrained(resolve))
    },
    catchUp() {
      if (!said) note('Watching all runs.')
      said = true
    },
    pass(passed) {
      cursor = passed
    },
    finish: () => undefined,
    leave: async () => undefined,
    note,
    close: () => undefined,
  }
}
