import { CarriedRun } from './carried-run.ts'
import type { Backend, Failure } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
import type { DataFolderError } from './domain/errors.ts'
import type { JsonObject } from './domain/json.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunOutcome } from './domain/orchestration.ts'
import { type JournalRecord, publicRecord, type RunRecord } from './domain/record.ts'
import type { GivenUpRuns } from './given-up-runs.ts'
import { type Checkpoints, checkpointDue, openCheckpoints } from './host/checkpoint.ts'
import { type Journal, openJournal } from './host/journal.ts'
import type { JournalProblem } from './host/journal-reader.ts'
import { planRerun } from './host/rerun-task.ts'
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
  readonly givenUp: GivenUpRuns
  readonly seed: number
  readonly gate: Promise<void>
  readonly backend: (id: string) => Backend
  readonly onBlocked: (account: string, failure: Failure) => void
  readonly onOpened: (accounts: readonly string[]) => void
  /** Told of each durable group, in order: as everybody may see it, and as it is journaled. */
  readonly onRecords: (records: readonly RunRecord[], journaled: readonly JournalRecord[]) => void
  /** Told once, when the run has ended, all of it is durable and whoever waited was told. */
  readonly onEnded: () => void
  /** Told of each durable group how many records it has and how long that took, ms. */
  readonly onMeasured: (records: number, ms: number) => void
  readonly facts: () => RunFacts | undefined
  readonly beforeCommit?: () => Promise<void>
}

interface Waiter {
  readonly resolve: (outcome: RunOutcome) => void
}

/** A checkpoint at a run's end that saves less is not worth its writing: so much is read in no time, bytes. */
const SMALLEST_LAST_TAIL = 256 * 1024

/** States that are left by an intent to write to the outside: a create, or a further turn. */
const INTENDING: readonly string[] = ['pending', 'running', 'running.needsInput', 'running.idle', 'reporting']

/** Keeps one run durable: its journal, its checkpoints, and who waits for its end. */
export class RunKeeper {
  readonly definition: RunDefinition
  readonly carried: CarriedRun
  readonly #options: RunKeeperOptions
  readonly #journal: Journal
  readonly #checkpoints: Checkpoints<CheckpointData>
  readonly #waiters = new Set<Waiter>()
  #checkpointing: Promise<void> | undefined
  #ended = false

  private constructor(
    options: RunKeeperOptions,
    definition: RunDefinition,
    projection: RunProjection,
    journal: Journal,
    checkpoints: Checkpoints<CheckpointData>,
  ) {
    this.definition = definition
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

  /** Why nothing of the run becomes durable any more. */
  get failure(): DataFolderError | undefined {
    return this.#journal.failure
  }

  /** Resolves when the run's first records are durable; then it goes on by itself. */
  async begin(data: JsonObject): Promise<void> {
    this.carried.host.begin(data)
    await this.#journal.committed(this.#journal.lastSeq)
    this.carried.host.proceed()
  }

  resume(problems: readonly JournalProblem[], tryAgain: boolean): void {
    const { host, environment } = this.carried
    this.#tellDamage(problems)
    if (problems.length > 0) {
      // What was lost may have been the intent of a create, or of the manager's next turn.
      const intending = [...host.projection.live].filter(([, { state }]) => INTENDING.includes(state))
      environment.searchFirst(intending.map(([task, { attempt }]) => [task, attempt]))
    }
    this.carried.restore(tryAgain)
    queueMicrotask(() => this.#tellWaiters())
  }

  /** Resolves once the command's record is durable. After a full disk the rest is tried again first. */
  async command(command: RunCommand, by?: CommandOrigin): Promise<CommandReply> {
    const wasFull = this.#journal.failure !== undefined
    if (wasFull) {
      await this.#journal.retry()
      this.carried.host.repaired()
    }
    // Who has made room on the disk is not asked for more of the budget first.
    if (!wasFull) this.carried.refuseVain(command)
    return this.carried.host.command(command, by)
  }

  /** Resolves once the command's record is durable. */
  async commandTask(task: string, command: TaskCommand, by?: CommandOrigin): Promise<CommandReply> {
    this.carried.refuseUnfit(task, command)
    return this.carried.host.commandTask(task, command, by)
  }

  /** What a run that has ended would do again. Throws CommandRefusedError where it would not, NotFoundError. */
  checkRerun(task: string): void {
    this.carried.host.restore()
    planRerun(this.carried.host, task)
  }

  /** After {@link checkRerun}: the run goes on with that. Resolves once the command's record is durable. */
  reopen(task: string, problems: readonly JournalProblem[], by: CommandOrigin | undefined): Promise<CommandReply> {
    const reply = this.carried.reopen(task, by)
    this.#tellDamage(problems)
    return reply
  }

  settled(signal?: AbortSignal): Promise<RunOutcome> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.delete(waiter)
        reject(signal?.reason)
      }
      const waiter: Waiter = {
        resolve: (outcome) => {
          // The signal may live as long as the process.
          signal?.removeEventListener('abort', onAbort)
          resolve(outcome)
        },
      }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#tellWaiters()
    })
  }

  /** Writes a checkpoint unless nothing is new since the last one. Best effort: never rejects. */
  async checkpoint(): Promise<void> {
    await this.#checkpointing
    if (this.#journal.tailBytes > 0) await this.#beginCheckpoint()
  }

  /** After its end: stops what is left and closes the journal, behind a last checkpoint if reading it would take long. */
  async retire(): Promise<void> {
    this.carried.retire()
    await this.#checkpointing
    const { tailBytes } = this.#journal
    if (tailBytes > Math.max(SMALLEST_LAST_TAIL, this.#checkpoints.lastBytes / 2)) await this.#beginCheckpoint()
    await this.close()
  }

  async close(): Promise<void> {
    try {
      await this.#journal.close()
    } finally {
      await this.#checkpointing
    }
  }

  #tellDamage(problems: readonly JournalProblem[]): void {
    for (const { segment, line, reason } of problems) {
      this.carried.host.alert('damaged', `A damaged record was left out (${segment}, line ${line}): ${reason}`)
    }
  }

  #committed(records: readonly JournalRecord[]): void {
    this.#options.onRecords(records.map(publicRecord), records)
    if (this.#waiters.size > 0) this.#tellWaiters()
    if (this.carried.host.ended) this.#end()
    else if (checkpointDue(this.#journal.tailBytes, this.#checkpoints.lastBytes)) void this.#beginCheckpoint()
  }

  #end(): void {
    if (this.#ended || this.#journal.committedSeq < this.#journal.lastSeq) return
    this.#ended = true
    this.#options.onEnded()
  }

  /** One at a time. */
  #beginCheckpoint(): Promise<void> {
    this.#checkpointing ??= this.#checkpoint().finally(() => {
      this.#checkpointing = undefined
    })
    return this.#checkpointing
  }

  /** The state at S is captured at the instant at which the segment after S begins; a failed checkpoint only costs time later. */
  async #checkpoint(): Promise<void> {
    const { seq } = this.#journal.rotate()
    const projection = this.carried.host.projection.toJson()
    const known = this.#options.facts()
    try {
      await this.#journal.committed(seq)
      // A run that is let go meanwhile is not in the registry any more.
      const facts = this.#options.facts() ?? known
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

function journalOptions({ folder, clock, beforeCommit, onMeasured }: RunKeeperOptions) {
  return { folder, clock, onMeasured, ...(beforeCommit === undefined ? {} : { beforeCommit }) }
}
