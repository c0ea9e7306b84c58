/**
 * The agent of a manager that plans: each turn ends with a decision, whose record is what is done.
 *
 *   admitting -> pending | escalated (its records could not be read back)
 *   pending -> creating -> running.deciding -> reporting -> running.idle -> running.prompting -> running.deciding ...
 *   reporting -> running.idle (delegated: all of it has to settle; refused: it is told why, at most twice in a row)
 *   reporting -> running.asking -> running.idle (a person answers)      reporting -> completed (finish)
 *   reporting -> escalated.undecided -> running.idle (refused three times in a row; a person answers)
 *   creating -> creating.reconciling -> running.deciding | pending | escalated.doubtful -> creating.reconciling
 *   running.deciding -> escalated.overdue -> running.deciding | reporting | recovering
 *   any trouble -> recovering -> retrying -> pending | escalated      live -> cancelling -> cancelled
 *
 * Without its decisions nothing goes on, so unlike a manager that is only told it never fails by itself: a person is asked. A decision
 * is carried out with the record of the transition that it causes, so it is taken once. Every turn after the first leaves from `idle`,
 * which waits until the run may send one: it is not paused, and the budget of turns allows it (I10). I3 holds as for agents. I11: `asking`
 * and `escalated` take commands, every other wait has a deadline or ends with the tasks or the pause.
 */
import { assign } from 'xstate'
import { setBack } from './agent-context.ts'
import { type DecisionOutput, endReason, failureOf } from './effects.ts'
import { attemptOf, type ManagerContext, refOf, withAnswer } from './manager-context.ts'
import {
  cancellingState,
  creatingState,
  giveUp,
  hold,
  keepFailure,
  machine,
  overWhileFailed,
  pendingState,
  release,
  watchedTurn,
} from './manager-parts.ts'

/** What is said where `--yes` answers. */
export const YES = 'Go on as you think best; nobody can be asked.'

const lost = {
  target: '#manager.live.escalated.doubtful',
  actions: machine.assign({ doubt: true, reason: 'Nobody knows whether the manager was created' }),
} as const

const silent = {
  target: '#manager.live.escalated',
  actions: machine.assign({ reason: 'The manager’s turn could not be told or read in time' }),
} as const

const decided = ({ event }: { event: { output: DecisionOutput } }) => event.output
const decidedTo = <Kind extends DecisionOutput['kind']>(as: Kind) =>
  ({
    type: 'is',
    params: ({ event }: { event: { output: DecisionOutput } }) => ({ kind: event.output.kind, as }),
  }) as const
const apply = {
  type: 'applyDecision',
  params: ({ context, event }: { context: ManagerContext; event: { output: DecisionOutput } }) => ({
    decision: event.output,
    turn: context.turn,
    round: (context.rounds ?? 0) + 1,
  }),
} as const
const countRound = machine.assign(({ context }) => ({
  rounds: (context.rounds ?? 0) + 1,
  repairs: 0,
  tries: 1,
  setbacks: 0,
  failure: undefined,
  message: undefined,
  toldUpTo: context.upTo,
}))

/** A person lets it go on: its decisions are counted anew. */
const answer = {
  target: '#manager.live.running.idle',
  actions: machine.assign(({ context, event }) => ({
    rounds: 0,
    repairs: 0,
    reason: undefined,
    ...(event.type === 'task.answer'
      ? { message: { kind: 'answer', text: event.text } as const, ...withAnswer(context, event.text) }
      : {}),
  })),
} as const
const sayFailed = machine.assign(({ event }) => ({
  reason: (event.type === 'task.fail' ? event.reason : undefined) ?? 'failed by a person',
}))
const complete = { target: '#manager.completed', actions: giveUp } as const
const fail = { target: '#manager.failed', actions: [giveUp, sayFailed] } as const
const another = (tries: (context: ManagerContext) => number) =>
  machine.assign(({ context }) => ({
    attempt: context.attempt + 1,
    tries: tries(context),
    turn: 1,
    repairs: 0,
    // A new agent run knows nothing of what the one before was told.
    toldUpTo: 0,
    upTo: 0,
    message: undefined,
    waitMs: undefined,
    ref: undefined,
    intentAt: undefined,
    putBack: undefined,
    doubt: undefined,
    reason: undefined,
  }))
const byPerson = [
  machine.assign(({ context, event }) => withAnswer(context, event.type === 'task.retry' ? event.prompt : undefined)),
  another(() => 1),
  machine.assign({ rounds: 0 }),
] as const
const retry = { target: '#manager.live.pending', actions: [giveUp, release, ...byPerson] } as const
/** Its agent run was given up before, or has ended its turn: it is not watched for a late end. */
const quietly = {
  retry: { target: '#manager.live.pending', actions: [release, ...byPerson] },
  complete: '#manager.completed',
  fail: { target: '#manager.failed', actions: sayFailed },
} as const

