import type { BackendsView } from '../api/schemas/folder.ts'
import type { RunsQuery } from '../api/schemas/queries.ts'
import type { LogEntry } from '../domain/backend.ts'
import type { Clock } from '../domain/clock.ts'
import type { CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import { portableTaskId } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { AttemptWork } from '../domain/local-work.ts'
import type { RunOutcome, RunSettings } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunSummary, RunView, TaskResult, TaskView } from '../domain/views.ts'
import type { WorkflowDefinition } from '../workflow/define.ts'
import { chance } from './backoff.ts'
import { createHttp, type Http, isLate } from './http.ts'
import { StreamLink } from './stream-link.ts'
import { subscriptionTo } from './subscription.ts'
import type { Transport } from './transport.ts'
import type { Subscription, SubscriptionHandlers, Watching, WatchOptions, WatchQuery } from './watch-options.ts'
import { StreamWatching } from './watching.ts'

/** How long an outcome is waited for before it is asked for again, ms: proxies end what is silent for a minute. */
const OUTCOME_POLL_MS = 50_000

/** A run to be started. */
export type StartRequest = {
  readonly inputs?: JsonObject
  readonly settings?: RunSettings
  /**
   * The same key never starts a second run. Give your own to be able to ask again after an error; without one the client makes
   * one up, which makes its own repetitions safe.
   */
  readonly idempotencyKey?: string
} & (
  | {
      /** An object, or YAML or JSON as in a workflow file. */
      readonly workflow: WorkflowDefinition | string
    }
  | {
      /** One of the server's own workflow files. */
      readonly file: string
    }
)

/** How things stand with a run, and the view that this is about. */
export interface SettledRun {
  readonly outcome: RunOutcome
  readonly view: RunView
}

/**
 * A server of troupe. Every method throws what the server threw, as the same class (NotFoundError, CommandRefusedError,
 * UsageError, WorkflowError, ApiError with its code, ...), or NoAnswerError. What only reads is asked again by itself when the
 * connection fails; a command never is.
 */
export interface TroupeClient {
  health(): Promise<JsonObject & { readonly status: string }>
  runs(query?: RunsQuery): Promise<readonly RunSummary[]>
  /** Gives the run's id. It is durable. A lost answer never starts it twice. */
  start(request: StartRequest): Promise<string>
  /** Takes up runs that nobody carries: all, or one. Gives their ids. */
  resume(run?: string, settings?: RunSettings): Promise<readonly string[]>
  run(run: string): Promise<RunView>
  tasks(run: string, query?: { readonly state?: readonly string[] }): Promise<readonly TaskView[]>
  task(run: string, task: string): Promise<TaskView>
  /** Records with seq > `after` (default 0), at most `limit` (default 1000). */
  records(run: string, page?: { readonly after?: number; readonly limit?: number }): Promise<readonly RunRecord[]>
  result(run: string, task: string): Promise<TaskResult>
  /** The newest entries of the log of a task's agent, oldest first. */
  logs(run: string, task: string, limit?: number): Promise<readonly LogEntry[]>
  /** What its attempts did at agents of the server's machine, in the order in which they began; empty where it used none. */
  work(run: string): Promise<readonly AttemptWork[]>
  /** Waits until the run has ended, or nothing of it can progress without a person; throws the signal's reason. */
  outcome(run: string, signal?: AbortSignal): Promise<SettledRun>
  /** Durable when it resolves: `seq` names the record that the command caused. */
  command(run: string, command: RunCommand): Promise<CommandReply>
  commandTask(run: string, task: string, command: TaskCommand): Promise<CommandReply>
  /** Deletes a finished run, or moves it to the archive. */
  remove(run: string, how?: 'delete' | 'archive'): Promise<void>
  backends(): Promise<BackendsView>
  /** The files that {@link StartRequest} may name. */
  workflows(): Promise<readonly string[]>
  openApi(): Promise<JsonObject>
  /** Records as they become durable, to be iterated. Begins at once. */
  watch(options: WatchOptions): Watching
  /** Records as they become durable, brought to callbacks. */
  subscribe(query: WatchQuery, handlers: SubscriptionHandlers): Subscription
}

