/** What the machines of a manager that is told and of one that plans share: effects, actions, guards, delays, and whole states. */
import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import { BLOCKED, PUT_BACK, setBack, setbacksOf, whenToBegin } from './agent-context.ts'
import { backoffDelay } from './backoff.ts'
import {
  type AcquireInput,
  type AcquireOutput,
  type AttemptInput,
  type CreateInput,
  type DecisionInput,
  type DecisionOutput,
  type DiagnoseInput,
  endFailure,
  failureOf,
  type NewsInput,
  type NewsOutput,
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
import { attemptOf, type ManagerContext, type ManagerEvent, type ManagerInput, refOf } from './manager-context.ts'

/** How often in a row a decision that was refused is asked for again. */
const MOST_REPAIRS = 2

export const machine = setup({
  types: {
    context: {} as ManagerContext,
    events: {} as ManagerEvent | DoneActorEvent<unknown> | ErrorActorEvent,
    input: {} as ManagerInput,
  },
  actors: {
    acquireSlots: provided<AcquireOutput, AcquireInput>('acquireSlots'),
    createAgentRun: provided<AgentRunRef, CreateInput>('createAgentRun'),
    reconcileAgentRun: provided<ReconcileOutput, ReconcileInput>('reconcileAgentRun'),
    watchAgentRun: provided<WatchOutput, WatchInput>('watchAgentRun'),
    readReport: provided<ReportOutput, ReportInput>('readReport'),
    readDecision: provided<DecisionOutput, DecisionInput>('readDecision'),
    awaitNews: provided<NewsOutput, NewsInput>('awaitNews'),
    promptAgentRun: provided<PromptOutput, PromptInput>('promptAgentRun'),
    diagnoseFailure: provided<Failure, DiagnoseInput>('diagnoseFailure'),
    settleAgentRun: provided<SettleOutput, SettleInput>('settleAgentRun'),
  },
  actions: {
    releaseSlots: (_, _params: AttemptInput) => {},
    holdSlots: (_, _params: AttemptInput) => {},
    giveUpAgentRun: (_, _params: AttemptInput & { ref: AgentRunRef | undefined; intentAt: number | undefined }) => {},
    blockAccount: (_, _params: AttemptInput & { failure: Failure }) => {},
    /** The decision is part of the transition's record; its tasks are added to the graph. */
    applyDecision: (_, _params: { decision: DecisionOutput; turn: number; round: number }) => {},
    raiseAlert: (_, _params: { code: string; message: string }) => {},
  },
  guards: {
    isQuarantined: ({ context }) => context.reason !== undefined,
    isPutBack: (_, failure: Failure) => failure.certain && PUT_BACK.has(failure.kind),
    isBlocked: (_, failure: Failure) => BLOCKED.has(failure.kind),
    isUncertain: (_, failure: Failure) => !failure.certain,
    isFinishing: ({ context }) => context.finishing === true,
    mayRetry: ({ context }, failure: Failure) =>
      !context.finishing && failure.retryable && context.tries < context.policy.attempts,
    isLastTurn: ({ context }) => context.final,
    isStillRunning: ({ event }) => 'output' in event && (event.output as SettleOutput).stillRunning,
    hasNothingToTell: (_, news: NewsOutput) => news.final && !news.changed,
    isAnsweredByItself: ({ context }, decision: DecisionOutput) =>
      decision.kind === 'ask' && context.policy.yes === true,
    mayRepair: ({ context }, decision: DecisionOutput) =>
      decision.kind === 'refused' && (context.repairs ?? 0) < MOST_REPAIRS,
    is: (_, params: { kind: string; as: string }) => params.kind === params.as,
  },
  delays: {
    retryDelay: ({ context }) =>
      backoffDelay(
        context.policy,
        Math.max(1, setbacksOf(context)),
        context.policy.seed,
        `${context.run}/manager/${context.attempt}`,
      ),
    turnDeadline: ({ context }) => context.waitMs ?? context.policy.timeoutMs,
  },
})

export const release = {
  type: 'releaseSlots',
  params: ({ context }: { context: ManagerContext }) => attemptOf(context),
} as const
/** Its place is taken back, whatever others hold. */
export const hold = {
  type: 'holdSlots',
  params: ({ context }: { context: ManagerContext }) => attemptOf(context),
} as const
/** Without a ref but with a doubt, it is looked for by the time of its intent. */
export const giveUp = {
  type: 'giveUpAgentRun',
  params: ({ context }: { context: ManagerContext }) => ({
    ...attemptOf(context),
    ref: context.ref,
    intentAt: context.ref === undefined && context.doubt ? context.intentAt : undefined,
  }),
} as const
export const keepFailure = machine.assign(({ event }) => ({
  failure: failureOf('error' in event ? event.error : undefined),
}))
const keepSettled = machine.assign(({ context, event }) => {
  const settled = 'output' in event ? (event.output as SettleOutput) : undefined
  return settled === undefined ? {} : { reason: settled.note, ref: context.ref ?? settled.ref }
})
const failed = ({ event }: { event: { error: unknown } }) => failureOf(event.error)

/** A run that is over pays for no further manager. */
export const overWhileFailed = {
  target: '#manager.failed',
  actions: machine.assign({ reason: 'The manager had failed when the run ended' }),
} as const

/** Waits for a slot; nothing was created yet. */
export const pendingState = machine.createStateConfig({
  invoke: {
    id: 'slots',
    src: 'acquireSlots',
    input: ({ context }) => ({
      ...attemptOf(context),
      ...whenToBegin(context),
    }),
    onDone: {
      target: 'creating',
      actions: assign(({ context, event }) => ({
        intentAt: context.intentAt ?? event.output.at,
        putBack: undefined,
      })),
    },
    onError: { target: 'recovering', actions: keepFailure },
  },
  // Nothing was created and nobody is left to be managed.
  on: { 'manager.finish': '#manager.completed' },
})

/** The create and what settles its outcome; `lost`: where a create goes whose outcome nobody knows. */
export function creatingState<Lost extends object>(lost: Lost) {
  return machine.createStateConfig({
    initial: 'calling',
    on: { 'manager.cancel': { target: '#manager.cancelling', actions: assign({ doubt: true }) } },
    states: {
      calling: {
        invoke: {
          id: 'create',
          src: 'createAgentRun',
          input: ({ context }) => ({
            ...attemptOf(context),
            intentAt: context.intentAt ?? 0,
            ...(context.failure === undefined ? {} : { failure: context.failure }),
          }),
          onDone: {
            target: '#manager.live.running.deciding',
            actions: assign(({ event }) => ({ ref: event.output })),
          },
          onError: [
            { guard: { type: 'isUncertain', params: failed }, target: 'reconciling' },
            { guard: 'isFinishing', target: '#manager.failed', actions: keepFailure },
            {
              guard: { type: 'isBlocked', params: failed },
              target: '#manager.live.pending',
              actions: [
                release,
                {
                  type: 'blockAccount',
                  params: ({ context, event }) => ({ ...attemptOf(context), failure: failureOf(event.error) }),
                },
              ],
            },
            {
              guard: { type: 'isPutBack', params: failed },
              target: '#manager.live.pending',
              actions: [
                release,
                assign(({ context, event }) => ({
                  ...setBack(context, failureOf(event.error)),
                  putBack: true,
                })),
              ],
            },
            { target: '#manager.live.recovering', actions: keepFailure },
          ],
        },
      },
      reconciling: {
        invoke: {
          id: 'reconcile',
          src: 'reconcileAgentRun',
          input: ({ context }) => ({ ...attemptOf(context), intentAt: context.intentAt ?? 0 }),
          onDone: [
            {
              guard: { type: 'is', params: ({ event }) => ({ kind: event.output.kind, as: 'found' }) },
              target: '#manager.live.running.deciding',
              actions: assign(({ event }) => (event.output.kind === 'found' ? { ref: event.output.ref } : {})),
            },
            {
              guard: { type: 'is', params: ({ event }) => ({ kind: event.output.kind, as: 'unknown' }) },
              ...lost,
            },
            { guard: 'isFinishing', target: '#manager.completed' },
            { target: '#manager.live.pending', actions: release },
          ],
          onError: lost,
        },
      },
    },
  })
}

/** Settles a create in doubt, stops what can be stopped. */
export const cancellingState = machine.createStateConfig({
  invoke: {
    id: 'settle',
    src: 'settleAgentRun',
    input: ({ context }) => ({
      ...attemptOf(context),
      ...(context.ref === undefined ? {} : { ref: context.ref }),
      ...(context.doubt && context.intentAt !== undefined ? { intentAt: context.intentAt } : {}),
    }),
    onDone: [
      { guard: 'isStillRunning', target: 'cancelled', actions: [keepSettled, giveUp] },
      { target: 'cancelled', actions: keepSettled },
    ],
    onError: {
      target: 'cancelled',
      actions: [assign(({ event }) => ({ reason: `It may still run: ${failureOf(event.error).message}` })), giveUp],
    },
  },
})

/** The agent run is watched until it has ended the turn. */
export const watchedTurn = machine.createStateConfig({
  invoke: {
    id: 'watch',
    src: 'watchAgentRun',
    input: ({ context }) => ({
      ...attemptOf(context),
      ref: refOf(context),
      turn: context.turn,
      expect: 'end',
      ...(context.intentAt === undefined ? {} : { intentAt: context.intentAt }),
    }),
    onDone: [
      {
        guard: { type: 'is', params: ({ event }) => ({ kind: event.output.kind, as: 'complete' }) },
        target: '#manager.live.reporting',
        // It ended by evidence, so that it was late no longer matters.
        actions: assign({ reason: undefined }),
      },
      {
        target: '#manager.live.recovering',
        actions: assign(({ event }) => ({ failure: endFailure(event.output) })),
      },
    ],
    onError: { target: '#manager.live.recovering', actions: keepFailure },
  },
})
