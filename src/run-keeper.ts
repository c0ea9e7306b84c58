import { CarriedRun } from './carried-run.ts'
import type { Backend, Failure } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import type { CommandReply, RunCommand } from './domain/command.ts'
import type { JsonObject } from './domain/json.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunOutcome } from './domain/orchestration.ts'
import { type JournalRecord, publicRecord, type RunRecord } from './domain/record.ts'
import { type Checkpoints, checkpointDue, openCheckpoints } from './host/checkpoint.ts'
import { type Journal, openJournal } from './host/journal.ts'
import type { JournalProblem } from './host/journal-reader.ts'
import { openResultStore } from './host/result-store.ts'
import { RunProjection } from './host/run-projection.ts'
import { factsToJson, type RunFacts } from './registry.ts'
import type { RunDefinition } from './run-files.ts'
import type { SharedLimits } from './shared-limits.ts'
import type { CheckpointData, StoredRun } from './stored-run.ts'

/** What a run is kept with. */
export interface RunKeeperOptions {
  readonly run: string
  readonly folder: string
  readonly clock: Clock
  readonly limiter: Limiter
  readonly shared: SharedLimits
  readonly seed: number
  readonly gate: Promise<void>
  readonly backend: (id: string) => Backend
  readonly onBlocked: (account: string, failure: Failure) => void
  readonly onOpened: (accounts: readonly string[]) => void
  /** Told of each durable group, in order. */
  readonly onRecords: (records: readonly RunRecord[]) => void
  readonly facts: () => RunFacts | undefined
  readonly beforeCommit?: () => Promise<void>
}

interface Waiter {
  readonly resolve: (outcome: RunOutcome) => void
}

/** Keeps one run durable: its journal, its checkpoints, and who waits for its end. */
export class RunKeeper {
  readonly carried: CarriedRun
  readonly #options: RunKeeperOptions
  readonly #journal: Journal
  readonly #checkpoints: Checkpoints<CheckpointData>
  readonly #waiters = new Set<Waiter>()
  #checkpointing: Promise<void> | undefined

  private constructor(
    options: RunKeeperOptions,
    definition: RunDefinition,
    projection: RunProjection,
    journal: Journal,
    checkpoints: Checkpoints<CheckpointData>,
  ) {
    this.#options = options
    this.#journal = journal
    this.#checkpoints = checkpoints
    const { workflow, inputs, settings } = definition
    this.carried = new CarriedRun({
      ...options,
      workflow,
      inputs,
      settings,
      seed: settings.seed ?? options.seed,
      journal,
      projection,
      results: openResultStore(options.folder, options.clock),
    })
    journal.onCommit((records) => this.#committed(records))
    journal.onFailure((failure) => this.#failed(failure.message))
  }

  /** Keeps a new run. */
  static async begin(options: RunKeeperOptions, definition: RunDefinition): Promise<RunKeeper> {
    const journal = openJournal({ ...journalOptions(options), firstSeq: 1 })
    const checkpoints = openCheckpoints<CheckpointData>(options.folder, options.clock)
    return new RunKeeper(options, definition, new RunProjection(), journal, checkpoints)
  }

  /** Keeps a run that its folder tells of. */
  static restore(options: RunKeeperOptions, stored: StoredRun): RunKeeper {
    const { definition, projection, checkpoints, reading } = stored
    const journal = openJournal({
      ...journalOptions(options),
      firstSeq: projection.seq + 1,
      tailBytes: reading.bytes,
    })
    return new RunKeeper(options, definition, projection, journal, checkpoints)
  }

  get committedSeq(): number {
    return this.#journal.committedSeq
  }

  /** Resolves when the run's first records are durable; then it goes on by itself. */
  async begin(data: JsonObject): Promise<void> {
    this.carried.host.begin(data)
    await this.#journal.committed(this.#journal.lastSeq)
    this.carried.host.proceed()
  }

  resume(problems: readonly JournalProblem[], tryAgain: boolean): void {
    const { host, environment } = this.carried
    for (const { segment, line, reason } of problems) {
      host.alert('damaged', `A damaged record was left out (${segment}, line ${line}): ${reason}`)
    }
    if (problems.length > 0) {
      const pending = [...host.projection.live].filter(([, actor]) => actor.state === 'pending')
      environment.searchFirst(pending.map(([task, { attempt }]) => [task, attempt]))
    }
    this.carried.restore(tryAgain)
    queueMicrotask(() => this.#tellWaiters())
  }

  /** Resolves once the command's record is durable. After a full disk the rest is tried again first. */
  async command(command: RunCommand): Promise<CommandReply> {
    if (this.#journal.failure !== undefined) {
      await this.#journal.retry()
      this.carried.host.repaired()
    }
    return this.carried.host.command(command)
  }

  settled(signal?: AbortSignal): Promise<RunOutcome> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve }
      this.#waiters.add(waiter)
      signal?.addEventListener(
        'abort',
        () => {
          this.#waiters.delete(waiter)
          reject(signal.reason)
        },
        { once: true },
      )
      this.#tellWaiters()
    })
  }

  async close(): Promise<void> {
    try {
      await this.#journal.close()
    } finally {
      await this.#checkpointing
    }
  }

  #committed(records: readonly JournalRecord[]): void {
    this.#options.onRecords(records.map(publicRecord))
    if (this.#waiters.size > 0) this.#tellWaiters()
    if (this.carried.host.ended) this.#options.shared.drop(this.#options.run)
    if (this.#checkpointing === undefined && checkpointDue(this.#journal.tailBytes, this.#checkpoints.lastBytes)) {
      this.#checkpointing = this.#checkpoint().finally(() => {
        this.#checkpointing = undefined
      })
    }
  }

  /** The state at S is captured at the instant at which the segment after S begins; a failed checkpoint only costs time later. */
  async #checkpoint(): Promise<void> {
    const { seq } = this.#journal.rotate()
    const projection = this.carried.host.projection.toJson()
    try {
      await this.#journal.committed(seq)
      const facts = this.#options.facts()
      if (facts !== undefined) await this.#checkpoints.write(seq, { projection, facts: factsToJson(facts) })
    } catch {
      return
    }
  }

  #tellWaiters(): void {
    const outcome = this.carried.outcome()
    const failure = this.#journal.failure
    if (outcome === undefined && failure === undefined) return
    // What has ended has to be durable before anybody is told.
    if (failure === undefined && this.#journal.committedSeq < this.#journal.lastSeq) return
    const told: RunOutcome =
      failure === undefined && outcome !== undefined
        ? outcome
        : { run: this.#options.run, status: 'paused', exitCode: 2, reason: failure?.message ?? '' }
    for (const waiter of this.#waiters) waiter.resolve(told)
    this.#waiters.clear()
  }

  #failed(message: string): void {
    this.carried.host.pause({ kind: 'disk', message })
    this.#tellWaiters()
  }
}

function journalOptions({ folder, clock, beforeCommit }: RunKeeperOptions) {
  return { folder, clock, ...(beforeCommit === undefined ? {} : { beforeCommit }) }
}
