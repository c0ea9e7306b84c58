import { AccountTroubles } from './account-troubles.ts'
import { DEFAULT_SEED } from './accounts.ts'
import type { CarriedRunsOptions } from './carried-runs-options.ts'
import type { Failure } from './domain/backend.ts'
import type { CommandOrigin, CommandReply } from './domain/command.ts'
import { DataFolderError } from './domain/errors.ts'
import { createRunId } from './domain/ids.ts'
import type { JsonObject } from './domain/json.ts'
import type { RunSettings, StartKey } from './domain/orchestration.ts'
import type { JournalRecord, RunRecord } from './domain/record.ts'
import type { Workflow } from './domain/workflow.ts'
import { EndedRuns } from './ended-runs.ts'
import { GivenUpRuns } from './given-up-runs.ts'
import type { RunHost } from './host/run-host.ts'
import { isFinalState } from './machines/public-state.ts'
import { createRegistry, type RunFacts } from './registry.ts'
import { prepareReopening } from './reopening.ts'
import { type RunDefinition, withSettings, writeDefinition } from './run-files.ts'
import { RunKeeper, type RunKeeperOptions } from './run-keeper.ts'
import { SharedLimits } from './shared-limits.ts'
import { rowOf, unknownRun } from './stored-run.ts'
import { backendsOf, withBackend } from './workflow-backends.ts'

/** The runs of a folder in this process: begun or restored, carried until they end, and then let go. */
export class CarriedRuns {
  /** The newest of those that ended. */
  readonly ended: EndedRuns
  readonly #options: CarriedRunsOptions
  readonly #registry = createRegistry()
  readonly #shared: SharedLimits
  readonly #givenUp: GivenUpRuns
  readonly #troubles: AccountTroubles
  readonly #keepers = new Map<string, RunKeeper>()
  /** Restores under way: a run is never carried twice. */
  readonly #restoring = new Map<string, Promise<boolean>>()
  /** Ended runs whose files are being closed. */
  readonly #retiring = new Map<string, Promise<void>>()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Ended runs that are being removed: none of them is to go on. */
  readonly removing = new Set<string>()
  #closed = false

  constructor(options: CarriedRunsOptions) {
    this.#options = options
    this.#shared = new SharedLimits(options.limiter)
    this.#givenUp = new GivenUpRuns(options.limiter, options.clock)
    const accountOf = (backend: string) => options.accounts.get(backend).account
    this.#troubles = new AccountTroubles({ circuits: options.circuits, hosts: () => this.hosts(), accountOf })
    this.ended = new EndedRuns((run) => this.#registry.trigger.dropped({ run }))
  }

  /** A run that has not ended. */
  get(run: string): RunKeeper | undefined {
    return this.#keepers.get(run)
  }

  /** Whether this process carries it, or is about to. */
  isCarried(run: string): boolean {
    return this.#keepers.has(run) || this.#restoring.has(run)
  }

  keepers(): Iterable<RunKeeper> {
    return this.#keepers.values()
  }

  *hosts(): Iterable<RunHost> {
    for (const { carried } of this.#keepers.values()) yield carried.host
  }

  /** What the records tell of a run that is carried, or is one of those that ended last. */
  facts(run: string): RunFacts | undefined {
    return this.#registry.getSnapshot().context.runs.get(run)
  }

  /** The workflow of a run that has facts. */
  workflow(run: string): Workflow | undefined {
    return this.#keepers.get(run)?.definition.workflow ?? this.ended.get(run)?.workflow
  }

  /** The run's first records are durable when this resolves. What cannot be begun leaves nothing behind. */
  begin(given: Workflow, inputs: JsonObject, settings: RunSettings, key: StartKey | undefined): Promise<string> {
    return this.#work(async () => {
      const { clock, folder, random } = this.#options
      const workflow = withBackend(given, settings.backend)
      await this.#openBackends(workflow, settings)
      const run = createRunId(clock.now(), random)
      const path = await folder.createRun(run)
      const standIn = this.#options.playsCodegen && backendsOf(workflow).has('codegen')
      const made = { v: 1, workflow, inputs, settings, standIn, startedAt: clock.now() } as const
      const definition: RunDefinition = key === undefined ? made : { ...made, key }
      try {
        await writeDefinition(path, definition, clock)
        this.refuseWhenClosed()
        await this.#beginKeeper(await RunKeeper.begin(this.#keeperOptions(run, path), definition), run)
      } catch (error) {
        await this.#undo(run, error)
        throw error
      }
      return run
    })
  }

