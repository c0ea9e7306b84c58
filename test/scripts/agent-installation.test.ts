import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { InstallationError, type InstallOptions, installAgents } from '../../scripts/agent-installation.ts'
import { agentsFolder, missingAgents, PINNED_AGENTS } from '../../scripts/pinned-agents.ts'

/** Installs what a manifest asks for as npm would, as far as anybody looks at it. */
const INSTALLS = `
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [name, version] of Object.entries(dependencies)) {
  mkdirSync('node_modules/' + name, { recursive: true })
  writeFileSync('node_modules/' + name + '/package.json', JSON.stringify({ name, version }))
}
mkdirSync('node_modules/.bin')
for (const name of ['claude', 'codex', 'claude-agent-acp', 'codex-acp']) writeFileSync('node_modules/.bin/' + name, '')
`

let root = ''
/** Ends what a test that failed has left at work. */
let over = new AbortController()
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), 'troupe-install-'))
  root = made
  over = new AbortController()
  onTestFinished(async () => {
    over.abort()
    await rm(made, { recursive: true, force: true })
  })
})

function options(program: string, more: Partial<InstallOptions> = {}): InstallOptions {
  return {
    folder: join(root, 'agents'),
    npm: [process.execPath, '-e', program, '--'],
    timeoutMs: 30_000,
    signal: over.signal,
    ...more,
  }
}

it('installs the agents as a whole, and a second time does nothing', async () => {
  const outcomes = [await installAgents(options(INSTALLS)), await installAgents(options('process.exit(1)'))]
  expect([outcomes, missingAgents(join(root, 'agents')), await readdir(root)]).toEqual([
    ['installed', 'already there'],
    [],
    ['agents'],
  ])
  const manifest = JSON.parse(await readFile(join(root, 'agents', 'package.json'), 'utf8'))
  expect(manifest.dependencies).toEqual(PINNED_AGENTS)
})

it('lets two at once have one folder', async () => {
  const outcomes = await Promise.all([installAgents(options(INSTALLS)), installAgents(options(INSTALLS))])
  expect([outcomes.toSorted(), await readdir(root)]).toEqual([['already there', 'installed'], ['agents']])
})

it.each([
  [
    'that npm failed, with its words',
    "console.error('npm error no network'); process.exit(3)",
    'npm could not install the agents: it ended with 3.\nnpm error no network',
  ],
  ['that something is missing', '', 'npm ended well, but @agentclientprotocol/claude-agent-acp 0.49.0 is not there.'],
])('says %s, and leaves nothing', async (_, program, message) => {
  await expect(installAgents(options(program))).rejects.toThrow(new InstallationError(message))
  expect(await readdir(root)).toEqual([])
})

it('says that npm is not there', async () => {
  const missing = installAgents(options('', { npm: [join(root, 'no-npm')] }))
  await expect(missing).rejects.toThrow(/^npm could not install the agents: spawn .*no-npm ENOENT\.$/)
})

it('ends npm and all that it started when it takes too long, or is no longer wanted', async () => {
  const hangs = "require('node:child_process').spawnSync(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])"
  const late = installAgents(options(hangs, { timeoutMs: 300 }))
  await expect(late).rejects.toThrow('npm could not install the agents: it took longer than 0 s.')
  const interrupted = installAgents(options(hangs))
  over.abort()
  await expect(interrupted).rejects.toThrow('npm could not install the agents: it was interrupted.')
  expect(await readdir(root)).toEqual([])
})

it('touches no folder that is something else', async () => {
  const folder = join(root, 'agents')
  await mkdir(folder)
  await writeFile(join(folder, 'mine.txt'), 'mine')
  await expect(installAgents(options(INSTALLS))).rejects.toThrow(
    `${folder} is not empty and not a folder of these agents (@agentclientprotocol/claude-agent-acp 0.49.0 is not there). Remove it, or set TROUPE_AGENTS_DIR to another folder.`,
  )
  expect(await readdir(folder)).toEqual(['mine.txt'])
})

it('has a folder of its own for each set of versions, or the one it is told', () => {
  expect(agentsFolder({ TROUPE_AGENTS_DIR: '/agents' })).toBe('/agents')
  expect(agentsFolder({ XDG_CACHE_HOME: '/cache' })).toMatch(/^\/cache\/troupe\/agents-[0-9a-f]{12}$/)
})
