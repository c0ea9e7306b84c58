import { freemem } from 'node:os'
import type { LocalAgent } from '../backends/local/conversation.ts'
import { Git } from '../backends/local/git.ts'
import { type Repository, Worktrees } from '../backends/local/worktrees.ts'
import type { AgentDescriptions } from '../domain/agent-description.ts'
import { realClock } from '../host/clock.ts'
import { findAgent } from '../local-agents.ts'

/** What commands ask of this machine about local agents. */
export interface LocalTools {
  /** Every agent that is known by its name: the presets, and what is described. */
  agents(described: AgentDescriptions | undefined): Promise<readonly LocalAgent[]>
  /** Git in a folder. Its methods throw BackendError. */
  git(folder: string): Pick<Git, 'line' | 'holds' | 'list'>
  /** The repository that a folder is in. Throws BackendError `refused`, which says what is wrong. */
  repository(folder: string): Promise<Repository>
  readonly worktrees: Worktrees
  memory(): { readonly freeMb: number; capacity(memoryMb: number): number }
}

/** The tools of this machine, with an environment. */
export async function createLocalTools(env: Readonly<Record<string, string | undefined>>): Promise<LocalTools> {
  const { signal } = new AbortController()
  const worktrees = new Worktrees({ clock: realClock, env })
  const { agentCapacity } = await import('../backends/local/agent-capacity.ts')
  return {
    agents: knownAgents,
    git: (folder) => new Git({ clock: realClock, folder, signal, own: env, set: {} }),
    repository: (folder) => worktrees.open(folder, signal),
    worktrees,
    memory: () => ({ freeMb: Math.floor(freemem() / 1024 / 1024), capacity: (memoryMb) => agentCapacity(memoryMb) }),
  }
}

async function knownAgents(described: AgentDescriptions | undefined): Promise<readonly LocalAgent[]> {
  const { ACP_PRESETS } = await import('../backends/acp/acp-agents.ts')
  const { COMMAND_PRESETS } = await import('../backends/command/command-agents.ts')
  const named = (kind: string, presets: readonly string[], own: object = {}) =>
    [...new Set([...presets, ...Object.keys(own)])].map((name) => `${kind}:${name}`)
  const ids = [
    ...named('acp', ACP_PRESETS, described?.acp),
    ...named('command', Object.keys(COMMAND_PRESETS), described?.command),
  ]
  return Promise.all(ids.map((id) => findAgent(id, described)))
}
