import { AccountBlocks } from './account-blocks.ts'
import { Accounts, type CodegenEnvironment, type LocalOptions } from './accounts.ts'
import { CarriedRuns } from './carried-runs.ts'
import { CommandedRuns } from './commanded-runs.ts'
import { type FolderReader, openReader } from './data-folder-reader.ts'
import type { LogEntry } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
import { NotFoundError, UsageError } from './domain/errors.ts'
import type { Inspection } from './domain/inspection.ts'
import type { JsonObject } from './domain/json.ts'
import type { Limiter } from './domain/limiter.ts'
import type { BackendCall, FolderHealth, Measure, RunCensus } from './domain/measure.ts'
import type { Orchestrator, RunOutcome, RunSettings, StartKey } from './domain/orchestration.ts'
import type { RunRecord } from './domain/record.ts'
import type { RunSummary, RunView, TaskResult } from './domain/views.ts'
import type { Workflow } from './domain/workflow.ts'
import { FolderCheck, journalProblem, lockProblem } from './folder-check.ts'
import { Gate } from './gate.ts'
import { realClock } from './host/clock.ts'
import { type DataFolder, openDataFolder } from './host/data-folder.ts'
import { openRunIndex, type RunIndex, summaryOfRow } from './host/run-index.ts'
import { tellAll } from './host/tell-all.ts'
import { Inspectors } from './inspectors.ts'
import { Circuits } from './limits/circuits.ts'
import { openLimitNotebook } from './limits/limit-notebook.ts'
import { createLimiter } from './limits/limiter.ts'
import { LiveViews } from './live-views.ts'
import { isFinalState } from './machines/public-state.ts'
import { RunRemoval } from './run-removal.ts'
import { endedOutcome } from './run-view.ts'
import { StartKeys } from './start-keys.ts'
import { unknownRun } from './stored-run.ts'

/** How an orchestrator is made. */
export interface OrchestratorOptions {
  readonly dataDir: string
  readonly clock?: Clock
  readonly environment?: CodegenEnvironment
  /** Agents of this machine; default: the presets, with the environment of this process. */
  readonly local?: LocalOptions
  /** The folder's lock: checked before each commit. */
  readonly lock?: { check(): Promise<void> }
  /** What `close` does before anything else, and when all is durable. */
  readonly onClosing?: () => void
  readonly onClosed?: () => Promise<void>
  /** `closed`: restored runs create and prompt nothing until a `cancel` needs it. */
  readonly intents?: 'open' | 'closed'
  /** Replaces the network: tests. */
  readonly fetch?: typeof globalThis.fetch
  /** Run ids are made of it; default: the operating system's randomness. */
  readonly random?: () => number
}

/** Checkpoints that are written at the same time when all are. */
const CHECKPOINTS_AT_ONCE = 4

/**
 * Takes a data folder's runs into this process. The caller holds the folder's lock.
 *
 * @throws DataFolderError when the folder cannot be read or written.
 */
export async function createLocalOrchestrator(options: OrchestratorOptions): Promise<Orchestrator> {
  const clock = options.clock ?? realClock
  const folder = await openDataFolder(options.dataDir, { clock })
  const notebook = await openLimitNotebook(folder.limitsFolder, clock)
  const circuits = new Circuits({ clock, notebook })
  const limiter = createLimiter({ clock, notebook, circuits })
  const reader = openReader(folder, clock)
  const index = await openRunIndex({
    folder: folder.path,
    clock,
    runIds: await folder.listRunIds(),
    rebuild: (runs) => reader.rows(runs),
  })
  return new LocalOrchestrator({ ...options, clock, folder, circuits, limiter, index, reader })
}

interface Parts extends OrchestratorOptions {
  readonly clock: Clock
  readonly folder: DataFolder
  readonly circuits: Circuits
  readonly limiter: Limiter
  readonly index: RunIndex
  readonly reader: FolderReader
}

