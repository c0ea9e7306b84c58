import type { AgentRunRef, Failure } from '../domain/backend.ts'
import { MANAGER } from '../domain/ids.ts'
import type { AttemptInput } from './effects.ts'

/** What the machine must know of the manager's spec. */
export interface ManagerPolicy {
  readonly attempts: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** How long one turn may last. */
  readonly timeoutMs: number
  readonly seed: number
}

export interface ManagerInput {
  readonly run: string
  readonly policy: ManagerPolicy
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
}

export type ManagerEvent = { type: 'manager.finish' } | { type: 'manager.cancel' }

/** Which attempt this is, as effects are told. */
export const attemptOf = (context: ManagerContext): AttemptInput => ({ task: MANAGER, attempt: context.attempt })
/** The reference of a state that cannot be reached without one. */
export const refOf = (context: ManagerContext): AgentRunRef => context.ref ?? { backend: '', id: '' }
