/** A conversation with one of the real agents in an empty folder, without the rest of troupe. */
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { acpAgent } from '../../src/backends/acp/acp-agents.ts'
import { commandAgent } from '../../src/backends/command/command-agents.ts'
import type { Conversation, ConversationOptions, LocalAgent } from '../../src/backends/local/conversation.ts'
import { realClock } from '../../src/host/clock.ts'
import { type ModelServer, startModelServer } from './model-server/model-server.ts'
import { describedAgents, prepareHome, type RealAgents } from './real-agents.ts'

const UUID = '0b6ff6a1-5a0e-4a35-8c4b-5a1b8d1f0002'

/** The backends of the real agents. */
export const REAL_BACKENDS = ['command:claude', 'command:codex', 'acp:claude', 'acp:codex'] as const
export type RealBackend = (typeof REAL_BACKENDS)[number]

/** A conversation, and what it is held in. */
export interface RealConversation {
  readonly conversation: Conversation
  readonly cwd: string
  readonly model: ModelServer
  /** Whether its agent has read what it reads before anybody asks it for anything: it has answered, or codex has opened its own files. */
  isUp(): Promise<boolean>
}

/** Makes a conversation, not opened yet; its agent trusts the folder. */
export async function realConversation(
  agents: RealAgents,
  backend: RealBackend,
  options: Partial<Pick<ConversationOptions, 'whole' | 'images'>>,
): Promise<RealConversation> {
  const root = await mkdtemp(join(tmpdir(), 'troupe-real-'))
  const model = await startModelServer({})
  const site = { home: join(root, 'home'), modelUrl: model.url }
  const cwd = join(root, 'work')
  await mkdir(cwd)
  await prepareHome(site)
  await appendFile(join(site.home, '.codex', 'config.toml'), `[projects."${cwd}"]\ntrust_level = "trusted"\n`)
  const agent = await agentOf(backend, agents, site)
  const conversation = agent.converse({
    ...{ clock: realClock, attempt: 'run_1/spec/1', uuid: UUID, cwd, folder: root, ...options },
    env: { PATH: process.env['PATH'] ?? '', ...agent.set },
    permissions: { rest: 'reject', deadlineMs: 1_000, allow: [] },
    events: { process: async () => {}, session: async () => {}, saw: () => {} },
  })
  onTestFinished(async () => {
    await conversation.stop()
    await model.close()
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  })
  return { conversation, cwd, model, isUp: () => isUp(backend, site.home) }
}

async function agentOf(
  backend: RealBackend,
  agents: RealAgents,
  site: { home: string; modelUrl: string },
): Promise<LocalAgent> {
  const { command, acp } = describedAgents(agents, site)
  const name = backend.endsWith('codex') ? 'codex' : 'claude'
  if (backend.startsWith('command:')) return known(commandAgent(name, command?.[name]))
  const spoken = join(site.home, 'spoken')
  const program = join(site.home, 'agent')
  await writeFile(program, `#!/bin/sh\n'${acp?.[name]?.program}' "$@" | tee '${spoken}'\n`, { mode: 0o755 })
  return known(acpAgent(name, { ...acp?.[name], program }))
}

async function isUp(backend: RealBackend, home: string): Promise<boolean> {
  if (backend.startsWith('acp:')) return (await readFile(join(home, 'spoken'), 'utf8').catch(() => '')).includes('\n')
  return (await readdir(join(home, '.codex'))).some((name) => name.endsWith('.sqlite'))
}

function known(found: LocalAgent | undefined): LocalAgent {
  if (found === undefined) throw new Error('There is no such agent')
  return found
}
