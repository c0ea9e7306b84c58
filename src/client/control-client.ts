import type { LogEntry } from '../domain/backend.ts'
import type { CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import { portableTaskId } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RunOutcome, RunSettings } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunSummary, RunView, TaskResult, TaskView } from '../domain/views.ts'
import type { Workflow } from '../domain/workflow.ts'
import { followRecords } from './record-stream.ts'
import { requestJson } from './unix-http.ts'

/** How long the holder may be silent before it counts as gone, ms: a full disk or a slow one is not that slow. */
const SILENCE_MS = 60_000

/**
 * What the process that holds a data folder can be asked. Every method throws what the orchestrator there threw, as the same
 * class, or HolderGoneError.
 */
export interface ControlClient {
  health(): Promise<{ readonly status: string; readonly pid: number }>
  start(workflow: Workflow, inputs: JsonObject, settings: RunSettings): Promise<string>
  resume(run?: string, settings?: RunSettings): Promise<readonly string[]>
  command(run: string, command: RunCommand): Promise<CommandReply>
  commandTask(run: string, task: string, command: TaskCommand): Promise<CommandReply>
  runs(): Promise<readonly RunSummary[]>
  view(run: string): Promise<RunView>
  task(run: string, task: string): Promise<TaskView>
  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]>
  result(run: string, task: string): Promise<TaskResult>
  logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]>
  /** Waits until the run has ended, or nothing of it can progress without a person. */
  outcome(run: string, signal?: AbortSignal): Promise<{ readonly outcome: RunOutcome; readonly view: RunView }>
  limits(): Promise<JsonObject>
  /** Brings every record with seq > `after`, each once and in order, until aborted. Throws when the holder ends. */
  follow(
    run: string,
    after: number,
    onRecords: (records: readonly RunRecord[]) => void,
    signal: AbortSignal,
  ): Promise<void>
}

/** Speaks to the holder that listens at `socketPath`; connects anew for each question. */
export function createControlClient(socketPath: string): ControlClient {
  const get = async <T>(path: string) =>
    (await requestJson(socketPath, { method: 'GET', path, silenceMs: SILENCE_MS })) as T
  const post = async <T>(path: string, body: unknown) =>
    (await requestJson(socketPath, { method: 'POST', path, body, silenceMs: SILENCE_MS })) as T
  return {
    health: () => get('/healthz'),
    start: async (workflow, inputs, settings) =>
      (await post<{ run: string }>('/v1/runs', { workflow, inputs, settings })).run,
    resume: async (run, settings) => (await post<{ runs: string[] }>('/v1/runs/resume', { run, settings })).runs,
    command: (run, command) => post(`${runPath(run)}/commands`, command),
    commandTask: (run, task, command) => post(`${taskPath(run, task)}/commands`, command),
    runs: async () => (await get<{ runs: RunSummary[] }>('/v1/runs')).runs,
    view: (run) => get(runPath(run)),
    task: (run, task) => get(taskPath(run, task)),
    records: async (run, after, limit) => {
      const query = `after=${after}${limit === undefined ? '' : `&limit=${limit}`}`
      return (await get<{ records: RunRecord[] }>(`${runPath(run)}/records?${query}`)).records
    },
    result: (run, task) => get(`${taskPath(run, task)}/result`),
    logs: async (run, task, limit) =>
      (await get<{ entries: LogEntry[] }>(`${taskPath(run, task)}/logs?limit=${limit}`)).entries,
    outcome: async (run, signal) => {
      const path = `${runPath(run)}/outcome`
      const answer = await requestJson(socketPath, { method: 'GET', path, ...(signal ? { signal } : {}) })
      return answer as { outcome: RunOutcome; view: RunView }
    },
    limits: () => get('/v1/backends'),
    follow: (run, after, onRecords, signal) => followRecords(socketPath, run, after, onRecords, signal),
  }
}

function runPath(run: string): string {
  return `/v1/runs/${encodeURIComponent(run)}`
}

function taskPath(run: string, task: string): string {
  return `${runPath(run)}/tasks/${encodeURIComponent(portableTaskId(task))}`
}
