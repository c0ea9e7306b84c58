import { z } from 'zod'
import { WEBHOOK_ENCODINGS } from '../backends/codegen/webhook-signature.ts'
import type { AgentDescriptions } from '../domain/agent-description.ts'
import { UsageError, WorkflowError } from '../domain/errors.ts'
import { LOG_LEVELS } from '../server/log-level.ts'
import { DURATION, DURATION_HINT, parseDuration } from '../workflow/duration.ts'
import { ProblemList } from '../workflow/problems.ts'
import { type IssueWords, noteIssues } from '../workflow/schema-issues.ts'
import { readSource } from '../workflow/source.ts'
import type { RetainConfig, ServeConfig, TokenConfig, TroupeConfig } from './config-file.ts'
import { parseAgents } from './parse-agents.ts'
import { isHeaderName, isPublicUrl, PUBLIC_URL_HINT } from './webhook-settings.ts'

const SHORTEST_KEEP_MS = 60_000

const text = (what: string) => z.string().min(1, { error: `is empty; ${what}` })

const keepFor = z
  .string()
  .regex(DURATION, { error: `is not a duration; ${DURATION_HINT}`, abort: true })
  .refine((given) => (parseDuration(given) ?? 0) >= SHORTEST_KEEP_MS, { error: 'must be between 1m and 365d' })

const retainSchema = z
  .strictObject({
    for: keepFor.optional(),
    runs: z.int().min(1).max(1_000_000).optional(),
    archive: z.boolean().optional(),
  })
  .refine((retain) => retain.for !== undefined || retain.runs !== undefined, {
    error: 'says nothing: give for (such as 30d), runs (such as 500) or both',
  })

const tokenSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.@-]{1,64}$/, {
    error: 'must be 1 to 64 letters, digits, _, -, . or @, saying who uses the token',
  }),
  // In capitals, so that hardly any token passes for a name.
  env: z.string().regex(/^[A-Z_][A-Z0-9_]{0,99}$/, {
    error: 'must be the name of an environment variable in capitals, such as TROUPE_TOKEN; never the token itself',
  }),
  access: z.enum(['command', 'watch']),
})

/** Two tokens of one name could not be told apart in the records. */
const tokensSchema = z
  .array(tokenSchema)
  .max(1000)
  .superRefine((tokens, context) => {
    const seen = new Set<string>()
    for (const [index, { name }] of tokens.entries()) {
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is the name of another token already' })
      }
      seen.add(name)
    }
  })

const webhookSchema = z.strictObject({
  secretEnv: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]{0,99}$/, {
      error:
        'must be the name of an environment variable in capitals, such as CODEGEN_WEBHOOK_SECRET; never the secret',
    })
    .optional(),
  header: z
    .string()
    .refine(isHeaderName, { error: 'must be the name of a header, such as x-codegen-signature' })
    .optional(),
  encoding: z.enum(WEBHOOK_ENCODINGS).optional(),
})

const serveSchema = z.strictObject({
  host: text('write an address such as 127.0.0.1').optional(),
  port: z.int().min(0).max(65_535).optional(),
  workflows: text('name a folder of workflow files').optional(),
  inspect: z.boolean().optional(),
  allowHosts: z
    .array(
      z.string().regex(/^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, {
        error: 'must be a host as it stands in a Host header, such as troupe.example.com or 10.0.0.5:4600',
      }),
    )
    .optional(),
  allowOrigins: z
    .array(
      z.string().refine(isOrigin, { error: 'must be an origin, such as https://troupe.example.com, without a path' }),
    )
    .optional(),
  tokens: tokensSchema.optional(),
  retain: retainSchema.optional(),
  logLevel: z.enum(LOG_LEVELS).optional(),
  publicUrl: z
    .string()
    .refine(isPublicUrl, { error: `is no address; ${PUBLIC_URL_HINT}` })
    .optional(),
  webhook: webhookSchema.optional(),
  local: z.boolean().optional(),
})

const configSchema = z.strictObject({
  dataDir: text('name the data folder, such as .troupe').optional(),
  workDir: text('name the folder of worktrees').optional(),
  // Checked by itself.
  agents: z.unknown().optional(),
  serve: serveSchema.optional(),
})

type Written = z.output<typeof configSchema>

const WORDS: IssueWords = {
  unknownKey(schema, key) {
    if (!/token|secret|value|key|password/i.test(key)) return undefined
    if (schema === tokenSchema) {
      return 'a token is never written in this file; put it into an environment variable and name that, as in env: TROUPE_TOKEN'
    }
    return schema === webhookSchema
      ? 'a secret is never written in this file; put it into an environment variable and name that, as in secretEnv: CODEGEN_WEBHOOK_SECRET'
      : undefined
  },
  // Somebody may have put a token or a secret there all the same.
  hidden: (path) => path[0] === 'serve' && (path[1] === 'tokens' || path[1] === 'webhook'),
}

/** The settings that a configuration file's text means. Throws UsageError with every mistake and its place. */
export function parseConfig(source: { readonly file: string; readonly text: string }): TroupeConfig {
  try {
    const {
      value,
      problems: found,
      locate,
    } = readSource(source, {
      file: 'a configuration file',
      form: 'a configuration file is a mapping with dataDir, workDir, agents and serve',
    })
    const problems = new ProblemList(source.file, locate)
    for (const problem of found) problems.addFound(problem)
    noteIssues(configSchema, value, problems, WORDS)
    const agents = parseAgents(agentsIn(value), problems)
    problems.throwIfAny()
    return configOf(value as Written, agents)
  } catch (error) {
    if (error instanceof WorkflowError) throw new UsageError(error.message)
    throw error
  }
}

function agentsIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'agents' in value ? value.agents : undefined
}

function configOf({ dataDir, workDir, serve }: Written, agents: AgentDescriptions | undefined): TroupeConfig {
  return {
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(workDir === undefined ? {} : { workDir }),
    ...(agents === undefined ? {} : { agents }),
    serve: serveOf(serve ?? {}),
  }
}

function serveOf({ tokens, retain, ...rest }: NonNullable<Written['serve']>): ServeConfig {
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const named: readonly TokenConfig[] = tokens ?? []
  return { ...given, tokens: named, ...(retain === undefined ? {} : { retain: retainOf(retain) }) }
}

function retainOf(retain: NonNullable<NonNullable<Written['serve']>['retain']>): RetainConfig {
  const ms = retain.for === undefined ? undefined : parseDuration(retain.for)
  return {
    ...(ms === undefined ? {} : { keepFor: ms }),
    ...(retain.runs === undefined ? {} : { keepRuns: retain.runs }),
    how: retain.archive === true ? 'archive' : 'delete',
  }
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}