  /** A person wants a task to be tried again: its account is tried now, in whatever trouble it is. */
  tryAccountOf(keeper: RunKeeper, task: string): void {
    this.#troubles.tryNow([accountOf(keeper, task)])
  }

  /** Carries a run that its folder tells of, unless it has ended. Throws NotFoundError. */
  restore(run: string, tryAgain: boolean, settings?: RunSettings): Promise<boolean> {
    const keeper = this.#keepers.get(run)
    if (keeper !== undefined) return Promise.resolve(!keeper.carried.host.ended)
    if (this.ended.get(run) !== undefined) return Promise.resolve(false)
    let restoring = this.#restoring.get(run)
    if (restoring === undefined) {
      restoring = this.#work(() => this.#restore(run, tryAgain, settings)).finally(() => this.#restoring.delete(run))
      this.#restoring.set(run, restoring)
    }
    return restoring
  }

  /**
   * Lets a run that has ended go on with a task that it carries out once more; undefined when it is carried meanwhile. Throws
   * CommandRefusedError, NotFoundError.
   */
  async reopen(run: string, task: string, by: CommandOrigin | undefined): Promise<CommandReply | undefined> {
    if (this.#keepers.has(run) || this.#restoring.has(run)) return undefined
    if (this.removing.has(run)) throw unknownRun(run)
    const reopening = this.#work(() => this.#reopen(run, task, by))
    const restoring = reopening.then(
      () => true,
      () => false,
    )
    this.#restoring.set(
      run,
      restoring.finally(() => this.#restoring.delete(run)),
    )
    return await (await reopening).reply
  }

  /** Resolves when none of an ended run's files is open any more. */
  async idle(run: string): Promise<void> {
    await this.#restoring.get(run)?.catch(() => {})
    await this.#retiring.get(run)
  }

  /** Stops all effects at once; what was recorded is durable when this resolves. Rejects with the failure that prevents it. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { carried } of this.#keepers.values()) carried.stop()
    await Promise.allSettled(this.#underWay)
    for (const { carried } of this.#keepers.values()) carried.stop()
    const closed = await Promise.allSettled([...this.#keepers.values()].map((keeper) => keeper.close()))
    await Promise.all(this.#retiring.values())
    this.#givenUp.close()
    const failed = closed.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Nothing is begun once the closing has, and the closing waits for what was begun before. */
  async #work<T>(begin: () => Promise<T>): Promise<T> {
    this.refuseWhenClosed()
    const work = begin()
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  /** Throws DataFolderError once the closing has begun. */
  refuseWhenClosed(): void {
    if (!this.#closed) return
    const { path } = this.#options.folder
    throw new DataFolderError('failed', path, `The data folder ${path} was let go: nothing is begun in it any more.`)
  }

  async #beginKeeper(keeper: RunKeeper, run: string): Promise<void> {
    const { workflow, inputs, settings, standIn } = keeper.definition
    this.#keepers.set(run, keeper)
    this.#options.inspectors.attach(keeper.carried.host)
    await keeper.begin({ name: workflow.name, inputs, settings: settings as JsonObject, standIn })
    this.#options.blocks.pauseIfBlocked(keeper.carried.host)
    this.#troubles.tellBegun(keeper.carried.host)
  }

  /** Whoever asked was told that it failed: the run must not turn up at the next start, when its key may have started another. */
  async #undo(run: string, error: unknown): Promise<void> {
    const { folder, index } = this.#options
    const keeper = this.#keepers.get(run)
    this.#keepers.delete(run)
    keeper?.carried.close()
    await keeper?.close().catch(() => {})
    this.#registry.trigger.dropped({ run })
    index.remove(run)
    // A folder that belongs to another process now is not touched.
    if (error instanceof DataFolderError && error.code === 'data-folder-lost') return
    await folder.removeRun(run).catch(() => {})
  }

