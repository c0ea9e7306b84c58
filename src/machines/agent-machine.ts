/**
 * One task's agent: gets a slot, creates one agent run an attempt, watches it, reads its report, recovers.
 *
 *   pending -> creating -> running -> reporting -> completed
 *   creating -> pending (429, unreachable)        creating -> creating.reconciling -> running | pending | escalated.doubtful
 *   any trouble -> recovering -> retrying -> pending (attempt + 1) | escalated | failed | skipped
 *   running -> escalated.overdue (past its deadline, cannot be stopped; still watched) -> reporting | running
 *   live -> cancelling -> cancelled
 *   pending.approval -> pending | failed | skipped            a person approves or rejects; once a task
 *   pending | retrying -> pending.paused -> pending           a person pauses the task; an attempt under way ends first
 *   running.needsInput -> running.answering -> running        a person answers (turn + 1)
 *   running | reporting -> running.steering -> running        what a person said, once the agent is idle (turn + 1)
 *   reporting -> reporting.repairing -> running               a report that does not fit is asked for once more (turn + 1)
 *   reporting.checking -> reporting | reporting.mending -> running   its work is checked; what fails goes back to it (turn + 1)
 *   recovering -> escalated.conflict                          what it needs cannot be merged; -> pending by a person
 *
 * I1: the one place that raises `attempt` is leaving for another attempt. I3: `intentAt` is set on the way into creating, so the
 * intent is in the record before the call. I7: only the watch's output or a command ends an attempt. I11: escalated takes commands.
 */
import { assign } from 'xstate'
import { checking, mending } from './agent-checks.ts'
import {
  ADOPTED_DEADLINE_MS,
  admission,
  attemptOf,
  deadlineFailure,
  refOf,
  setBack,
  whenToBegin,
} from './agent-context.ts'
import {
  another,
  decide,
  failed,
  giveItUp,
  giveUp,
  keepApproval,
  keepFailure,
  keepRejection,
  keepSettled,
  leaveSteers,
  lookAgain,
  machine,
  putBack,
  refused,
  release,
  steersArrived,
  takeBackSteers,
  waitLonger,
} from './agent-parts.ts'
import { recovering } from './agent-recovery.ts'
import { moveSteers, sentTexts } from './agent-steers.ts'
import { answering, answers, heard, heardAtWork, heardWhenIdle, repairing, repairs, steering } from './agent-turns.ts'
import { goesOn, pauses, watch } from './agent-watch.ts'
import { failureOf } from './effects.ts'

