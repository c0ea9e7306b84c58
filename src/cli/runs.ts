import type { RunSummary } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { paintFor } from './colours.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { readPlace } from './folder-access.ts'
import { glyphOf, styleOf } from './state-style.ts'
import { renderTable } from './table.ts'
import { escapeLine, formatElapsed } from './terminal-text.ts'

/** Lists the runs of the data folder, oldest first; needs no lock. */
export async function runsCommand(
  context: CliContext,
  flags: { readonly json?: boolean; readonly url?: string; readonly dataDir?: string },
): Promise<number> {
  const { stdout, env } = context
  const listed = await readPlace(context, flags, async (source, isHeld) => {
    const rows = await source.runs()
    return isHeld ? rows : rows.map((row) => (isFinalState(row.status) ? row : { ...row, carried: false }))
  })
  const runs = [...listed].sort((a, b) => (a.run < b.run ? -1 : 1))
  if (flags.json === true) {
    stdout.write(runs.map((run) => `${JSON.stringify(run)}\n`).join(''))
  } else if (runs.length === 0) {
    stdout.write(`No runs in ${flags.url ?? dataDirOf(flags, env)} yet.\n`)
  } else {
    const frame = {
      width: stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY,
      paint: paintFor(stdout.isTerminal, env),
    }
    const rows = runs.map((run) => rowOf(run, context.now()))
    stdout.write(`${renderTable(['run', 'status', 'name', 'started', 'took', ''], rows, frame).join('\n')}\n`)
  }
  return 0
}

function rowOf({ run, status, name, startedAt, endedAt, standIn, carried }: RunSummary, now: number) {
  const started = Date.parse(startedAt)
  return [
    run,
    carried === false
      ? ([`${glyphOf('paused')} ${status}`, styleOf('paused')] as const)
      : ([`${glyphOf(status)} ${status}`, styleOf(status)] as const),
    escapeLine(name),
    `${startedAt.slice(0, 19).replace('T', ' ')}Z`,
    formatElapsed((endedAt === undefined ? now : Date.parse(endedAt)) - started),
    [...(standIn ? ['stand-in'] : []), ...(carried === false ? ['no process carries it'] : [])].join(', '),
  ]
}
