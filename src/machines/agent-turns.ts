/**
 * Turns after an attempt's first: what a person says or answers, and a report that is asked for once more. A turn's number is in the
 * record before its prompt leaves (I3). Whoever leaves one of these states early leaves its turn in doubt: the watch then takes the
 * end of the turn before, too, once that has stood for a while.
 */
import type { Failure } from '../domain/backend.ts'
import { type AgentContext, attemptOf, quietTurn, refOf } from './agent-context.ts'
import { failed, giveItUp, machine } from './agent-parts.ts'
import { cutSaid, moveSteers, sentTexts, withSteer } from './agent-steers.ts'
import { failureOf, type PromptOutput, type TurnMessage } from './effects.ts'

/** What is wrong with a report, as its agent is told. */
const MOST_PROBLEM = 2_000

const saidIn = (event: { readonly type: string }): string =>
  'text' in event && typeof event.text === 'string' ? event.text : ''

/** What waits goes to the agent, as a turn of its own. */
export const sendSteers = machine.assign(({ context }) => ({
  ...quietTurn,
  steers: moveSteers(context, 'queued', 'sent'),
  turn: context.turn + 1,
  doubtfulTurn: true,
}))
const sendInTurn = machine.assign(({ context }) => ({ steers: moveSteers(context, 'queued', 'sent'), inTurn: true }))
const queueSteer = machine.assign(({ context, event }) => ({ steers: withSteer(context, saidIn(event)) }))
const goOn = machine.assign({ paused: undefined })

/** What a person may say wherever an attempt is or will be under way: it takes effect later. */
export const heard = {
  'task.steer': { guard: 'hasRoom', actions: queueSteer },
  'task.pause': { guard: 'isNotPaused', actions: machine.assign({ paused: true }) },
  'task.continue': { guard: 'isPaused', actions: goOn },
} as const

/** What is said to an idle agent goes to it at once. */
export const heardWhenIdle = {
  'task.steer': [
    {
      guard: { type: 'maySend', params: { as: 'turn', when: 'said' } },
      target: '#agent.live.running.steering',
      actions: [queueSteer, sendSteers],
    },
    heard['task.steer'],
  ],
  'task.continue': [
    {
      guard: { type: 'maySend', params: { as: 'turn', when: 'continued' } },
      target: '#agent.live.running.steering',
      actions: [goOn, sendSteers],
    },
    heard['task.continue'],
  ],
} as const

/** What is said to an agent at work goes to it at once where its backend can do that. */
export const heardAtWork = {
  'task.steer': [
    {
      guard: { type: 'maySend', params: { as: 'inTurn', when: 'said' } },
      target: '#agent.live.running.steering',
      actions: [queueSteer, sendInTurn],
    },
    heard['task.steer'],
  ],
  'task.continue': [
    {
      guard: { type: 'maySend', params: { as: 'inTurn', when: 'continued' } },
      target: '#agent.live.running.steering',
      actions: [goOn, sendInTurn],
    },
    heard['task.continue'],
  ],
} as const

/** A person answers what a paused agent asks. */
export const answers = {
  target: '#agent.live.running.answering',
  actions: machine.assign(({ context, event }) => ({
    ...quietTurn,
    turn: context.turn + 1,
    asks: context.asks,
    answer: cutSaid(saidIn(event)),
    doubtfulTurn: true,
    reason: undefined,
  })),
} as const

export function prompts(messageOf: (context: AgentContext) => TurnMessage) {
  return {
    id: 'prompt',
    src: 'promptAgentRun',
    input: ({ context }: { context: AgentContext }) => ({
      ...attemptOf(context),
      ref: refOf(context),
      turn: context.turn,
      message: messageOf(context),
    }),
  } as const
}

export const mayHaveArrived = {
  type: 'mayHaveArrived',
  params: ({ event }: { event: { output: PromptOutput } }) => event.output,
} as const
export const isUncertain = { type: 'isUncertain', params: failed } as const
const watched = { target: '#agent.live.running', reenter: true } as const

const saidPerhaps = {
  ...watched,
  actions: [
    machine.assign(({ context }) => ({ steers: moveSteers(context, 'sent', 'maybe'), inTurn: undefined })),
    {
      type: 'raiseAlert',
      params: ({ context }: { context: AgentContext }) => ({
        code: 'steer-unknown',
        message: `${context.task}: nobody knows whether its agent was told what a person said; it may have been delivered and is not sent again`,
      }),
    },
  ],
} as const

