import { NotFoundError, UsageError } from '../domain/errors.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun } from './folder-access.ts'
import { troupeLine } from './next-commands.ts'
import type { OrchestratorPort } from './orchestrator-port.ts'
import { escapeLine } from './terminal-text.ts'
import { withOrchestrator } from './with-orchestrator.ts'

/** The flags of `troupe rm`. */
export interface RemoveFlags {
  readonly archive?: boolean
  readonly dataDir?: string
}

/** Deletes a finished run, or moves it to the archive of its data folder. Gives the exit code. */
export async function rmCommand(context: CliContext, name: string, flags: RemoveFlags): Promise<number> {
  const dataDir = dataDirOf(flags, context.env)
  const how = flags.archive === true ? 'archive' : 'delete'
  // What `last` means is settled once: asked again after a lost answer, it would be the run before.
  let asked: { readonly run: string; readonly words: string } | undefined
  await withOrchestrator(context, { dataDir, repeatable: () => true }, async ({ target }) => {
    const again = asked !== undefined
    asked ??= await removable(target, await resolveRun(target, name), dataDir)
    try {
      await target.remove(asked.run, how)
    } catch (error) {
      // The first time it was removed, and only the answer was lost.
      if (!again || !(error instanceof NotFoundError)) throw error
    }
  })
  const what = how === 'archive' ? `archived to ${dataDir}/archive/${asked?.run}` : 'deleted'
  context.stdout.write(`${escapeLine(`${asked?.words}: ${what}`)}\n`)
  return 0
}

/** Throws NotFoundError, and UsageError for a run that has not ended. */
async function removable(target: OrchestratorPort, run: string, dataDir: string) {
  const found = (await target.runs()).find((summary) => summary.run === run)
  if (found === undefined)
    throw new NotFoundError(`Run ${run}`, `'${troupeLine('runs', dataDir)}' lists those that do.`)
  if (!isFinalState(found.status)) {
    const cancel = troupeLine(`cancel ${run}`, dataDir)
    throw new UsageError(`${run} is ${found.status}: only a finished run can be removed. Cancel it first: ${cancel}`)
  }
  return { run, words: `${run} (${found.name}, ${found.status})` }
}
