import { isAbsolute, resolve } from 'node:path'
import { shortName, shownImageTrouble } from '../backends/image-file.ts'
import { agentEnvironment } from '../backends/local/agent-environment.ts'
import type { LocalAgent } from '../backends/local/conversation.ts'
import { findProgram } from '../backends/local/find-program.ts'
import { BackendError, UsageError } from '../domain/errors.ts'
import type { CommandLine } from '../domain/local-work.ts'
import type { TaskSpec, Workflow } from '../domain/workflow.ts'
import { findAgent } from '../local-agents.ts'
import { isLocalBackend } from '../workflow/backend-names.ts'
import { readConfigFile } from './config-file.ts'
import type { CliContext } from './context.ts'

type Environment = CliContext['env']

/**
 * Looks for what local agents need before anything of a run is made: agents of these names that are installed, a repository with a commit
 * where they work, images that they can be shown, and what their setups and checks begin with. Whoever carries the runs of the folder has agents of its own. Throws
 * UsageError.
 */
export async function checkLocalRun(
  context: Pick<CliContext, 'cwd' | 'env' | 'findHolder' | 'openLocal'>,
  workflow: Workflow,
  { backend, dataDir }: { readonly backend: string | undefined; readonly dataDir: string },
): Promise<void> {
  const { tasks, manager } = workflow
  const planned = manager?.planning === undefined ? [] : [manager.planning.defaults]
  const all = [...tasks, ...(manager === undefined ? [] : [manager]), ...planned]
  const local = all.filter((one) => isLocalBackend(backend ?? one.backend))
  if (local.length === 0 || (await context.findHolder(dataDir)) !== undefined) return
  const { agents: described } = await readConfigFile(context.cwd)
  const ids = [...new Set(local.map((one) => backend ?? one.backend))]
  const agents = await Promise.all(ids.map((id) => findAgent(id, described)))
  const tools = await context.openLocal()
  for (const folder of new Set(local.map(({ repository = '.' }) => resolve(context.cwd, repository))))
    await tools.repository(folder).catch(asUsageError)
  for (const agent of agents) await checkAgent(agent, context.env)
  for (const task of tasks) {
    const agent = agents.find(({ id }) => id === (backend ?? task.backend))
    if (agent !== undefined) checkImages(task, agent)
    if (agent !== undefined) await checkCommands(task, context.env)
  }
}

async function checkAgent(agent: LocalAgent, env: Environment): Promise<void> {
  const environment = agentEnvironment({ own: env, names: agent.env, set: agent.set, marks: {} })
  await agent.findProgram(environment).catch(asUsageError)
}

function checkImages({ id, images = [] }: TaskSpec, agent: LocalAgent): void {
  if (images.length > 0 && agent.abilities.images === false)
    throw new UsageError(
      `tasks.${id}.images: ${agent.id} cannot be shown images. Leave them out, or say in its description how it is shown one: an argument with {image}.`,
    )
  for (const image of images) {
    const trouble = shownImageTrouble(image)
    if (trouble !== undefined)
      throw new UsageError(`tasks.${id}.images: '${shortName(image)}' cannot be sent: ${trouble}.`)
  }
}

/** What no agent has paid for yet: a path in the worktree may be its work, what a setup will install cannot be known. */
async function checkCommands({ id, setup = [], check }: TaskSpec, env: Environment): Promise<void> {
  await checkCommand(`tasks.${id}.setup`, setup[0], env)
  if (setup.length > 0) return
  for (const command of check?.commands ?? []) await checkCommand(`tasks.${id}.check`, command, env)
}

async function checkCommand(place: string, command: CommandLine | undefined, env: Environment): Promise<void> {
  const [program] = command ?? []
  if (program === undefined || program.includes('/')) return
  const environment = agentEnvironment({ own: env, names: [], set: {}, marks: {} })
  // A folder that is not absolute is another one in each worktree: nobody knows yet what will be there.
  const isKnown = (environment['PATH'] ?? '').split(':').every((folder) => isAbsolute(folder))
  if (!isKnown || (await findProgram(program, environment)) !== undefined) return
  throw new UsageError(`${place}: the program '${program}' was not found on the PATH. Install it, or correct its name.`)
}

function asUsageError(error: unknown): never {
  if (error instanceof BackendError) throw new UsageError(error.message, { cause: error })
  throw error
}
