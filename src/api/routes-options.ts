import type { Orchestrator } from '../domain/orchestration.ts'
import type { Access } from './access.ts'
import type { Handler } from './operation.ts'
import type { OPERATIONS, OperationId } from './operations.ts'
import type { RunAdmission } from './run-admission.ts'
import type { RunViews } from './run-views.ts'

/** What the routes speak for. */
export interface RoutesOptions {
  readonly orchestrator: Orchestrator
  readonly views: RunViews
  readonly admission: RunAdmission
  /** Aborted when the server ends: whoever waits for a run's outcome is told so. */
  readonly closing: AbortSignal
  /** True for whoever owns the data folder: takes workflows that the asker has checked itself. */
  readonly trusted: boolean
  /** Runs that are asked for from outside may have agents and commands run on this machine; default: where `trusted`. */
  readonly allowLocal?: boolean
  /** Of troupe, as the document says it. */
  readonly version: string
  /** Answers `GET /v1/events`. */
  readonly events?: (request: Request, access: Access) => Promise<Response>
  /** Folder of the workflow files that may be started by name. */
  readonly workflows?: string
  /** A body may have this many bytes; default 8 MB. */
  readonly maxBody?: number
  /** Told of what was not thrown on purpose; the asker only learns that something failed. */
  readonly onError?: (error: unknown) => void
}

/** A handler for each of some operations: one that is missing, or that belongs to none, does not compile. */
export type Handlers<Id extends OperationId> = { readonly [I in Id]: Handler<(typeof OPERATIONS)[I]> }
