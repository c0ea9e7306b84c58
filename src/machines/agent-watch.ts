/** How an agent run is watched, and what follows from what is seen of it. */
import { type AgentContext, attemptOf, refOf } from './agent-context.ts'
import { giveUp, keepFailure, machine } from './agent-parts.ts'
import { sendSteers } from './agent-turns.ts'
import { endFailure, failureOf, type WatchInput, type WatchOutput } from './effects.ts'

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
export const pauses = {
  as: 'paused',
  target: '#agent.live.running.needsInput',
  actions: [
    askPeople,
    machine.assign(({ event }) => ({ asks: 'output' in event ? (event.output as WatchOutput).asks : undefined })),
  ],
} as const
export const goesOn = {
  as: 'active',
  target: '#agent.live.running.watching',
  actions: machine.assign({ asks: undefined, reason: undefined }),
} as const

const kindOf = ({ event }: { event: { output: WatchOutput } }) => ({ kind: event.output.kind })

interface Ended {
  readonly context: AgentContext
  readonly event: { readonly output: WatchOutput }
}
const ended = ({ event }: { event: { output: WatchOutput } }) => endFailure(event.output)
const blockedBy = ({ context, event }: Ended) => ({ ...attemptOf(context), failure: endFailure(event.output) })
const keepEnd = machine.assign(({ event }) => ({
  failure: 'output' in event ? endFailure(event.output as WatchOutput) : failureOf(undefined),
}))

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
  const idleAs = (as: WatchOutput['kind']) =>
    ({
      guard: {
        type: 'mayTellIdle',
        params: ({ event }: { event: { output: WatchOutput } }) => ({ kind: event.output.kind, as }),
      },
      target: '#agent.live.running.steering',
      actions: [machine.assign({ reason: undefined }), sendSteers],
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
      ...(context.doubtfulTurn ? { doubtful: true as const } : {}),
    }),
    onDone: [
      // It is idle, so that it can be told what waits for that.
      idleAs('complete'),
      ...(expect === 'active' ? [idleAs('paused')] : []),
      {
        guard: { type: 'isToBeChecked', params: kindOf },
        target: '#agent.live.reporting.checking',
        actions: machine.assign({ reason: undefined }),
      },
      {
        guard: kindIs('complete'),
        target: '#agent.live.reporting',
        // It ended by evidence, so that it was late no longer matters.
        actions: machine.assign({ reason: undefined }),
      },
      ...other.map(({ as, target, actions }) => ({ guard: kindIs(as), target, actions })),
      // Credentials or a plan that broke it off would break off the next one, too.
      {
        guard: { type: 'isBlocked', params: ended },
        target: '#agent.live.recovering',
        actions: [keepEnd, { type: 'blockAccount', params: (scope: Ended) => blockedBy(scope) }],
      },
      { target: '#agent.live.recovering', actions: keepEnd },
    ],
    // A watch that broke says nothing of the agent run: it may go on.
    onError: { target: '#agent.live.recovering', actions: [keepFailure, giveUp] },
  } as const
}