export const planningMachine = machine.createMachine({
  id: 'manager',
  context: ({ input }) => ({
    run: input.run,
    policy: input.policy,
    attempt: input.quarantined?.attempt ?? input.firstAttempt ?? 1,
    ...(input.quarantined === undefined ? {} : { reason: input.quarantined.reason }),
    tries: 1,
    setbacks: 0,
    turn: 1,
    toldUpTo: 0,
    upTo: 0,
    final: false,
    rounds: 0,
    repairs: 0,
  }),
  initial: 'live',
  states: {
    live: {
      initial: 'admitting',
      on: {
        'manager.cancel': '#manager.cancelling',
        'manager.finish': { actions: assign({ finishing: true }) },
      },
      states: {
        admitting: { always: [{ guard: 'isQuarantined', target: 'escalated' }, { target: 'pending' }] },
        pending: pendingState,
        creating: creatingState(lost),
        running: {
          initial: 'idle',
          states: {
            idle: {
              on: { 'manager.finish': '#manager.completed' },
              invoke: {
                id: 'news',
                src: 'awaitNews',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  toldUpTo: context.toldUpTo,
                  ...(context.message === undefined ? {} : { due: true as const }),
                }),
                onDone: [
                  {
                    guard: { type: 'hasNothingToTell', params: ({ event }) => event.output },
                    target: '#manager.completed',
                  },
                  {
                    target: 'prompting',
                    actions: assign(({ context, event }) => ({
                      turn: context.turn + 1,
                      waitMs: undefined,
                      ...(context.message === undefined ? { upTo: event.output.upTo } : {}),
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
                  message: context.message ?? {
                    kind: 'news',
                    toldUpTo: context.toldUpTo,
                    upTo: context.upTo,
                    final: (context.rounds ?? 0) + 1 >= (context.policy.rounds ?? 1),
                  },
                }),
                onDone: 'deciding',
                onError: { target: '#manager.live.recovering', actions: keepFailure },
              },
            },
            deciding: {
              after: {
                turnDeadline: {
                  target: '#manager.live.escalated.overdue',
                  actions: assign({ reason: 'The manager has not decided in time; it may still be at work' }),
                },
              },
              ...watchedTurn,
            },
            asking: {
              on: {
                'task.answer': answer,
                'task.complete': quietly.complete,
                'task.fail': quietly.fail,
                'manager.finish': '#manager.completed',
              },
            },
          },
        },
        reporting: {
          after: { turnDeadline: silent },
          invoke: {
            id: 'decision',
            src: 'readDecision',
            input: ({ context }) => ({
              ...attemptOf(context),
              ref: refOf(context),
              turn: context.turn,
              lastRound: (context.rounds ?? 0) + 1 >= (context.policy.rounds ?? 1),
            }),
            onDone: [
              { guard: decidedTo('finish'), target: '#manager.completed', actions: apply },
              { guard: decidedTo('delegate'), target: 'running.idle', actions: [apply, countRound] },
              {
                guard: { type: 'isAnsweredByItself', params: decided },
                target: 'running.idle',
                actions: [apply, countRound, assign({ message: { kind: 'answer', text: YES } })],
              },
              {
                guard: decidedTo('ask'),
                target: 'running.asking',
                actions: [
                  apply,
                  countRound,
                  assign(({ event }) => (event.output.kind === 'ask' ? { reason: event.output.question } : {})),
                  {
                    type: 'raiseAlert',
                    params: ({ event }) => ({
                      code: 'asks',
                      message: `The manager asks: ${event.output.kind === 'ask' ? event.output.question.slice(0, 1_000) : ''}`,
                    }),
                  },
                ],
              },
              {
                guard: { type: 'mayRepair', params: decided },
                target: 'running.idle',
                actions: [
                  apply,
                  assign(({ context, event }) => ({
                    repairs: (context.repairs ?? 0) + 1,
                    message: {
                      kind: 'refusal' as const,
                      problems: event.output.kind === 'refused' ? event.output.problems : [],
                    },
                  })),
                ],
              },
              {
                target: 'escalated.undecided',
                actions: [apply, assign({ reason: 'Its decisions were refused three times in a row' })],
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
                target: 'escalated',
                actions: assign(({ context, event }) => ({
                  failure: event.output,
                  reason: endReason(event.output, context.tries, context.policy.attempts),
                })),
              },
            ],
            onError: { target: 'escalated', actions: assign({ reason: 'The manager failed' }) },
          },
          on: { 'manager.finish': overWhileFailed },
        },
        retrying: {
          after: { retryDelay: { target: 'pending', actions: another(({ tries }) => tries + 1) } },
          on: {
            'task.retry': quietly.retry,
            'task.complete': quietly.complete,
            'task.fail': quietly.fail,
            'manager.finish': overWhileFailed,
          },
        },
        escalated: {
          initial: 'waiting',
          entry: {
            type: 'raiseAlert',
            params: ({ context }) => ({ code: 'escalated', message: context.reason ?? 'A person must decide' }),
          },
          on: {
            'task.retry': retry,
            'task.complete': complete,
            'task.fail': fail,
            'manager.finish': { target: '#manager.failed', actions: giveUp },
          },
          states: {
            waiting: { entry: release },
            doubtful: {
              entry: release,
              on: {
                // It is looked for once more: that pays for no second one.
                'task.wait': {
                  target: '#manager.live.creating.reconciling',
                  actions: [hold, assign({ doubt: undefined, reason: undefined })],
                },
              },
            },
            // Its agent run waits for the next turn.
            undecided: {
              on: {
                'task.answer': answer,
                'task.retry': quietly.retry,
                'task.complete': quietly.complete,
                'task.fail': quietly.fail,
                'manager.finish': '#manager.completed',
              },
            },
            overdue: {
              ...watchedTurn,
              on: {
                'task.wait': {
                  target: '#manager.live.running.deciding',
                  actions: assign(({ event }) => ({ reason: undefined, waitMs: event.ms })),
                },
              },
            },
          },
        },
      },
    },
    cancelling: cancellingState,
    completed: { entry: release, type: 'final' },
    failed: { entry: release, type: 'final' },
    cancelled: { entry: release, type: 'final' },
  },
})
