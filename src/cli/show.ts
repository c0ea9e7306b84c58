import { isFinalState } from '../machines/public-state.ts'
import { paintFor } from './colours.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { readPlace, resolveRun } from './folder-access.ts'
import { renderShow } from './show-text.ts'

/** Says how a run stands, and of each unfinished task why it waits and what one can do; needs no lock. */
export async function showCommand(
  context: CliContext,
  name: string,
  flags: { readonly json?: boolean; readonly url?: string; readonly dataDir?: string },
): Promise<number> {
  const { stdout, env } = context
  const dataDir = flags.url === undefined ? dataDirOf(flags, env) : undefined
  const view = await readPlace(context, flags, async (source, isHeld) => {
    const seen = await source.view(await resolveRun(source, name))
    return isHeld || isFinalState(seen.status) ? seen : { ...seen, carried: false }
  })
  if (flags.json === true) {
    stdout.write(`${JSON.stringify(view)}\n`)
    return 0
  }
  const width = stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY
  const frame = { width, now: context.now(), paint: paintFor(stdout.isTerminal, env), dataDir }
  stdout.write(`${renderShow(view, frame).join('\n')}\n`)
  return 0
}
