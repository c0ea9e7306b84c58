import { resolve } from 'node:path'
import type { RunSettings } from '../domain/orchestration.ts'
import { isLocalBackend } from '../workflow/backend-names.ts'
import { backendsOf } from '../workflow-backends.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { type PreparedRun, prepareRun } from './prepare-run.ts'
import { pursueRuns } from './pursue-runs.ts'
import { parseSettings, type SettingsFlags } from './settings-flags.ts'

/** The flags of `troupe run`, as typed. */
export interface RunFlags extends SettingsFlags {
  readonly input: readonly string[]
  readonly objective?: string
  readonly roles?: string
  readonly repository?: string
  readonly json?: boolean
  readonly dataDir?: string
}

/** Checks everything, starts the run and sees it through. Gives the exit code; throws before anything was started. */
export async function runCommand(context: CliContext, file: string | undefined, flags: RunFlags): Promise<number> {
  const given = parseSettings(flags)
  const { workflow, inputs } = await prepare(file, flags)
  const dataDir = dataDirOf(flags, context.env)
  const backends = given.backend === undefined ? [...backendsOf(workflow)] : [given.backend]
  const isLocal = backends.some(isLocalBackend)
  if (isLocal) {
    const { checkLocalRun } = await import('./check-local-run.ts')
    await checkLocalRun(context, workflow, { backend: given.backend, dataDir })
  }
  // Local agents work in the repository that the command was typed in, whoever carries the run.
  const settings: RunSettings = isLocal ? { ...given, directory: resolve(context.cwd) } : given
  return pursueRuns(context, {
    dataDir,
    json: flags.json === true,
    verb: 'started',
    begin: async (target) => [await target.start(workflow, inputs, settings)],
  })
}

async function prepare(file: string | undefined, flags: RunFlags): Promise<PreparedRun> {
  const { prepareObjective, refuseMixed } = await import('./prepare-objective.ts')
  refuseMixed(file, flags)
  return file === undefined ? prepareObjective(flags) : prepareRun(file, flags.input)
}
