import { z } from 'zod'
import type { AcpDescription, AgentDescriptions, CommandDescription } from '../domain/agent-description.ts'
import type { BackendErrorKind } from '../domain/backend.ts'
import { BACKEND_NAME } from '../workflow/backend-names.ts'
import type { ProblemList } from '../workflow/problems.ts'
import { type IssueWords, noteIssues } from '../workflow/schema-issues.ts'

/** Agents that need no description: one of these names replaces only what it says. */
const PRESETS = new Set(['claude', 'codex'])
/** Names of variables that hold what must not stand in a file, and of keys that somebody may mean for it. */
const SECRET_NAME = /(?:api_?key|_key|token|secret|password|passwd|credentials?|auth)$/i
const SECRET_KEY = /key|token|secret|passw|credential|auth/i
const MOST_AGENTS = 100
const MOST_RULES = 200

const text = (what: string) => z.string().min(1, { error: `is empty; ${what}` })
const names = z.array(
  z.string().regex(/^[A-Za-z_]\w{0,127}$/, {
    error: 'must be the name of an environment variable, such as ANTHROPIC_API_KEY; never its value',
  }),
)
const path = z.string().regex(/^[^.\s]+(?:\.[^.\s]+)*$/, {
  error: 'must say where the value is in a line: names with dots between them, such as message.usage.input_tokens',
})
const set = z.record(
  z.string().regex(/^[A-Za-z_]\w{0,127}$/, { error: 'must be the name of an environment variable' }),
  z.string(),
)

/** Every key that a description may have: one that is missing does not compile. */
type Described<T> = Readonly<Record<keyof T, z.ZodType>>

const COMMON = {
  program: z
    .string()
    .regex(/^(?:\/.+|[^/~\s][^/\s]*)$/, {
      error: 'must be a name that is looked up on PATH, such as my-agent, or an absolute path',
    })
    .optional(),
  extraArgs: z.array(z.string()).optional(),
  model: text('name a model').optional(),
  home: z.literal('private').optional(),
  env: names.optional(),
  set: set.optional(),
  memoryMb: z.int().min(1).max(1_000_000).optional(),
  version: z.array(z.string()).optional(),
  install: text('say how to install it').optional(),
}

const stopSignal = z.enum(['SIGINT', 'SIGTERM'])

const acpSchema = z.strictObject({
  ...COMMON,
  args: z.array(z.string()).optional(),
  mode: text('name a mode of its sessions').optional(),
  steer: z.boolean().optional(),
  resume: z.boolean().optional(),
  usage: z.boolean().optional(),
  login: text('say how to log in').optional(),
  keyLogin: z.strictObject({ method: text('name a method of authenticate'), variables: names }).optional(),
  stopSignal: stopSignal.optional(),
} satisfies Described<AcpDescription>)

const argument = z.union([z.string(), z.array(z.string()).min(1)], {
  error: 'must be text, or a list of texts that belong together, such as [--model, "{model}"]',
})

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
const match = z.union([scalar, z.array(scalar).min(1), z.strictObject({ present: z.boolean() })], {
  error: 'must be a value, a list of values, or { present: true }',
})

const KINDS = [
  'limit',
  'quota',
  'auth',
  'refused',
  'not-found',
  'invalid',
  'unreachable',
  'crashed',
  'timeout',
  'unknown-outcome',
  'agent-failed',
] as const satisfies readonly (BackendErrorKind | 'agent-failed')[]

const ruleSchema = z.strictObject({
  when: z.record(path, match),
  session: path.optional(),
  text: z.strictObject({ path, replaces: z.boolean().optional() }).optional(),
  progress: path.optional(),
  tool: z
    .strictObject({ id: path.optional(), title: path, status: z.enum(['started', 'completed', 'failed']) })
    .optional(),
  denied: path.optional(),
  failure: z
    .strictObject({
      kind: z.enum(KINDS).optional(),
      message: path.optional(),
      retryable: z.boolean().optional(),
      endsIt: z.boolean().optional(),
    })
    .optional(),
  limit: z.strictObject({ seconds: path.optional(), time: path.optional(), message: path.optional() }).optional(),
  usage: z
    .strictObject({
      tokens: z.array(path).optional(),
      cost: path.optional(),
      of: z.enum(['step', 'turn', 'session']),
    })
    .optional(),
  end: z.strictObject({ reason: path }).optional(),
})

const commandSchema = z.strictObject({
  ...COMMON,
  args: z.array(argument).optional(),
  resume: z.array(argument).optional(),
  prompt: z.enum(['stdin', 'argument']).optional(),
  output: z.strictObject({ lines: z.array(ruleSchema).min(1).max(MOST_RULES) }).optional(),
  exitCodes: z.array(z.int().min(0).max(255)).min(1).optional(),
  stopSignal: stopSignal.optional(),
} satisfies Described<CommandDescription>)

