import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { findCheck } from '../../src/cli/find-check.ts'
import { loadWorkflow } from '../../src/workflow/load.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { fakeAgent, fakeLocalTools } from '../support/fake-local-tools.ts'
import { git, makeRepository } from '../support/git-repository.ts'

const NODE_PROJECT = {
  'package.json': JSON.stringify({ scripts: { test: 'vitest run' } }),
  'package-lock.json': '{}',
  '.gitignore': 'node_modules\n.troupe/\n',
}

/** A command line in a repository with these files, on a machine with these agents. */
async function cliIn(files: Readonly<Record<string, string>>, ...agents: readonly LocalAgent[]): Promise<FakeCli> {
  const cli = new FakeCli()
  cli.cwd = await temporaryFolder()
  await makeRepository(cli.cwd, files)
  cli.local = fakeLocalTools(...agents)
  return cli
}

const workflowIn = async (folder: string) =>
  loadWorkflow({ file: 'feature.yaml', text: await readFile(join(folder, 'feature.yaml'), 'utf8') })
const written = async (folder: string) => (await readdir(folder)).filter((name) => name !== '.git').sort()

describe('troupe init --local', () => {
  it('writes a workflow for the agent that is installed, with the check of the repository, and says what comes next', async () => {
    const cli = await cliIn(
      NODE_PROJECT,
      fakeAgent('acp:codex', '2.6.0'),
      fakeAgent('command:claude', '2.1.197'),
      fakeAgent('acp:claude'),
    )
    expect([await cli.run('init', '--local'), cli.stderr.text]).toEqual([0, ''])
    expect(cli.stdout.lines).toEqual([
      'Wrote feature.yaml',
      'Wrote troupe.config.yaml',
      'Agent: command:claude (installed too: acp:codex)',
      'Check: npm test, found in package.json',
      'Next: troupe validate feature.yaml',
      '      troupe run feature.yaml --input feature_request="Add a --version flag"',
      '      troupe work last',
    ])
    const { tasks, ...workflow } = await workflowIn(cli.cwd)
    const check = { commands: [['npm', 'test']], rounds: 3, timeoutMs: 600_000 }
    expect(tasks.map(({ id, backend, needs, ...task }) => [id, backend, needs, task.check, task.setup])).toEqual([
      ['plan', 'command:claude', [], undefined, undefined],
      ['build', 'command:claude', ['plan'], check, [['npm', 'ci']]],
      ['review', 'command:claude', ['build'], check, [['npm', 'ci']]],
    ])
    expect([workflow.budget, tasks[2]?.onConflict]).toEqual([{ agentRuns: 12 }, 'agent'])
    expect(await readConfigFile(cli.cwd)).toEqual({ dataDir: '.troupe', serve: { tokens: [] } })
    expect(await git(cli.cwd, 'status', '--porcelain')).toBe('?? feature.yaml\n?? troupe.config.yaml')
  })

  it('prefers Claude Code over ACP, and writes into a folder below the repository when told to', async () => {
    const cli = await cliIn(NODE_PROJECT, fakeAgent('command:claude', '2'), fakeAgent('acp:claude', '0.49'))
    const folder = join(cli.cwd, 'flows and more')
    await mkdir(folder)
    expect(await cli.run('init', '--local', folder)).toBe(0)
    expect((await workflowIn(folder)).tasks[0]?.backend).toBe('acp:claude')
    expect(cli.stdout.lines).toContain(`Next: cd '${folder}' && troupe validate feature.yaml`)
    expect(await written(cli.cwd)).toEqual(['.gitignore', 'flows and more', 'package-lock.json', 'package.json'])
  })

  it('leaves the check out, as a comment, where it finds none, and says so', async () => {
    const cli = await cliIn({ 'README.md': 'hello\n' }, fakeAgent('acp:claude', '0.49'))
    await cli.run('init', '--local')
    expect((await workflowIn(cli.cwd)).tasks.map(({ check, setup }) => [check, setup])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [undefined, undefined],
    ])
    expect(await readFile(join(cli.cwd, 'feature.yaml'), 'utf8')).toContain('  # check: { run: [make, test]')
    expect(cli.stdout.lines).toContain(
      "No test command was found: set 'check' in feature.yaml, else nothing but the agent's word says that it is done.",
    )
  })

  it('says that .troupe is not ignored, and that what is not committed is not seen, and changes nothing of that', async () => {
    const cli = await cliIn({ 'README.md': 'hello\n' }, fakeAgent('acp:claude', '0.49'))
    const exclude = await readFile(join(cli.cwd, '.git/info/exclude'), 'utf8')
    await writeFile(join(cli.cwd, 'README.md'), 'changed\n')
    await cli.run('init', '--local')
    expect(cli.stdout.lines.slice(4, 7)).toEqual([
      'Agents begin at your last commit: what is changed and not committed they do not see.',
      'Runs are kept in .troupe, which git does not ignore here. To ignore it for yourself alone:',
      '  echo .troupe/ >> "$(git rev-parse --git-path info/exclude)"',
    ])
    expect(await readFile(join(cli.cwd, '.git/info/exclude'), 'utf8')).toBe(exclude)
    expect(await written(cli.cwd)).toEqual(['README.md', 'feature.yaml', 'troupe.config.yaml'])
  })

  it('writes nothing where no agent is installed, and says which it looked for and how to install them', async () => {
    const cli = await cliIn(NODE_PROJECT, fakeAgent('acp:claude'), fakeAgent('command:codex'))
    expect(await cli.run('init', '--local')).toBe(2)
    expect(cli.stderr.text.split('\n')).toEqual([
      'No agent is installed on this machine: nothing was written. Looked for:',
      '  acp:claude: The agent acp:claude is not installed. Install it with npm install -g acp-claude.',
      '  command:codex: The agent command:codex is not installed. Install it with npm install -g command-codex.',
      'Install one of them, then try again.',
      '',
    ])
    expect(await written(cli.cwd)).toEqual(Object.keys(NODE_PROJECT).sort())
  })

  it('writes nothing where agents could not work: outside of a repository, or before its first commit', async () => {
    const cli = new FakeCli()
    cli.local = fakeLocalTools(fakeAgent('acp:claude', '0.49'))
    cli.cwd = await temporaryFolder()
    expect(await cli.run('init', '--local')).toBe(2)
    expect(cli.stderr.text).toContain('Local agents need a git repository')
    await git(cli.cwd, 'init', '-q')
    expect(await cli.run('init', '--local')).toBe(2)
    expect(cli.stderr.text).toContain('has no commit yet')
    expect(await written(cli.cwd)).toEqual([])
  })

  it('overwrites nothing unless it is told to', async () => {
    const cli = await cliIn({ 'feature.yaml': 'mine' }, fakeAgent('acp:claude', '0.49'))
    expect(await cli.run('init', '--local')).toBe(2)
    expect(cli.stderr.text).toContain('feature.yaml is there already: nothing was written. --force overwrites.')
    expect(await written(cli.cwd)).toEqual(['feature.yaml'])
    expect(await cli.run('init', '--local', '--force')).toBe(0)
  })
})

