import type { CliContext } from './context.ts'
import { createJsonOutput } from './json-output.ts'
import { createLiveOutput } from './live-output.ts'
import { createPlainOutput } from './plain-output.ts'
import type { RunOutput } from './run-output.ts'

/** What a run's output is made for. */
export interface RunOutputOptions {
  readonly json: boolean
  /** Undefined where the runs are elsewhere: then nothing is said of what to type next. */
  readonly dataDir: string | undefined
}

/** JSON lines where asked for, a live tree on a terminal, plain lines elsewhere. */
export async function createRunOutput(context: CliContext, options: RunOutputOptions): Promise<RunOutput> {
  if (options.json) return createJsonOutput(context)
  if (!context.stdout.isTerminal || context.env['TERM'] === 'dumb') return createPlainOutput(context, options.dataDir)
  return createLiveOutput(context, await context.openScreen(), options.dataDir)
}