class LocalOrchestrator implements Orchestrator {
  readonly dataDir: string
  readonly #parts: Parts
  readonly #accounts: Accounts
  readonly #runs: CarriedRuns
  readonly #commanded: CommandedRuns
  readonly #views: LiveViews
  readonly #keys: StartKeys
  readonly #removal: RunRemoval
  readonly #check: FolderCheck
  readonly #inspectors: Inspectors
  readonly #gate = new Gate()
  readonly #listeners = new Set<(run: string, records: readonly RunRecord[]) => void>()
  readonly #observers = new Set<(measure: Measure) => void>()
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    const { clock, limiter, fetch, folder, index, reader, lock, local = { env: process.env } } = parts
    this.#parts = parts
    this.dataDir = folder.path
    this.#accounts = new Accounts({
      clock,
      limiter,
      environment: parts.environment ?? {},
      standInFolder: folder.standInFolder,
      local: { ...local, clock, folder, gate: this.#gate.opened },
      onCall: (account, call) => this.#called(account, call),
      ...(fetch === undefined ? {} : { fetch }),
    })
    this.#inspectors = new Inspectors(() => this.#runs.hosts())
    this.#runs = new CarriedRuns({
      ...parts,
      accounts: this.#accounts,
      blocks: new AccountBlocks(limiter, (backend) => this.#accounts.get(backend).account),
      inspectors: this.#inspectors,
      gate: this.#gate.opened,
      random: parts.random ?? cryptoRandom,
      beforeCommit: lock && (() => lock.check()),
      playsCodegen: this.#accounts.embedded && fetch === undefined,
      onRecords: (run, records) => tellAll(this.#listeners, run, records),
      onMeasured: (run, records, ms) => this.#measured({ type: 'commit', run, records, ms }),
    })
    this.#commanded = new CommandedRuns(this.#runs, reader, () => this.#gate.open())
    this.#views = new LiveViews(this.#runs, limiter)
    this.#keys = new StartKeys(index.list())
    this.#removal = new RunRemoval({
      runs: this.#runs,
      keys: this.#keys,
      folder,
      index,
      reader,
      forgetLocal: (run) => this.#accounts.forgetLocal(run),
      beforeRemoval: lock && (() => lock.check()),
    })
    this.#check = new FolderCheck(folder, clock)
    if (parts.intents !== 'closed') this.#gate.open()
  }

  start(workflow: Workflow, inputs: JsonObject, settings: RunSettings, key?: StartKey): Promise<string> {
    const begin = () => this.#runs.begin(workflow, inputs, settings, key)
    return key === undefined ? begin() : this.#keys.once(key, begin)
  }

  started(key: StartKey): string | undefined {
    return this.#keys.started(key)
  }

  async resume(run?: string, settings?: RunSettings): Promise<readonly string[]> {
    // Where intents are closed nobody asked for the run to go on: it is only made ready to be told something.
    const tryAgain = this.#parts.intents !== 'closed'
    if (run !== undefined) return (await this.#runs.restore(run, tryAgain, settings)) ? [run] : []
    const { index } = this.#parts
    const resumed: string[] = []
    const failures: unknown[] = []
    for (const row of index.list()) {
      if (row.finished) continue
      try {
        if (await this.#runs.restore(row.run, tryAgain, settings)) resumed.push(row.run)
      } catch (error) {
        // One damaged run keeps no other from going on; who asks for it by name is told.
        failures.push(error)
      }
    }
    // Only now the index knows of each run whether it has ended.
    if (tryAgain && this.#parts.local !== undefined)
      await this.#accounts.releaseLeft((id) => index.get(id)?.finished === true)
    if (resumed.length === 0 && failures.length > 0) throw failures[0]
    return resumed
  }

  command(run: string, command: RunCommand, by?: CommandOrigin): Promise<CommandReply> {
    return this.#commanded.command(run, command, by)
  }

  commandTask(run: string, task: string, command: TaskCommand, by?: CommandOrigin): Promise<CommandReply> {
    return this.#commanded.commandTask(run, task, command, by)
  }

  runs(): readonly RunSummary[] {
    return this.#parts.index.list().map((row) => {
      const summary = summaryOfRow(row)
      return row.finished || this.#runs.isCarried(row.run) ? summary : { ...summary, carried: false }
    })
  }

  view(run: string): RunView {
    const view = this.#views.view(run)
    if (view !== undefined) return view
    if (this.#parts.index.get(run) === undefined) throw unknownRun(run)
    throw new NotFoundError(`A view of ${run} in memory`, 'openDataFolderReader reads runs that are not carried.')
  }

  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]> {
    return this.#parts.reader.records(run, after, limit, this.#runs.get(run)?.committedSeq)
  }

  subscribe(listener: (run: string, records: readonly RunRecord[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async result(run: string, task: string): Promise<TaskResult> {
    const keeper = this.#runs.get(run)
    const settled = keeper?.carried.host.projection.settled.get(task)
    const durable = settled !== undefined && settled.seq <= (keeper?.committedSeq ?? 0)
    return durable ? this.#parts.reader.resultOf(run, task, settled) : this.#parts.reader.result(run, task)
  }

  async logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]> {
    const stored = await this.#parts.reader.agentRun(run, task)
    await this.#accounts.open(stored.backend, stored.settings)
    const backend = this.#accounts.get(stored.backend)
    if (backend.logs === undefined) throw new UsageError(`Backend '${backend.id}' keeps no logs`)
    return backend.logs(stored.ref, limit, new AbortController().signal)
  }

  async settled(run: string, signal?: AbortSignal): Promise<RunOutcome> {
    const keeper = this.#runs.get(run)
    if (keeper !== undefined) return keeper.settled(signal)
    const ended = this.#runs.ended.get(run)
    if (ended !== undefined) return ended.outcome
    const { facts, projection } = await this.#parts.reader.stored(run)
    if (!isFinalState(facts.status)) throw new UsageError(`${run} is not carried by this process: resume it first.`)
    return endedOutcome(run, facts.status, () => projection.failed())
  }

  limits(): JsonObject {
    return this.#parts.limiter.view()
  }

  census(): RunCensus {
    const runs: Record<string, number> = {}
    for (const { status } of this.#parts.index.list()) runs[status] = (runs[status] ?? 0) + 1
    return { runs, tasks: this.#views.countTasks() }
  }

  async health(): Promise<FolderHealth> {
    const problem =
      (await this.#check.problem()) ?? journalProblem(this.#runs.keepers()) ?? (await lockProblem(this.#parts.lock))
    const backends = this.#accounts.health()
    return { writable: problem === undefined, ...(problem === undefined ? {} : { problem }), backends }
  }

  observe(listener: (measure: Measure) => void): () => void {
    this.#observers.add(listener)
    return () => this.#observers.delete(listener)
  }

  inspect(listener: (inspection: Inspection) => void): () => void {
    return this.#inspectors.add(listener)
  }

  actors(run?: string): readonly Inspection[] {
    const actors: Inspection[] = []
    for (const host of this.#runs.hosts()) {
      if (run === undefined || host.run === run) actors.push(...host.actors.inspected(host.run))
    }
    return actors
  }

  hint(account: string, agentRunId: string): void {
    this.#accounts.hint(account, agentRunId)
  }

  remove(run: string, how: 'delete' | 'archive'): Promise<void> {
    return this.#removal.remove(run, how)
  }

  async checkpoint(): Promise<void> {
    const keepers = [...this.#runs.keepers()]
    const writeRest = async () => {
      for (let keeper = keepers.pop(); keeper !== undefined; keeper = keepers.pop()) await keeper.checkpoint()
    }
    await Promise.all(Array.from({ length: CHECKPOINTS_AT_ONCE }, writeRest))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => this.#parts.onClosed?.())
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#parts.onClosing?.()
    const [closed] = await Promise.allSettled([this.#runs.close()])
    await this.#removal.idle()
    await this.#accounts.close()
    await this.#parts.limiter.close()
    const [flushed] = await Promise.allSettled([this.#parts.index.flush()])
    for (const result of [closed, flushed]) if (result.status === 'rejected') throw result.reason
  }

  #called(account: string, call: BackendCall): void {
    this.#parts.circuits.called(account, call)
    const { operation, outcome, ms } = call
    this.#measured({ type: 'call', account, operation, outcome, ms })
  }

  #measured(measure: Measure): void {
    if (this.#observers.size > 0) tellAll(this.#observers, measure)
  }
}

function cryptoRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0x100000000
}
