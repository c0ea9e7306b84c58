import type { ControlClient } from '../client/control-client.ts'
import type { LogEntry } from '../domain/backend.ts'
import type { CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import type { RunOutcome } from '../domain/orchestration.ts'
import type { RunSummary } from '../domain/views.ts'
import type { FolderHold } from '../hold-folder.ts'

/** What commands ask of an orchestrator, here or in another process. */
export interface OrchestratorPort {
  runs(): Promise<readonly RunSummary[]>
  /** Makes the run ready to be told something. */
  restore(run: string): Promise<void>
  command(run: string, command: RunCommand): Promise<CommandReply>
  commandTask(run: string, task: string, command: TaskCommand): Promise<CommandReply>
  logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]>
  settled(run: string, signal: AbortSignal): Promise<RunOutcome>
  /** Throws NotFoundError; UsageError while the run is not finished. */
  remove(run: string, how: 'delete' | 'archive'): Promise<void>
}

/** The port of an orchestrator in this process. */
export function portOfHold({ orchestrator, views }: FolderHold): OrchestratorPort {
  return {
    runs: async () => orchestrator.runs(),
    restore: async (run) => void (await orchestrator.resume(run)),
    command: (run, command) => orchestrator.command(run, command),
    commandTask: (run, task, command) => orchestrator.commandTask(run, task, command),
    logs: (run, task, limit) => orchestrator.logs(run, task, limit),
    settled: (run, signal) => views.outcome(run, signal),
    remove: (run, how) => orchestrator.remove(run, how),
  }
}

/** The port of the orchestrator in the process that holds the folder. */
export function portOfClient(client: ControlClient): OrchestratorPort {
  return {
    runs: () => client.runs(),
    // A holder restores what it is told about by itself; to resume a run there would make it carry it.
    restore: () => Promise.resolve(),
    command: (run, command) => client.command(run, command),
    commandTask: (run, task, command) => client.commandTask(run, task, command),
    logs: (run, task, limit) => client.logs(run, task, limit),
    settled: async (run, signal) => (await client.outcome(run, signal)).outcome,
    remove: (run, how) => client.remove(run, how),
  }
}