describe('the check of a repository', () => {
  it.each([
    [{ 'package.json': '{"scripts":{"test":"x"}}' }, { check: ['npm', 'test'], file: 'package.json' }],
    [
      { 'package.json': '{"scripts":{"test":"x"}}', 'pnpm-lock.yaml': '' },
      { check: ['pnpm', 'test'], setup: ['pnpm', 'install', '--frozen-lockfile'], file: 'package.json' },
    ],
    [
      { 'package.json': '{"scripts":{"test":"x"}}', 'yarn.lock': '' },
      { check: ['yarn', 'test'], setup: ['yarn', 'install', '--frozen-lockfile'], file: 'package.json' },
    ],
    [{ 'package.json': '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}' }, undefined],
    [
      { 'package.json': 'not json', 'Cargo.toml': '' },
      { check: ['cargo', 'test'], file: 'Cargo.toml' },
    ],
    [{ 'go.mod': 'module x' }, { check: ['go', 'test', './...'], file: 'go.mod' }],
    [{ 'pyproject.toml': '[tool.pytest.ini_options]' }, { check: ['python3', '-m', 'pytest'], file: 'pyproject.toml' }],
    [{ 'pyproject.toml': '[project]' }, undefined],
    [{ 'pom.xml': '' }, { check: ['mvn', '-q', 'test'], file: 'pom.xml' }],
    [{ gradlew: '' }, { check: ['./gradlew', 'test'], file: 'gradlew' }],
    [{ Makefile: 'all:\n\ttrue\ntest: all\n\ttrue\n' }, { check: ['make', 'test'], file: 'Makefile' }],
    [{ Makefile: 'all:\n\ttrue\n' }, undefined],
    [{}, undefined],
  ])('is told by its files: %j', async (files, expected) => {
    const folder = await temporaryFolder()
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    expect(await findCheck(folder)).toEqual(expected)
  })
})
