import type { LogEntry } from './backend.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './command.ts'
import type { Inspection } from './inspection.ts'
import type { JsonObject } from './json.ts'
import type { AttemptWork } from './local-work.ts'
import type { FolderHealth, Measure, RunCensus } from './measure.ts'
import type { RunRecord } from './record.ts'
import type { RunSummary, RunView, TaskResult } from './views.ts'
import type { RateLimit, Workflow } from './workflow.ts'

/** How a run is carried out; stored in the run, replaced by the flags of `resume`. */
export interface RunSettings {
  /** Overrides every task's backend: `codegen`, `simulated`, `command:NAME` or `acp:NAME`. */
  readonly backend?: string
  /** `codegen.create` -> limit, tightening or (from a person's flag) replacing the account's. */
  readonly limits?: Readonly<Record<string, RateLimit>>
  readonly graceMs?: number
  /** Divides durations of the embedded stand-in and the simulated backend. */
  readonly speed?: number
  readonly seed?: number
  /** Where the repository of local agents is, absolute: the folder that the run was started in. */
  readonly directory?: string
  /** Approves what waits for approval. */
  readonly yes?: boolean
}

/** How things stand with a run when nothing of it can progress by itself any more. */
export interface RunOutcome {
  readonly run: string
  readonly status: string
  /** 0 completed; 1 failed or cancelled; 2 credentials or data folder; 3 waits for a person, a quota or a budget. */
  readonly exitCode: 0 | 1 | 2 | 3
  /** One line for a person when the code is not 0. */
  readonly reason?: string
}

/** What makes a start safe to ask for again: the asker's own key, and a digest of all that was asked for. */
export interface StartKey {
  readonly key: string
  readonly fingerprint: string
}

/** One process's hold on a data folder: starts, restores, watches and commands runs. */
export interface Orchestrator {
  readonly dataDir: string
  /**
   * The run is durable when this resolves, and goes on by itself. With a key that started a run before, that run's id.
   *
   * @throws WorkflowError, UsageError; IdempotencyConflictError when the key stands for another request.
   */
  start(workflow: Workflow, inputs: JsonObject, settings: RunSettings, key?: StartKey): Promise<string>
  /** The run that a key started; undefined when it started none. Throws IdempotencyConflictError. */
  started(key: StartKey): string | undefined
  /** Restores unfinished runs (all, or the one named) and lets them go on. Throws NotFoundError. */
  resume(run?: string, settings?: RunSettings): Promise<readonly string[]>
  /** Resolves once the command's record is durable. Throws CommandRefusedError, NotFoundError. */
  command(run: string, command: RunCommand, by?: CommandOrigin): Promise<CommandReply>
  commandTask(run: string, task: string, command: TaskCommand, by?: CommandOrigin): Promise<CommandReply>
  runs(): readonly RunSummary[]
  /**
   * A run that is carried, or one of the newest that ended: 50 of them, 20,000 tasks in all. Others are read with
   * `openDataFolderReader`. Throws NotFoundError.
   */
  view(run: string): RunView
  /** Durable records with seq > after, in order; at most `limit`. */
  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]>
  /** Told of every durable record, in order per run, after it is durable. */
  subscribe(listener: (run: string, records: readonly RunRecord[]) => void): () => void
  result(run: string, task: string): Promise<TaskResult>
  logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]>
  /**
   * Resolves when the run has ended, or waits and nothing of it can progress without a person; at once where it ended before.
   * Throws NotFoundError; UsageError for one that has not ended and is not carried.
   */
  settled(run: string, signal?: AbortSignal): Promise<RunOutcome>
  /** What limits are used, what waits. */
  limits(): JsonObject
  /** Runs by status and tasks by state, over what this process carries. Costs nothing per task. */
  census(): RunCensus
  /** Whether the folder can be written and its backends answer. */
  health(): Promise<FolderHealth>
  /** Told of each commit and each call to a backend. */
  observe(listener: (measure: Measure) => void): () => void
  /** What the Stately Inspector is shown. Costs nothing while nobody listens. */
  inspect(listener: (inspection: Inspection) => void): () => void
  /** The actors that live now, as `actor` inspections; of one run, or of all. */
  actors(run?: string): readonly Inspection[]
  /**
   * Somebody says that an agent run of an account (`codegen`) may have news: it is read soon, at most once in 5 s. Nothing else comes
   * of it. Ignored for accounts and agent runs that are not known; never throws.
   */
  hint(account: string, agentRunId: string): void
  /** Deletes a finished run, or moves its folder to `archive/`. Throws NotFoundError; UsageError while it is not finished. */
  remove(run: string, how: 'delete' | 'archive'): Promise<void>
  /** Writes a checkpoint of every unfinished run that is carried, so that the next start is quick. Best effort. */
  checkpoint(): Promise<void>
  /** Stops effects, makes the rest durable, lets the folder go. Agents keep running at their backends. */
  close(): Promise<void>
}

/** Reads a data folder that somebody else may hold; never writes. */
export interface DataFolderReader {
  runs(): Promise<readonly RunSummary[]>
  view(run: string): Promise<RunView>
  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]>
  result(run: string, task: string): Promise<TaskResult>
  /** What its attempts did at local agents, in the order in which they began; empty where it used none. Throws NotFoundError. */
  workOf(run: string): Promise<readonly AttemptWork[]>
}
