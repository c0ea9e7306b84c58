import { z } from 'zod'
import { TASK_ID } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import { DURATION, parseDuration } from './duration.ts'
import { isJsonObject } from './json-value.ts'

/** Most tasks that one decision may add. */
export const MOST_PLANNED = 100
const MOST_PROMPT = 50_000
const MOST_NAME = 200
const MOST_NEEDS = 500
/** It begins the prompt, and is metadata of the agent run. */
const ROLE = /^[\p{L}\p{N}][\p{L}\p{N} _./-]{0,99}$/u

const duration = z
  .string()
  .regex(DURATION, { error: 'is not a duration such as 45m' })
  .refine((text) => parseDuration(text) !== undefined, { error: 'is too long' })

/** A task as the manager writes it: a subset of what a workflow file may say. Its prompt is plain text, never a template. */
const plannedTaskSchema = z.strictObject({
  id: z.string().regex(TASK_ID, {
    error: 'is no task id: use letters, digits, _ and -, beginning with a letter, at most 64 characters',
  }),
  role: z
    .string()
    .regex(ROLE, { error: 'must be letters, digits, spaces and _ . / -, at most 100 of them' })
    .optional(),
  prompt: z
    .string()
    .min(1, { error: 'is empty' })
    .max(MOST_PROMPT, { error: `is longer than ${MOST_PROMPT} characters` }),
  needs: z.array(z.string().max(MOST_NAME)).max(MOST_NEEDS).optional(),
  if: z.enum(['always', 'failed']).optional(),
  forEach: z.string().max(MOST_NAME).optional(),
  maxItems: z.int().min(1).max(1_000).optional(),
  output: z.custom<JsonObject>(isJsonObject, { error: 'must be a JSON Schema' }).optional(),
  approval: z.boolean().optional(),
  repository: z.union([z.string().min(1), z.int().min(1)]).optional(),
  priority: z.enum(['high', 'normal', 'low']).optional(),
  onFailure: z.enum(['escalate', 'fail', 'skip', 'continue']).optional(),
  timeout: duration.optional(),
  estimate: duration.optional(),
})

/** One task of a decision, as it was written. */
export type PlannedTask = z.output<typeof plannedTaskSchema>

/** What a planning manager's report must hold as its `result`. */
export const decisionSchema = z.discriminatedUnion('decision', [
  z.strictObject({
    decision: z.literal('delegate'),
    reason: z.string().max(5_000).optional(),
    tasks: z.array(plannedTaskSchema).min(1).max(MOST_PLANNED),
  }),
  z.strictObject({
    decision: z.literal('finish'),
    summary: z.string().max(20_000),
    outcome: z.enum(['completed', 'failed']).optional(),
  }),
  z.strictObject({ decision: z.literal('ask'), question: z.string().min(1).max(5_000) }),
])
