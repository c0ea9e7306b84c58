/**
 * The manager's agent: told of what settled, in turns; it never fails or hangs the run.
 *
 *   pending -> creating -> running.deciding -> reporting -> running.idle -> running.prompting -> running.deciding ...
 *   creating -> creating.reconciling -> running.deciding | pending | failed
 *   reporting -> completed (after the last turn)      running.idle -> completed (nothing left to tell)
 *   any trouble -> recovering -> retrying -> pending | failed      live -> cancelling -> cancelled
 *
 * Its inbox is a projection: a turn stores `{turn, upTo}` before it is sent, so a crash repeats or loses none. I3 holds as for agents.
 * I11: every wait ends by the turn's deadline, by `manager.finish` or by `manager.cancel`.
 */
import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import { BLOCKED, PUT_BACK, setBack, setbacksOf, whenToBegin } from './agent-context.ts'
import { backoffDelay } from './backoff.ts'
import {
  type AcquireInput,
  type AcquireOutput,
  type AttemptInput,
  type CreateInput,
  type DiagnoseInput,
  endFailure,
  endReason,
  failureOf,
  type NewsInput,
  type NewsOutput,
  type PromptInput,
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

const machine = setup({
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
    awaitNews: provided<NewsOutput, NewsInput>('awaitNews'),
    promptAgentRun: provided<null, PromptInput>('promptAgentRun'),
    diagnoseFailure: provided<Failure, DiagnoseInput>('diagnoseFailure'),
    settleAgentRun: provided<SettleOutput, SettleInput>('settleAgentRun'),
  },
  actions: {
    releaseSlots: (_, _params: AttemptInput) => {},
    giveUpAgentRun: (_, _params: AttemptInput & { ref: AgentRunRef | undefined; intentAt: number | undefined }) => {},
    blockAccount: (_, _params: AttemptInput & { failure: Failure }) => {},
    raiseAlert: (_, _params: { code: string; message: string }) => {},
  },
  guards: {
    isPutBack: (_, failure: Failure) => failure.certain && PUT_BACK.has(failure.kind),
    isBlocked: (_, failure: Failure) => BLOCKED.has(failure.kind),
    isUncertain: (_, failure: Failure) => !failure.certain,
    isFinishing: ({ context }) => context.finishing === true,
    mayRetry: ({ context }, failure: Failure) =>
      !context.finishing && failure.retryable && context.tries < context.policy.attempts,
    isLastTurn: ({ context }) => context.final,
    isStillRunning: ({ event }) => 'output' in event && (event.output as SettleOutput).stillRunning,
    hasNothingToTell: (_, news: NewsOutput) => news.final && !news.changed,
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
    turnDeadline: ({ context }) => context.policy.timeoutMs,
  },
})

const release = {
  type: 'releaseSlots',
  params: ({ context }: { context: ManagerContext }) => attemptOf(context),
} as const
/** Without a ref but with a doubt, it is looked for by the time of its intent. */
const giveUp = {
  type: 'giveUpAgentRun',
  params: ({ context }: { context: ManagerContext }) => ({
    ...attemptOf(context),
    ref: context.ref,
    intentAt: context.ref === undefined && context.doubt ? context.intentAt : undefined,
  }),
} as const
const keepFailure = machine.assign(({ event }) => ({ failure: failureOf('error' in event ? event.error : undefined) }))
const keepSettled = machine.assign(({ context, event }) => {
  const settled = 'output' in event ? (event.output as SettleOutput) : undefined
  return settled === undefined ? {} : { reason: settled.note, ref: context.ref ?? settled.ref }
})
const failed = ({ event }: { event: { error: unknown } }) => failureOf(event.error)

const silent = {
  target: '#manager.failed',
  actions: [giveUp, machine.assign({ reason: 'The manager did not answer in time; the run goes on without it' })],
} as const

/** It may be there all the same: it is looked for, and watched until it ends (I2). */
const lost = {
  target: '#manager.failed',
  actions: [
    machine.assign({
      doubt: true,
      reason: 'Nobody knows whether the manager was created; the run goes on without it',
    }),
    giveUp,
  ],
} as const

/** A run that is over pays for no further manager. */
const overWhileFailed = {
  target: '#manager.failed',
  actions: machine.assign({ reason: 'The manager had failed when the run ended' }),
} as const

