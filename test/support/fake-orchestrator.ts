import type { LogEntry } from '../../src/domain/backend.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from '../../src/domain/command.ts'
import { CommandRefusedError, IdempotencyConflictError, NotFoundError, UsageError } from '../../src/domain/errors.ts'
import type { Inspection } from '../../src/domain/inspection.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import type { AttemptWork } from '../../src/domain/local-work.ts'
import type { FolderHealth, Measure, RunCensus } from '../../src/domain/measure.ts'
import type {
  DataFolderReader,
  Orchestrator,
  RunOutcome,
  RunSettings,
  StartKey,
} from '../../src/domain/orchestration.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import type { RunSummary, RunView, TaskResult, TaskView } from '../../src/domain/views.ts'
import type { Workflow } from '../../src/domain/workflow.ts'

/** When everything in a fake happens, unless said otherwise. */
export const NOON = '2026-01-02T12:00:00.000Z'

/** A task as people see it, with what does not matter filled in. */
export function taskView(part: Partial<TaskView> & Pick<TaskView, 'task' | 'state'>): TaskView {
  return { attempt: 0, attempts: [], pullRequests: [], commands: [], ...part }
}

/** A run as people see it, with what does not matter filled in. */
export function runView(part: Partial<RunView> & Pick<RunView, 'run'>): RunView {
  return {
    name: 'feature',
    status: 'running',
    standIn: false,
    startedAt: NOON,
    seq: 0,
    inputs: {},
    tasks: [],
    counts: {},
    alerts: [],
    commands: [],
    ...part,
  }
}

interface FakeRun {
  view: RunView
  readonly records: RunRecord[]
  outcome: RunOutcome | undefined
  readonly waiters: ((outcome: RunOutcome) => void)[]
}

/** An orchestrator that does what a test says, and notes what it is asked. */
export class FakeOrchestrator implements Orchestrator {
  readonly dataDir = 'fake'
  readonly calls: unknown[][] = []
  readonly results = new Map<string, TaskResult>()
  /** What local agents did, by run. */
  readonly work = new Map<string, readonly AttemptWork[]>()
  entries: readonly LogEntry[] = []
  closed = false
  /** Awaited before any page of records is given. */
  beforeRecords: () => Promise<void> = () => Promise.resolve()
  /** Called when a run was started or resumed. */
  onBegun: (run: string) => void = () => undefined
  readonly #runs = new Map<string, FakeRun>()
  readonly #forgotten = new Map<string, FakeRun>()
  readonly #listeners = new Set<(run: string, records: readonly RunRecord[]) => void>()
  readonly #keys = new Map<string, { run: string; fingerprint: string }>()
  readonly #observers = new Set<(measure: Measure) => void>()
  readonly #inspectors = new Set<(inspection: Inspection) => void>()
  /** How many wait for an outcome. */
  waiting = 0
  /** What `health` and `actors` tell. */
  healthy: FolderHealth = { writable: true, backends: {} }
  inspected: readonly Inspection[] = []
  #started = 0

  /** Puts a run in place. */
  add(view: RunView): void {
    this.#runs.set(view.run, { view, records: [], outcome: undefined, waiters: [] })
  }

  /** Changes how a run is seen. */
  change(run: string, part: Partial<RunView>): void {
    const found = this.#find(run)
    found.view = { ...found.view, ...part }
  }

  /** Makes the next `count` records of a run durable and tells of them, as one group. */
  append(run: string, count = 1, part: Partial<RunRecord> = {}): readonly RunRecord[] {
    const found = this.#find(run)
    const added = Array.from({ length: count }, (_, index) => record(run, found.records.length + 1 + index, part))
    found.records.push(...added)
    this.change(run, { seq: found.records.length })
    for (const listener of this.#listeners) listener(run, added)
    return added
  }

  /** Lets a run end or wait. */
  settle(run: string, outcome: Omit<RunOutcome, 'run'>): void {
    const found = this.#find(run)
    this.change(run, { status: outcome.status })
    found.outcome = { run, ...outcome }
    for (const waiter of found.waiters.splice(0)) waiter(found.outcome)
  }

  get subscribers(): number {
    return this.#listeners.size
  }

  async start(workflow: Workflow, inputs: JsonObject, settings: RunSettings, key?: StartKey): Promise<string> {
    const known = key && this.started(key)
    if (known) return known
    this.calls.push(['start', workflow.name, inputs, settings])
    const run = `run_0000000${++this.#started}`
    this.add(runView({ run, name: workflow.name }))
    this.append(run, 1, { type: 'run' })
    if (key) this.#keys.set(key.key, { run, fingerprint: key.fingerprint })
    this.onBegun(run)
    return run
  }

  started({ key, fingerprint }: StartKey): string | undefined {
    const known = this.#keys.get(key)
    if (known && known.fingerprint !== fingerprint) throw new IdempotencyConflictError(key, known.run)
    return known?.run
  }

  async resume(run?: string, settings?: RunSettings): Promise<readonly string[]> {
    this.calls.push(settings === undefined ? ['resume', run] : ['resume', run, settings])
    if (run !== undefined) this.#find(run)
    const runs = [...this.#runs].filter(([id]) => run === undefined || id === run)
    const open = runs.filter(([, { view }]) => !['completed', 'failed', 'cancelled'].includes(view.status))
    for (const [id] of open) this.onBegun(id)
    return open.map(([id]) => id)
  }

  async command(run: string, command: RunCommand, by?: CommandOrigin): Promise<CommandReply> {
    this.calls.push(by ? ['command', run, command, by] : ['command', run, command])
    const { status, commands } = this.#find(run).view
    if (!commands.includes(command.type)) throw new CommandRefusedError(run, command.type, status, commands)
    const [added] = this.append(run, 1, { type: 'command', event: command.type })
    return { run, seq: added?.seq ?? 0, state: status }
  }

  async commandTask(run: string, task: string, command: TaskCommand, by?: CommandOrigin): Promise<CommandReply> {
    this.calls.push(by ? ['commandTask', run, task, command, by] : ['commandTask', run, task, command])
    const found = this.#find(run).view.tasks.find((candidate) => candidate.task === task)
    if (!found) throw new NotFoundError(`Task '${task}' of ${run}`, 'Look with troupe show.')
    if (!found.commands.includes(command.type)) {
      throw new CommandRefusedError(`${run} ${task}`, command.type, found.state, found.commands)
    }
    const [added] = this.append(run, 1, { type: 'command', event: command.type, task })
    return { run, task, seq: added?.seq ?? 0, state: found.state }
  }

  runs(): readonly RunSummary[] {
    return [...this.#runs.values()].map(({ view: { run, name, status, standIn, startedAt, reopenedAfter } }) => ({
      run,
      name,
      status,
      standIn,
      startedAt,
      ...(reopenedAfter === undefined ? {} : { reopenedAfter }),
    }))
  }

