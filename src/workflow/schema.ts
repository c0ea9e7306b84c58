import { z } from 'zod'
import { TASK_ID } from '../domain/ids.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import { BACKEND_NAME, type BackendName, KNOWN_BACKENDS } from './backend-names.ts'
import { DURATION, DURATION_HINT, parseDuration, parseRateLimit, RATE_LIMIT } from './duration.ts'
import { isJson, isJsonObject } from './json-value.ts'
import { nearest } from './suggestion.ts'

// One schema for the file, the typed API and workflow.schema.json. It only checks: defaults and units are filled in by
// complete.ts, so that the published schema says exactly what may be written.

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
const quoted = (input: unknown): string => (typeof input === 'string' ? JSON.stringify(input.slice(0, 80)) : 'this')

const duration = z
  .string()
  .regex(DURATION, { error: (issue) => `${quoted(issue.input)} is not a duration; ${DURATION_HINT}`, abort: true })
  .refine((text) => parseDuration(text) !== undefined, { error: `is too long; ${DURATION_HINT}` })

const rateLimit = z
  .string()
  .regex(RATE_LIMIT, {
    error: (issue) => `${quoted(issue.input)} is not a limit; write calls/window such as 10/1m, or none`,
    abort: true,
  })
  .refine((text) => parseRateLimit(text) !== undefined, { error: 'needs a window between 1ms and 365d' })
  .describe('Calls in any window, such as 10/1m, or none')

const json = z.custom<Json>(isJson, { error: 'is not a JSON value' })
const jsonObject = z
  .custom<JsonObject>(isJsonObject, { error: 'must be a JSON Schema: a mapping such as { type: object }' })
  .meta({ type: 'object' })
const text = (what: string) => z.string().min(1, { error: `is empty; ${what}` })
const name = (what: string) =>
  z.string().regex(NAME, {
    error: (issue) => `${quoted(issue.input)} is no ${what}: use letters, digits, _ and -, beginning with a letter`,
  })
const whole = (min: number, max: number) => z.int().min(min).max(max)
const dollars = z.number().min(0).max(1_000_000_000)
const MOST_TOKENS = 1_000_000_000_000

const backend = z
  .string()
  .regex(BACKEND_NAME, { error: ({ input }) => wrongBackend(String(input)) })
  .describe('Where the agent runs: codegen, simulated, or an agent of this machine such as command:claude or acp:codex')
  .meta({ examples: [...KNOWN_BACKENDS] }) as unknown as z.ZodType<BackendName, BackendName>

function wrongBackend(name: string): string {
  if (name === 'command' || name === 'acp') return `names no agent; write which, such as ${name}:claude`
  const near = nearest(name, KNOWN_BACKENDS)
  const hint = near === undefined ? '' : `; did you mean '${near}'?`
  return `must be codegen, simulated, command:NAME or acp:NAME, not ${quoted(name)}${hint}`
}

const REPOSITORY = 'must be owner/name, the id of a repository, or the folder of one on this machine'
const repository = z
  .union([z.string().regex(/^(?!\s)[^\p{Cc}]{1,1000}$/u, { error: REPOSITORY }), whole(1, Number.MAX_SAFE_INTEGER)], {
    error: REPOSITORY,
  })
  .describe(
    'owner/name, or the id of a repository; for an agent of this machine its folder, from where the run is started',
  )
const model = text('name a model').describe('Model of the agent; the default is the account’s')

/** How often a failed attempt is repeated. */
const retrySchema = z.strictObject({
  attempts: whole(1, 1000).optional().describe('Attempts in all; default 3'),
  delay: duration.optional().describe('Before the second attempt; default 2s'),
  factor: z.number().min(1).max(100).optional().describe('Each delay is this many times the one before; default 2'),
  maxDelay: duration.optional().describe('No delay is longer; default 5m'),
  onTimeout: z
    .boolean()
    .optional()
    .describe('Start a second agent when the first is past its timeout and cannot be cancelled; default false'),
})

/** What the stand-in and the simulated backend do for a task. */
const simulateSchema = z.strictObject({
  duration: duration.optional().describe('How long the agent works'),
  result: z.string().optional().describe('Text of the agent’s answer'),
  output: json.optional().describe('The result in its report'),
  outcome: z
    .enum(['complete', 'error', 'paused', 'timeout', 'max-iterations', 'out-of-tokens', 'never'])
    .optional()
    .describe('How the agent run ends'),
  failures: whole(0, 100).optional().describe('The first N attempts end with an error'),
  report: z.enum(['completed', 'failed', 'none']).optional().describe('Status in its report'),
  logs: z.array(z.string()).max(1000).optional().describe('Lines of its log'),
  pullRequests: whole(0, 100).optional().describe('How many pull requests it opens'),
  cost: dollars.optional().describe('US dollars it reports to have used; default 0'),
  tokens: whole(0, MOST_TOKENS).optional().describe('Tokens it reports to have used; default 0'),
})

