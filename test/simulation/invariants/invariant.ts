import type { History, Step } from '../history.ts'

/** One invariant: what is wrong when this step follows that history, or nothing. */
export interface Invariant {
  /** I1 ... I12, as ARCHITECTURE.md names them. */
  readonly id: string
  /** What must hold, in a few words. */
  readonly says: string
  readonly check: (step: Step, history: History) => string | undefined
}
