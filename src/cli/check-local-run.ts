import { resolve } from 'node:path'
import { BackendError, UsageError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { findAgent } from '../local-agents.ts'
import { isLocalBackend } from '../workflow/backend-names.ts'
import { readConfigFile } from './config-file.ts'
import type { CliContext } from './context.ts'

/**
 * Looks for what local agents need before anything of a run is made: agents of these names, and a repository with a commit where they
 * work. Whoever carries the runs of the folder has agents of its own. Throws UsageError.
 */
export async function checkLocalRun(
  context: Pick<CliContext, 'cwd' | 'findHolder' | 'openLocal'>,
  workflow: Workflow,
  { backend, dataDir }: { readonly backend: string | undefined; readonly dataDir: string },
): Promise<void> {
  const { tasks, manager } = workflow
  const planned = manager?.planning === undefined ? [] : [manager.planning.defaults]
  const all = [...tasks, ...(manager === undefined ? [] : [manager]), ...planned]
  const local = all.filter((one) => isLocalBackend(backend ?? one.backend))
  if (local.length === 0 || (await context.findHolder(dataDir)) !== undefined) return
  const { agents } = await readConfigFile(context.cwd)
  for (const id of new Set(local.map((one) => backend ?? one.backend))) await findAgent(id, agents)
  const tools = await context.openLocal()
  for (const folder of new Set(local.map(({ repository = '.' }) => resolve(context.cwd, repository)))) {
    await tools.repository(folder).catch((error) => {
      if (error instanceof BackendError) throw new UsageError(error.message, { cause: error })
      throw error
    })
  }
}