/** The long form of an estimate. */
const estimateSchema = z.strictObject({
  duration: duration.optional(),
  cost: dollars.optional().describe('US dollars; set aside from the budget while it runs'),
})

const estimate = z
  .union([duration, estimateSchema], { error: `must be a duration, or { duration, cost }; ${DURATION_HINT}` })
  .describe('How long the work is thought to last, and what to cost; feeds priorities and the budget')

const WORDS = 'must be a command and its arguments, such as [npm, test], or a list of these; no shell reads it'
const word = z
  .string()
  .max(4_096)
  .regex(/^[^\0]*$/)
/** A name of a program has no blank in it, and a path has a slash. */
const commandLine = z
  .tuple([word.min(1)], word)
  .check(z.maxLength(200))
  .refine(([program, ...words]) => words.length > 0 || !/^[^/\\]*\s[^/\\]*$/.test(program), {
    error: ({ input }) =>
      `no shell reads it: write each word on its own, [${String(input).trim().split(/\s+/).join(', ')}]`,
  })
/** One command, or several that run one after the other. */
const commandLines = z.union([commandLine, z.array(commandLine).max(50)], { error: WORDS })

/** What must pass before a task completes. */
const checkSpecSchema = z
  .strictObject({
    run: commandLines.describe('Commands that troupe runs in the worktree, such as [npm, test]; [] for none'),
    rounds: whole(0, 20).optional().describe('How often failing output goes back to the agent; default 3'),
    timeout: duration.optional().describe('How long each command may take; default 10m'),
  })
  .meta({ examples: [{ run: ['npm', 'test'] }] })

/** What an agent may do that it asks for. */
const permissionsSchema = z.strictObject({
  rest: z
    .enum(['reject', 'ask'])
    .optional()
    .describe('What lies outside its worktree is rejected (default), or asked of a person'),
  deadline: duration.optional().describe('How long a person may take before it is rejected; default 10m'),
  allow: z
    .array(
      z.string().regex(/^[a-z][a-z_]{0,31}$/, {
        error: ({ input }) => `${quoted(input)} is no kind of tool call; write one such as fetch`,
      }),
    )
    .max(20)
    .optional()
    .describe('Further kinds of tool calls that are allowed, such as fetch'),
})

const shared = {
  maxItems: whole(1, 10_000).optional().describe('Most items a forEach may have; default 100'),
  backend: backend.optional(),
  repository: repository.optional(),
  model: model.optional(),
  agentType: text('name a type of agent').optional().describe('Type of agent at the backend'),
  images: z
    .array(text('name a file or give a data URI'))
    .max(20)
    .optional()
    .describe('Files or data URIs shown to the agent'),
  priority: z
    .enum(['high', 'normal', 'low'])
    .optional()
    .describe('Who starts first when slots are few; default normal'),
  uses: z.array(z.string()).max(100).optional().describe('Resources the agent holds, one unit of each'),
  timeout: duration.optional().describe('How long one attempt may last; default 45m'),
  stuckAfter: duration.optional().describe('Alert after no sign of life for this long; default 15m'),
  retry: retrySchema.optional(),
  onFailure: z
    .enum(['escalate', 'fail', 'skip', 'continue'])
    .optional()
    .describe('When all attempts failed: ask a person (default), fail, skip what depends on it, or go on without it'),
  estimate: estimate.optional(),
  approval: z.boolean().optional().describe('A person says that it may start; default false'),
  check: checkSpecSchema
    .optional()
    .describe('For agents of this machine: must pass in the worktree before the task completes'),
  setup: commandLines
    .optional()
    .describe('For agents of this machine: runs in the new worktree before the agent starts, such as [npm, ci]'),
  permissions: permissionsSchema
    .optional()
    .describe('For agents of this machine: what the agent may do that it asks for'),
  onConflict: z
    .enum(['escalate', 'agent'])
    .optional()
    .describe(
      'For agents of this machine: work that cannot be merged is a person’s (default), or goes to the agent with its conflicts',
    ),
  simulate: simulateSchema.optional().describe('Scripts the stand-in and the simulated backend'),
}

/** What tasks (and, where it fits, the manager) have unless they say otherwise. */
export const defaultsSchema = z.strictObject(shared)

