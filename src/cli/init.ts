import type { CliContext } from './context.ts'
import { CONFIG_TEXT, WORKFLOW_TEXT } from './init-texts.ts'
import { type InitFlags, writeFirst } from './write-first.ts'

/** Writes a first workflow and a configuration, and says what to do with them. Gives the exit code; throws UsageError. */
export async function initCommand(context: CliContext, dir: string | undefined, flags: InitFlags): Promise<number> {
  if (flags.local === true) return (await import('./init-local.ts')).initLocal(context, dir, flags)
  const file = await writeFirst(context, dir, flags, { workflow: WORKFLOW_TEXT, config: CONFIG_TEXT })
  context.stdout.write(`Next: troupe validate ${file}\n`)
  context.stdout.write(`      troupe run ${file} --input feature_request="Add login"\n`)
  return 0
}
