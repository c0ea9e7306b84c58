/** What a real agent that is started before its worktree is whole makes of what comes into it then: when these fail, an agent has changed. */
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { acpAgent } from '../../src/backends/acp/acp-agents.ts'
import { commandAgent } from '../../src/backends/command/command-agents.ts'
import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import { realClock } from '../../src/host/clock.ts'
import { deferred } from '../support/deferred.ts'
import { describeWithAgents } from '../support/describe-with-agents.ts'
import { startModelServer } from '../support/model-server/model-server.ts'
import { describedAgents, prepareHome, type RealAgents } from '../support/real-agents.ts'
import { until } from '../support/scripted-agent.ts'

const never = new AbortController().signal
const UUID = '0b6ff6a1-5a0e-4a35-8c4b-5a1b8d1f0002'
const RULES = 'Say nothing of the moon.'

type Kind = 'command:codex' | 'acp:claude' | 'acp:codex'

async function start(agents: RealAgents, kind: Kind) {
  const root = await mkdtemp(join(tmpdir(), 'troupe-early-'))
  const model = await startModelServer({})
  const site = { home: join(root, 'home'), modelUrl: model.url }
  const cwd = join(root, 'work')
  await mkdir(cwd)
  await prepareHome(site)
  await appendFile(join(site.home, '.codex', 'config.toml'), `[projects."${cwd}"]\ntrust_level = "trusted"\n`)
  const whole = deferred()
  const agent = await agentOf(kind, agents, site)
  const conversation = agent.converse({
    ...{ clock: realClock, attempt: 'run_1/spec/1', uuid: UUID, cwd, folder: root, whole: whole.promise },
    env: { PATH: process.env['PATH'] ?? '', ...agent.set },
    permissions: { rest: 'reject', deadlineMs: 1_000, allow: [] },
    events: { process: async () => {}, session: async () => {}, saw: () => {} },
  })
  onTestFinished(async () => {
    await conversation.stop()
    await model.close()
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  })
  return { conversation, cwd, model, whole, isUp: () => isUp(kind, site.home) }
}

async function agentOf(kind: Kind, agents: RealAgents, site: { home: string; modelUrl: string }): Promise<LocalAgent> {
  const { command, acp } = describedAgents(agents, site)
  const name = kind.endsWith('codex') ? 'codex' : 'claude'
  if (kind === 'command:codex') return known(commandAgent(name, command?.[name]))
  const spoken = join(site.home, 'spoken')
  const program = join(site.home, 'agent')
  await writeFile(program, `#!/bin/sh\n'${acp?.[name]?.program}' "$@" | tee '${spoken}'\n`, { mode: 0o755 })
  return known(acpAgent(name, { ...acp?.[name], program }))
}

/** Whether it has read what it reads before anybody asks it for anything: an agent over ACP has answered, codex has opened its own files. */
async function isUp(kind: Kind, home: string): Promise<boolean> {
  if (kind !== 'command:codex') return (await readFile(join(home, 'spoken'), 'utf8').catch(() => '')).includes('\n')
  return (await readdir(join(home, '.codex'))).some((name) => name.endsWith('.sqlite'))
}

function known(found: LocalAgent | undefined): LocalAgent {
  if (found === undefined) throw new Error('There is no such agent')
  return found
}

/** Fills the folder once its agent has been started, lets it do one turn, and gives what its model was asked first. */
async function askedFirst(agents: RealAgents, kind: Kind, files: Readonly<Record<string, string>>) {
  const { conversation, cwd, model, whole, isUp } = await start(agents, kind)
  const opening = conversation.open(never)
  await until(isUp, realClock)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(cwd, name, '..'), { recursive: true })
    await writeFile(join(cwd, name), text)
  }
  whole.resolve()
  await opening
  expect(await conversation.turn('Do nothing.\n\n[troupe:run_1/spec/1/1]')).toMatchObject({ kind: 'complete' })
  return model.until(({ mark, side }) => mark === 'run_1/spec/1/1' && !side)
}

describeWithAgents('a real agent that was started before its worktree was whole', (agents) => {
  it.each(['command:codex', 'acp:codex', 'acp:claude'] as const)(
    '%s follows the instructions that lie there',
    { timeout: 60_000 },
    async (kind) => {
      const { before, told } = await askedFirst(agents, kind, {
        [kind === 'acp:claude' ? 'CLAUDE.md' : 'AGENTS.md']: RULES,
      })
      expect([...before, ...told].some((text) => text.includes(RULES))).toBe(true)
    },
  )

  it.each(['command:codex', 'acp:codex'] as const)(
    '%s works by the settings that lie there',
    { timeout: 60_000 },
    async (kind) => {
      const { model } = await askedFirst(agents, kind, { '.codex/config.toml': 'model = "gpt-5.4"\n' })
      expect(model).toBe('gpt-5.4')
    },
  )
})