export const managerMachine = machine.createMachine({
  id: 'manager',
  context: ({ input }) => ({
    run: input.run,
    policy: input.policy,
    attempt: 1,
    tries: 1,
    setbacks: 0,
    turn: 1,
    toldUpTo: 0,
    upTo: 0,
    final: false,
  }),
  initial: 'live',
  states: {
    live: {
      initial: 'pending',
      on: {
        'manager.cancel': '#manager.cancelling',
        'manager.finish': { actions: assign({ finishing: true }) },
      },
      states: {
        pending: {
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
        },
        creating: {
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
        },
        running: {
          initial: 'idle',
          states: {
            idle: {
              // It is woken by the news that the run is ending; nothing of it has to change.
              on: { 'manager.finish': {} },
              invoke: {
                id: 'news',
                src: 'awaitNews',
                input: ({ context }) => ({ ...attemptOf(context), toldUpTo: context.toldUpTo }),
                onDone: [
                  {
                    guard: { type: 'hasNothingToTell', params: ({ event }) => event.output },
                    target: '#manager.completed',
                  },
                  {
                    target: 'prompting',
                    actions: assign(({ context, event }) => ({
                      turn: context.turn + 1,
                      upTo: event.output.upTo,
                      final: event.output.final,
                    })),
                  },
                ],
                onError: { target: '#manager.live.recovering', actions: keepFailure },
              },
            },
            prompting: {
              after: { turnDeadline: silent },
              invoke: {
                id: 'prompt',
                src: 'promptAgentRun',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  ref: refOf(context),
                  turn: context.turn,
                  toldUpTo: context.toldUpTo,
                  upTo: context.upTo,
                  final: context.final,
                }),
                onDone: 'deciding',
                onError: { target: '#manager.live.recovering', actions: keepFailure },
              },
            },
            deciding: {
              after: { turnDeadline: silent },
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
                  },
                  {
                    target: '#manager.live.recovering',
                    actions: assign(({ event }) => ({ failure: endFailure(event.output) })),
                  },
                ],
                onError: { target: '#manager.live.recovering', actions: keepFailure },
              },
            },
          },
        },
        reporting: {
          after: { turnDeadline: silent },
          invoke: {
            id: 'report',
            src: 'readReport',
            input: ({ context }) => ({ ...attemptOf(context), ref: refOf(context), turn: context.turn }),
            onDone: [
              { guard: 'isLastTurn', target: '#manager.completed' },
              {
                target: 'running.idle',
                actions: assign(({ context }) => ({ toldUpTo: context.upTo, setbacks: 0, failure: undefined })),
              },
            ],
            onError: { target: 'recovering', actions: keepFailure },
          },
        },
        recovering: {
          entry: release,
          invoke: {
            id: 'diagnose',
            src: 'diagnoseFailure',
            input: ({ context }) => ({
              ...attemptOf(context),
              failure: context.failure ?? failureOf(undefined),
              ...(context.ref === undefined ? {} : { ref: context.ref }),
            }),
            onDone: [
              {
                guard: { type: 'mayRetry', params: ({ event }) => event.output },
                target: 'retrying',
                actions: [
                  giveUp,
                  assign(({ context, event }) => ({ failure: event.output, ...setBack(context, event.output) })),
                ],
              },
              {
                target: '#manager.failed',
                actions: assign(({ context, event }) => ({
                  failure: event.output,
                  reason: `The run goes on without its manager. ${endReason(event.output, context.tries, context.policy.attempts)}`,
                })),
              },
            ],
            onError: {
              target: '#manager.failed',
              actions: assign({ reason: 'The manager failed; the run goes on without it' }),
            },
          },
          on: { 'manager.finish': overWhileFailed },
        },
        retrying: {
          after: {
            retryDelay: {
              target: 'pending',
              actions: assign(({ context }) => ({
                attempt: context.attempt + 1,
                tries: context.tries + 1,
                turn: 1,
                // A new agent run knows nothing of what the one before was told.
                toldUpTo: 0,
                upTo: 0,
                final: false,
                ref: undefined,
                intentAt: undefined,
                putBack: undefined,
              })),
            },
          },
          on: { 'manager.finish': overWhileFailed },
        },
      },
    },
    cancelling: {
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
    },
    completed: { entry: release, type: 'final' },
    failed: {
      entry: [
        release,
        {
          type: 'raiseAlert',
          params: ({ context }) => ({ code: 'manager-failed', message: context.reason ?? 'The manager failed' }),
        },
      ],
      type: 'final',
    },
    cancelled: { entry: release, type: 'final' },
  },
})
