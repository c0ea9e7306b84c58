import { z } from 'zod'
import type { Workflow } from '../../domain/workflow.ts'
import { rateLimit } from './settings.ts'
import { json, jsonObject } from './values.ts'

const MAX_TASKS = 10_000
const ms = z.number().nonnegative()

const condition = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('always') }),
  z.strictObject({ kind: z.literal('failed') }),
  z.strictObject({ kind: z.literal('expression'), source: z.string() }),
])

const command = z.tuple([z.string()], z.string())
const check = z.strictObject({ commands: z.array(command), rounds: z.int().nonnegative(), timeoutMs: ms })
const permissions = z.strictObject({
  rest: z.enum(['reject', 'ask']),
  deadlineMs: ms,
  allow: z.array(z.string()),
})

const taskSpec = z.strictObject({
  id: z.string(),
  role: z.string().exactOptional(),
  prompt: z.string(),
  needs: z.array(z.string()),
  if: condition.exactOptional(),
  forEach: z
    .strictObject({ task: z.string(), path: z.array(z.string()), outputs: z.literal(true).exactOptional() })
    .exactOptional(),
  maxItems: z.number(),
  output: jsonObject.exactOptional(),
  backend: z.string(),
  repository: z.string().exactOptional(),
  model: z.string().exactOptional(),
  agentType: z.string().exactOptional(),
  images: z.array(z.string()).exactOptional(),
  priority: z.enum(['high', 'normal', 'low']),
  uses: z.array(z.string()),
  timeoutMs: ms,
  stuckAfterMs: ms,
  retry: z.strictObject({
    attempts: z.number().int().positive(),
    delayMs: ms,
    factor: z.number().positive(),
    maxDelayMs: ms,
    onTimeout: z.boolean(),
  }),
  onFailure: z.enum(['escalate', 'fail', 'skip', 'continue']),
  estimateMs: ms.exactOptional(),
  estimateCost: z.number().nonnegative().exactOptional(),
  simulate: jsonObject.exactOptional(),
  check: check.exactOptional(),
  setup: z.array(command).exactOptional(),
  permissions: permissions.exactOptional(),
  onConflict: z.literal('agent').exactOptional(),
  approval: z.boolean().exactOptional(),
  planned: z.boolean().exactOptional(),
})

const planning = z.strictObject({
  objective: z.string(),
  rounds: z.number().int().positive(),
  defaults: taskSpec.omit({ id: true, prompt: true, needs: true, role: true, if: true, forEach: true, output: true }),
  repositories: z.array(z.string()),
})

const managerSpec = z.strictObject({
  prompt: z.string(),
  backend: z.string(),
  repository: z.string().exactOptional(),
  model: z.string().exactOptional(),
  timeoutMs: ms,
  reportEveryMs: ms,
  simulate: jsonObject.exactOptional(),
  planning: planning.exactOptional(),
})

const inputSpec = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'object', 'array']),
  required: z.boolean(),
  default: json.exactOptional(),
  description: z.string().exactOptional(),
})

/** A workflow that was checked and completed by whoever sends it. */
export const resolvedWorkflow = z.strictObject({
  name: z.string(),
  description: z.string().exactOptional(),
  inputs: z.record(z.string(), inputSpec),
  concurrency: z.number().positive(),
  limits: z.record(z.string(), z.record(z.string(), rateLimit)),
  resources: z.record(z.string(), z.number()),
  budget: z.strictObject({
    agentRuns: z.number().exactOptional(),
    durationMs: ms.exactOptional(),
    managerTurns: z.number().exactOptional(),
    cost: z.number().positive().exactOptional(),
    tokens: z.number().int().positive().exactOptional(),
  }),
  roles: z.record(z.string(), z.string()),
  manager: managerSpec.exactOptional(),
  tasks: z.array(taskSpec).max(MAX_TASKS),
}) satisfies z.ZodType<Workflow>
