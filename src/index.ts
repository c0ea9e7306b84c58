/** troupe orchestrates AI coding agents: a durable graph of tasks, each carried out by a sub-agent at a backend. */
export { type CreateOptions, createOrchestrator } from './create-orchestrator.ts'
export { openDataFolderReader } from './data-folder-reader.ts'
export type {
  AcpDescription,
  AgentDescription,
  AgentDescriptions,
  CommandDescription,
} from './domain/agent-description.ts'
export type { Failure, LogEntry } from './domain/backend.ts'
export type { Clock } from './domain/clock.ts'
export type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
export {
  BackendError,
  CommandRefusedError,
  DataFolderError,
  IdempotencyConflictError,
  NotFoundError,
  type Problem,
  TroupeError,
  UsageError,
  WorkflowError,
} from './domain/errors.ts'
export type { InspectedSnapshot, Inspection } from './domain/inspection.ts'
export type { Json, JsonObject } from './domain/json.ts'
export type { WaitingFor } from './domain/limiter.ts'
export type { AttemptWork, CollectedWork, FileChange } from './domain/local-work.ts'
export type { FolderHealth, Measure, RunCensus } from './domain/measure.ts'
export type { DataFolderReader, Orchestrator, RunOutcome, RunSettings, StartKey } from './domain/orchestration.ts'
export type { RunRecord } from './domain/record.ts'
export type { PullRequest, Report } from './domain/report.ts'
export type { AttemptView, RunSummary, RunView, TaskResult, TaskView } from './domain/views.ts'
export type { RateLimit, Workflow } from './domain/workflow.ts'
export type { ServerToken } from './server/access-tokens.ts'
export type { Log, LogFields } from './server/log.ts'
export type { ServeOptions, TroupeServer, WebhookOptions } from './server/serve-options.ts'
export { serve } from './server.ts'
export { defineWorkflow, type WorkflowDefinition } from './workflow/define.ts'
export { parseInputs } from './workflow/inputs.ts'
export { loadWorkflow } from './workflow/load.ts'
