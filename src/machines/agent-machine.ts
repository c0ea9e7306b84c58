/**
 * One task's agent: gets a slot, creates one agent run an attempt, watches it, reads its report, recovers.
 *
 *   pending -> creating -> running -> reporting -> completed
 *   creating -> pending (429, unreachable)        creating -> creating.reconciling -> running | pending | escalated.doubtful
 *   any trouble -> recovering -> retrying -> pending (attempt + 1) | escalated | failed | skipped
 *   running -> escalated.overdue (past its deadline, cannot be stopped; still watched) -> reporting | running
 *   live -> cancelling -> cancelled
 *
 * I1: the one place that raises `attempt` is leaving for another attempt. I3: `intentAt` is set on the way into creating, so the
 * intent is in the record before the call. I7: only the watch's output or a command ends an attempt. I11: escalated takes commands.
 */
import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate'
import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Json } from '../domain/json.ts'
import type { OnFailure } from '../domain/workflow.ts'
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

/** What the machine must know of a task's spec. */
export interface AgentPolicy {
  readonly attempts: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  readonly onTimeout: boolean
  readonly timeoutMs: number
  readonly onFailure: OnFailure
  /** The backend can stop a running agent run. */
  readonly canCancel: boolean
  readonly seed: number
}

export interface AgentInput {
  readonly run: string
  readonly task: string
  readonly policy: AgentPolicy
  /** Set when the task is not to run: why. */
  readonly skip?: string
  /** Set when the task cannot run at all: why. */
  readonly fail?: string
  /** Set when the task's records could not be read back: why, and the last attempt number that was used. */
  readonly quarantined?: { readonly reason: string; readonly attempt: number }
}

export interface AgentContext {
  readonly run: string
  readonly task: string
  readonly policy: AgentPolicy
  /** How the actor begins; only read once. */
  readonly admit: 'run' | 'skip' | 'quarantine' | 'fail'
  /** Never reused: retries and reruns count on. */
  readonly attempt: number
  /** Attempts made since a person last decided; the policy bounds these. */
  readonly tries: number
  /** Calls of this attempt's creation that certainly did nothing, in a row. */
  readonly refusals: number
  readonly turn: number
  readonly ref?: AgentRunRef | undefined
  readonly intentAt?: number | undefined
  readonly notBefore?: number | undefined
  readonly deadlineMs: number
  readonly failure?: Failure | undefined
  /** A person's replacement of the task's prompt. */
  readonly prompt?: string | undefined
  /** Why it is where it is, for people. */
  readonly reason?: string | undefined
  /** A create may have left and nobody knows what came of it. */
  readonly doubt?: true | undefined
}

export type AgentCommandEvent =
  | { type: 'task.cancel' }
  | { type: 'task.retry'; prompt?: string }
  | { type: 'task.complete'; result: Json }
  | { type: 'task.skip' }
  | { type: 'task.fail'; reason?: string }
  | { type: 'task.wait'; ms?: number }
  | { type: 'task.adopt' }

export type AgentEvent = AgentCommandEvent

/** Failures that certainly did nothing: the create is put back without a lost attempt. */
const PUT_BACK = new Set<Failure['kind']>(['limit', 'unreachable', 'timeout'])
const BLOCKED = new Set<Failure['kind']>(['quota', 'auth'])
/** What `adopt` allows an agent run that is past its deadline. */
const ADOPTED_DEADLINE_MS = 30 * 24 * 3_600_000

const attemptOf = (context: AgentContext): AttemptInput => ({ task: context.task, attempt: context.attempt })

/** The context of the attempt after this one. `undefined` clears a field; JSON drops it. */
const nextAttempt = (context: AgentContext, tries: number) => ({
  attempt: context.attempt + 1,
  tries,
  refusals: 0,
  turn: 1,
  deadlineMs: context.policy.timeoutMs,
  ...CLEARED,
})
const CLEARED = { ref: undefined, intentAt: undefined, notBefore: undefined, reason: undefined, doubt: undefined }

