import { outcomeOfEnded } from '../api/run-views.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { RunView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { CliContext } from './context.ts'
import { createRunOutput } from './create-run-output.ts'
import { dataDirOf } from './data-dir.ts'
import { folderExists, readFolder, resolveRun } from './folder-access.ts'
import { pursueRuns } from './pursue-runs.ts'
import { parseSettings, type SettingsFlags } from './settings-flags.ts'
import { escapeLine } from './terminal-text.ts'

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
  const given = Object.keys(settings).length === 0 ? [] : [settings]
  const dataDir = dataDirOf(flags, context.env)
  if (name === undefined && !(await folderExists(dataDir))) return sayNothing(context, flags, dataDir)
  const named = name === undefined ? undefined : await findRun(context, dataDir, name)
  if (named && isFinalState(named.status)) return sayEnded(context, flags, dataDir, named)
  let resumed: readonly string[] = []
  const code = await pursueRuns(context, {
    dataDir,
    json: flags.json === true,
    verb: 'resumed',
    begin: async (target) => {
      resumed = await target.resume(named?.run, ...given)
      return resumed
    },
  })
  const left = name === undefined ? await sayDamaged(context, dataDir, resumed) : 0
  if (left > 0) return Math.max(code, 2)
  if (code !== 0 || resumed.length > 0) return code
  // Whoever carried it may just have brought it to its end.
  return named
    ? sayEnded(context, flags, dataDir, await findRun(context, dataDir, named.run))
    : sayNothing(context, flags, dataDir)
}

/** A damaged run keeps no other from going on, but it is said. Gives how many there are. */
async function sayDamaged(context: CliContext, dataDir: string, resumed: readonly string[]): Promise<number> {
  return readFolder(context, dataDir, async (source) => {
    let damaged = 0
    for (const { run, status } of await source.runs()) {
      if (isFinalState(status) || resumed.includes(run)) continue
      const error = await source.view(run).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (!(error instanceof DataFolderError)) continue
      context.stderr.write(`troupe: ${run} was not resumed: ${escapeLine(error.message)}\n`)
      damaged++
    }
    return damaged
  })
}

function findRun(context: CliContext, dataDir: string, name: string): Promise<RunView> {
  return readFolder(context, dataDir, async (source) => source.view(await resolveRun(source, name)))
}

/** Whoever asks for a run by its name is told how it ended, even if there is nothing left to restore. */
async function sayEnded(context: CliContext, flags: ResumeFlags, dataDir: string, view: RunView): Promise<number> {
  const outcome = outcomeOfEnded(view)
  const output = await createRunOutput(context, { json: flags.json === true, dataDir })
  output.note(`${view.run} has ended: there is nothing to resume.`)
  output.finished(view, outcome)
  output.close()
  return outcome.exitCode
}

function sayNothing(context: CliContext, flags: ResumeFlags, dataDir: string): number {
  const output = flags.json === true ? context.stderr : context.stdout
  output.write(`Nothing to resume in ${dataDir}: no run is unfinished.\n`)
  return 0
}
