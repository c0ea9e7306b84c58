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
  PUT_BACK,
  refOf,
  setbacksOf,
} from './agent-context.ts'
import { backoffDelay } from './backoff.ts'
import {
  type AcquireInput,
  type AcquireOutput,
  type AttemptInput,
  type CreateInput,
  type DiagnoseInput,
  endFailure,
  failureOf,
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
    readReport: provided<ReportOutput, ReportInput>('readReport'),
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
    isPutBack: (_, failure: Failure) => failure.certain && PUT_BACK.has(failure.kind),
    isBlocked: (_, failure: Failure) => BLOCKED.has(failure.kind),
    isUncertain: (_, failure: Failure) => !failure.certain,
    mayRetry: ({ context }, failure: Failure) => failure.retryable && context.tries < context.policy.attempts,
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

/** What a person may decide about a task that does not go on by itself; `first` says what becomes of its agent run. */
function decisions<First extends object>(first: First) {
  return {
    'task.retry': {
      target: '#agent.live.pending',
      actions: [
        first,
        release,
        machine.assign(({ context, event }) => ({
          ...freshAttempt(context),
          ...(event.type === 'task.retry' && event.prompt !== undefined ? { prompt: event.prompt } : {}),
        })),
      ],
    },
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

/** Tells people what an agent that is paused asks, and where it can be told. */
const askPeople = {
  type: 'raiseAlert',
  params: ({ context, event }: { context: AgentContext; event: { output: WatchOutput } }) => {
    const { asks } = event.output
    const where = context.ref?.url ?? context.ref?.id ?? 'the backend'
    const what = asks === undefined ? 'is paused and waits for input' : `asks: ${asks}`
    return { code: 'needs-input', message: `${context.task} ${what} (answer at ${where})` }
  },
} as const
/** The agent run is paused, or goes on. */
export const pauses = { as: 'paused', target: '#agent.live.running.needsInput', actions: askPeople } as const
export const goesOn = { as: 'active', target: '#agent.live.running.watching', actions: [] } as const

/** Watches the agent run until it ends or is no longer what it was seen to be. */
export function watch<Other extends typeof pauses | typeof goesOn>(
  expect: WatchInput['expect'],
  other: readonly Other[],
) {
  const kindIs = (as: WatchOutput['kind']) =>
    ({
      type: 'is',
      params: ({ event }: { event: { output: WatchOutput } }) => ({ kind: event.output.kind, as }),
    }) as const
  return {
    id: 'watch',
    src: 'watchAgentRun',
    input: ({ context }: { context: AgentContext }) => ({
      ...attemptOf(context),
      ref: refOf(context),
      turn: context.turn,
      expect,
      ...(context.intentAt === undefined ? {} : { intentAt: context.intentAt }),
    }),
    onDone: [
      {
        guard: kindIs('complete'),
        target: '#agent.live.reporting',
        // It ended by evidence, so that it was late no longer matters.
        actions: machine.assign({ reason: undefined }),
      },
      ...other.map(({ as, target, actions }) => ({ guard: kindIs(as), target, actions })),
      {
        target: '#agent.live.recovering',
        actions: machine.assign(({ event }) => ({
          failure: 'output' in event ? endFailure(event.output as WatchOutput) : failureOf(undefined),
        })),
      },
    ],
    // A watch that broke says nothing of the agent run: it may go on.
    onError: { target: '#agent.live.recovering', actions: [keepFailure, giveUp] },
  } as const
}
