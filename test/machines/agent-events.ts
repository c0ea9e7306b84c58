import type { AnyEventObject } from 'xstate'
import type { EndFailure } from '../../src/domain/backend.ts'
import type { AgentInput, AgentPolicy } from '../../src/machines/agent-context.ts'
import { done, effectEvents, failed } from './effect-events.ts'

/** Every state in which an agent can rest. */
export type AgentState =
  | 'pending.waiting'
  | 'pending.approval'
  | 'pending.paused'
  | 'creating.calling'
  | 'creating.reconciling'
  | 'running.watching'
  | 'running.needsInput'
  | 'running.answering'
  | 'running.steering'
  | 'running.stopping'
  | 'reporting.reading'
  | 'reporting.repairing'
  | 'reporting.checking'
  | 'reporting.mending'
  | 'recovering'
  | 'retrying'
  | 'escalated.waiting'
  | 'escalated.conflict'
  | 'escalated.overdue'
  | 'escalated.doubtful'
  | 'cancelling'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'skipped'

const CHECK = { round: 1, of: 2, command: ['npm', 'test'], exitCode: 0, output: '', ms: 1_500 } as const
const END = (kind: EndFailure['kind'], retryable: boolean): EndFailure => ({
  kind,
  message: `It said ${kind}`,
  retryable,
  notBefore: Date.UTC(2026, 0, 1, 5),
})

/** Every event of an agent, by where it comes from. */
export const agentEvents = {
  commands: {
    cancel: { type: 'task.cancel' },
    retry: { type: 'task.retry', prompt: 'Try it another way', resolve: true },
    complete: { type: 'task.complete', result: 'Done by hand' },
    skip: { type: 'task.skip' },
    fail: { type: 'task.fail', reason: 'Not wanted any more' },
    wait: { type: 'task.wait', ms: 60_000 },
    adopt: { type: 'task.adopt' },
    approve: { type: 'task.approve', by: 'ann' },
    reject: { type: 'task.reject', reason: 'Too early', by: 'ann' },
    answer: { type: 'task.answer', text: 'The old one' },
    steer: { type: 'task.steer', text: 'Mind the tests' },
    pause: { type: 'task.pause' },
    continue: { type: 'task.continue' },
  },
  ...effectEvents,
  report: { ...effectEvents.report, invalid: failed('report', 'invalid-report') },
  prompt: {
    done: done('prompt', { certain: true }),
    unknown: done('prompt', { certain: false }),
    uncertain: failed('prompt', 'timeout', { certain: false }),
    refused: failed('prompt', 'refused', { retryable: false }),
    noTurn: done('prompt', { certain: true, noTurn: true }),
  },
  check: {
    passed: done('check', { kind: 'passed', ...CHECK }),
    failed: done('check', { kind: 'failed', ...CHECK, exitCode: 1, output: '1 test failed' }),
    unread: done('check', { kind: 'unread' }),
    error: failed('check', 'refused', { retryable: false }),
  },
  /** The account broke the agent run off, or let it wait; what it needs cannot be merged. */
  account: {
    auth: done('watch', { kind: 'failed', rawStatus: 'FAILED', failure: END('auth', false) }),
    limit: done('watch', { kind: 'failed', rawStatus: 'FAILED', failure: END('limit', true) }),
    brokenOff: done('diagnose', failed('', 'auth', { retryable: false }).error),
    conflict: done('diagnose', failed('', 'conflict', { retryable: false }).error),
  },
  stop: {
    stopped: done('stop', { note: 'Stopped it', stillRunning: false }),
    stillRunning: done('stop', { note: 'It goes on', stillRunning: true }),
    error: failed('stop', 'internal', { retryable: false }),
  },
  timers: {
    deadline: { type: 'xstate.after.deadline.agent.live.running' },
    retryDelay: { type: 'xstate.after.retryDelay.agent.live.retrying' },
  },
} as const satisfies Record<string, Record<string, AnyEventObject>>

const POLICY: AgentPolicy = {
  attempts: 2,
  delayMs: 2_000,
  factor: 2,
  maxDelayMs: 60_000,
  onTimeout: false,
  timeoutMs: 3_600_000,
  onFailure: 'escalate',
  canCancel: false,
  canPrompt: true,
  seed: 1,
}

/** An agent of two attempts that escalates; its backend cannot stop an agent run. */
export function agentInput(policy: Partial<AgentPolicy> = {}, rest: Partial<AgentInput> = {}): AgentInput {
  return { run: 'run_1', task: 'a', policy: { ...POLICY, ...policy }, ...rest }
}

/** A way to a state: the policy it needs and the events that lead there. */
export interface AgentPath {
  readonly policy?: Partial<AgentPolicy>
  readonly events: readonly AnyEventObject[]
}

const { commands, slots, create, reconcile, watch, report, check, account, diagnose, settle, timers } = agentEvents
const creating = [slots.done]
const running = [...creating, create.done]
const reporting = [...running, watch.complete]
const recovering = [...running, watch.failed]

/** A way to each state. */
export const agentPaths: Readonly<Record<AgentState, AgentPath>> = {
  'pending.waiting': { events: [] },
  'pending.approval': { policy: { approval: 'ask' }, events: [] },
  'pending.paused': { events: [commands.pause] },
  'creating.calling': { events: creating },
  'creating.reconciling': { events: [...creating, create.uncertain] },
  'running.watching': { events: running },
  'running.needsInput': { events: [...running, watch.paused] },
  'running.answering': { events: [...running, watch.paused, commands.answer] },
  'running.steering': { events: [...running, commands.steer, watch.complete] },
  'running.stopping': { policy: { canCancel: true }, events: [...running, timers.deadline] },
  'reporting.reading': { events: reporting },
  'reporting.repairing': { events: [...reporting, report.invalid] },
  'reporting.checking': { policy: { check: 1 }, events: reporting },
  'reporting.mending': { policy: { check: 1 }, events: [...reporting, check.failed] },
  recovering: { events: recovering },
  retrying: { events: [...recovering, diagnose.retryable] },
  'escalated.waiting': { events: [...recovering, diagnose.hopeless] },
  'escalated.conflict': { events: [...creating, failed('create', 'conflict', { retryable: false }), account.conflict] },
  'escalated.overdue': { events: [...running, timers.deadline] },
  'escalated.doubtful': { events: [...creating, create.uncertain, reconcile.unknown] },
  cancelling: { events: [...running, commands.cancel] },
  completed: { events: [...reporting, report.done] },
  failed: { policy: { onFailure: 'fail' }, events: [...recovering, diagnose.hopeless] },
  cancelled: { events: [...running, commands.cancel, settle.stopped] },
  skipped: { policy: { onFailure: 'skip' }, events: [...recovering, diagnose.hopeless] },
}
