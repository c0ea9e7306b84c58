import type { AcpDescription } from '../../domain/agent-description.ts'
import type { ConversationOptions, LocalAgent } from '../local/conversation.ts'
import { programVersion } from '../local/find-program.ts'
import { AcpConversation, type StartWire } from './acp-conversation.ts'
import type { AcpProfile } from './acp-profile.ts'
import { installed, startAgentProcess } from './process-wire.ts'

const CLAUDE: AcpProfile = {
  id: 'acp:claude',
  program: 'claude-agent-acp',
  args: [],
  // Its newer versions can be steered and its older ones cannot; a description says `steer: true` for the former.
  abilities: { steer: false, resume: true, usage: true },
  memoryMb: 600,
  env: [
    'ANTHROPIC_API_KEY',
    'ANTHROPIC_AUTH_TOKEN',
    'ANTHROPIC_BASE_URL',
    'ANTHROPIC_MODEL',
    'ANTHROPIC_SMALL_FAST_MODEL',
    'ANTHROPIC_CUSTOM_HEADERS',
    'CLAUDE_CODE_OAUTH_TOKEN',
    'CLAUDE_CONFIG_DIR',
    'CLAUDE_CODE_USE_BEDROCK',
    'CLAUDE_CODE_USE_VERTEX',
    'CLAUDE_CODE_EXECUTABLE',
  ],
  // Over the protocol a limit is silent: its retries are few, so that it becomes an error that can be waited for properly.
  set: { CLAUDE_CODE_MAX_RETRIES: '2', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' },
  // Its sessions are told their folder, and read it in processes of their own.
  startsEarly: true,
  // It asks in this one, so that the workflow's permissions decide.
  modes: ['default'],
  login: "Set ANTHROPIC_API_KEY, or log in with 'claude-agent-acp --cli auth login'.",
  install: 'Install it with npm install -g @agentclientprotocol/claude-agent-acp.',
  version: ['--cli', '--version'],
  stopSignal: 'SIGINT',
}

const CODEX: AcpProfile = {
  id: 'acp:codex',
  program: 'codex-acp',
  args: [],
  abilities: { steer: true, resume: true, usage: true },
  memoryMb: 500,
  env: [
    'OPENAI_API_KEY',
    'CODEX_API_KEY',
    'OPENAI_BASE_URL',
    'CODEX_HOME',
    'CODEX_PATH',
    'CODEX_CONFIG',
    'MODEL_PROVIDER',
  ],
  // After each turn it would ask the model what its user may say next, for a composer that is not there.
  set: { NO_BROWSER: '1', CODEX_ACP_PROMPT_SUGGESTIONS: 'false' },
  startsEarly: true,
  // What its sandbox keeps from it, it asks for; the default mode lets a model answer that.
  modes: ['workspace-write', 'agent'],
  sandboxed: true,
  titled: true,
  // Without it a turn that failed at its provider ends like any other, with the error as its text.
  clientMeta: { jetbrains: { air: { version: 1, capabilities: ['sessionFailure'] } } },
  keyLogin: { method: 'api-key', variables: ['CODEX_API_KEY', 'OPENAI_API_KEY'] },
  login: "Set OPENAI_API_KEY, or log in with 'codex login'.",
  install: 'Install it with npm install -g @agentclientprotocol/codex-acp.',
  version: ['--version'],
  stopSignal: 'SIGTERM',
}

/** Agents that are known by their name alone. */
export const ACP_PRESETS: readonly string[] = ['claude', 'codex']
const PROFILES: Readonly<Record<string, AcpProfile>> = { claude: CLAUDE, codex: CODEX }

/** The agent of backend `acp:NAME`; undefined where nothing of this name is known. */
export function acpAgent(name: string, described: AcpDescription | undefined): LocalAgent | undefined {
  const profile = profileOf(name, described)
  return profile && localAgent(profile, (options) => startAgentProcess(profile, options))
}

/** An agent behind any wire. */
export function localAgent(profile: AcpProfile, start: StartWire): LocalAgent {
  const { id, abilities, memoryMb, env, set, home } = profile
  return {
    id,
    // One process an attempt: it is there for the next turn.
    abilities: { ...abilities, stays: true },
    memoryMb,
    env,
    set,
    ...(home === undefined ? {} : { home }),
    findProgram: (environment) => installed(profile, environment),
    async locate(environment, signal, clock) {
      const path = await installed(profile, environment)
      return { path, version: await programVersion(path, profile.version, environment, { clock, signal }) }
    },
    converse: (options: ConversationOptions) => new AcpConversation(profile, options, start),
  }
}

/** A preset with what its description replaces, or an agent that is only described. */
function profileOf(name: string, described: AcpDescription | undefined): AcpProfile | undefined {
  const preset = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined
  if (described === undefined) return preset
  const program = described.program ?? preset?.program
  if (program === undefined) return undefined
  const { abilities } = preset ?? { abilities: { steer: false, resume: true, usage: true } }
  const model = described.model ?? preset?.model
  const home = described.home ?? preset?.home
  const keyLogin = described.keyLogin ?? preset?.keyLogin
  return {
    id: `acp:${name}`,
    program,
    args: [...(described.args ?? preset?.args ?? []), ...(described.extraArgs ?? [])],
    abilities: {
      steer: described.steer ?? abilities.steer,
      resume: described.resume ?? abilities.resume,
      usage: described.usage ?? abilities.usage,
    },
    memoryMb: described.memoryMb ?? preset?.memoryMb ?? 800,
    env: [...new Set([...(preset?.env ?? []), ...(described.env ?? [])])],
    set: { ...preset?.set, ...described.set },
    ...(home === undefined ? {} : { home }),
    ...(model === undefined ? {} : { model }),
    modes: described.mode === undefined ? (preset?.modes ?? []) : [described.mode],
    ...(preset?.startsEarly === undefined || described.args !== undefined ? {} : { startsEarly: preset.startsEarly }),
    ...(preset?.sandboxed === undefined ? {} : { sandboxed: preset.sandboxed }),
    ...(preset?.titled === undefined ? {} : { titled: preset.titled }),
    ...(preset?.clientMeta === undefined ? {} : { clientMeta: preset.clientMeta }),
    ...(keyLogin === undefined ? {} : { keyLogin }),
    login: described.login ?? preset?.login ?? 'Log in with its own program.',
    install: described.install ?? preset?.install ?? `Install it, or set 'program' in the description of '${name}'.`,
    version: described.version ?? preset?.version ?? ['--version'],
    stopSignal: described.stopSignal ?? preset?.stopSignal ?? 'SIGTERM',
  }
}
