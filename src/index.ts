/** troupe orchestrates AI coding agents: a durable graph of tasks, each carried out by a sub-agent at a backend. */
export { openDataFolderReader } from './data-folder-reader.ts'
export type { Failure, LogEntry } from './domain/backend.ts'
export type { Clock } from './domain/clock.ts'
export type { CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
export {
  BackendError,
  CommandRefusedError,
  DataFolderError,
  NotFoundError,
  type Problem,
  TroupeError,
  UsageError,
  WorkflowError,
} from './domain/errors.ts'
export type { Json, JsonObject } from './domain/json.ts'
export type { WaitingFor } from './domain/limiter.ts'
export type { DataFolderReader, Orchestrator, RunOutcome, RunSettings } from './domain/orchestration.ts'
export type { RunRecord } from './domain/record.ts'
export type { PullRequest, Report } from './domain/report.ts'
export type { AttemptView, RunSummary, RunView, TaskResult, TaskView } from './domain/views.ts'
export type { RateLimit, Workflow } from './domain/workflow.ts'
export { openOrchestrator } from './open-orchestrator.ts'
export { defineWorkflow, type WorkflowDefinition } from './workflow/define.ts'
export { parseInputs } from './workflow/inputs.ts'
export { loadWorkflow } from './workflow/load.ts'
