/**
 * An agent's work is checked before its report is read: commands that troupe itself runs where it worked. What fails goes back to the
 * agent as a further turn, so often as its task allows; then it is a failure of the attempt. A check is safe to call again: it changes
 * nothing but what its commands do.
 */
import { type AgentContext, attemptOf, quietTurn, refOf } from './agent-context.ts'
import { giveItUp, keepFailure, machine, mendsOf } from './agent-parts.ts'
import { heardWhenIdle, isUncertain, mayHaveArrived, prompts } from './agent-turns.ts'
import type { CheckOutput, FailedCheck } from './effects.ts'
import { checkFailure } from './explain-check.ts'

/** Of a check's output, so much goes to the agent, characters. */
const MOST_OUTPUT = 8_192

const checked = ({ event }: { event: { output: CheckOutput } }) => event.output

/** The commands are run where the agent worked. */
export const checking = {
  invoke: {
    id: 'check',
    src: 'checkWork',
    input: ({ context }: { context: AgentContext }) => ({
      ...attemptOf(context),
      ref: refOf(context),
      turn: context.turn,
      round: mendsOf(context) + 1,
      of: (context.policy.check ?? 0) + 1,
      ...(context.doubtfulTurn ? { doubtful: true as const } : {}),
    }),
    onDone: [
      {
        guard: { type: 'mayMend', params: checked },
        target: '#agent.live.reporting.mending',
        actions: machine.assign(({ context, event }) => {
          const failing = failingIn(event)
          return {
            ...quietTurn,
            turn: context.turn + 1,
            mends: mendsOf(context) + 1,
            doubtfulTurn: true,
            failing,
            failure: checkFailure(failing, mendsOf(context)),
          }
        }),
      },
      {
        guard: {
          type: 'is',
          params: ({ event }: { event: { output: CheckOutput } }) => ({ kind: event.output.kind, as: 'failed' }),
        },
        target: '#agent.live.recovering',
        actions: machine.assign(({ context, event }) => ({
          failure: checkFailure(failingIn(event), mendsOf(context)),
        })),
      },
      // Whether it passed or was not run: what its report says follows.
      { target: '#agent.live.reporting.reading' },
    ],
    onError: { target: '#agent.live.recovering', actions: keepFailure },
  },
  on: heardWhenIdle,
} as const

const told = machine.assign({ failing: undefined, failure: undefined })

/** The agent is being told what failed. */
export const mending = {
  invoke: {
    ...prompts(({ failing }) => ({ kind: 'check', ...(failing ?? NOTHING_KNOWN) })),
    onDone: [
      { guard: mayHaveArrived, target: '#agent.live.running', actions: told },
      {
        target: '#agent.live.running',
        actions: machine.assign({ ...quietTurn, failing: undefined, failure: undefined }),
      },
    ],
    onError: [
      { guard: isUncertain, target: '#agent.live.running', actions: told },
      { target: '#agent.live.recovering', actions: machine.assign({ failing: undefined }) },
    ],
  },
  // It may be at work on it.
  on: giveItUp,
} as const

const NOTHING_KNOWN: FailedCheck = { command: ['the check'], exitCode: null, output: '' }

function failingIn(event: object): FailedCheck {
  const output = 'output' in event ? (event.output as CheckOutput) : undefined
  if (output?.kind !== 'failed') return NOTHING_KNOWN
  const { command, exitCode, trouble } = output
  return { command, exitCode, ...(trouble === undefined ? {} : { trouble }), output: output.output.slice(-MOST_OUTPUT) }
}
