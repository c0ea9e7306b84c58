import { BackendError } from '../domain/errors.ts'
import { type Check, ok, trouble } from './check.ts'
import type { TroupeConfig } from './config-file.ts'
import type { CliContext } from './context.ts'
import type { LocalTools } from './local-tools.ts'
import { type FoundAgent, lookForAgents } from './look-for-agents.ts'

/** What an agent takes where none is installed that would say it, MB. */
const USUAL_MB = 300

/**
 * What local agents need: git, a repository, the agents, memory. What is missing is trouble only where the configuration describes
 * agents: nobody needs them otherwise.
 */
export async function* checkLocal(
  context: Pick<CliContext, 'cwd' | 'env' | 'openLocal'>,
  config: TroupeConfig | undefined,
): AsyncGenerator<Check> {
  const { cwd, env } = context
  const tools = await context.openLocal()
  const described = config?.agents
  const isWanted = Object.keys({ ...described?.acp, ...described?.command }).length > 0
  yield await checkGit(tools, isWanted)
  yield await checkRepository(tools, cwd)
  const found = await lookForAgents(await tools.agents(described), env)
  for (const one of found) yield checkAgent(one, isDescribed(one, described))
  yield checkMemory(tools, found)
}

async function checkGit(tools: LocalTools, isWanted: boolean): Promise<Check> {
  try {
    const version = await tools.git('/').line(['version'])
    const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version) ?? []
    const isNew = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 38)
    if (isNew) return ok('git', version.replace(/^git version /, ''))
    return wanted(isWanted, 'git', `${version} is too old for local agents: install git 2.38 or newer.`)
  } catch (error) {
    return wanted(isWanted, 'git', sayOf(error))
  }
}

/** Agents work in the repository that `run` is typed in; many only want to see that something is installed. */
async function checkRepository(tools: LocalTools, cwd: string): Promise<Check> {
  try {
    const { top, head } = await tools.repository(cwd)
    return ok('repository', `${top} at ${head.slice(0, 10)}: local agents can work in it`)
  } catch (error) {
    return ok('repository', `not here. ${sayOf(error)}`)
  }
}

function checkAgent(found: FoundAgent, isWanted: boolean): Check {
  const { id } = found.agent
  if ('located' in found) return ok(id, `${found.located.version}, ${found.located.path}`)
  return wanted(isWanted, id, found.trouble)
}

function checkMemory(tools: LocalTools, found: readonly FoundAgent[]): Check {
  const { freeMb, capacity } = tools.memory()
  const sizes = found.flatMap((one) => ('located' in one ? [one.agent.memoryMb] : []))
  const each = sizes.length === 0 ? USUAL_MB : Math.max(...sizes)
  const fit = capacity(each)
  return ok('memory', `${freeMb} MB are free: ${fit} local ${fit === 1 ? 'agent' : 'agents'} of ${each} MB at once`)
}

/** What nobody asked for may be missing. */
function wanted(isWanted: boolean, check: string, message: string): Check {
  return isWanted ? trouble(check, message) : ok(check, `not usable. ${message}`)
}

function isDescribed({ agent }: FoundAgent, described: TroupeConfig['agents']): boolean {
  const [kind, name = ''] = agent.id.split(':')
  return Object.hasOwn((kind === 'acp' ? described?.acp : described?.command) ?? {}, name)
}

/** A failure on purpose is what was found; any other is a mistake of ours. */
function sayOf(error: unknown): string {
  if (error instanceof BackendError) return error.message
  throw error
}
