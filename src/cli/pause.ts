import type { CliContext } from './context.ts'
import { tellRun } from './tell-run.ts'

/** Pauses a run: agents that run end, nothing new begins. */
export function pauseCommand(context: CliContext, run: string, flags: { readonly dataDir?: string }): Promise<number> {
  return tellRun(context, run, { type: 'pause' }, flags)
}
