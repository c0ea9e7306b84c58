import type { Json, JsonObject } from '../domain/json.ts'
import { paintFor } from './colours.ts'
import type { CliContext } from './context.ts'
import { renderTable } from './table.ts'
import { escapeLine } from './terminal-text.ts'

interface OutputFlags {
  readonly json?: boolean
}

/** Writes one thing: as a line of JSON, or in words. Text from outside is made safe. */
export function writeOne({ stdout }: CliContext, flags: OutputFlags, value: JsonObject, words: string): void {
  stdout.write(`${flags.json === true ? JSON.stringify(value) : escapeLine(words)}\n`)
}

/** Writes a list: a line of JSON each, or a table of the columns named; `empty` where there is nothing. */
export function writeList(
  { stdout, env }: CliContext,
  flags: OutputFlags,
  columns: readonly string[],
  rows: readonly JsonObject[],
  empty: string,
): void {
  if (flags.json === true) {
    stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  } else if (rows.length === 0) {
    stdout.write(`${empty}\n`)
  } else {
    const frame = {
      width: stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY,
      paint: paintFor(stdout.isTerminal, env),
    }
    const cells = rows.map((row) => columns.map((column) => cellOf(row[column], column)))
    stdout.write(`${renderTable(columns, cells, frame).join('\n')}\n`)
  }
}

function cellOf(value: Json | undefined, column: string): string {
  if (value === null || value === undefined || value === false) return ''
  return value === true ? column : escapeLine(String(value))
}
