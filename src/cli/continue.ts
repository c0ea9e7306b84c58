import type { CliContext } from './context.ts'
import { tellRun } from './tell-run.ts'

/** Lets a paused run go on. */
export function continueCommand(
  context: CliContext,
  run: string,
  flags: { readonly dataDir?: string },
): Promise<number> {
  return tellRun(context, run, { type: 'continue' }, flags)
}
