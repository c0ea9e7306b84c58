import { z } from 'zod'
import type { RunCommand, TaskCommand } from '../domain/command.ts'
import { UsageError } from '../domain/errors.ts'
import { describeIssues } from './errors.ts'
import { components } from './schemas/component.ts'
import { json } from './schemas/values.ts'

const MAX_PROMPT = 200_000
const MAX_REASON = 10_000
/** What is said to an agent, bytes. */
const MAX_SAID = 8_192
const MAX_RESULT_BYTES = 4 * 1024 * 1024
const MAX_RAISE = 1_000_000_000_000
const more = z.int().positive().max(MAX_RAISE)
const MAX_WAIT_MS = 366 * 24 * 60 * 60 * 1000

const result = json.refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_RESULT_BYTES, {
  error: `must be a JSON value of at most ${MAX_RESULT_BYTES} bytes`,
})

const said = z
  .string()
  .min(1)
  .refine((text) => new TextEncoder().encode(text).length <= MAX_SAID, { error: `must be at most ${MAX_SAID} bytes` })

/** What a person may say to a task, as it arrives: strict, every text bounded. */
export const taskCommand = z
  .discriminatedUnion('type', [
    z
      .strictObject({
        type: z.literal('retry'),
        prompt: z.string().min(1).max(MAX_PROMPT).exactOptional(),
        resolve: z
          .boolean()
          .describe('Leaves what cannot be merged of the work that it needs to its agent, with its conflicts.')
          .exactOptional(),
      })
      .describe('Begins a new attempt, with this prompt instead of the task’s.'),
    z.strictObject({ type: z.literal('complete'), result }).describe('Ends the task as completed, with this result.'),
    z.strictObject({ type: z.literal('skip') }).describe('Leaves the task out, and what depends on it.'),
    z
      .strictObject({ type: z.literal('fail'), reason: z.string().max(MAX_REASON).exactOptional() })
      .describe('Ends the task as failed.'),
    z
      .strictObject({ type: z.literal('wait'), ms: z.int().positive().max(MAX_WAIT_MS).exactOptional() })
      .describe('Watches the agent on for another `ms` milliseconds.'),
    z
      .strictObject({
        type: z.literal('adopt'),
        attempt: z
          .int()
          .positive()
          .describe('Completes the task with what this attempt returned after it had been given up: one of its `late`.')
          .exactOptional(),
      })
      .describe('Takes the running agent’s end as if it were in time; or, with an attempt, its late result.'),
    z.strictObject({ type: z.literal('approve') }).describe('Lets a task start that waits for approval.'),
    z
      .strictObject({ type: z.literal('reject'), reason: z.string().max(MAX_REASON).exactOptional() })
      .describe('Ends a task that waits for approval, as its `onFailure` says.'),
    z
      .strictObject({ type: z.literal('answer'), text: said })
      .describe('Answers what its paused agent, or the manager, asks.'),
    z
      .strictObject({ type: z.literal('steer'), text: said })
      .describe('Tells its agent something, once that is idle. At most 5 wait; none is sent twice.'),
    z
      .strictObject({ type: z.literal('pause') })
      .describe('Starts nothing new for the task until `continue`; an attempt under way ends.'),
    z.strictObject({ type: z.literal('continue') }).describe('Ends a pause of the task.'),
    z
      .strictObject({ type: z.literal('cancel') })
      .describe('Ends the task; its agent is stopped where that is possible.'),
    z
      .strictObject({ type: z.literal('rerun') })
      .describe('Carries a settled task out once more, with all that depends on it; a run that has ended goes on.'),
  ])
  .describe('What a person may say to a task.') satisfies z.ZodType<TaskCommand>
components.add(taskCommand, { id: 'TaskCommand' })

/** What a person may say to a run, as it arrives. */
export const runCommand = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('cancel') })
      .describe('Ends the run; its agents are stopped where that is possible.'),
    z.strictObject({ type: z.literal('pause') }).describe('Creates no agent any more; those that run go on.'),
    z
      .strictObject({
        type: z.literal('continue'),
        budget: z
          .strictObject({
            agentRuns: more.exactOptional(),
            managerTurns: more.exactOptional(),
            duration: more.describe('Milliseconds.').exactOptional(),
            cost: z.number().positive().max(MAX_RAISE).describe('US dollars.').exactOptional(),
            tokens: more.exactOptional(),
          })
          .describe('Raises what is used up, by so much.')
          .exactOptional(),
      })
      .describe('Ends a pause.'),
  ])
  .describe('What a person may say to a run.') satisfies z.ZodType<RunCommand>
components.add(runCommand, { id: 'RunCommand' })

/** Checks what somebody says to a task. Throws UsageError with what is wrong. */
export function parseTaskCommand(value: unknown): TaskCommand {
  const parsed = taskCommand.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`This is no command for a task: ${describeIssues(parsed.error)}.`)
}

/** Checks what somebody says to a run. Throws UsageError with what is wrong. */
export function parseRunCommand(value: unknown): RunCommand {
  const parsed = runCommand.safeParse(value)
  if (parsed.success) return parsed.data
  throw new UsageError(`This is no command for a run: ${describeIssues(parsed.error)}.`)
}
