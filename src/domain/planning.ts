import type { TaskSpec } from './workflow.ts'

/** What a manager that plans decided in one turn, checked and completed. The first decision of a turn stands. */
export type Decision =
  /** Further tasks; they are only ever added. */
  | { readonly kind: 'delegate'; readonly tasks: readonly TaskSpec[]; readonly reason?: string }
  /** Nothing more is to be done once all that was delegated has settled. */
  | { readonly kind: 'finish'; readonly summary: string; readonly outcome: 'completed' | 'failed' }
  /** A person is to answer before the manager goes on. */
  | { readonly kind: 'ask'; readonly question: string }

/** A decision that cannot be carried out: every reason, in words that the manager can act on. */
export interface RefusedDecision {
  readonly kind: 'refused'
  readonly problems: readonly string[]
}

/** What every task of a plan has unless its decision says otherwise. */
export type PlannedTaskDefaults = Omit<TaskSpec, 'id' | 'prompt' | 'needs' | 'role' | 'if' | 'forEach' | 'output'>

/** How a manager plans. */
export interface PlanningSpec {
  /** What is to be achieved, rendered with the run's inputs where it is a template. */
  readonly objective: string
  /** Most decisions without a person saying that it may go on. */
  readonly rounds: number
  readonly defaults: PlannedTaskDefaults
  /** Repositories that its tasks may work in; empty: only the default one. */
  readonly repositories: readonly string[]
}
