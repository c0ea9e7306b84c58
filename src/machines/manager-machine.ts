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
import { assign } from 'xstate'
import { setBack } from './agent-context.ts'
import { endReason, failureOf } from './effects.ts'
import { attemptOf, refOf } from './manager-context.ts'
import {
  cancellingState,
  creatingState,
  giveUp,
  keepFailure,
  machine,
  overWhileFailed,
  pendingState,
  release,
  watchedTurn,
} from './manager-parts.ts'

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

export const managerMachine = machine.createMachine({
  id: 'manager',
  context: ({ input }) => ({
    run: input.run,
    policy: input.policy,
    attempt: input.firstAttempt ?? 1,
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
        pending: pendingState,
        creating: creatingState(lost),
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
                  message: { kind: 'news', toldUpTo: context.toldUpTo, upTo: context.upTo, final: context.final },
                }),
                onDone: 'deciding',
                onError: { target: '#manager.live.recovering', actions: keepFailure },
              },
            },
            deciding: {
              after: { turnDeadline: silent },
              ...watchedTurn,
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
    cancelling: cancellingState,
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
