import { z } from 'zod'
import type { BudgetUse, BudgetView } from '../../domain/budget.ts'
import type { WaitingFor } from '../../domain/limiter.ts'
import type { RunOutcome } from '../../domain/orchestration.ts'
import type { PullRequest } from '../../domain/report.ts'
import type {
  AttemptView,
  CheckView,
  DecisionView,
  FailureView,
  LateView,
  ReportedView,
  RunSummary,
  RunView,
  SteerView,
  TaskResult,
  TaskView,
} from '../../domain/views.ts'
import { component } from './component.ts'
import { collectedWork } from './local-work.ts'
import { instant, json, jsonObject, names, runId, seq, taskId } from './values.ts'

const ms = z.number().describe('Milliseconds since 1970, UTC.')
const url = z.string().describe('Where a person can look at it.')
const commands = names.describe('Names of the commands that are legal now.')

const failure = component<FailureView>('Failure')(
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
        'conflict',
        'reported',
        'invalid-report',
        'check-failed',
        'agent-failed',
        'cancelled-outside',
        'deadline',
        'internal',
      ])
      .describe('How a call to the backend failed, or how the work itself did.'),
    message: z.string(),
    why: z.string().describe('Why, in a sentence or two.').exactOptional(),
  }),
)

const waitingFor = component<WaitingFor>('WaitingFor')(
  z.object({
    kind: z.enum(['concurrency', 'rate', 'resource', 'paused', 'quota', 'auth', 'budget', 'closed', 'circuit']),
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

const usage = {
  cost: z.number().describe('US dollars that it has used, where its backend says so.').exactOptional(),
  tokens: z.number().describe('Tokens that it has used, where its backend says so.').exactOptional(),
}

const attemptView = component<AttemptView>('AttemptView')(
  z.object({
    attempt: z.int().positive().describe('Counted from 1.'),
    state: z.string(),
    url: url.exactOptional(),
    startedAt: instant.exactOptional(),
    endedAt: instant.exactOptional(),
    failure: failure.exactOptional(),
    ...usage,
  }),
)

const lateView = component<LateView>('LateView')(
  z.object({
    attempt: z.int().positive(),
    at: instant,
    status: z.string().describe('The backend’s own word.'),
    url: url.exactOptional(),
    pullRequests: z.array(pullRequest),
    result: z.string().describe('The beginning of what it returned.').exactOptional(),
    usable: z.boolean().describe('It completed, and its report is what the task asks for.'),
    reason: z.string().describe('Why it is of no use.').exactOptional(),
    commands: names.describe('Names of the commands that are legal now with this `attempt`: `adopt`, or none.'),
  }),
)

const steerView = component<SteerView>('Steer')(
  z.object({
    text: z.string().describe('The beginning of it.'),
    state: z
      .enum(['queued', 'sent', 'delivered', 'maybe', 'refused'])
      .describe('How far it got; `maybe`: nobody knows, and it is not sent again.'),
  }),
)

const checkView = component<CheckView>('Check')(
  z.object({
    attempt: z.int().positive(),
    round: z.int().positive().describe('Which of the attempt’s checks it was.'),
    of: z.int().positive().describe('How many there are at most.'),
    at: instant,
    command: z.string().describe('The command that failed, else the last.'),
    passed: z.boolean(),
    exitCode: z.int().exactOptional(),
    trouble: z.string().describe('Why it counts as failed, where no exit code says it.').exactOptional(),
    ms: z.number().describe('How long all commands took, ms.'),
  }),
)

/** A task, or the manager, as people see it. */
export const taskView = component<TaskView>('TaskView')(
  z.object({
    task: taskId,
    forEach: z.boolean().describe('A forEach task itself: its items have agents, it has none.').exactOptional(),
    role: z.string().exactOptional(),
    agent: z
      .string()
      .describe('The agent of this machine that carries it out, such as acp:claude; absent where a service does.')
      .exactOptional(),
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
    awaits: z
      .enum(['needs', 'slot', 'backend', 'agent', 'time', 'news', 'person'])
      .describe(
        'What ends its state: the tasks it needs settle, a limit has room, the backend answers, its agent ends, `until` comes, there is something to tell the manager, a person decides.',
      )
      .exactOptional(),
    until: instant
      .describe('By when at the latest its state ends: of an agent at work its deadline. ISO 8601, UTC.')
      .exactOptional(),
    waitingFor: waitingFor.exactOptional(),
    needs: names.describe('Tasks that it still waits for.').exactOptional(),
    failure: failure.exactOptional(),
    nextAttempt: z.int().positive().describe('The attempt that begins at `until`.').exactOptional(),
    asks: z.string().describe('What its agent asks.').exactOptional(),
    paused: z.literal(true).describe('A person paused it: nothing new starts.').exactOptional(),
    steers: z.array(steerView).describe('What people said to it unasked.').exactOptional(),
    lastSign: instant.describe('When its agent was last seen to get on. ISO 8601, UTC.').exactOptional(),
    late: z
      .array(lateView)
      .describe('Attempts that ended after they had been given up. Nothing takes what they returned by itself.')
      .exactOptional(),
    adopted: z.int().positive().describe('The attempt whose late result a person adopted.').exactOptional(),
    checks: z
      .array(checkView)
      .describe('Checks of the present attempt’s work: commands that troupe itself ran.')
      .exactOptional(),
    collected: collectedWork.describe('What git knows of the work that completed it.').exactOptional(),
    agentRuns: z.int().positive().describe('How many agent runs were made for it.').exactOptional(),
    ranMs: z.number().describe('How long they ran up to the last record, ms.').exactOptional(),
    ranSince: instant.describe('`ranMs` has grown since then.').exactOptional(),
    ...usage,
    progress: z.union([z.number(), z.string()]).describe('0 to 1, or a word.').exactOptional(),
    why: z.string().describe('One line: why it does not go on, until when, what one can do.').exactOptional(),
    commands,
  }),
)

const status = z
  .string()
  .describe('State of the run: starting, running, paused, finishing, completed, failed, cancelled.')
const standIn = z.boolean().describe('Its agents are of the embedded stand-in: nothing is real and nothing costs.')
const carried = z.boolean().describe('False where it is known that no process carries it.').exactOptional()

/** One row of a list of runs. */
export const runSummary = component<RunSummary>('RunSummary')(
  z.object({
    run: runId,
    name: z.string().describe('Name of its workflow.'),
    status,
    carried,
    standIn,
    startedAt: instant,
    endedAt: instant.exactOptional(),
    reopenedAfter: z.int().describe('The seq with which it ended first, where it went on after that.').exactOptional(),
  }),
)

const alert = component<RunView['alerts'][number]>('Alert')(
  z.object({ at: instant, code: z.string(), message: z.string(), task: taskId.exactOptional() }),
)

const decision = component<DecisionView>('Decision')(
  z.object({
    at: instant,
    attempt: z.int().positive(),
    turn: z.int().positive(),
    round: z.int().positive().describe('Decisions of this manager so far, this one among them.'),
    decision: z.enum(['delegate', 'finish', 'ask', 'refused']),
    tasks: z.array(taskId).describe('Tasks that it added.').exactOptional(),
    text: z.string().describe('Its reason, summary or question.').exactOptional(),
    outcome: z.enum(['completed', 'failed']).exactOptional(),
    problems: z.array(z.string()).describe('Why it was refused.').exactOptional(),
  }),
)

const budgetUse = component<BudgetUse>('BudgetUse')(
  z.object({
    used: z.number(),
    since: instant.describe('Of the duration: it has grown since then.').exactOptional(),
    reserved: z.number().describe('Set aside for agents at work, beyond what they have used.').exactOptional(),
    allowed: z.number().describe('Absent where nothing bounds it.').exactOptional(),
  }),
)

const budgetView = component<BudgetView>('BudgetView')(
  z.object({
    agentRuns: budgetUse.exactOptional(),
    managerTurns: budgetUse.exactOptional(),
    duration: budgetUse.describe('Milliseconds; waiting for people is left out.').exactOptional(),
    cost: budgetUse.describe('US dollars.').exactOptional(),
    tokens: budgetUse.exactOptional(),
  }),
)

const reportedView = component<ReportedView>('ReportedView')(
  z.object({
    filesModified: z.number().describe('Files, each once where reports name them.'),
    files: z.array(z.string()).describe('The first of their names.'),
    prCreated: z.int().describe('Tasks that say that they opened a pull request.'),
    testsPassed: z
      .object({ tasks: z.int(), failed: z.int(), tests: z.number() })
      .describe('Tasks that say that their tests passed, or did not; and how many tests.'),
    metrics: z.record(z.string(), z.number()).describe('The numbers of their metrics, summed by name.'),
    pullRequests: z.array(pullRequest).describe('As the backend names them, each once.'),
  }),
)

/** A run as people see it. */
export const runView = component<RunView>('RunView')(
  z.object({
    run: runId,
    name: z.string().describe('Name of its workflow.'),
    status,
    since: instant.describe('Since when. ISO 8601, UTC.').exactOptional(),
    reason: z.string().describe('Why it is paused or failed.').exactOptional(),
    carried,
    standIn,
    startedAt: instant,
    endedAt: instant.exactOptional(),
    reopenedAfter: z.int().describe('The seq with which it ended first, where it went on after that.').exactOptional(),
    seq: seq.describe('The last record that this view contains: subscribe after it.'),
    inputs: jsonObject,
    tasks: z.array(taskView).describe('In the order of the graph.'),
    manager: taskView.exactOptional(),
    decisions: z.array(decision).describe('Of a manager that plans, the newest 200.').exactOptional(),
    plans: z.literal(true).describe('Its manager decides what is to be done.').exactOptional(),
    budget: budgetView.describe('What is used of the budget, and what it allows.').exactOptional(),
    reported: reportedView.describe('What the reports of completed tasks claim: data from agents.').exactOptional(),
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
