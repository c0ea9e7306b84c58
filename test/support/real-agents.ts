/**
 * The real agents, where `npm run agents:install` has put them (TROUPE_AGENTS_DIR or the user's cache), and how each is pointed at a
 * model server: a HOME of its own with its settings, and an environment of a few variables.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AgentProgram, agentsFolder, missingAgents, programIn } from '../../scripts/pinned-agents.ts'
import type { AgentDescriptions } from '../../src/domain/agent-description.ts'

/** Where agents live in a test, and who plays their model. */
export interface AgentSite {
  /** A folder that is made when it is not there; their sessions lie in it. */
  readonly home: string
  /** As {@link ModelServer} tells it. */
  readonly modelUrl: string
  /** How claude is logged in: only one with a subscription tells of a usage limit and its end. A key where nothing is said. */
  readonly claudeLogin?: 'key' | 'subscription'
}

/** Agents that are installed. */
export interface RealAgents {
  readonly folder: string
  /** The absolute path of a program. */
  program(name: AgentProgram): string
}

/** The model that they are told to ask for; codex warns of names that it does not know. */
const CODEX_MODEL = 'gpt-5.5'
const KEY = 'scripted-key'

/** The agents; undefined where they are not installed. */
export function findRealAgents(): RealAgents | undefined {
  const folder = agentsFolder(process.env)
  return missingAgents(folder).length > 0 ? undefined : { folder, program: (name) => programIn(folder, name) }
}

/** Makes the home: codex is told of its provider by a file. */
export async function prepareHome({ home, modelUrl }: AgentSite): Promise<void> {
  await mkdir(join(home, '.codex'), { recursive: true })
  await mkdir(join(home, '.claude'), { recursive: true })
  const provider = [
    `model = "${CODEX_MODEL}"`,
    'model_provider = "scripted"',
    'check_for_update_on_startup = false',
    '[analytics]',
    'enabled = false',
    '[model_providers.scripted]',
    'name = "scripted"',
    `base_url = "${modelUrl}/v1"`,
    'wire_api = "responses"',
    'env_key = "SCRIPTED_MODEL_KEY"',
    'request_max_retries = 1',
    'stream_max_retries = 1',
    '',
  ]
  await writeFile(join(home, '.codex', 'config.toml'), provider.join('\n'))
}

/** What an agent's environment needs beside PATH. */
export function agentVariables(program: AgentProgram, site: AgentSite): Record<string, string> {
  const own = program.startsWith('claude') ? claudeVariables(site) : codexVariables(site)
  return { HOME: site.home, ...own }
}

/** The presets, pointed at what is installed and at the model server. */
export function describedAgents(agents: RealAgents, site: AgentSite): AgentDescriptions {
  const described = (program: AgentProgram) => {
    const identity = { GIT_AUTHOR_NAME: 'agent', GIT_AUTHOR_EMAIL: 'agent@localhost' }
    const committer = { GIT_COMMITTER_NAME: 'agent', GIT_COMMITTER_EMAIL: 'agent@localhost' }
    return { program: agents.program(program), set: { ...agentVariables(program, site), ...identity, ...committer } }
  }
  return {
    command: { claude: described('claude'), codex: described('codex') },
    acp: { claude: described('claude-agent-acp'), codex: described('codex-acp') },
  }
}

function claudeVariables({ home, modelUrl, claudeLogin }: AgentSite): Record<string, string> {
  return {
    ANTHROPIC_BASE_URL: modelUrl,
    ...(claudeLogin === 'subscription'
      ? { CLAUDE_CODE_OAUTH_TOKEN: `sk-ant-oat01-${KEY}` }
      : { ANTHROPIC_API_KEY: KEY }),
    CLAUDE_CONFIG_DIR: join(home, '.claude'),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
  }
}

function codexVariables({ home }: AgentSite): Record<string, string> {
  return { CODEX_HOME: join(home, '.codex'), SCRIPTED_MODEL_KEY: KEY }
}