/** What a person said certainly did not reach the agent. */
function saidInVain<Event>(whyOf: (event: Event) => string) {
  return [
    {
      type: 'raiseAlert',
      params: ({ context, event }: { context: AgentContext; event: Event }) => ({
        code: 'steer-refused',
        message: `${context.task}: what a person said could not be sent: ${whyOf(event)}`,
      }),
    },
    machine.assign(({ context }) => ({
      steers: moveSteers(context, 'sent', 'refused'),
      inTurn: undefined,
      ...(context.inTurn ? {} : { turn: context.turn - 1, doubtfulTurn: undefined }),
    })),
  ] as const
}

/** What a person said is on its way. */
export const steering = {
  invoke: {
    ...prompts((context) => ({
      kind: 'steer',
      text: sentTexts(context).join('\n\n'),
      ...(context.inTurn ? { inTurn: true as const } : {}),
    })),
    onDone: [
      { guard: mayHaveArrived, ...saidPerhaps },
      // It is told as a turn of its own: the watch sees that its agent is idle.
      {
        guard: { type: 'mayBeTurn', params: ({ event }: { event: { output: PromptOutput } }) => event.output },
        ...watched,
        actions: machine.assign(({ context }) => ({
          steers: moveSteers(context, 'sent', 'queued'),
          inTurn: undefined,
        })),
      },
      {
        guard: { type: 'cameTooLate', params: ({ event }: { event: { output: PromptOutput } }) => event.output },
        ...watched,
        actions: saidInVain(() => 'its agent had ended its turn and takes no further one'),
      },
      {
        ...watched,
        actions: machine.assign(({ context }) => ({
          steers: moveSteers(context, 'sent', 'delivered'),
          inTurn: undefined,
          ...(context.inTurn ? {} : { doubtfulTurn: undefined }),
        })),
      },
    ],
    onError: [
      { guard: isUncertain, ...saidPerhaps },
      { ...watched, actions: saidInVain((event: { error: unknown }) => failureOf(event.error).message) },
    ],
  },
  on: { 'task.wait': {} },
} as const

/** A person's answer is on its way. */
export const answering = {
  invoke: {
    ...prompts((context) => ({ kind: 'answer', text: context.answer ?? '' })),
    // Where it may not have arrived its agent is still paused, and the watch tells.
    onDone: { ...watched, actions: machine.assign({ ...quietTurn }) },
    onError: [
      { guard: isUncertain, ...watched, actions: machine.assign({ ...quietTurn }) },
      {
        target: '#agent.live.running.needsInput',
        actions: machine.assign(({ context, event }) => ({
          turn: context.turn - 1,
          answer: undefined,
          doubtfulTurn: undefined,
          reason: `The answer could not be sent: ${failureOf('error' in event ? event.error : undefined).message.slice(0, 1_000)}`,
        })),
      },
    ],
  },
  on: { 'task.wait': {} },
} as const

/** A report that does not fit is asked for once more. */
export const repairs = {
  guard: { type: 'mayRepair', params: failed },
  target: '#agent.live.reporting.repairing',
  actions: machine.assign(({ context, event }) => ({
    ...quietTurn,
    turn: context.turn + 1,
    repaired: true,
    doubtfulTurn: true,
    failure: failureOf('error' in event ? event.error : undefined),
  })),
} as const

const problemsOf = (failure: Failure | undefined): readonly string[] => [
  (failure?.message ?? 'It does not fit').slice(0, MOST_PROBLEM),
]

/** The report is being asked for once more. */
export const repairing = {
  invoke: {
    ...prompts(({ failure }) => ({ kind: 'repair', problems: problemsOf(failure) })),
    onDone: [
      { guard: mayHaveArrived, target: '#agent.live.running', actions: machine.assign({ failure: undefined }) },
      { target: '#agent.live.running', actions: machine.assign({ ...quietTurn, failure: undefined }) },
    ],
    onError: [
      { guard: isUncertain, target: '#agent.live.running', actions: machine.assign({ failure: undefined }) },
      { target: '#agent.live.recovering' },
    ],
  },
  // It may be at work on it.
  on: giveItUp,
} as const
