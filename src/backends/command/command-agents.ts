import type { CommandDescription } from '../../domain/agent-description.ts'
import type { LocalAgent } from '../local/conversation.ts'
import { programVersion } from '../local/find-program.ts'
import { claudeDialect } from './claude-command.ts'
import { codexDialect } from './codex-command.ts'
import { CommandConversation, type CommandProgram, pathOf } from './command-conversation.ts'
import type { CommandDialect } from './command-dialect.ts'
import { describedDialect } from './described-command.ts'

/** An agent that is known without a description. */
export interface CommandPreset {
  /** As people call it. */
  readonly title: string
  readonly program: string
  readonly install: string
  readonly memoryMb: number
  readonly env: readonly string[]
  readonly set: Readonly<Record<string, string>>
  dialect(extraArgs: readonly string[]): CommandDialect
}

/** Agents whose command lines are known, by name: `command:NAME`. */
export const COMMAND_PRESETS: Readonly<Record<string, CommandPreset>> = {
  claude: {
    title: 'Claude Code',
    program: 'claude',
    install:
      'Install it with npm install -g @anthropic-ai/claude-code, run claude once to log in, or set ANTHROPIC_API_KEY.',
    memoryMb: 600,
    env: [
      ...[
        'ANTHROPIC_API_KEY',
        'ANTHROPIC_AUTH_TOKEN',
        'ANTHROPIC_BASE_URL',
        'ANTHROPIC_MODEL',
        'ANTHROPIC_CUSTOM_HEADERS',
      ],
      ...['CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CONFIG_DIR', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX'],
    ],
    // A few retries ride out a moment; more of them are silence where a limit should be seen.
    set: { CLAUDE_CODE_MAX_RETRIES: '3', DISABLE_AUTOUPDATER: '1' },
    dialect: claudeDialect,
  },
  codex: {
    title: 'Codex',
    program: 'codex',
    install: 'Install it with npm install -g @openai/codex, run codex login once, or set CODEX_API_KEY.',
    memoryMb: 400,
    env: ['CODEX_API_KEY', 'OPENAI_API_KEY', 'OPENAI_ORGANIZATION', 'OPENAI_PROJECT', 'CODEX_HOME'],
    set: {},
    dialect: codexDialect,
  },
}

/** What a described agent is thought to take where nothing is said, MB. */
const MEMORY_MB = 600

/** The agent of a name: a preset, as a description may change it, or what the description says. Undefined: there is none. */
export function commandAgent(name: string, described: CommandDescription | undefined): LocalAgent | undefined {
  const preset = Object.hasOwn(COMMAND_PRESETS, name) ? COMMAND_PRESETS[name] : undefined
  const isItsOwn = described !== undefined && (described.args !== undefined || described.output !== undefined)
  if (preset && !isItsOwn) return presetAgent(name, preset, described ?? {})
  const program = described?.program ?? preset?.program
  if (!described || program === undefined) return undefined
  const agent: CommandProgram = {
    name,
    program,
    install: described.install ?? `Install it, or correct 'program' of the agent ${name}.`,
    model: described.model,
    dialect: describedDialect(described),
  }
  const { memoryMb = MEMORY_MB, env = [], set = {} } = described
  return localAgent(name, agent, { memoryMb, env, set, home: described.home, version: described.version })
}

function presetAgent(name: string, preset: CommandPreset, described: CommandDescription): LocalAgent {
  const agent: CommandProgram = {
    name: preset.title,
    program: described.program ?? preset.program,
    install: described.install ?? preset.install,
    model: described.model,
    dialect: preset.dialect(described.extraArgs ?? []),
  }
  return localAgent(name, agent, {
    memoryMb: described.memoryMb ?? preset.memoryMb,
    env: [...new Set([...preset.env, ...(described.env ?? [])])],
    set: { ...preset.set, ...described.set },
    home: described.home,
    version: described.version,
  })
}

/** What a description may say of it, or not. */
interface Asked {
  readonly home: 'private' | undefined
  readonly version: readonly string[] | undefined
}

function localAgent(
  name: string,
  agent: CommandProgram,
  about: Pick<LocalAgent, 'memoryMb' | 'env' | 'set'> & Pick<Asked, 'home' | 'version'>,
): LocalAgent {
  const { memoryMb, env, set, home, version = ['--version'] } = about
  const { dialect } = agent
  return {
    id: `command:${name}`,
    abilities: {
      steer: dialect.steer !== undefined,
      resume: dialect.resumes,
      usage: dialect.usage,
      ...(dialect.images === undefined ? { images: false } : {}),
    },
    memoryMb,
    env,
    set,
    ...(home === undefined ? {} : { home }),
    findProgram: (environment) => pathOf(agent, environment),
    async locate(environment, signal, clock) {
      const path = await pathOf(agent, environment)
      return { path, version: await programVersion(path, version, environment, { clock, signal }) }
    },
    converse: (options) => new CommandConversation(agent, options),
  }
}
