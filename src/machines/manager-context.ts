import type { AgentRunRef, Failure } from '../domain/backend.ts'
import { MANAGER } from '../domain/ids.ts'
import type { Json } from '../domain/json.ts'
import type { AttemptInput, TurnMessage } from './effects.ts'

/** What the machine must know of the manager's spec. */
export interface ManagerPolicy {
  readonly attempts: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** How long one turn may last. */
  readonly timeoutMs: number
  readonly seed: number
  /** Of a manager that plans: most decisions before a person is asked. */
  readonly rounds?: number
  /** What it asks a person is answered by itself. */
  readonly yes?: boolean
}

export interface ManagerInput {
  readonly run: string
  readonly policy: ManagerPolicy
  /** Its first attempt, where the run had ended with a manager before; else 1. */
  readonly firstAttempt?: number
  /** Set when the records of one that plans could not be read back: why, and the last attempt number that was used. */
  readonly quarantined?: { readonly reason: string; readonly attempt: number }
}

/** What a person was asked, and said; cut. */
export interface AnsweredQuestion {
  readonly asked: string
  readonly said: string
}

export interface ManagerContext {
  readonly run: string
  readonly policy: ManagerPolicy
  readonly attempt: number
  readonly tries: number
  /** Failed attempts and creates that were put back since a turn last ended well. */
  readonly setbacks: number
  /** The create was put back just now: it is not to be repeated at once. */
  readonly putBack?: true | undefined
  readonly turn: number
  /** Records told of in turns that ended, and in the turn under way. */
  readonly toldUpTo: number
  readonly upTo: number
  /** The turn under way is the last. */
  readonly final: boolean
  readonly ref?: AgentRunRef | undefined
  readonly intentAt?: number | undefined
  readonly notBefore?: number | undefined
  readonly failure?: Failure | undefined
  readonly reason?: string | undefined
  readonly doubt?: true | undefined
  /** The run is ending: no further agent run is created. */
  readonly finishing?: true | undefined
  /** Of a manager that plans: decisions since a person last let it go on, and refused ones in a row. */
  readonly rounds?: number
  readonly repairs?: number
  /** What the turn under way says, unless it is news. */
  readonly message?: TurnMessage | undefined
  /** How long the turn under way may last since a person let it go on, ms. */
  readonly waitMs?: number | undefined
  /** The last of what people answered: a new agent run is told. */
  readonly answers?: readonly AnsweredQuestion[]
}

/** What a person may say to a manager that plans. */
export type ManagerCommandEvent =
  | { type: 'task.answer'; text: string }
  | { type: 'task.retry'; prompt?: string }
  | { type: 'task.wait'; ms?: number }
  | { type: 'task.complete'; result: Json }
  | { type: 'task.fail'; reason?: string }

export type ManagerEvent = { type: 'manager.finish' } | { type: 'manager.cancel' } | ManagerCommandEvent

const ANSWERS = 8
const ASKED = 300
const SAID = 700

/** What a person said when the manager asked or had failed is kept for an agent run that follows. */
export function withAnswer({ answers = [], reason = '' }: ManagerContext, text: string | undefined) {
  if (text === undefined) return {}
  const answered = { asked: reason.slice(0, ASKED), said: text.slice(0, SAID) }
  return { answers: [...answers, answered].slice(-ANSWERS) }
}

/** Which attempt this is, as effects are told. */
export const attemptOf = (context: ManagerContext): AttemptInput => ({ task: MANAGER, attempt: context.attempt })
/** The reference of a state that cannot be reached without one. */
export const refOf = (context: ManagerContext): AgentRunRef => context.ref ?? { backend: '', id: '' }
