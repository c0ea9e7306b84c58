import { resolve } from 'node:path'
import { UsageError } from '../domain/errors.ts'
import type { ServerToken } from '../server/access-tokens.ts'
import { LOG_LEVELS, type LogLevel } from '../server/log-level.ts'
import { DURATION_HINT, parseDuration } from '../workflow/duration.ts'
import type { RetainConfig, ServeConfig } from './config-file.ts'
import { readWebhook, readWebhookUrl, type WebhookSettings } from './webhook-settings.ts'

/** The flags of `troupe serve`, as typed. */
export interface ServeFlags {
  readonly host?: string
  readonly port?: string
  readonly dataDir?: string
  readonly workflows?: string
  readonly inspect?: boolean
  readonly allowHost: readonly string[]
  readonly allowOrigin: readonly string[]
  readonly logLevel?: string
  readonly retainFor?: string
  readonly retainRuns?: string
  readonly archive?: boolean
  readonly publicUrl?: string
  /** False: `--no-resume`. */
  readonly resume: boolean
}

/** How `troupe serve` serves. */
export interface ServeSettings {
  readonly host: string
  readonly port: number
  readonly tokens: readonly ServerToken[]
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly inspect: boolean
  /** Workflows that are sent may use the agents of this machine. */
  readonly local: boolean
  readonly logLevel: LogLevel
  readonly workflows?: string
  readonly retain?: RetainConfig
  readonly webhook?: WebhookSettings
  /** Given to Codegen with each agent run; only where both an address and a secret are set. */
  readonly webhookUrl?: string
}

/** Where flags, environment and file are read; a relative path of the file starts at `cwd`. */
export interface SettingsPlaces {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Tokens that need no file. */
const ENV_TOKENS = [
  { name: 'token', env: 'TROUPE_TOKEN', access: 'command' },
  { name: 'read-token', env: 'TROUPE_READ_TOKEN', access: 'watch' },
] as const

/** Flags go before `troupe.config.yaml`. Throws UsageError with every mistake on its own line. */
export function readServeSettings(flags: ServeFlags, config: ServeConfig, places: SettingsPlaces): ServeSettings {
  const wrong: string[] = []
  const port = readPort(flags.port, wrong) ?? config.port ?? 4600
  const logLevel = readLogLevel(flags.logLevel, wrong) ?? config.logLevel ?? 'info'
  const retain = readRetain(flags, config.retain, wrong)
  const tokens = readTokens(config, places.env, wrong)
  const webhook = readWebhook(config.webhook, places.env, wrong)
  const webhookUrl = readWebhookUrl(flags.publicUrl ?? config.publicUrl, webhook, wrong)
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  const workflows = flags.workflows ?? config.workflows
  return {
    host: flags.host ?? config.host ?? '127.0.0.1',
    port,
    tokens,
    allowedHosts: [...(config.allowHosts ?? []), ...flags.allowHost],
    allowedOrigins: [...(config.allowOrigins ?? []), ...flags.allowOrigin],
    inspect: flags.inspect ?? config.inspect ?? false,
    local: config.local ?? false,
    logLevel,
    ...(workflows === undefined ? {} : { workflows: resolve(places.cwd, workflows) }),
    ...(retain === undefined ? {} : { retain }),
    ...(webhook === undefined ? {} : { webhook }),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
  }
}

function readPort(text: string | undefined, wrong: string[]): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  wrong.push(`--port ${text}: write a number from 0 (any free one) to 65535.`)
  return undefined
}

function readLogLevel(text: string | undefined, wrong: string[]): LogLevel | undefined {
  const level = LOG_LEVELS.find((known) => known === text)
  if (text !== undefined && level === undefined) {
    wrong.push(`--log-level ${text}: there is no such level. There are: ${LOG_LEVELS.join(', ')}.`)
  }
  return level
}

function readRetain(flags: ServeFlags, config: RetainConfig | undefined, wrong: string[]): RetainConfig | undefined {
  const keepFor = flags.retainFor === undefined ? config?.keepFor : parseDuration(flags.retainFor)
  if (flags.retainFor !== undefined && keepFor === undefined)
    wrong.push(`--retain-for ${flags.retainFor}: ${DURATION_HINT}.`)
  const text = flags.retainRuns
  const keepRuns = text === undefined ? config?.keepRuns : Number(text)
  if (text !== undefined && !/^[1-9]\d{0,6}$/.test(text)) {
    wrong.push(`--retain-runs ${text}: write how many finished runs are kept, 1 or more.`)
  }
  if (keepFor === undefined && keepRuns === undefined) {
    if (flags.archive === true && flags.retainFor === undefined) {
      wrong.push('--archive: say what is archived, with --retain-for 30d or --retain-runs 500.')
    }
    return undefined
  }
  return {
    how: flags.archive === true ? 'archive' : (config?.how ?? 'delete'),
    ...(keepFor === undefined ? {} : { keepFor }),
    ...(keepRuns === undefined ? {} : { keepRuns }),
  }
}

/** Those of the environment, and those whose variables the file names. */
function readTokens({ tokens }: ServeConfig, env: SettingsPlaces['env'], wrong: string[]): readonly ServerToken[] {
  const named = tokens.flatMap(({ name, env: variable, access }) => {
    const token = env[variable]
    if (token) return [{ name, token, access }]
    wrong.push(
      `The token '${name}' is to be read from ${variable}, which is not set. Set it, or take it out of the file.`,
    )
    return []
  })
  const taken = new Set(tokens.map((token) => token.env))
  const usual = ENV_TOKENS.flatMap(({ name, env: variable, access }) => {
    const token = env[variable]
    return token && !taken.has(variable) ? [{ name, token, access }] : []
  })
  return [...usual, ...named]
}
