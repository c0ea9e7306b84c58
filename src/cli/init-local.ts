import { BackendError, UsageError } from '../domain/errors.ts'
import type { CliContext } from './context.ts'
import { findCheck } from './find-check.ts'
import { LOCAL_CONFIG_TEXT, localWorkflowText } from './init-local-texts.ts'
import type { LocalTools } from './local-tools.ts'
import { lookForAgents } from './look-for-agents.ts'
import { escapeLine } from './terminal-text.ts'
import { type InitFlags, quoted, writeFirst } from './write-first.ts'

/** Which of those that are installed is chosen. */
const PREFERRED = ['acp:claude', 'command:claude', 'acp:codex', 'command:codex']

/**
 * Writes a first workflow for agents of this machine in the repository that a folder is in. Nothing is written where no agent is
 * installed or the folder is in no repository with a commit. Gives the exit code; throws UsageError.
 */
export async function initLocal(context: CliContext, dir: string | undefined, flags: InitFlags): Promise<number> {
  const { stdout, env } = context
  const tools = await context.openLocal()
  const folder = dir ?? context.cwd
  const { top } = await tools.repository(folder).catch(asUsage)
  const installed = await installedAgents(tools, env)
  const [backend = ''] = installed
  const check = await findCheck(top)
  // Before anything is written, which would be a change itself.
  const isDirty =
    (await tools.git(folder).line(['status', '--porcelain', '--untracked-files=no']).catch(asUsage)) !== ''
  const isIgnored = await tools.git(folder).holds(['check-ignore', '-q', '.troupe/runs']).catch(asUsage)
  const workflow = localWorkflowText({ backend, others: installed.slice(1), check })
  await writeFirst(context, dir, flags, { workflow, config: LOCAL_CONFIG_TEXT })
  const say = (line: string) => void stdout.write(`${escapeLine(line)}\n`)
  say(`Agent: ${backend}${installed.length > 1 ? ` (installed too: ${installed.slice(1).join(', ')})` : ''}`)
  say(
    check === undefined
      ? "No test command was found: set 'check' in feature.yaml, else nothing but the agent's word says that it is done."
      : `Check: ${check.check.join(' ')}, found in ${check.file}`,
  )
  if (isDirty) say('Agents begin at your last commit: what is changed and not committed they do not see.')
  if (!isIgnored) {
    say('Runs are kept in .troupe, which git does not ignore here. To ignore it for yourself alone:')
    stdout.write(`  ${inFolder(dir)}echo .troupe/ >> "$(git rev-parse --git-path info/exclude)"\n`)
  }
  stdout.write(`Next: ${inFolder(dir)}troupe validate feature.yaml\n`)
  stdout.write('      troupe run feature.yaml --input feature_request="Add a --version flag"\n')
  stdout.write('      troupe work last\n')
  return 0
}

/** The ids of those that could be started, the preferred one first. Throws UsageError where there is none. */
async function installedAgents(tools: LocalTools, env: CliContext['env']): Promise<readonly string[]> {
  const found = await lookForAgents(await tools.agents(undefined), env)
  const ids = found.flatMap((one) => ('located' in one ? [one.agent.id] : []))
  if (ids.length > 0) return [...ids].sort((a, b) => rankOf(a) - rankOf(b))
  const looked = found.map((one) => `  ${one.agent.id}: ${'trouble' in one ? one.trouble : ''}`)
  throw new UsageError(
    [
      'No agent is installed on this machine: nothing was written. Looked for:',
      ...looked,
      'Install one of them, then try again.',
    ].join('\n'),
  )
}

function rankOf(id: string): number {
  const rank = PREFERRED.indexOf(id)
  return rank < 0 ? PREFERRED.length : rank
}

/** Agents work in the repository that `run` is typed in. */
function inFolder(dir: string | undefined): string {
  return dir === undefined ? '' : `cd ${escapeLine(quoted(dir))} && `
}

function asUsage(error: unknown): never {
  if (error instanceof BackendError) throw new UsageError(error.message, { cause: error })
  throw error
}