  async #restore(run: string, tryAgain: boolean, settings: RunSettings | undefined): Promise<boolean> {
    const { folder, clock, index, inspectors } = this.#options
    // It may have ended a moment ago.
    await this.#retiring.get(run)
    const path = folder.runFolder(run)
    if (!(await folder.hasRun(run))) throw unknownRun(run)
    const stored = await this.#options.reader.stored(run, true)
    if (isFinalState(stored.facts.status)) {
      // The process that saw it end may not have lived to note that.
      if (index.get(run) !== undefined) index.put(rowOf(stored.facts, stored.definition))
      return false
    }
    const definition = withSettings(stored.definition, settings)
    if (definition !== stored.definition) await writeDefinition(path, definition, clock)
    await this.#openBackends(definition.workflow, definition.settings)
    this.refuseWhenClosed()
    const keeper = RunKeeper.restore(this.#keeperOptions(run, path), { ...stored, definition })
    this.#registry.trigger.restored({ facts: stored.facts })
    this.#keepers.set(run, keeper)
    inspectors.attach(keeper.carried.host)
    try {
      keeper.resume(stored.reading.problems, tryAgain)
    } catch (error) {
      this.#keepers.delete(run)
      this.#registry.trigger.dropped({ run })
      keeper.carried.close()
      await keeper.close().catch(() => {})
      throw error
    }
    return true
  }

  async #reopen(run: string, task: string, by: CommandOrigin | undefined) {
    await this.#retiring.get(run)
    const { index, reader, folder, inspectors, blocks } = this.#options
    const stored = await reader.stored(run, true)
    await this.#openBackends(stored.definition.workflow, stored.definition.settings)
    this.refuseWhenClosed()
    const keeper = RunKeeper.restore(this.#keeperOptions(run, folder.runFolder(run)), stored)
    await prepareReopening(keeper, stored, task, index)
    this.refuseWhenClosed()
    this.#givenUp.stop(run)
    this.ended.forget(run)
    this.#registry.trigger.restored({ facts: stored.facts })
    this.#keepers.set(run, keeper)
    const { host } = keeper.carried
    inspectors.attach(host)
    const reply = keeper.reopen(task, stored.reading.problems, by)
    blocks.pauseIfBlocked(host)
    this.#troubles.tellBegun(host)
    return { reply }
  }

  async #openBackends(workflow: Workflow, settings: RunSettings): Promise<void> {
    const { accounts } = this.#options
    for (const id of backendsOf(workflow)) await accounts.open(id, settings)
    const named = [...workflow.tasks, workflow.manager].flatMap((agent) => agent?.repository ?? [])
    accounts.addRepositories([...new Set(named)])
  }

  #keeperOptions(run: string, path: string): RunKeeperOptions {
    const { clock, limiter, accounts, blocks, gate, beforeCommit } = this.#options
    return {
      run,
      folder: path,
      clock,
      limiter,
      shared: this.#shared,
      givenUp: this.#givenUp,
      seed: DEFAULT_SEED,
      gate,
      backend: (id: string) => accounts.get(id),
      onBlocked: (account: string, failure: Failure) => blocks.block(account, failure, this.hosts()),
      onOpened: (opened: readonly string[]) => {
        blocks.open(opened)
        this.#troubles.tryNow(opened)
      },
      onRecords: (records, journaled) => this.#committed(run, records, journaled),
      onEnded: () => this.#retire(run),
      onMeasured: (records, ms) => this.#options.onMeasured(run, records, ms),
      facts: () => this.facts(run),
      ...(beforeCommit === undefined ? {} : { beforeCommit }),
    }
  }

  #committed(run: string, records: readonly RunRecord[], journaled: readonly JournalRecord[]): void {
    this.#registry.trigger.committed({ run, records: journaled })
    const facts = this.facts(run)
    const keeper = this.#keepers.get(run)
    const moved = records.some((record) => record.type === 'run' || record.actor.kind === 'supervisor')
    if (moved && facts !== undefined && keeper !== undefined) {
      this.#options.index.put(rowOf(facts, keeper.definition))
    }
    this.#options.onRecords(run, records)
    if (keeper !== undefined) this.#troubles.saw(records, (task) => accountOf(keeper, task))
  }

  /** All of the run is durable, and told: its actors, its graph and its files are let go. */
  #retire(run: string): void {
    const keeper = this.#keepers.get(run)
    const outcome = keeper?.carried.outcome()
    if (keeper === undefined || outcome === undefined) return
    this.#keepers.delete(run)
    const { workflow } = keeper.definition
    // What a closing orchestrator could not close keeps nothing from ending: every record is durable.
    const retiring = keeper
      .retire()
      .catch(() => {})
      .finally(() => this.#retiring.delete(run))
    this.#retiring.set(run, retiring)
    const tasks = Math.max(workflow.tasks.length, this.facts(run)?.tasks.size ?? 0)
    this.ended.keep(run, { workflow, outcome, tasks })
  }
}

function accountOf({ carried }: RunKeeper, task: string): string {
  return carried.environment.backendOf(task).account
}
