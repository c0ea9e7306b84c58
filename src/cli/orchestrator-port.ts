import type { ControlClient } from '../client/control-client.ts'
import type { LogEntry } from '../domain/backend.ts'
import type { CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import type { Orchestrator, RunOutcome } from '../domain/orchestration.ts'
import type { RunSummary } from '../domain/views.ts'

/** What commands ask of an orchestrator, here or in another process. */
export interface OrchestratorPort {
  runs(): Promise<readonly RunSummary[]>
  /** Makes the run ready to be told something. */
  restore(run: string): Promise<void>
  command(run: string, command: RunCommand): Promise<CommandReply>
  commandTask(run: string, task: string, command: TaskCommand): Promise<CommandReply>
  logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]>
  settled(run: string, signal: AbortSignal): Promise<RunOutcome>
}

/** The same port of an orchestrator in this process and of a client to another's. */
export function portOf(source: Orchestrator | ControlClient): OrchestratorPort {
  const remote = 'outcome' in source
  return {
    runs: async () => source.runs(),
    // A holder knows all its runs; to resume one there would make it carry it.
    restore: async (run) => {
      if (!remote) await source.resume(run)
    },
    command: (run, command) => source.command(run, command),
    commandTask: (run, task, command) => source.commandTask(run, task, command),
    logs: (run, task, limit) => source.logs(run, task, limit),
    settled: async (run, signal) =>
      remote ? (await source.outcome(run, signal)).outcome : source.settled(run, signal),
  }
}
