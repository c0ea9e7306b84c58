import type { RunSettings } from '../domain/orchestration.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { folderExists, readFolder, resolveRun } from './folder-access.ts'
import { pursueRuns } from './pursue-runs.ts'
import type { RunStarter } from './pursuit.ts'
import { parseSettings, type SettingsFlags } from './settings-flags.ts'

/** The flags of `troupe resume`, as typed. */
export interface ResumeFlags extends SettingsFlags {
  readonly json?: boolean
  readonly dataDir?: string
}

/** Restores all unfinished runs, or the one named, and sees them through. Gives the exit code of the worst. */
export async function resumeCommand(
  context: CliContext,
  name: string | undefined,
  flags: ResumeFlags,
): Promise<number> {
  const settings = parseSettings(flags)
  const dataDir = dataDirOf(flags, context.env)
  const named = name === undefined ? undefined : await findRun(context, dataDir, name)
  const nothing = `Nothing to resume in ${dataDir}: no run is unfinished.`
  if (name === undefined && !(await folderExists(dataDir))) return sayNothing(context, flags, nothing)
  return pursueRuns(context, {
    dataDir,
    json: flags.json === true,
    verb: 'resumed',
    begin: (target) => resume(target, named, settings),
    onNothing: (note) => note(nothing),
  })
}

/** Whoever is asked for a run by its name sees how it ended, even if there is nothing left to restore. */
async function resume(
  target: RunStarter,
  named: { readonly run: string; readonly ended: boolean } | undefined,
  settings: RunSettings,
): Promise<readonly string[]> {
  const given = Object.keys(settings).length === 0 ? [] : [settings]
  if (named === undefined) return target.resume(undefined, ...given)
  if (!named.ended) await target.resume(named.run, ...given)
  return [named.run]
}

async function findRun(context: CliContext, dataDir: string, name: string) {
  return readFolder(context, dataDir, async (source) => {
    const { run, status } = await source.view(await resolveRun(source, name))
    return { run, ended: isFinalState(status) }
  })
}

function sayNothing(context: CliContext, flags: ResumeFlags, text: string): number {
  const output = flags.json === true ? context.stderr : context.stdout
  output.write(`${text}\n`)
  return 0
}
