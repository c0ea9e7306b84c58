import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunViews } from './run-views.ts'

/** What is streamed; `Served` is one. */
export interface StreamSource {
  readonly orchestrator: Pick<Orchestrator, 'runs' | 'records' | 'subscribe' | 'command' | 'commandTask'>
  readonly views: Pick<RunViews, 'carried' | 'read'>
}
