/** The agent machine's named parts: its effects, actions, guards and delays, and transitions that several states share. */
import { type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import {
  type AgentContext,
  type AgentEvent,
  type AgentInput,
  attemptOf,
  BLOCKED,
  freshAttempt,
  nextAttempt,
  PUT_BACK,
  setBack,
  setbacksOf,
} from './agent-context.ts'
import { hasQueued, hasRoom, moveSteers } from './agent-steers.ts'
import { backoffDelay } from './backoff.ts'
import {
  type AcquireInput,
  type AcquireOutput,
  type AttemptInput,
  type CheckInput,
  type CheckOutput,
  type CreateInput,
  type DiagnoseInput,
  failureOf,
  type PromptInput,
  type PromptOutput,
  provided,
  type ReconcileInput,
  type ReconcileOutput,
  type ReportInput,
  type ReportOutput,
  type SettleInput,
  type SettleOutput,
  type WatchInput,
  type WatchOutput,
} from './effects.ts'

export const machine = setup({
  types: {
    context: {} as AgentContext,
    events: {} as AgentEvent | DoneActorEvent<unknown> | ErrorActorEvent,
    input: {} as AgentInput,
  },
  actors: {
    acquireSlots: provided<AcquireOutput, AcquireInput>('acquireSlots'),
    createAgentRun: provided<AgentRunRef, CreateInput>('createAgentRun'),
    reconcileAgentRun: provided<ReconcileOutput, ReconcileInput>('reconcileAgentRun'),
    watchAgentRun: provided<WatchOutput, WatchInput>('watchAgentRun'),
    checkWork: provided<CheckOutput, CheckInput>('checkWork'),
    readReport: provided<ReportOutput, ReportInput>('readReport'),
    promptAgentRun: provided<PromptOutput, PromptInput>('promptAgentRun'),
    diagnoseFailure: provided<Failure, DiagnoseInput>('diagnoseFailure'),
    settleAgentRun: provided<SettleOutput, SettleInput>('settleAgentRun'),
  },
  actions: {
    /** Releases what the attempt holds, whatever way it went. */
    releaseSlots: (_, _params: AttemptInput) => {},
    /** Nobody waits for this agent run any more, but it may go on: it is watched until it ends. */
    giveUpAgentRun: (_, _params: AttemptInput & { ref: AgentRunRef | undefined; intentAt: number | undefined }) => {},
    /** Takes the attempt's slots without waiting: its agent run may be there already. */
    holdSlots: (_, _params: AttemptInput) => {},
    /** 402, 401, 403: stops the account's creations and pauses the run. */
    blockAccount: (_, _params: AttemptInput & { failure: Failure }) => {},
    raiseAlert: (_, _params: { code: string; message: string }) => {},
  },
  guards: {
    isSkipped: ({ context }) => context.admit === 'skip',
    isQuarantined: ({ context }) => context.admit === 'quarantine',
    cannotRun: ({ context }) => context.admit === 'fail',
    needsApproval: ({ context }) => context.admit === 'approve',
    isPutBack: (_, failure: Failure) => isPutBack(failure),
    isBlocked: (_, failure: Failure) => BLOCKED.has(failure.kind),
    isPaused: ({ context }) => context.paused === true,
    isNotPaused: ({ context }) => context.paused !== true,
    isPutBackWhilePaused: ({ context }, failure: Failure) => context.paused === true && isPutBack(failure),
    isBlockedWhilePaused: ({ context }, failure: Failure) => context.paused === true && BLOCKED.has(failure.kind),
    isAbsentWhilePaused: ({ context }, params: { kind: string }) => context.paused === true && params.kind === 'absent',
    hasRoom: ({ context }) => hasRoom(context),
    maySend: ({ context }, params: MaySend) => maySend(context, params),
    mayTellIdle: ({ context }, params: { kind: string; as: string }) =>
      params.kind === params.as && maySend(context, { as: 'turn', when: 'idle' }),
    mayHaveArrived: (_, output: PromptOutput) => output.certain === false,
    mayRepair: ({ context }, failure: Failure) =>
      failure.kind === 'invalid-report' && context.policy.canPrompt === true && context.repaired !== true,
    isToBeChecked: ({ context }, params: { kind: string }) =>
      params.kind === 'complete' && context.policy.check !== undefined,
    mayMend: ({ context }, output: CheckOutput) =>
      output.kind === 'failed' && context.policy.canPrompt === true && mendsOf(context) < (context.policy.check ?? 0),
    /** What was to be said in the turn under way was not: that had ended. */
    cameTooLate: ({ context }, output: PromptOutput) => context.inTurn === true && output.noTurn === true,
    mayBeTurn: ({ context }, output: PromptOutput) =>
      context.inTurn === true && output.noTurn === true && context.policy.canPrompt === true,
    isUncertain: (_, failure: Failure) => !failure.certain,
    mayRetry: ({ context }, failure: Failure) => failure.retryable && context.tries < context.policy.attempts,
    /** The account broke the attempt off: another one is made for it once a person lets the run go on. */
    wasBrokenOff: ({ context }, failure: Failure) => context.ref !== undefined && BLOCKED.has(failure.kind),
    isConflict: ({ context }, failure: Failure) =>
      failure.kind === 'conflict' && context.policy.onFailure === 'escalate',
    escalates: ({ context }) => context.policy.onFailure === 'escalate',
    skips: ({ context }) => context.policy.onFailure === 'skip',
    canCancel: ({ context }) => context.policy.canCancel,
    mayRunBeside: ({ context }) => context.policy.onTimeout && context.tries < context.policy.attempts,
    isStillRunning: (_, params: { stillRunning: boolean }) => params.stillRunning,
    is: (_, params: { kind: string; as: string }) => params.kind === params.as,
  },
  delays: {
    retryDelay: ({ context }) =>
      backoffDelay(
        context.policy,
        Math.max(1, setbacksOf(context)),
        context.policy.seed,
        `${context.run}/${context.task}/${context.attempt}`,
      ),
    deadline: ({ context }) => context.deadlineMs,
  },
})

/** How often failing checks went back to the attempt's agent. */
export const mendsOf = ({ mends = 0 }: AgentContext): number => mends

function isPutBack(failure: Failure): boolean {
  return failure.certain && PUT_BACK.has(failure.kind)
}

/** As a turn of its own, or in the turn under way; when a person says it, lets the task go on, or the agent is idle. */
export interface MaySend {
  readonly as: 'turn' | 'inTurn'
  readonly when: 'said' | 'continued' | 'idle'
}

/** Whether what people said goes to the agent now. */
function maySend(context: AgentContext, { as, when }: MaySend): boolean {
  const { canPrompt, canSteer } = context.policy
  if ((as === 'turn' ? canPrompt : canSteer) !== true) return false
  if (when === 'said') return context.paused !== true && hasRoom(context)
  return (context.paused === true) === (when === 'continued') && hasQueued(context)
}

export const release = {
  type: 'releaseSlots',
  params: ({ context }: { context: AgentContext }) => attemptOf(context),
} as const
/** Without a ref but with a doubt, it is looked for by the time of its intent. */
export const giveUp = {
  type: 'giveUpAgentRun',
  params: ({ context }: { context: AgentContext }) => ({
    ...attemptOf(context),
    ref: context.ref,
    intentAt: context.ref === undefined && context.doubt ? context.intentAt : undefined,
  }),
} as const
export const keepFailure = machine.assign(({ event }) => ({
  failure: failureOf('error' in event ? event.error : undefined),
}))
/** What a cancel achieved, and the agent run that it found. */
export const keepSettled = machine.assign(({ context, event }) => {
  const settled = 'output' in event ? (event.output as SettleOutput) : undefined
  return settled === undefined ? {} : { reason: settled.note, ref: context.ref ?? settled.ref }
})
export const failed = ({ event }: { event: { error: unknown } }) => failureOf(event.error)
/** A create that certainly did nothing took nothing along. */
export const takeBackSteers = machine.assign(({ context }) => ({ steers: moveSteers(context, 'sent', 'queued') }))
/** What was on its way when it was left: nobody knows whether it arrived. */
export const leaveSteers = machine.assign(({ context }) => ({ steers: moveSteers(context, 'sent', 'maybe') }))
/** The create took along what was said before it. */
export const steersArrived = (context: AgentContext) => ({ steers: moveSteers(context, 'sent', 'delivered') })

/** The next attempt. */
export const another = machine.assign(({ context }) => nextAttempt(context))
/** What closes the account, and what puts a create back: neither costs an attempt. */
export const refused = [
  release,
  takeBackSteers,
  {
    type: 'blockAccount',
    params: ({ context, event }: { context: AgentContext; event: { error: unknown } }) => ({
      ...attemptOf(context),
      failure: failureOf(event.error),
    }),
  },
] as const
export const putBack = [
  release,
  takeBackSteers,
  machine.assign(({ context, event }) => ({
    ...setBack(context, failureOf('error' in event ? event.error : undefined)),
    putBack: true,
  })),
] as const

const byWhom = (event: AgentEvent | { type: string }) =>
  'by' in event && event.by !== undefined ? event.by : 'a person'
/** A person says that a task may start, or may not. */
export const keepApproval = machine.assign(({ event }) => ({ reason: `approved by ${byWhom(event)}` }))
export const keepRejection = machine.assign(({ event }) => {
  const why = event.type === 'task.reject' && event.reason !== undefined ? `: ${event.reason}` : ''
  return { reason: `rejected by ${byWhom(event)}${why}` }
})

/** What a person may decide about a task that does not go on by itself; `first` says what becomes of its agent run. */
function decisions<First extends object>(first: First) {
  const anew = [
    first,
    release,
    machine.assign(({ context, event }) => ({
      ...freshAttempt(context),
      ...(event.type === 'task.retry' && event.prompt !== undefined ? { prompt: event.prompt } : {}),
      ...(event.type === 'task.retry' && event.resolve === true ? { resolve: true as const } : {}),
    })),
  ] as const
  return {
    'task.retry': [
      { guard: 'isPaused', target: '#agent.live.pending.paused', actions: anew },
      { target: '#agent.live.pending.waiting', actions: anew },
    ],
    'task.complete': { target: '#agent.completed', actions: first },
    'task.skip': { target: '#agent.skipped', actions: [first, machine.assign({ reason: 'skipped by a person' })] },
    'task.fail': {
      target: '#agent.failed',
      actions: [
        first,
        machine.assign(({ event }) => ({
          reason: (event.type === 'task.fail' ? event.reason : undefined) ?? 'failed by a person',
        })),
      ],
    },
  } as const
}

/** Decisions while the agent run may go on, and where it has ended or never was. */
export const giveItUp = decisions(giveUp)
export const decide = decisions(release)

/** A person gives the running agent more time. */
export const waitLonger = {
  target: '#agent.live.running',
  reenter: true,
  actions: machine.assign(({ context, event }) => ({
    deadlineMs: (event.type === 'task.wait' ? event.ms : undefined) ?? context.policy.timeoutMs,
    setbacks: 0,
    reason: undefined,
    failure: undefined,
    asks: undefined,
  })),
} as const

/** A create in doubt is looked for once more. */
export const lookAgain = {
  target: '#agent.live.creating.reconciling',
  actions: [
    { type: 'holdSlots', params: ({ context }: { context: AgentContext }) => attemptOf(context) },
    machine.assign({ reason: undefined, doubt: undefined, setbacks: 0 }),
  ],
} as const
