/** The real agents that tests are run with, each in one version, and where they are installed. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Packages with the versions that troupe is tested with. Newer ones of some want a newer Node than troupe does. */
export const PINNED_AGENTS: Readonly<Record<string, string>> = {
  '@agentclientprotocol/claude-agent-acp': '0.49.0',
  '@agentclientprotocol/codex-acp': '2.6.0',
  '@anthropic-ai/claude-code': '2.1.197',
  '@openai/codex': '0.169.0',
}

/** What they bring along and leave open; the rest they pin themselves. */
export const PINNED_WITHIN = {
  '@agentclientprotocol/codex-acp': { '@openai/codex': '0.166.0', '@agentclientprotocol/sdk': '2.4.0' },
}

/** What they are started as. */
export const AGENT_PROGRAMS = ['claude', 'codex', 'claude-agent-acp', 'codex-acp'] as const
export type AgentProgram = (typeof AGENT_PROGRAMS)[number]

/** TROUPE_AGENTS_DIR, else a folder of the user's cache that is named by the versions. */
export function agentsFolder(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['TROUPE_AGENTS_DIR']
  if (own) return own
  const pins = JSON.stringify([PINNED_AGENTS, PINNED_WITHIN])
  const name = `agents-${createHash('sha256').update(pins).digest('hex').slice(0, 12)}`
  const home = process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
  return join(env['XDG_CACHE_HOME'] || home, 'troupe', name)
}

/** Where a program of a folder of agents is. */
export function programIn(folder: string, program: AgentProgram): string {
  return join(folder, 'node_modules', '.bin', program)
}

/** What a folder lacks of the agents: one line each, none when it is complete. */
export function missingAgents(folder: string): string[] {
  const packages = Object.entries(PINNED_AGENTS).flatMap(([name, pinned]) => {
    const found = versionIn(folder, name)
    return found === pinned ? [] : [`${name} ${pinned} is ${found === undefined ? 'not there' : `there as ${found}`}`]
  })
  const programs = AGENT_PROGRAMS.filter((program) => !existsSync(programIn(folder, program)))
  return [...packages, ...programs.map((program) => `the program ${program} is not there`)]
}

function versionIn(folder: string, name: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version
  } catch {
    return undefined
  }
}
