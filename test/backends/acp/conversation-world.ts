import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { AcpProfile } from '../../../src/backends/acp/acp-profile.ts'
import type { Conversation, ConversationOptions, Observation } from '../../../src/backends/local/conversation.ts'
import type { PermissionSpec } from '../../../src/domain/local-work.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/host/virtual-clock.ts'
import { inProcessAgent } from '../../support/acp-agent/in-process-agent.ts'
import type { InProcessAgent } from '../../support/acp-agent/in-process-wire.ts'
import type { AgentSettings } from '../../support/acp-agent/script.ts'

export const REJECT: PermissionSpec = { rest: 'reject', deadlineMs: 60_000, allow: [] }
export const ASK: PermissionSpec = { rest: 'ask', deadlineMs: 60_000, allow: [] }

/** What happened in a conversation, in the order it did. */
export interface TestWorld {
  readonly conversation: Conversation
  readonly clock: VirtualClock
  readonly cwd: string
  readonly seen: Observation[]
  /** Processes and sessions that it was told of. */
  readonly told: string[]
  readonly agents: readonly InProcessAgent[]
  /** Methods that arrived at the newest process. */
  heard(): readonly string[]
  /** Waits for something to be seen. */
  until(condition: () => boolean): Promise<void>
}

export interface WorldOptions {
  readonly settings?: AgentSettings
  readonly profile?: Partial<AcpProfile>
  readonly options?: Partial<ConversationOptions>
}

/** A conversation with a scripted agent in this process, in a folder of its own. */
export async function converse({ settings = {}, profile, options }: WorldOptions = {}): Promise<TestWorld> {
  const cwd = await realpath(await mkdtemp(join(tmpdir(), 'troupe-acp-')))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const clock = createVirtualClock()
  const seen: Observation[] = []
  const told: string[] = []
  const { agent, started: agents } = inProcessAgent(settings, profile)
  const events = {
    process: async ({ pid }: { pid: number }) => void told.push(`process ${pid}`),
    session: async (id: string) => void told.push(id.replace(/-\d+-/, '-')),
    saw: (observation: Observation) => void seen.push(observation),
  }
  const given = { clock, attempt: 'run/task/1', uuid: 'none', cwd, env: {}, folder: cwd, permissions: REJECT, events }
  const conversation = agent.converse({ ...given, ...options })
  onTestFinished(() => conversation.stop())
  const heard = () => agents.at(-1)?.heard.map(({ method }) => method) ?? []
  const until = (condition: () => boolean) =>
    vi.waitFor(() => {
      if (!condition()) throw new Error(`It has not happened yet. Seen: ${JSON.stringify(seen)}`)
    }, 5_000)
  return { conversation, clock, cwd, seen, told, agents, heard, until }
}

/** Never aborted. */
export const UNHURRIED = new AbortController().signal
