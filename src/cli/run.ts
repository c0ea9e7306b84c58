import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { prepareRun } from './prepare-run.ts'
import { pursueRuns } from './pursue-runs.ts'
import { parseSettings, type SettingsFlags } from './settings-flags.ts'

/** The flags of `troupe run`, as typed. */
export interface RunFlags extends SettingsFlags {
  readonly input: readonly string[]
  readonly json?: boolean
  readonly dataDir?: string
}

/** Checks everything, starts the run and sees it through. Gives the exit code; throws before anything was started. */
export async function runCommand(context: CliContext, file: string, flags: RunFlags): Promise<number> {
  const settings = parseSettings(flags)
  const { workflow, inputs } = await prepareRun(file, flags.input)
  return pursueRuns(context, {
    dataDir: dataDirOf(flags, context.env),
    json: flags.json === true,
    verb: 'started',
    begin: async (target) => [await target.start(workflow, inputs, settings)],
  })
}
