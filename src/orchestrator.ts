import { AccountBlocks } from './account-blocks.ts'
import { Accounts, type CodegenEnvironment, DEFAULT_SEED } from './accounts.ts'
import { openReader } from './data-folder-reader.ts'
import type { Failure, LogEntry } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import type { CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
import { NotFoundError, UsageError } from './domain/errors.ts'
import { createRunId, formatKey } from './domain/ids.ts'
import type { JsonObject } from './domain/json.ts'
import type { Limiter } from './domain/limiter.ts'
import type { Orchestrator, RunOutcome, RunSettings, StartKey } from './domain/orchestration.ts'
import type { RunRecord } from './domain/record.ts'
import type { RunSummary, RunView, TaskResult } from './domain/views.ts'
import type { Workflow } from './domain/workflow.ts'
import { Gate } from './gate.ts'
import { realClock } from './host/clock.ts'
import { type DataFolder, openDataFolder } from './host/data-folder.ts'
import type { RunHost } from './host/run-host.ts'
import { openRunIndex, type RunIndex } from './host/run-index.ts'
import { openLimitNotebook } from './limits/limit-notebook.ts'
import { createLimiter } from './limits/limiter.ts'
import { isFinalState } from './machines/public-state.ts'
import { createRegistry, type Registry, summaryOf } from './registry.ts'
import { writeDefinition } from './run-files.ts'
import { RunKeeper } from './run-keeper.ts'
import { buildRunView } from './run-view.ts'
import { SharedLimits } from './shared-limits.ts'
import { backendsOf, withBackend } from './workflow-backends.ts'

/** How an orchestrator is made. */
export interface OrchestratorOptions {
  readonly dataDir: string
  readonly clock?: Clock
  readonly environment?: CodegenEnvironment
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

/**
 * Takes a data folder's runs into this process. The caller holds the folder's lock.
 *
 * @throws DataFolderError when the folder cannot be read or written.
 */
export async function createOrchestrator(options: OrchestratorOptions): Promise<Orchestrator> {
  const clock = options.clock ?? realClock
  const folder = await openDataFolder(options.dataDir, { clock })
  const limiter = createLimiter({ clock, notebook: await openLimitNotebook(folder.limitsFolder, clock) })
  const reader = openReader(folder, clock)
  const index = await openRunIndex({
    folder: folder.path,
    clock,
    runIds: await folder.listRunIds(),
    rebuild: (runs) => reader.rows(runs),
  })
  return new LocalOrchestrator({ ...options, clock, folder, limiter, index, reader })
}

interface Parts extends OrchestratorOptions {
  readonly clock: Clock
  readonly folder: DataFolder
  readonly limiter: Limiter
  readonly index: RunIndex
  readonly reader: ReturnType<typeof openReader>
}

class LocalOrchestrator implements Orchestrator {
  readonly dataDir: string
  readonly #parts: Parts
  readonly #accounts: Accounts
  readonly #registry: Registry = createRegistry()
  readonly #runs = new Map<string, RunKeeper>()
  /** Restores under way: a run is never carried twice. */
  readonly #restoring = new Map<string, Promise<boolean>>()
  readonly #blocks: AccountBlocks
  readonly #listeners = new Set<(run: string, records: readonly RunRecord[]) => void>()
  readonly #gate = new Gate()
  readonly #shared: SharedLimits
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.dataDir = parts.folder.path
    this.#shared = new SharedLimits(parts.limiter)
    const { clock, limiter, fetch, folder } = parts
    this.#accounts = new Accounts({
      clock,
      limiter,
      environment: parts.environment ?? {},
      standInFolder: folder.standInFolder,
      ...(fetch === undefined ? {} : { fetch }),
    })
    this.#blocks = new AccountBlocks(limiter, (backend) => this.#accounts.get(backend).account)
    if (parts.intents !== 'closed') this.#gate.open()
  }

  async start(given: Workflow, inputs: JsonObject, settings: RunSettings): Promise<string> {
    const { clock, folder, random } = this.#parts
    const workflow = withBackend(given, settings.backend)
    await this.#openBackends(workflow, settings)
    const run = createRunId(clock.now(), random ?? cryptoRandom)
    const path = await folder.createRun(run)
    const standIn = this.#usesStandIn(workflow)
    const definition = { v: 1, workflow, inputs, settings, standIn, startedAt: clock.now() } as const
    await writeDefinition(path, definition, clock)
    const keeper = await RunKeeper.begin(this.#keeperOptions(run, path), definition)
    this.#runs.set(run, keeper)
    await keeper.begin({ name: workflow.name, inputs, settings: settings as JsonObject, standIn })
    this.#blocks.pauseIfBlocked(keeper.carried.host)
    return run
  }

  async resume(run?: string, settings?: RunSettings): Promise<readonly string[]> {
    // Where intents are closed nobody asked for the run to go on: it is only made ready to be told something.
    const tryAgain = this.#parts.intents !== 'closed'
    if (run !== undefined) return (await this.#restore(run, tryAgain, settings)) ? [run] : []
    const resumed: string[] = []
    const failures: unknown[] = []
    for (const row of this.#parts.index.list()) {
      if (row.finished) continue
      try {
        if (await this.#restore(row.run, tryAgain, settings)) resumed.push(row.run)
      } catch (error) {
        // One damaged run keeps no other from going on; who asks for it by name is told.
        failures.push(error)
      }
    }
    if (resumed.length === 0 && failures.length > 0) throw failures[0]
    return resumed
  }

  async command(run: string, command: RunCommand): Promise<CommandReply> {
    const keeper = await this.#carried(run)
    // A cancel settles agents at their backends even where everything else is held back.
    if (command.type === 'cancel') this.#gate.open()
    keeper.carried.refuseVain(command)
    return keeper.command(command)
  }

  async commandTask(run: string, task: string, command: TaskCommand): Promise<CommandReply> {
    const keeper = await this.#carried(run)
    const known = this.view(run).tasks.some((view) => view.task === task)
    if (!known) throw new NotFoundError(`Task ${task} of ${run}`, `'troupe show ${run}' lists its tasks.`)
    keeper.carried.refuseUnfit(task, command)
    return keeper.carried.host.commandTask(task, command)
  }

  runs(): readonly RunSummary[] {
    return this.#parts.index.list().map(({ finished: _finished, ...summary }) => summary)
  }

  view(run: string): RunView {
    const facts = this.#registry.getSnapshot().context.runs.get(run)
    const keeper = this.#runs.get(run)
    if (facts === undefined || keeper === undefined) throw unknownRun(run)
    const { limiter } = this.#parts
    return buildRunView(keeper.carried.host.workflow, facts, {
      waiting: (task, attempt) => limiter.waiting(formatKey({ run, task, attempt })),
    })
  }

  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]> {
    return this.#parts.reader.records(run, after, limit, this.#runs.get(run)?.committedSeq)
  }

  subscribe(listener: (run: string, records: readonly RunRecord[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async result(run: string, task: string): Promise<TaskResult> {
    return this.#parts.reader.result(run, task)
  }

  async logs(run: string, task: string, limit: number): Promise<readonly LogEntry[]> {
    const stored = await this.#parts.reader.agentRun(run, task)
    await this.#accounts.open(stored.backend, stored.settings)
    const backend = this.#accounts.get(stored.backend)
    if (backend.logs === undefined) throw new UsageError(`Backend '${backend.id}' keeps no logs`)
    return backend.logs(stored.ref, limit, new AbortController().signal)
  }

  settled(run: string, signal?: AbortSignal): Promise<RunOutcome> {
    const keeper = this.#runs.get(run)
    if (keeper === undefined) return Promise.reject(unknownRun(run))
    return keeper.settled(signal)
  }

  limits(): JsonObject {
    return this.#parts.limiter.view()
  }

  // BRIDGE: replaced by the core part of issue 3.
  started(_key: StartKey): string | undefined {
    return undefined
  }
  census() {
    return { runs: {}, tasks: {} }
  }
  async health() {
    return { writable: true, backends: {} }
  }
  observe() {
    return () => {}
  }
  inspect() {
    return () => {}
  }
  actors() {
    return []
  }
  async remove(): Promise<void> {}
  async checkpoint(): Promise<void> {}

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => this.#parts.onClosed?.())
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#parts.onClosing?.()
    for (const keeper of this.#runs.values()) keeper.carried.close()
    const closed = await Promise.allSettled([...this.#runs.values()].map((keeper) => keeper.close()))
    await this.#accounts.close()
    await this.#parts.limiter.close()
    const flushed = await Promise.allSettled([this.#parts.index.flush()])
    const failed = [...closed, ...flushed].find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #restore(run: string, tryAgain: boolean, settings?: RunSettings): Promise<boolean> {
    const active = this.#runs.get(run)
    if (active !== undefined) return Promise.resolve(!active.carried.host.ended)
    let restoring = this.#restoring.get(run)
    if (restoring === undefined) {
      restoring = this.#restoreOnce(run, tryAgain, settings).finally(() => this.#restoring.delete(run))
      this.#restoring.set(run, restoring)
    }
    return restoring
  }

  async #restoreOnce(run: string, tryAgain: boolean, settings: RunSettings | undefined): Promise<boolean> {
    const { folder, clock } = this.#parts
    const path = folder.runFolder(run)
    if (!(await folder.hasRun(run))) throw unknownRun(run)
    const stored = await this.#parts.reader.stored(run, true)
    if (isFinalState(stored.facts.status)) return false
    const definition =
      settings === undefined || Object.keys(settings).length === 0
        ? stored.definition
        : {
            ...stored.definition,
            settings: { ...stored.definition.settings, ...settings },
            workflow: withBackend(stored.definition.workflow, settings.backend),
          }
    if (definition !== stored.definition) await writeDefinition(path, definition, clock)
    await this.#openBackends(definition.workflow, definition.settings)
    const keeper = RunKeeper.restore(this.#keeperOptions(run, path), { ...stored, definition })
    this.#registry.trigger.restored({ facts: stored.facts })
    keeper.resume(stored.reading.problems, tryAgain)
    this.#runs.set(run, keeper)
    return true
  }

  /** The run, restored if it is not carried yet. */
  async #carried(run: string): Promise<RunKeeper> {
    if (!this.#runs.has(run) && !(await this.#restore(run, false))) {
      const facts = (await this.#parts.reader.stored(run)).facts
      throw new UsageError(`${run} has ended (${facts.status}): it takes no command any more.`)
    }
    const keeper = this.#runs.get(run)
    if (keeper === undefined) throw unknownRun(run)
    return keeper
  }

  async #openBackends(workflow: Workflow, settings: RunSettings): Promise<void> {
    for (const id of backendsOf(workflow)) await this.#accounts.open(id, settings)
    const named = [...workflow.tasks, workflow.manager].flatMap((agent) => agent?.repository ?? [])
    this.#accounts.addRepositories([...new Set(named)])
  }

  #usesStandIn(workflow: Workflow): boolean {
    return this.#accounts.embedded && this.#parts.fetch === undefined && backendsOf(workflow).has('codegen')
  }

  #keeperOptions(run: string, path: string) {
    const { clock, limiter, lock } = this.#parts
    return {
      run,
      folder: path,
      clock,
      limiter,
      shared: this.#shared,
      seed: DEFAULT_SEED,
      gate: this.#gate.opened,
      backend: (id: string) => this.#accounts.get(id),
      onBlocked: (account: string, failure: Failure) => this.#blocks.block(account, failure, this.#hosts()),
      onOpened: (accounts: readonly string[]) => this.#blocks.open(accounts),
      onRecords: (records: readonly RunRecord[]) => this.#committed(run, records),
      facts: () => this.#registry.getSnapshot().context.runs.get(run),
      ...(lock === undefined ? {} : { beforeCommit: () => lock.check() }),
    }
  }

  #hosts(): RunHost[] {
    return [...this.#runs.values()].map((keeper) => keeper.carried.host)
  }

  #committed(run: string, records: readonly RunRecord[]): void {
    this.#registry.trigger.committed({ run, records })
    const facts = this.#registry.getSnapshot().context.runs.get(run)
    const moved = records.some((record) => record.type === 'run' || record.actor.kind === 'supervisor')
    if (moved && facts !== undefined) {
      this.#parts.index.put({ ...summaryOf(facts), finished: isFinalState(facts.status) })
    }
    for (const listener of this.#listeners) listener(run, records)
  }
}

function unknownRun(run: string): NotFoundError {
  return new NotFoundError(`Run ${run}`, "'troupe runs' lists those that do.")
}

function cryptoRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0x100000000
}
