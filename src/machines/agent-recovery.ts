/** What becomes of a failed attempt: its failure is looked into, then another one follows, or a person decides, or the task ends. */
import type { Failure } from '../domain/backend.ts'
import { type AgentContext, attemptOf, setBack } from './agent-context.ts'
import { machine, release } from './agent-parts.ts'
import { endReason, failureOf } from './effects.ts'

const keepReason = machine.assign(({ context, event }) => {
  const failure = explainedIn(event)
  return { failure, reason: endReason(failure, context.tries, context.policy.attempts) }
})

/**
 * Its account broke the attempt off: no try is used up. The account is closed in the same step, and the run pauses: the next attempt
 * waits for a person, so that none is made in vain again and again.
 */
const brokenOff = [
  {
    type: 'blockAccount',
    params: ({ context, event }: { context: AgentContext; event: { output: Failure } }) => ({
      ...attemptOf(context),
      failure: event.output,
    }),
  },
  machine.assign(({ context, event }) => ({ failure: explainedIn(event), tries: context.tries - 1 })),
] as const

const explained = ({ event }: { event: { output: Failure } }) => event.output
const explainedIn = (event: object): Failure => ('output' in event ? (event.output as Failure) : failureOf(undefined))

export const recovering = {
  entry: release,
  invoke: {
    id: 'diagnose',
    src: 'diagnoseFailure',
    input: ({ context }: { context: AgentContext }) => ({
      ...attemptOf(context),
      failure: context.failure ?? failureOf(undefined),
      ...(context.ref === undefined ? {} : { ref: context.ref }),
    }),
    onDone: [
      {
        guard: { type: 'mayRetry', params: explained },
        target: '#agent.live.retrying',
        actions: machine.assign(({ context, event }) => {
          const failure = explainedIn(event)
          return { failure, ...setBack(context, failure) }
        }),
      },
      { guard: { type: 'wasBrokenOff', params: explained }, target: '#agent.live.retrying', actions: brokenOff },
      {
        guard: { type: 'isConflict', params: explained },
        target: '#agent.live.escalated.conflict',
        actions: keepReason,
      },
      { guard: 'escalates', target: '#agent.live.escalated', actions: keepReason },
      { guard: 'skips', target: '#agent.skipped', actions: keepReason },
      { target: '#agent.failed', actions: keepReason },
    ],
    onError: {
      target: '#agent.live.escalated',
      actions: machine.assign(({ context, event }) => ({
        reason: `${context.failure?.message ?? 'Failed'}; its logs could not be read: ${failureOf('error' in event ? event.error : undefined).message}`,
      })),
    },
  },
} as const
