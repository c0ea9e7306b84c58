import { join } from 'node:path'
import type { WebhookEncoding } from '../backends/codegen/webhook-signature.ts'
import type { AgentDescriptions } from '../domain/agent-description.ts'
import { UsageError } from '../domain/errors.ts'
import type { LogLevel } from '../server/log-level.ts'
import { readText } from './read-text.ts'

/** The file with the settings of a folder's troupe. */
const CONFIG_FILE = 'troupe.config.yaml'

const MAX_CONFIG_BYTES = 1024 * 1024

/** A token of `serve`. The file never holds the token itself. */
export interface TokenConfig {
  /** Who uses it: stands in audit records. */
  readonly name: string
  /** The environment variable that holds the token. */
  readonly env: string
  readonly access: 'command' | 'watch'
}

/** Which finished runs `serve` keeps; at least one of `keepFor` and `keepRuns` is there. */
export interface RetainConfig {
  /** How long after their end, ms. */
  readonly keepFor?: number
  /** How many of them, the newest. */
  readonly keepRuns?: number
  /** What becomes of the others. */
  readonly how: 'delete' | 'archive'
}

/** How webhooks of Codegen are recognised. The file never holds the secret itself. */
export interface WebhookConfig {
  /** The environment variable that holds the secret. */
  readonly secretEnv?: string
  /** The header of the signature. */
  readonly header?: string
  readonly encoding?: WebhookEncoding
}

/** Settings of `troupe serve`; what is absent has its default. */
export interface ServeConfig {
  readonly host?: string
  readonly port?: number
  /** Folder of the workflow files that may be started by name. */
  readonly workflows?: string
  readonly inspect?: boolean
  readonly allowHosts?: readonly string[]
  readonly allowOrigins?: readonly string[]
  readonly tokens: readonly TokenConfig[]
  readonly retain?: RetainConfig
  readonly logLevel?: LogLevel
  /** Under which other machines reach this server. */
  readonly publicUrl?: string
  readonly webhook?: WebhookConfig
  /** Workflows that are sent may use the agents of this machine, and say commands that are run here. */
  readonly local?: boolean
}

/** What `troupe.config.yaml` says. Flags and the environment go before it. Paths are relative to the file. */
export interface TroupeConfig {
  readonly dataDir?: string
  /** Where worktrees and private homes of local agents are made. */
  readonly workDir?: string
  /** Local agents beside the presets, and what is different of those. */
  readonly agents?: AgentDescriptions
  readonly serve: ServeConfig
}

/**
 * Reads `troupe.config.yaml` in `folder`; one that is not there says nothing. Throws UsageError when it cannot be read, and with
 * every mistake in it as `file:line:column: ...`, a line each.
 */
export async function readConfigFile(folder: string): Promise<TroupeConfig> {
  let text: string
  try {
    text = await readText(join(folder, CONFIG_FILE), MAX_CONFIG_BYTES)
  } catch (error) {
    if (isMissing(error)) return { serve: { tokens: [] } }
    throw error
  }
  // Most folders have no such file: what reads YAML is not loaded for them.
  const { parseConfig } = await import('./parse-config.ts')
  return parseConfig({ file: CONFIG_FILE, text })
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof UsageError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}
