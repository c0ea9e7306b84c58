import type { AgentRunRef, Failure } from '../domain/backend.ts'
import type { Json } from '../domain/json.ts'
import type { OnFailure } from '../domain/workflow.ts'
import { type Steer, steersAnew } from './agent-steers.ts'
import type { AttemptInput, FailedCheck } from './effects.ts'
import { explainFailure } from './explain-failure.ts'

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
  /** It takes a turn after the first. */
  readonly canPrompt?: boolean
  /** It takes what a person says while an agent is at work. */
  readonly canSteer?: boolean
  /** Its work is checked before its report is read; failing output goes back to the agent so often. */
  readonly check?: number
  /** A person must say that the task may start; `given`: the run was started with `--yes`. */
  readonly approval?: 'ask' | 'given'
  readonly seed: number
}

export interface AgentInput {
  readonly run: string
  readonly task: string
  readonly policy: AgentPolicy
  /** Its first attempt, where earlier generations of the task made some; else 1. */
  readonly firstAttempt?: number
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
  readonly admit: 'run' | 'approve' | 'skip' | 'quarantine' | 'fail'
  /** Never reused: retries and reruns count on. */
  readonly attempt: number
  /** Attempts made since a person last decided; the policy bounds these. */
  readonly tries: number
  /** How much went wrong for the task since a person last decided: failed attempts, and creates that were put back. Spaces them. */
  readonly setbacks: number
  /** The create was put back just now: it is not to be repeated at once. */
  readonly putBack?: true | undefined
  readonly turn: number
  readonly ref?: AgentRunRef | undefined
  readonly intentAt?: number | undefined
  /** The provider wants to be left alone until then, ms. It holds for the attempts that follow, too. */
  readonly notBefore?: number | undefined
  readonly deadlineMs: number
  readonly failure?: Failure | undefined
  /** A person's replacement of the task's prompt. */
  readonly prompt?: string | undefined
  /** Why it is where it is, for people. */
  readonly reason?: string | undefined
  /** A create may have left and nobody knows what came of it. */
  readonly doubt?: true | undefined
  /** The turn's prompt may have left and nobody knows whether it arrived. */
  readonly doubtfulTurn?: true | undefined
  /** A person paused the task: what is under way ends, nothing new starts. */
  readonly paused?: true | undefined
  readonly steers?: readonly Steer[] | undefined
  /** What is on its way goes to an agent at work, in the turn under way. */
  readonly inTurn?: true | undefined
  /** What its paused agent asks. */
  readonly asks?: string | undefined
  /** The answer that is on its way. */
  readonly answer?: string | undefined
  /** The attempt's report was asked for once more. */
  readonly repaired?: true | undefined
  /** How often the output of a failing check went back to the attempt's agent. */
  readonly mends?: number | undefined
  /** The failing check that its agent is being told of. */
  readonly failing?: FailedCheck | undefined
  /** A person said that what cannot be merged goes to the agent; it holds for the attempts that follow. */
  readonly resolve?: true | undefined
}

export type AgentCommandEvent =
  | { type: 'task.cancel' }
  | { type: 'task.retry'; prompt?: string; resolve?: boolean }
  | { type: 'task.complete'; result: Json }
  | { type: 'task.skip' }
  | { type: 'task.fail'; reason?: string }
  | { type: 'task.wait'; ms?: number }
  | { type: 'task.adopt' }
  | { type: 'task.approve'; by?: string }
  | { type: 'task.reject'; reason?: string; by?: string }
  | { type: 'task.answer'; text: string }
  | { type: 'task.steer'; text: string }
  | { type: 'task.pause' }
  | { type: 'task.continue' }

export type AgentEvent = AgentCommandEvent

/** Failures that certainly did nothing: the create is put back without a lost attempt. */
export const PUT_BACK = new Set<Failure['kind']>(['limit', 'unreachable', 'timeout'])
/** Failures that stop the account's creations. */
export const BLOCKED = new Set<Failure['kind']>(['quota', 'auth'])
/** What `adopt` allows an agent run that is past its deadline. */
export const ADOPTED_DEADLINE_MS = 30 * 24 * 3_600_000

/** Which attempt this is, as effects are told. */
export const attemptOf = (context: AgentContext): AttemptInput => ({ task: context.task, attempt: context.attempt })

/** The context of the attempt after this one: what spaces attempts goes on. `undefined` clears a field; JSON drops it. */
export const nextAttempt = (context: AgentContext) => ({
  ...newAttempt(context),
  tries: context.tries + 1,
})

/** The context of an attempt that a person asks for: it begins anew, and at once. */
export const freshAttempt = (context: AgentContext) => ({
  ...newAttempt(context),
  tries: 1,
  setbacks: 0,
  notBefore: undefined,
})

const newAttempt = (context: AgentContext) => ({
  attempt: context.attempt + 1,
  turn: 1,
  deadlineMs: context.policy.timeoutMs,
  ref: undefined,
  intentAt: undefined,
  putBack: undefined,
  reason: undefined,
  doubt: undefined,
  ...quietTurn,
  repaired: undefined,
  mends: undefined,
  failing: undefined,
  ...(context.steers === undefined ? {} : { steers: steersAnew(context) }),
})

/** Nothing of a turn is on its way or in doubt. */
export const quietTurn = { doubtfulTurn: undefined, inTurn: undefined, asks: undefined, answer: undefined } as const

/** What another setback leaves behind: it spaces the attempts that follow, and what the provider asked for holds for them. */
export function setBack({ setbacks, notBefore }: Spaced, failure: Failure) {
  const latest = Math.max(notBefore ?? 0, failure.notBefore ?? 0)
  return { setbacks: setbacksOf({ setbacks }) + 1, ...(latest === 0 ? {} : { notBefore: latest }) }
}
/** Records of troupe 0.1.0 do not hold the count. */
export const setbacksOf = ({ setbacks }: Spaced): number => setbacks ?? 0
interface Spaced {
  readonly setbacks?: number | undefined
  readonly notBefore?: number | undefined
}

/** What `acquireSlots` is told of when to begin. */
export const whenToBegin = (context: Spaced & { readonly putBack?: true | undefined }) => ({
  refusals: context.putBack ? Math.max(1, setbacksOf(context)) : 0,
  ...(context.notBefore === undefined ? {} : { notBefore: context.notBefore }),
})

/** The failure of an agent run that is past its deadline. */
export const deadlineFailure = (context: AgentContext): Failure =>
  explainFailure({
    kind: 'deadline',
    message: `No end within ${Math.round(context.deadlineMs / 1000)} s`,
    retryable: true,
    certain: true,
  })

/** What becomes of a task that cannot run at all. */
const CANNOT_RUN = { escalate: 'quarantine', skip: 'skip', fail: 'fail', continue: 'fail' } as const

/** How an actor with this input begins. */
export function admission(input: AgentInput): AgentContext['admit'] {
  if (input.quarantined !== undefined) return 'quarantine'
  if (input.fail !== undefined) return CANNOT_RUN[input.policy.onFailure]
  if (input.skip !== undefined) return 'skip'
  return input.policy.approval === 'ask' ? 'approve' : 'run'
}

/** The reference of a state that cannot be reached without one. */
export function refOf(context: AgentContext): AgentRunRef {
  return context.ref ?? { backend: '', id: '' }
}