const name = z.string().refine((given) => BACKEND_NAME.test(`acp:${given}`), {
  error: 'must be 1 to 64 small letters, digits and -, a letter first: acp:NAME and command:NAME are its backends',
})

const agentsSchema = z.strictObject({
  command: z.record(name, commandSchema).optional(),
  acp: z.record(name, acpSchema).optional(),
})
const partSchema = z.object({ agents: agentsSchema.optional() })

type Written = z.output<typeof agentsSchema>

const WORDS: IssueWords = {
  unknownKey: (_schema, key) =>
    SECRET_KEY.test(key)
      ? 'a key is never written in this file; put it into an environment variable and name that, as in env: [MY_AGENT_KEY]'
      : undefined,
  // Somebody may have put a key there all the same.
  hidden: (path) => ['set', 'env', 'keyLogin'].some((part) => path.includes(part)),
}

/** Notes every mistake of `agents:` with its place. Gives what it means: nothing where there is none, or a mistake. */
export function parseAgents(given: unknown, problems: ProblemList): AgentDescriptions | undefined {
  if (given === undefined) return undefined
  const issues = noteIssues(partSchema, { agents: withoutWords(given) }, problems, WORDS)
  if (issues.length > 0) return undefined
  // It was checked, and what came out of YAML has no undefined values.
  const { command = {}, acp = {} } = given as Written
  if (Object.keys(command).length + Object.keys(acp).length > MOST_AGENTS) {
    problems.add(['agents'], `has more than ${MOST_AGENTS} entries`)
  }
  for (const [id, agent] of Object.entries(command)) checkCommand(id, agent, problems)
  for (const [id, agent] of Object.entries(acp)) checkProgram(['agents', 'acp', id], id, agent, problems)
  for (const [kind, agents] of Object.entries({ command, acp })) {
    for (const [id, agent] of Object.entries(agents)) refuseSecrets(['agents', kind, id], agent.set ?? {}, problems)
  }
  return { command, acp } as AgentDescriptions
}

type Part = Readonly<Record<string, unknown>>

/** Where a word stands for a mapping it is taken out, so that mistakes inside a mapping keep their places. */
function withoutWords(agents: unknown): unknown {
  if (!isPart(agents) || !isPart(agents['command'])) return agents
  const command = Object.fromEntries(
    Object.entries(agents['command']).map(([id, agent]) => {
      if (!isPart(agent)) return [id, agent]
      const { output, ...rest } = agent
      return [id, output === 'text' || output === undefined ? rest : { ...rest, output: withoutEnds(output) }]
    }),
  )
  return { ...agents, command }
}

function withoutEnds(output: unknown): unknown {
  if (!isPart(output) || !Array.isArray(output['lines'])) return output
  const lines = output['lines'].map((rule: unknown) => {
    if (!isPart(rule) || rule['end'] !== true) return rule
    const { end: _end, ...rest } = rule
    return rest
  })
  return { ...output, lines }
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkCommand(id: string, agent: NonNullable<Written['command']>[string], problems: ProblemList): void {
  const at = ['agents', 'command', id]
  const isOwn = agent.args !== undefined || agent.output !== undefined
  checkProgram(at, isOwn ? undefined : id, agent, problems)
  const holdsPrompt = (args: readonly (string | readonly string[])[]) => args.flat().join(' ').includes('{prompt}')
  for (const key of ['args', 'resume'] as const) {
    const args = agent[key]
    if (args === undefined && key === 'resume') continue
    if (agent.prompt === 'argument' && isOwn && !holdsPrompt(args ?? [])) {
      problems.add([...at, args === undefined ? 'prompt' : key], 'does not hold {prompt}, which is to be an argument')
    } else if (agent.prompt !== 'argument' && args !== undefined && holdsPrompt(args)) {
      problems.add([...at, key], 'holds {prompt}, which is written to standard input; say prompt: argument')
    }
  }
}

function checkProgram(
  at: readonly string[],
  preset: string | undefined,
  agent: { readonly program?: string | undefined },
  problems: ProblemList,
): void {
  if (agent.program !== undefined || (preset !== undefined && PRESETS.has(preset))) return
  problems.add([...at], 'does not say what is started: give program, such as program: my-agent', 'key')
}

function refuseSecrets(at: readonly string[], given: Readonly<Record<string, string>>, problems: ProblemList): void {
  for (const variable of Object.keys(given)) {
    if (!SECRET_NAME.test(variable)) continue
    problems.add(
      [...at, 'set', variable],
      `looks like a secret, which is never written in this file; set it in the environment and name it, as in env: [${variable}]`,
      'key',
    )
  }
}
