import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { readFolder, resolveRun, resolveTask } from './folder-access.ts'
import { escapeText } from './terminal-text.ts'

/** Prints a task's result whole; `--json` as it came, with its output. Needs no lock. */
export async function resultCommand(
  context: CliContext,
  run: string,
  taskName: string,
  flags: { readonly json?: boolean; readonly dataDir?: string },
): Promise<number> {
  const task = resolveTask(taskName)
  const result = await readFolder(context, dataDirOf(flags, context.env), async (source) =>
    source.result(await resolveRun(source, run), task),
  )
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(result)}\n`)
    return 0
  }
  const text = escapeText(result.result).trimEnd()
  const output = result.output === undefined ? '' : escapeText(JSON.stringify(result.output, undefined, 2))
  context.stdout.write(`${text === '' ? output : text}\n`)
  return 0
}
