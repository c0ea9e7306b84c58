/** A person at their own repository: real git, real agents, a model that plays a script, and `troupe` typed in its folder. */
import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findMarked, OWNER_MARK, sweep } from '../../src/backends/local/process-marks.ts'
import { ownerOf } from '../../src/backends/local/work-place.ts'
import type { AgentDescriptions, CommandDescription } from '../../src/domain/agent-description.ts'
import type { RunView, TaskView } from '../../src/domain/views.ts'
import { realClock } from '../../src/host/clock.ts'
import { commitFiles, git, makeRepository } from '../support/git-repository.ts'
import { type ModelServer, startModelServer } from '../support/model-server/model-server.ts'
import { describedAgents, prepareHome, type RealAgents } from '../support/real-agents.ts'
import { type Command, type Ended, inTerminal, type Terminal } from './command-line.ts'

/** A package with a test, which keeps troupe's runs out of git. */
const FILES: Readonly<Record<string, string>> = {
  '.gitignore': '.troupe/\n',
  'README.md': '# shop\n',
  'package.json': '{ "name": "shop", "private": true, "type": "module", "scripts": { "test": "node --test" } }\n',
  'src/cart.js':
    'export const SHIPPING = 5\nexport const total = (prices) => prices.reduce((sum, price) => sum + price, 0)\n',
  'test/cart.test.js': testOf('cart', 'total', 'total([1, 2]), 3'),
}

/** A test of a module that holds one function. */
export function testOf(module: string, name: string, equal: string): string {
  const imports = ["import assert from 'node:assert/strict'", "import test from 'node:test'"]
  return [
    ...imports,
    `import { ${name} } from '../src/${module}.js'`,
    `test('${name}', () => assert.equal(${equal}))`,
    '',
  ].join('\n')
}

interface Parts {
  readonly root: string
  readonly model: ModelServer
  readonly env: Readonly<Record<string, string>>
  readonly config: object
  readonly terminal: Terminal
}

export class LocalSite {
  readonly repository: string
  readonly model: ModelServer
  readonly #env: Readonly<Record<string, string>>
  readonly #terminal: Terminal
  readonly #root: string
  readonly #config: object

  constructor({ root, model, env, terminal, config }: Parts) {
    this.repository = join(root, 'shop')
    this.model = model
    this.#root = root
    this.#env = env
    this.#terminal = terminal
    this.#config = config
  }

  /**
   * Makes the repository, and the work of a person in it: a file is changed, one is staged, one is unknown to git, one is put aside. Gives
   * the commit that agents begin at.
   */
  async begin(files: Readonly<Record<string, string>> = {}): Promise<string> {
    await mkdir(this.repository, { recursive: true })
    await makeRepository(this.repository, FILES)
    await this.write('README.md', '# put aside\n')
    await this.git('stash', '-q')
    const base = await commitFiles(this.repository, { 'src/rate.js': 'export const rate = 1\n' })
    await this.write('staged.txt', 'to be said\n')
    await this.git('add', 'staged.txt')
    await this.write('README.md', '# shop\n\nBeing written.\n')
    await this.write('notes.txt', 'call Bob\n')
    await this.write('troupe.config.yaml', JSON.stringify(this.#config))
    for (const [name, text] of Object.entries(files)) await this.write(name, text)
    return base
  }

  /** Types `troupe ...` in a folder: the repository, where nothing is said. */
  start(args: readonly string[], folder = this.repository): Command {
    return this.#terminal.start(args, this.#env, folder)
  }

  troupe(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended
  }

  async view(run: string): Promise<RunView> {
    const { stdout } = await this.troupe('show', run, '--json')
    return JSON.parse(stdout) as RunView
  }

  async task(run: string, task: string): Promise<TaskView | undefined> {
    return (await this.view(run)).tasks.find((one) => one.task === task)
  }

  git(...args: readonly string[]): Promise<string> {
    return git(this.repository, ...args)
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.repository, name), text)
  }

  read(name: string): Promise<string> {
    return readFile(join(this.repository, name), 'utf8')
  }