export const agentMachine = machine.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    run: input.run,
    task: input.task,
    policy: input.policy,
    admit: admission(input),
    attempt: input.quarantined?.attempt ?? input.firstAttempt ?? 1,
    tries: 1,
    setbacks: 0,
    turn: 1,
    deadlineMs: input.policy.timeoutMs,
    ...(input.policy.approval === 'given' ? { reason: 'approved by --yes' } : {}),
    ...(input.skip === undefined ? {} : { reason: input.skip }),
    ...(input.fail === undefined ? {} : { reason: input.fail }),
    ...(input.quarantined === undefined ? {} : { reason: input.quarantined.reason }),
  }),
  initial: 'live',
  states: {
    live: {
      initial: 'admitting',
      on: { 'task.cancel': '#agent.cancelling' },
      states: {
        admitting: {
          always: [
            { guard: 'isSkipped', target: '#agent.skipped' },
            { guard: 'isQuarantined', target: 'escalated' },
            { guard: 'cannotRun', target: '#agent.failed' },
            { guard: 'needsApproval', target: 'pending.approval' },
            { target: 'pending.waiting' },
          ],
        },
        pending: {
          initial: 'waiting',
          on: {
            'task.complete': decide['task.complete'],
            'task.skip': decide['task.skip'],
            'task.fail': decide['task.fail'],
            'task.steer': heard['task.steer'],
          },
          states: {
            waiting: {
              invoke: {
                id: 'slots',
                src: 'acquireSlots',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  ...whenToBegin(context),
                }),
                onDone: {
                  target: '#agent.live.creating',
                  // The first intent of an attempt stays: a search must go back to it.
                  actions: assign(({ context, event }) => ({
                    intentAt: context.intentAt ?? event.output.at,
                    putBack: undefined,
                    reason: undefined,
                    ...(context.steers === undefined ? {} : { steers: moveSteers(context, 'queued', 'sent') }),
                  })),
                },
                onError: { target: '#agent.live.recovering', actions: keepFailure },
              },
              on: { 'task.pause': { target: 'paused', actions: [release, assign({ paused: true })] } },
            },
            // It may take days: nothing of it runs meanwhile.
            approval: {
              entry: {
                type: 'raiseAlert',
                params: ({ context }) => ({ code: 'approval', message: `${context.task} waits for approval` }),
              },
              on: {
                'task.approve': [
                  { guard: 'isPaused', target: 'paused', actions: keepApproval },
                  { target: 'waiting', actions: keepApproval },
                ],
                'task.reject': [
                  { guard: 'skips', target: '#agent.skipped', actions: keepRejection },
                  { target: '#agent.failed', actions: keepRejection },
                ],
                'task.pause': heard['task.pause'],
                'task.continue': heard['task.continue'],
              },
            },
            paused: { on: { 'task.continue': { target: 'waiting', actions: assign({ paused: undefined }) } } },
          },
        },
        creating: {
          initial: 'calling',
          on: { ...heard, 'task.cancel': { target: '#agent.cancelling', actions: assign({ doubt: true }) } },
          states: {
            calling: {
              invoke: {
                id: 'create',
                src: 'createAgentRun',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  intentAt: context.intentAt ?? 0,
                  ...(context.failure === undefined ? {} : { failure: context.failure }),
                  ...(context.prompt === undefined ? {} : { prompt: context.prompt }),
                  ...(sentTexts(context).length === 0 ? {} : { additions: sentTexts(context) }),
                  ...(context.resolve === undefined ? {} : { resolve: context.resolve }),
                }),
                onDone: {
                  target: '#agent.live.running',
                  actions: assign(({ context, event }) => ({ ref: event.output, ...steersArrived(context) })),
                },
                onError: [
                  { guard: { type: 'isUncertain', params: failed }, target: 'reconciling' },
                  {
                    guard: { type: 'isBlockedWhilePaused', params: failed },
                    target: '#agent.live.pending.paused',
                    actions: refused,
                  },
                  {
                    guard: { type: 'isBlocked', params: failed },
                    target: '#agent.live.pending.waiting',
                    actions: refused,
                  },
                  {
                    guard: { type: 'isPutBackWhilePaused', params: failed },
                    target: '#agent.live.pending.paused',
                    actions: putBack,
                  },
                  {
                    guard: { type: 'isPutBack', params: failed },
                    target: '#agent.live.pending.waiting',
                    actions: putBack,
                  },
                  { target: '#agent.live.recovering', actions: [keepFailure, takeBackSteers] },
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
                    target: '#agent.live.running',
                    actions: assign(({ context, event }) =>
                      event.output.kind === 'found' ? { ref: event.output.ref, ...steersArrived(context) } : {},
                    ),
                  },
                  {
                    guard: { type: 'isAbsentWhilePaused', params: ({ event }) => ({ kind: event.output.kind }) },
                    target: '#agent.live.pending.paused',
                    actions: [release, takeBackSteers],
                  },
                  {
                    guard: { type: 'is', params: ({ event }) => ({ kind: event.output.kind, as: 'absent' }) },
                    target: '#agent.live.pending.waiting',
                    actions: [release, takeBackSteers],
                  },
                  {
                    target: '#agent.live.escalated.doubtful',
                    actions: assign(({ event }) => ({
                      reason: `Nobody knows whether an agent was created: ${event.output.kind === 'unknown' ? event.output.reason : 'no answer'}`,
                    })),
                  },
                ],
                onError: {
                  target: '#agent.live.escalated.doubtful',
                  actions: assign(({ event }) => ({
                    reason: `Nobody knows whether an agent was created: ${failureOf(event.error).message}`,
                  })),
                },
              },
            },
          },
        },
        running: {
          initial: 'watching',
          after: {
            deadline: [
              { guard: 'canCancel', target: '.stopping' },
              {
                guard: 'mayRunBeside',
                target: 'retrying',
                actions: [
                  giveUp,
                  release,
                  assign(({ context }) => {
                    const failure = deadlineFailure(context)
                    return { failure, ...setBack(context, failure) }
                  }),
                ],
              },
              {
                target: 'escalated.overdue',
                actions: assign(({ context }) => ({
                  failure: deadlineFailure(context),
                  reason: `Past its deadline, still running at ${context.ref?.url ?? context.ref?.id ?? 'the backend'}`,
                })),
              },
            ],
          },
          on: { ...giveItUp, ...heard, 'task.wait': waitLonger },
          states: {
            watching: { invoke: watch('active', [pauses]), on: heardAtWork },
            needsInput: { invoke: watch('paused', [goesOn]), on: { ...heardWhenIdle, 'task.answer': answers } },
            answering,
            steering,
            stopping: {
              entry: leaveSteers,
              invoke: {
                id: 'stop',
                src: 'settleAgentRun',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  ...(context.ref === undefined ? {} : { ref: context.ref }),
                }),
                onDone: [
                  {
                    guard: { type: 'isStillRunning', params: ({ event }) => event.output },
                    target: '#agent.live.escalated.overdue',
                    actions: assign(({ context, event }) => ({
                      failure: deadlineFailure(context),
                      reason: `Past its deadline: ${event.output.note}`,
                    })),
                  },
                  {
                    target: '#agent.live.recovering',
                    actions: assign(({ context }) => ({ failure: deadlineFailure(context) })),
                  },
                ],
                onError: {
                  target: '#agent.live.escalated.overdue',
                  actions: assign(({ context, event }) => ({
                    failure: deadlineFailure(context),
                    reason: `Past its deadline and could not be stopped: ${failureOf(event.error).message}`,
                  })),
                },
              },
            },
          },
        },
        reporting: {
          initial: 'reading',
          on: { ...decide, ...heard },
          states: {
            checking,
            mending,
            reading: {
              invoke: {
                id: 'report',
                src: 'readReport',
                input: ({ context }) => ({
                  ...attemptOf(context),
                  ref: refOf(context),
                  turn: context.turn,
                  ...(context.doubtfulTurn ? { doubtful: true as const } : {}),
                }),
                onDone: '#agent.completed',
                onError: [repairs, { target: '#agent.live.recovering', actions: keepFailure }],
              },
              on: heardWhenIdle,
            },
            repairing,
          },
        },
        recovering,
        retrying: {
          after: {
            retryDelay: [
              { guard: 'isPaused', target: 'pending.paused', actions: another },
              { target: 'pending.waiting', actions: another },
            ],
          },
          on: { ...decide, ...heard },
        },
        escalated: {
          initial: 'waiting',
          entry: [
            {
              type: 'raiseAlert',
              params: ({ context }) => ({ code: 'escalated', message: context.reason ?? 'A person must decide' }),
            },
            leaveSteers,
          ],
          states: {
            waiting: { entry: release, on: decide },
            // A person merges by hand and has it tried again, or leaves the conflicts to its agent.
            conflict: { entry: release, on: decide },
            // Nobody has chosen yet, so it is still watched: an end by evidence is taken as if in time.
            overdue: {
              invoke: watch('end', []),
              on: {
                ...giveItUp,
                'task.wait': waitLonger,
                'task.adopt': {
                  target: '#agent.live.running',
                  actions: assign({
                    deadlineMs: ADOPTED_DEADLINE_MS,
                    setbacks: 0,
                    reason: undefined,
                    failure: undefined,
                  }),
                },
              },
            },
            // It may wait for days: others need its slots meanwhile.
            doubtful: {
              entry: [release, assign({ doubt: true })],
              on: { ...giveItUp, 'task.wait': lookAgain, 'task.adopt': lookAgain },
            },
          },
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
          {
            guard: { type: 'isStillRunning', params: ({ event }) => event.output },
            target: 'cancelled',
            actions: [keepSettled, giveUp],
          },
          { target: 'cancelled', actions: keepSettled },
        ],
        onError: {
          target: 'cancelled',
          actions: [assign(({ event }) => ({ reason: `It may still run: ${failureOf(event.error).message}` })), giveUp],
        },
      },
    },
    completed: { entry: [release, leaveSteers], type: 'final' },
    failed: { entry: [release, leaveSteers], type: 'final' },
    cancelled: { entry: [release, leaveSteers], type: 'final' },
    skipped: { entry: [release, leaveSteers], type: 'final' },
  },
})