/** One task. */
export const taskSchema = z.strictObject({
  role: text('name a role').optional().describe('Who the agent is; the first words of its prompt'),
  prompt: text('say what the agent is to do').describe(
    'Liquid template: inputs, item, index, tasks.X.result and so on',
  ),
  needs: z.array(z.string()).optional().describe('Tasks that must settle before'),
  if: text('write a comparison, always or failed')
    .optional()
    .describe('A comparison such as tasks.plan.failed == 0, or always, or failed'),
  forEach: z.string().optional().describe('tasks.X.output.path: one agent for each item of that list'),
  output: jsonObject.optional().describe('JSON Schema of the result in the agent’s report'),
  ...shared,
})

/** The manager. */
export const managerSchema = z.strictObject({
  prompt: text('say what the manager is told')
    .optional()
    .describe('Liquid template over inputs; needed unless it plans'),
  plan: z.boolean().optional().describe('It decides what is to be done, and when that is done; default false'),
  objective: text('say what is to be achieved').optional().describe('What it plans for; Liquid template over inputs'),
  rounds: whole(1, 1_000).optional().describe('Most decisions before a person is asked; default 20'),
  backend: backend.optional(),
  repository: repository.optional(),
  model: model.optional(),
  timeout: duration.optional().describe('How long one turn may last; default 10m'),
  reportEvery: duration.optional().describe('Told of changes at most this often; default 5m'),
  simulate: simulateSchema.optional().describe('Scripts the stand-in and the simulated backend'),
})

const inputSchema = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'object', 'array']),
  required: z.boolean().optional().describe('Default false'),
  default: json.optional(),
  description: z.string().optional(),
})

/** Limits of the codegen backend; a workflow can only tighten what the account allows. */
export const codegenLimitsSchema = z.strictObject({
  create: rateLimit.optional(),
  standard: rateLimit.optional(),
  shared: rateLimit.optional(),
})

const limitsSchema = z.strictObject({ codegen: codegenLimitsSchema.optional() })

const budgetSchema = z.strictObject({
  agentRuns: whole(1, 1_000_000).optional().describe('Agent runs in all'),
  duration: duration.optional().describe('Waiting for people not counted'),
  managerTurns: whole(1, 1_000_000).optional().describe('Turns of the manager'),
  cost: dollars.gt(0).optional().describe('US dollars; for backends that report them'),
  tokens: whole(1, MOST_TOKENS).optional().describe('For backends that report them'),
})

const taskId = z.string().regex(TASK_ID, {
  error: (issue) =>
    `${quoted(issue.input)} is no task id: use letters, digits, _ and -, beginning with a letter, at most 64 characters`,
})

/** The workflow file. Describes and checks its shape; what it means is checked by check.ts. */
export const workflowSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors'),
    name: z
      .string()
      .regex(/^[^\p{Cc}]{1,200}$/u, { error: 'must be one line of 1 to 200 characters' })
      .describe('What runs of this workflow are called'),
    description: z.string().optional(),
    inputs: z.record(name('input name'), inputSchema).optional().describe('What a run is given with --input'),
    defaults: defaultsSchema.optional().describe('What every task has unless it says otherwise'),
    concurrency: whole(1, 100_000).optional().describe('Agents at once in a run; default 20'),
    limits: limitsSchema.optional().describe('Tightens the backend’s rate limits for this workflow'),
    resources: z
      .record(name('resource name'), whole(1, 1_000_000))
      .optional()
      .describe('How many agents may use each at once'),
    budget: budgetSchema.optional().describe('The run pauses and asks before it exceeds this'),
    roles: z
      .record(z.string().min(1), z.string())
      .optional()
      .describe('First words of the prompt by role; {role} is replaced. default is for the rest'),
    manager: managerSchema.optional().describe('An agent that is told of progress, and can plan'),
    tasks: z
      .record(taskId, taskSchema)
      .optional()
      .describe('The tasks, by id; may be left out where the manager plans'),
  })
  .meta({ title: 'troupe workflow' })

/** A workflow as it is written, in a file or in code. */
export type WorkflowDefinition = z.input<typeof workflowSchema>
/** One task as it is written. */
export type TaskDefinition = z.input<typeof taskSchema>
export type TaskDefaults = z.input<typeof defaultsSchema>
export type ManagerDefinition = z.input<typeof managerSchema>
export type CheckDefinition = z.input<typeof checkSpecSchema>
export type PermissionsDefinition = z.input<typeof permissionsSchema>
export type CommandsDefinition = z.input<typeof commandLines>
export type SimulateDefinition = z.input<typeof simulateSchema>