  /** All of the person's own in the repository. */
  async own(): Promise<Readonly<Record<string, string>>> {
    return {
      head: await this.git('rev-parse', '--symbolic-full-name', 'HEAD'),
      index: await this.git('ls-files', '--stage'),
      changed: await this.git('diff'),
      unknown: await this.git('ls-files', '--others', '--exclude-standard'),
      stash: await this.git('stash', 'list', '--format=%H %gs'),
      config: await this.git('config', '--local', '--list'),
      hooks: (await readdir(join(this.repository, '.git', 'hooks'))).filter((name) => !name.endsWith('.sample')).join(),
    }
  }

  /** What of troupe's own is in the repository and on the machine: branches, refs, worktrees, what lies where worktrees are made. */
  async left(): Promise<Readonly<Record<string, readonly string[]>>> {
    const refs = await this.git('for-each-ref', '--format=%(refname)', 'refs/heads/troupe', 'refs/troupe')
    const trees = await this.git('worktree', 'list', '--porcelain')
    const work = await readdir(join(this.#root, 'home', '.local', 'state', 'troupe'), { recursive: true }).catch(
      () => [],
    )
    return {
      refs: refs.split('\n').filter((name) => name !== ''),
      trees: trees.split('\n').filter((line) => line.startsWith('worktree ') && line !== `worktree ${this.repository}`),
      work: work.filter((name) => /\/(tree|home)(\/|$)/.test(name)),
      runs: await readdir(join(this.repository, '.troupe', 'runs')).catch(() => []),
    }
  }

  /** Every process of an agent that lives, with all that agents started. */
  async processes(): Promise<readonly number[]> {
    const owner = await ownerOf(join(this.repository, '.troupe')).catch(() => undefined)
    return owner === undefined ? [] : findMarked(OWNER_MARK, owner)
  }

  async close(): Promise<void> {
    const owner = await ownerOf(join(this.repository, '.troupe')).catch(() => undefined)
    if (owner !== undefined) await sweep(OWNER_MARK, owner, { clock: realClock })
    await this.model.close()
  }
}

/** `it` with a repository of its own for each test, a model without a script, and agents that ask it. */
export const atRepository = (agents: RealAgents) =>
  inTerminal.extend<{ site: LocalSite }>({
    site: async ({ terminal }, use) => {
      const root = await realpath(await terminal.folder())
      const home = join(root, 'home')
      const model = await startModelServer({})
      await prepareHome({ home, modelUrl: model.url })
      const { config, keys } = configOf(describedAgents(agents, { home, modelUrl: model.url }))
      const env = { PATH: process.env['PATH'] ?? '', HOME: home, ...keys }
      const site = new LocalSite({ root, model, env, terminal, config })
      await use(site)
      await site.close()
    },
  })

/** Keys come from the environment: a configuration may not hold them. */
function configOf(agents: AgentDescriptions) {
  const keys: Record<string, string> = {}
  const withoutKeys = <T extends CommandDescription>({ set = {}, ...rest }: T) => {
    const isKey = (name: string) => name.endsWith('_KEY')
    const variables = Object.entries(set)
    for (const [name, value] of variables) if (isKey(name)) keys[name] = value
    const env = variables.flatMap(([name]) => (isKey(name) ? [name] : []))
    return { ...rest, env, set: Object.fromEntries(variables.filter(([name]) => !isKey(name))) }
  }
  const each = (all: Readonly<Record<string, object>>) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, withoutKeys(one)]))
  return { config: { agents: { command: each(agents.command), acp: each(agents.acp) } }, keys }
}

/** What the command line says, without what differs from run to run: the run's id, commits, times, sessions, widths. */
export function plain(text: string): string {
  return text
    .replace(/run_[0-9a-z]{18}/g, 'RUN')
    .replace(/session [0-9a-f-]{36}/g, 'SESSION')
    .replace(/\b[0-9a-f]{10}\b/g, 'COMMIT')
    .replace(/\b\d\d:\d\d:\d\d\b|\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'AT')
    .replace(/(?<=[ ,]|^)(?:\d+h)?(?:\d+m)?\d+s\b/gm, 'TIME')
    .replace(/ {2,}/g, '  ')
}

/** The lines of it after the first that begins with something. */
export function after(text: string, first: string): readonly string[] {
  const lines = plain(text).trimEnd().split('\n')
  return lines.slice(lines.findIndex((line) => line.startsWith(first)))
}