  view(run: string): RunView {
    return this.#find(run).view
  }

  async records(run: string, after: number, limit = 1000): Promise<readonly RunRecord[]> {
    await this.beforeRecords()
    return (this.#forgotten.get(run) ?? this.#find(run)).records.slice(after, after + limit)
  }

  subscribe(listener: (run: string, records: readonly RunRecord[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async result(run: string, task: string): Promise<TaskResult> {
    this.#find(run)
    const result = this.results.get(task)
    if (!result) throw new NotFoundError(`A result of ${task}`, 'It has none yet.')
    return result
  }

  async workOf(run: string): Promise<readonly AttemptWork[]> {
    if (!this.#forgotten.has(run)) this.#find(run)
    return this.work.get(run) ?? []
  }

  async logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]> {
    this.calls.push(['logs', run, task, limit])
    return this.entries
  }

  settled(run: string, signal?: AbortSignal): Promise<RunOutcome> {
    const found = this.#find(run)
    if (found.outcome) return Promise.resolve(found.outcome)
    this.waiting++
    return new Promise<RunOutcome>((resolve, reject) => {
      found.waiters.push(resolve)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    }).finally(() => {
      this.waiting--
    })
  }

  limits(): JsonObject {
    return { codegen: { create: { used: 3 } } }
  }

  census(): RunCensus {
    const runs: Record<string, number> = {}
    const tasks: Record<string, number> = {}
    for (const { view } of this.#runs.values()) {
      runs[view.status] = (runs[view.status] ?? 0) + 1
      for (const [state, count] of Object.entries(view.counts)) tasks[state] = (tasks[state] ?? 0) + count
    }
    return { runs, tasks }
  }

  async health(): Promise<FolderHealth> {
    return this.healthy
  }

  observe(listener: (measure: Measure) => void): () => void {
    this.#observers.add(listener)
    return () => this.#observers.delete(listener)
  }

  /** Tells observers. */
  measure(measure: Measure): void {
    for (const listener of this.#observers) listener(measure)
  }

  inspect(listener: (inspection: Inspection) => void): () => void {
    this.#inspectors.add(listener)
    return () => this.#inspectors.delete(listener)
  }

  /** Tells inspectors. */
  showInspectors(inspection: Inspection): void {
    for (const listener of this.#inspectors) listener(inspection)
  }

  get inspectors(): number {
    return this.#inspectors.size
  }

  actors(run?: string): readonly Inspection[] {
    return this.inspected.filter((inspection) => run === undefined || inspection.run === run)
  }

  hint(account: string, agentRunId: string): void {
    this.calls.push(['hint', account, agentRunId])
  }

  async remove(run: string, how: 'delete' | 'archive'): Promise<void> {
    const { status } = this.#find(run).view
    if (!['completed', 'failed', 'cancelled'].includes(status)) throw new UsageError(`${run} is not finished.`)
    this.calls.push(['remove', run, how])
    this.#runs.delete(run)
  }

  async checkpoint(): Promise<void> {
    this.calls.push(['checkpoint'])
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** A reader of the same runs, and of those that were put aside with {@link forget}. */
  reader(): DataFolderReader {
    return {
      runs: async () => this.runs(),
      view: async (run) => this.#forgotten.get(run)?.view ?? this.view(run),
      records: (run, after, limit) => this.records(run, after, limit),
      result: (run, task) => this.result(run, task),
      workOf: (run) => this.workOf(run),
    }
  }

  /** Leaves a run on the disk without carrying it. */
  forget(run: string): void {
    this.#forgotten.set(run, this.#find(run))
    this.#runs.delete(run)
  }

  #find(run: string): FakeRun {
    const found = this.#runs.get(run)
    if (!found) throw new NotFoundError(`Run ${run}`, 'troupe runs lists those that do.')
    return found
  }
}

/** A public record, with what does not matter filled in. */
export function record(run: string, seq: number, part: Partial<RunRecord> = {}): RunRecord {
  return { seq, at: NOON, type: 'transition', run, actor: { kind: 'supervisor', id: 'supervisor' }, ...part }
}