/** What a client is made of, whatever it runs in. */
export interface ClientParts {
  readonly transport: Transport
  readonly clock: Clock
  /** How long a whole answer may take, ms. */
  readonly timeoutMs: number
  /** How often more something that only reads is asked. */
  readonly retries: number
  /** False: the stream is not opened again when it is lost. */
  readonly reconnect: boolean
}

/** A client over any transport. */
export function createClientOver({ transport, clock, timeoutMs, retries, reconnect }: ClientParts): TroupeClient {
  const http = createHttp(transport, { clock, random: chance, timeoutMs, retries })
  const link = new StreamLink({ transport, http, clock, random: chance, reconnect })
  return {
    ...readingMethods(http),
    start: (request) => start(http, request),
    resume: async (run, settings) => (await http.post<{ runs: string[] }>('/v1/runs/resume', { run, settings })).runs,
    outcome: (run, signal) => outcome(http, run, signal),
    command: (run, command) => http.post(`${runPath(run)}/commands`, command),
    commandTask: (run, task, command) => http.post(`${taskPath(run, task)}/commands`, command),
    remove: async (run, how = 'delete') => {
      await http.delete(`${runPath(run)}${queryOf({ archive: how === 'archive' ? 'true' : undefined })}`)
    },
    watch: (options) => new StreamWatching(link, options),
    subscribe: (query, handlers) => subscriptionTo(new StreamWatching(link, { ...handlers, ...query }), handlers),
  }
}

type ReadingMethod =
  | 'health'
  | 'runs'
  | 'run'
  | 'tasks'
  | 'task'
  | 'records'
  | 'result'
  | 'work'
  | 'logs'
  | 'backends'
  | 'workflows'
  | 'openApi'

function readingMethods({ get }: Http): Pick<TroupeClient, ReadingMethod> {
  return {
    health: () => get('/healthz'),
    runs: async (query = {}) => (await get<{ runs: RunSummary[] }>(`/v1/runs${queryOf({ ...query })}`)).runs,
    run: (run) => get(runPath(run)),
    tasks: async (run, query = {}) =>
      (await get<{ tasks: TaskView[] }>(`${runPath(run)}/tasks${queryOf({ ...query })}`)).tasks,
    task: (run, task) => get(taskPath(run, task)),
    records: async (run, page = {}) =>
      (await get<{ records: RunRecord[] }>(`${runPath(run)}/records${queryOf({ ...page })}`)).records,
    result: (run, task) => get(`${taskPath(run, task)}/result`),
    work: async (run) => (await get<{ attempts: AttemptWork[] }>(`${runPath(run)}/work`)).attempts,
    logs: async (run, task, limit) =>
      (await get<{ entries: LogEntry[] }>(`${taskPath(run, task)}/logs${queryOf({ limit })}`)).entries,
    backends: () => get('/v1/backends'),
    workflows: async () =>
      (await get<{ workflows: { file: string }[] }>('/v1/workflows')).workflows.map(({ file }) => file),
    openApi: () => get('/openapi.json'),
  }
}

async function start(http: Http, { idempotencyKey = newKey(), ...request }: StartRequest): Promise<string> {
  const headers = { 'idempotency-key': idempotencyKey }
  return (await http.post<{ run: string }>('/v1/runs', request, { headers, repeatable: true })).run
}

async function outcome(http: Http, run: string, signal?: AbortSignal): Promise<SettledRun> {
  for (;;) {
    try {
      return await http.get(`${runPath(run)}/outcome`, { timeoutMs: OUTCOME_POLL_MS, ...(signal ? { signal } : {}) })
    } catch (error) {
      if (!isLate(error)) throw error
    }
  }
}

/** Also where a page was not loaded over a secure connection, in which browsers have no `randomUUID`. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function runPath(run: string): string {
  return `/v1/runs/${encodeURIComponent(run)}`
}

function taskPath(run: string, task: string): string {
  return `${runPath(run)}/tasks/${encodeURIComponent(portableTaskId(task))}`
}

function queryOf(values: Readonly<Record<string, string | number | readonly string[] | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
