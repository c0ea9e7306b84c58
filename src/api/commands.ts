import { z } from 'zod'
import type { RunCommand, TaskCommand } from '../domain/command.ts'
import { UsageError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { describeIssues } from './errors.ts'

const MAX_PROMPT = 200_000
const MAX_REASON = 10_000
const MAX_RESULT_BYTES = 4 * 1024 * 1024
/** What `continue` may raise: numbers of agent runs and turns, ms of duration. */
export const BUDGETS = ['agentRuns', 'managerTurns', 'duration'] as const
const MAX_RAISE = 1_000_000_000_000
const MAX_WAIT_MS = 366 * 24 * 60 * 60 * 1000

const resultSchema = z.custom<Json>(
  (value) => value !== undefined && JSON.stringify(value).length <= MAX_RESULT_BYTES,
  `a JSON value of at most ${MAX_RESULT_BYTES} bytes is needed`,
)

/** What a person may say to a task, as it arrives: strict, every text bounded. */
const taskCommandSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('retry'), prompt: z.string().min(1).max(MAX_PROMPT).exactOptional() }),
  z.strictObject({ type: z.literal('complete'), result: resultSchema }),
  z.strictObject({ type: z.literal('skip') }),
  z.strictObject({ type: z.literal('fail'), reason: z.string().max(MAX_REASON).exactOptional() }),
  z.strictObject({ type: z.literal('wait'), ms: z.number().int().positive().max(MAX_WAIT_MS).exactOptional() }),
  z.strictObject({ type: z.literal('adopt') }),
]) satisfies z.ZodType<TaskCommand>

/** What a person may say to a run, as it arrives. */
const runCommandSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('cancel') }),
  z.strictObject({ type: z.literal('pause') }),
  z.strictObject({
    type: z.literal('continue'),
    budget: z.partialRecord(z.enum(BUDGETS), z.number().int().positive().max(MAX_RAISE)).exactOptional(),
  }),
]) satisfies z.ZodType<RunCommand>

/** Checks what somebody says to a task. Throws UsageError with what is wrong. */
export function parseTaskCommand(value: unknown): TaskCommand {
  const parsed = taskCommandSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`This is no command for a task: ${describeIssues(parsed.error)}.`)
}

/** Checks what somebody says to a run. Throws UsageError with what is wrong. */
export function parseRunCommand(value: unknown): RunCommand {
  const parsed = runCommandSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`This is no command for a run: ${describeIssues(parsed.error)}.`)
}
