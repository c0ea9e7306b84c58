import { z } from 'zod'
import type { Failure } from '../../domain/backend.ts'
import type { WaitingFor } from '../../domain/limiter.ts'
import type { RunOutcome } from '../../domain/orchestration.ts'
import type { PullRequest } from '../../domain/report.ts'
import type { AttemptView, RunSummary, RunView, TaskResult, TaskView } from '../../domain/views.ts'
import { component } from './component.ts'
import { instant, json, jsonObject, names, runId, seq, taskId } from './values.ts'

const ms = z.number().describe('Milliseconds since 1970, UTC.')
const url = z.string().describe('Where a person can look at it.')
const commands = names.describe('Names of the commands that are legal now.')

const failure = component<Pick<Failure, 'kind' | 'message'>>('Failure')(
  z.object({
    kind: z
      .enum([
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
        'reported',
        'invalid-report',
        'agent-failed',
        'cancelled-outside',
        'deadline',
        'internal',
      ])
      .describe('How a call to the backend failed, or how the work itself did.'),
    message: z.string(),
  }),
)

const waitingFor = component<WaitingFor>('WaitingFor')(
  z.object({
    kind: z.enum(['concurrency', 'rate', 'resource', 'paused', 'quota', 'auth', 'budget', 'closed']),
    name: z.string().describe('Name of the limit: a run, `codegen.create`, a resource.'),
    since: ms,
    until: ms.exactOptional(),
    detail: z.string().exactOptional(),
  }),
)

const pullRequest = component<PullRequest>('PullRequest')(
  z.object({
    url: z.string().exactOptional(),
    title: z.string().exactOptional(),
    branch: z.string().exactOptional(),
  }),
)

const attemptView = component<AttemptView>('AttemptView')(
  z.object({
    attempt: z.int().positive().describe('Counted from 1.'),
    state: z.string(),
    url: url.exactOptional(),
    startedAt: instant.exactOptional(),
    endedAt: instant.exactOptional(),
    failure: failure.exactOptional(),
  }),
)

/** A task, or the manager, as people see it. */
export const taskView = component<TaskView>('TaskView')(
  z.object({
    task: taskId,
    forEach: z.boolean().describe('A forEach task itself: its items have agents, it has none.').exactOptional(),
    role: z.string().exactOptional(),
    state: z
      .string()
      .describe(
        'Public name of the state, a sub-state after a dot: `running.needsInput`. `waiting`: its needs are not settled.',
      ),
    since: instant.exactOptional(),
    attempt: z.int().nonnegative().describe('Current attempt, 0 before the first.'),
    attempts: z.array(attemptView),
    url: url.exactOptional(),
    pullRequests: z.array(pullRequest),
    startedAt: instant.exactOptional(),
    endedAt: instant.exactOptional(),
    waitingFor: waitingFor.exactOptional(),
    needs: names.describe('Tasks that it still waits for.').exactOptional(),
    failure: failure.exactOptional(),
    progress: z.union([z.number(), z.string()]).describe('0 to 1, or a word.').exactOptional(),
    why: z.string().describe('One line: why it does not go on, until when, what one can do.').exactOptional(),
    commands,
  }),
)

const status = z
  .string()
  .describe('State of the run: starting, running, paused, finishing, completed, failed, cancelled.')
const standIn = z.boolean().describe('Its agents are of the embedded stand-in: nothing is real and nothing costs.')

/** One row of a list of runs. */
export const runSummary = component<RunSummary>('RunSummary')(
  z.object({
    run: runId,
    name: z.string().describe('Name of its workflow.'),
    status,
    standIn,
    startedAt: instant,
    endedAt: instant.exactOptional(),
  }),
)

const alert = component<RunView['alerts'][number]>('Alert')(
  z.object({ at: instant, code: z.string(), message: z.string(), task: taskId.exactOptional() }),
)

/** A run as people see it. */
export const runView = component<RunView>('RunView')(
  z.object({
    run: runId,
    name: z.string().describe('Name of its workflow.'),
    status,
    reason: z.string().describe('Why it is paused or failed.').exactOptional(),
    standIn,
    startedAt: instant,
    endedAt: instant.exactOptional(),
    seq: seq.describe('The last record that this view contains: subscribe after it.'),
    inputs: jsonObject,
    tasks: z.array(taskView).describe('In the order of the graph.'),
    manager: taskView.exactOptional(),
    counts: z.record(z.string(), z.int()).describe('Number of tasks by state.'),
    alerts: z.array(alert),
    commands,
  }),
)

/** A task's result, whole. */
export const taskResult = component<TaskResult>('TaskResult')(
  z.object({
    task: taskId,
    attempt: z.int().nonnegative(),
    status: z.string(),
    result: z.string().describe('The text of the agent, without its report.'),
    output: json.describe('The result in its report.').exactOptional(),
  }),
)

/** How things stand when nothing of a run can progress by itself. */
export const runOutcome = component<RunOutcome>('RunOutcome')(
  z.object({
    run: runId,
    status,
    exitCode: z
      .literal([0, 1, 2, 3])
      .describe(
        '0 completed; 1 failed or cancelled; 2 credentials or data folder; 3 waits for a person, a quota or a budget.',
      ),
    reason: z.string().exactOptional(),
  }),
)
