/** What one run's life needs on disk: a user's repository with work of theirs in it, a home for each agent, the settings. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelServer } from '../support/model-server/model-server.ts'
import { describedAgents, prepareHome, type RealAgents } from '../support/real-agents.ts'
import { AGENTS, type AgentName, FIRST_FILES, workflowOf } from './crash-work.ts'

export interface CrashSite {
  /** Where commands are typed: the configuration is there, and the repository below it. */
  readonly folder: string
  readonly repository: string
  readonly dataDir: string
  readonly workDir: string
  /** The workflow's file. */
  readonly workflow: string
  /** By what the processes of this data folder are known: TROUPE_OWNER. */
  readonly owner: string
  readonly base: string
  /** Keys, which no configuration may hold. */
  readonly env: Readonly<Record<string, string>>
  git(...args: string[]): string
}

/** Makes it all. */
export async function makeSite(
  root: string,
  agents: RealAgents,
  names: readonly AgentName[],
  model: ModelServer,
): Promise<CrashSite> {
  await mkdir(root, { recursive: true })
  const folder = await realpath(root)
  const repository = join(folder, 'shop')
  const dataDir = join(folder, 'data')
  const workDir = join(folder, 'work')
  const workflow = join(folder, 'workflow.json')
  await mkdir(dataDir)
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', env: gitEnvironment(folder) }).trim()
  const base = await makeRepository(repository, git)
  await writeFile(workflow, JSON.stringify(workflowOf(names, repository)))
  const env: Record<string, string> = {}
  const config = { dataDir, workDir, agents: await described(agents, folder, model, env) }
  await writeFile(join(folder, 'troupe.config.yaml'), JSON.stringify(config))
  const owner = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return { folder, repository, dataDir, workDir, workflow, owner, base, env, git }
}

/** Each agent has a home of its own. Keys come from the environment, into which they are put here. */
async function described(
  agents: RealAgents,
  folder: string,
  model: ModelServer,
  env: Record<string, string>,
): Promise<object> {
  const all: Record<string, Record<string, object>> = { command: {}, acp: {} }
  for (const agent of AGENTS) {
    const [how = '', name = ''] = agent.split(':')
    const site = { home: join(folder, 'homes', `${how}-${name}`), modelUrl: model.url }
    await prepareHome(site)
    const { command, acp } = describedAgents(agents, site)
    const found = (how === 'command' ? command : acp)[name]
    const variables = Object.entries(found?.set ?? {})
    const keys = variables.filter(([variable]) => variable.endsWith('_KEY'))
    Object.assign(env, Object.fromEntries(keys))
    const set = Object.fromEntries(variables.filter(([variable]) => !variable.endsWith('_KEY')))
    Object.assign(all[how] ?? {}, { [name]: { ...found, set, env: keys.map(([variable]) => variable) } })
  }
  return all
}

/** A repository in use: something is staged, something is not, something is on the stash. */
async function makeRepository(repository: string, git: CrashSite['git']): Promise<string> {
  await mkdir(repository)
  git('init', '-q', '-b', 'main')
  for (const [name, text] of Object.entries(FIRST_FILES)) await writeFile(join(repository, name), text)
  git('config', 'user.name', 'A Person')
  git('config', 'user.email', 'person@localhost')
  git('add', '-A')
  git('commit', '-qm', 'first')
  await writeFile(join(repository, 'shop.txt'), 'open\nput aside\n')
  git('stash', '-q')
  await writeFile(join(repository, 'staged.txt'), 'staged\n')
  git('add', 'staged.txt')
  await writeFile(join(repository, 'shop.txt'), 'open\nbeing written\n')
  await writeFile(join(repository, 'notes.txt'), 'of the user\n')
  await writeFile(join(repository, 'kept.log'), 'ignored\n')
  return git('rev-parse', 'HEAD')
}

function gitEnvironment(folder: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: join(folder, 'nobody'), GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' }
}

/** All of the user's own in the repository, in words that can be compared. */
export async function userState({ repository, git }: CrashSite): Promise<Readonly<Record<string, string>>> {
  const own = join(repository, '.git')
  const entries = await readdir(repository, { recursive: true, withFileTypes: true })
  const state: Record<string, string> = {
    head: await readFile(join(own, 'HEAD'), 'utf8'),
    index: createHash('sha256')
      .update(await readFile(join(own, 'index')))
      .digest('hex'),
    config: await readFile(join(own, 'config'), 'utf8'),
    stash: git('stash', 'list', '--format=%H %gs'),
    status: git('status', '--porcelain=v2', '--branch', '--untracked-files=all', '--ignored'),
    branches: git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads/main', 'refs/tags', 'refs/remotes'),
    hooks: (await readdir(join(own, 'hooks')).catch(() => [])).sort().join(),
  }
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || path.startsWith(own)) continue
    state[`file ${path.slice(repository.length + 1)}`] = await readFile(path, 'utf8')
  }
  return state
}
