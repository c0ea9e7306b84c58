import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun, resolveTask } from './folder-access.ts'
import { sayTaken } from './tell-run.ts'
import { withOrchestrator } from './with-orchestrator.ts'

/** Carries a task out once more, with all that depends on it; it is durable when this ends. Gives the exit code. */
export async function rerunCommand(
  context: CliContext,
  name: string,
  taskName: string,
  flags: { readonly dataDir?: string },
): Promise<number> {
  const task = resolveTask(taskName)
  const dataDir = dataDirOf(flags, context.env)
  await withOrchestrator(context, { dataDir, repeatable: () => false }, async ({ target, remote }) => {
    const run = await resolveRun(target, name)
    await target.restore(run)
    sayTaken(context, await target.commandTask(run, task, { type: 'rerun' }), 'rerun', { remote, dataDir })
  })
  return 0
}