const deadlineFailure = (context: AgentContext): Failure => ({
  kind: 'deadline',
  message: `No end within ${Math.round(context.deadlineMs / 1000)} s`,
  retryable: true,
  certain: true,
})

const machine = setup({
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
        context.tries,
        context.policy.seed,
        `${context.run}/${context.task}/${context.attempt}`,
      ),
    deadline: ({ context }) => context.deadlineMs,
  },
})

const release = {
  type: 'releaseSlots',
  params: ({ context }: { context: AgentContext }) => attemptOf(context),
} as const
/** Without a ref but with a doubt, it is looked for by the time of its intent. */
const giveUp = {
  type: 'giveUpAgentRun',
  params: ({ context }: { context: AgentContext }) => ({
    ...attemptOf(context),
    ref: context.ref,
    intentAt: context.ref === undefined && context.doubt ? context.intentAt : undefined,
  }),
} as const
const keepFailure = machine.assign(({ event }) => ({ failure: failureOf('error' in event ? event.error : undefined) }))
const failed = ({ event }: { event: { error: unknown } }) => failureOf(event.error)

/** What a person may decide about a task that does not go on by itself; `first` says what becomes of its agent run. */
function decisions<First extends object>(first: First) {
  return {
    'task.retry': {
      target: '#agent.live.pending',
      actions: [
        first,
        release,
        machine.assign(({ context, event }) => ({
          ...nextAttempt(context, 1),
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
const giveItUp = decisions(giveUp)
const decide = decisions(release)

/** A person gives the running agent more time. */
const waitLonger = {
  target: '#agent.live.running',
  reenter: true,
  actions: machine.assign(({ context, event }) => ({
    deadlineMs: (event.type === 'task.wait' ? event.ms : undefined) ?? context.policy.timeoutMs,
    reason: undefined,
    failure: undefined,
  })),
} as const

/** A create in doubt is looked for once more. */
const lookAgain = {
  target: '#agent.live.creating.reconciling',
  actions: [
    { type: 'holdSlots', params: ({ context }: { context: AgentContext }) => attemptOf(context) },
    machine.assign({ reason: undefined, doubt: undefined }),
  ],
} as const

/** Watches the agent run until it ends or is no longer what it was seen to be. */
function watch<Other extends { as: WatchOutput['kind']; target: string }>(
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
    }),
    onDone: [
      { guard: kindIs('complete'), target: '#agent.live.reporting' },
      ...other.map(({ as, target }) => ({ guard: kindIs(as), target })),
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

export const agentMachine = machine.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    run: input.run,
    task: input.task,
    policy: input.policy,
    admit: admission(input),
    attempt: input.quarantined?.attempt ?? 1,
    tries: 1,
    refusals: 0,
    turn: 1,
    deadlineMs: input.policy.timeoutMs,
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
            { target: 'pending' },
          ],
        },
        pending: {
          invoke: {
            id: 'slots',
            src: 'acquireSlots',
            input: ({ context }) => ({
              ...attemptOf(context),
              refusals: context.refusals,
              ...(context.notBefore === undefined ? {} : { notBefore: context.notBefore }),
            }),
            onDone: {
              target: 'creating',
              // The first intent of an attempt stays: a search must go back to it.
              actions: assign(({ context, event }) => ({ intentAt: context.intentAt ?? event.output.at })),
            },
            onError: { target: 'recovering', actions: keepFailure },
          },
          on: {
            'task.complete': decide['task.complete'],
            'task.skip': decide['task.skip'],
            'task.fail': decide['task.fail'],
          },
        },
        creating: {
          initial: 'calling',
          on: { 'task.cancel': { target: '#agent.cancelling', actions: assign({ doubt: true }) } },
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
                }),
                onDone: {
                  target: '#agent.live.running',
                  actions: assign(({ event }) => ({ ref: event.output, refusals: 0 })),
                },
                onError: [
                  { guard: { type: 'isUncertain', params: failed }, target: 'reconciling' },
                  {
                    guard: { type: 'isBlocked', params: failed },
                    target: '#agent.live.pending',
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
                    target: '#agent.live.pending',
                    actions: [
                      release,
                      assign(({ context, event }) => ({
                        refusals: context.refusals + 1,
                        notBefore: failureOf(event.error).notBefore,
                      })),
                    ],
                  },
                  { target: '#agent.live.recovering', actions: keepFailure },
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
                    actions: assign(({ event }) =>
                      event.output.kind === 'found' ? { ref: event.output.ref, refusals: 0 } : {},
                    ),
                  },
                  {
                    guard: { type: 'is', params: ({ event }) => ({ kind: event.output.kind, as: 'absent' }) },
                    target: '#agent.live.pending',
                    actions: release,
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
                actions: [giveUp, release, assign(({ context }) => ({ failure: deadlineFailure(context) }))],
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
          on: { ...giveItUp, 'task.wait': waitLonger },
          states: {
            watching: { invoke: watch('active', [{ as: 'paused', target: '#agent.live.running.needsInput' }]) },
            needsInput: { invoke: watch('paused', [{ as: 'active', target: '#agent.live.running.watching' }]) },
            stopping: {
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
          invoke: {
            id: 'report',
            src: 'readReport',
            input: ({ context }) => ({ ...attemptOf(context), ref: refOf(context), turn: context.turn }),
            onDone: '#agent.completed',
            onError: { target: 'recovering', actions: keepFailure },
          },
          on: decide,
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
                actions: assign(({ event }) => ({ failure: event.output })),
              },
              {
                guard: 'escalates',
                target: 'escalated',
                actions: assign(({ event }) => ({ failure: event.output, reason: event.output.message })),
              },
              {
                guard: 'skips',
                target: '#agent.skipped',
                actions: assign(({ event }) => ({ failure: event.output, reason: event.output.message })),
              },
              {
                target: '#agent.failed',
                actions: assign(({ event }) => ({ failure: event.output, reason: event.output.message })),
              },
            ],
            onError: {
              target: 'escalated',
              actions: assign(({ context, event }) => ({
                reason: `${context.failure?.message ?? 'Failed'}; its logs could not be read: ${failureOf(event.error).message}`,
              })),
            },
          },
        },
        retrying: {
          after: {
            retryDelay: {
              target: 'pending',
              actions: assign(({ context }) => nextAttempt(context, context.tries + 1)),
            },
          },
          on: decide,
        },
        escalated: {
          initial: 'waiting',
          entry: {
            type: 'raiseAlert',
            params: ({ context }) => ({ code: 'escalated', message: context.reason ?? 'A person must decide' }),
          },
          states: {
            waiting: { entry: release, on: decide },
            // Nobody has chosen yet, so it is still watched: an end by evidence is taken as if in time.
            overdue: {
              invoke: watch('end', []),
              on: {
                ...giveItUp,
                'task.wait': waitLonger,
                'task.adopt': {
                  target: '#agent.live.running',
                  actions: assign({ deadlineMs: ADOPTED_DEADLINE_MS, reason: undefined, failure: undefined }),
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
        onDone: {
          target: 'cancelled',
          actions: [
            assign(({ context, event }) => ({ reason: event.output.note, ref: context.ref ?? event.output.ref })),
            giveUp,
          ],
        },
        onError: {
          target: 'cancelled',
          actions: [assign(({ event }) => ({ reason: `It may still run: ${failureOf(event.error).message}` })), giveUp],
        },
      },
    },
    completed: { entry: release, type: 'final' },
    failed: { entry: release, type: 'final' },
    cancelled: { entry: release, type: 'final' },
    skipped: { entry: release, type: 'final' },
  },
})

function admission(input: AgentInput): AgentContext['admit'] {
  if (input.quarantined !== undefined) return 'quarantine'
  if (input.fail !== undefined) return 'fail'
  return input.skip === undefined ? 'run' : 'skip'
}

/** The reference of a state that cannot be reached without one. */
function refOf(context: AgentContext): AgentRunRef {
  return context.ref ?? { backend: '', id: '' }
}
