import { z } from 'zod'
import { UsageError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RunSettings } from '../domain/orchestration.ts'
import type { RateLimit, Workflow } from '../domain/workflow.ts'
import { describeIssues } from './errors.ts'

const MAX_TASKS = 10_000
const ms = z.number().nonnegative()

// What arrives was JSON already: only that it is an object is left to check.
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object is needed',
)

const rateLimit = z.union([
  z.literal('none'),
  z.strictObject({ max: z.number().int().positive(), windowMs: z.number().positive() }),
]) satisfies z.ZodType<RateLimit>

const condition = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('always') }),
  z.strictObject({ kind: z.literal('failed') }),
  z.strictObject({ kind: z.literal('expression'), source: z.string() }),
])

const taskSpec = z.strictObject({
  id: z.string(),
  role: z.string().exactOptional(),
  prompt: z.string(),
  needs: z.array(z.string()),
  if: condition.exactOptional(),
  forEach: z.strictObject({ task: z.string(), path: z.array(z.string()) }).exactOptional(),
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
  simulate: jsonObject.exactOptional(),
})

const managerSpec = z.strictObject({
  prompt: z.string(),
  backend: z.string(),
  repository: z.string().exactOptional(),
  model: z.string().exactOptional(),
  timeoutMs: ms,
  reportEveryMs: ms,
  simulate: jsonObject.exactOptional(),
})

const inputSpec = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'object', 'array']),
  required: z.boolean(),
  default: z.json().exactOptional(),
  description: z.string().exactOptional(),
})

const workflowSchema = z.strictObject({
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
  }),
  roles: z.record(z.string(), z.string()),
  manager: managerSpec.exactOptional(),
  tasks: z.array(taskSpec).max(MAX_TASKS),
}) satisfies z.ZodType<Workflow>

const settingsSchema = z.strictObject({
  backend: z.string().exactOptional(),
  limits: z.record(z.string(), rateLimit).exactOptional(),
  graceMs: ms.exactOptional(),
  speed: z.number().positive().exactOptional(),
  seed: z.number().int().exactOptional(),
  yes: z.boolean().exactOptional(),
}) satisfies z.ZodType<RunSettings>

const startSchema = z.strictObject({ workflow: workflowSchema, inputs: jsonObject, settings: settingsSchema })
const resumeSchema = z.strictObject({ run: z.string().exactOptional(), settings: settingsSchema.exactOptional() })

/** Body of `POST /v1/runs`: the workflow and its inputs were resolved and checked by the caller. */
export type StartRequest = z.infer<typeof startSchema>
/** Body of `POST /v1/runs/resume`. */
export type ResumeRequest = z.infer<typeof resumeSchema>

/** Throws UsageError with what is wrong. */
export function parseStartRequest(body: unknown): StartRequest {
  return checked(startSchema, body, 'start a run')
}

/** Throws UsageError with what is wrong. */
export function parseResumeRequest(body: unknown): ResumeRequest {
  return checked(resumeSchema, body, 'resume')
}

/** A whole number of a query, within bounds; throws UsageError. */
export function parseCount(name: string, value: string | undefined, otherwise: number, max: number): number {
  if (value === undefined) return otherwise
  const count = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(count)) throw new UsageError(`'${name}' must be a whole number, not '${value.slice(0, 40)}'.`)
  return Math.min(count, max)
}

function checked<T>(schema: z.ZodType<T>, body: unknown, what: string): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new UsageError(`The request to ${what} cannot be used: ${describeIssues(parsed.error)}.`)
}
