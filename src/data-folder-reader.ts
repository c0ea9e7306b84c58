import { readAttemptWork } from './backends/local/attempt-work.ts'
import type { AgentRunRef } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import { NotFoundError, UsageError } from './domain/errors.ts'
import { MANAGER } from './domain/ids.ts'
import type { AttemptWork } from './domain/local-work.ts'
import type { DataFolderReader, RunSettings } from './domain/orchestration.ts'
import { type JournalRecord, publicRecord, type RunRecord } from './domain/record.ts'
import type { RunSummary, RunView, TaskResult } from './domain/views.ts'
import { realClock } from './host/clock.ts'
import { type DataFolder, dataFolderAt } from './host/data-folder.ts'
import { readJournal } from './host/journal-reader.ts'
import { openResultStore } from './host/result-store.ts'
import { type RunRow, readRunIndex, summaryOfRow } from './host/run-index.ts'
import type { SettledTask } from './host/run-projection.ts'
import { buildRunView, stateOfTask } from './run-view.ts'
import { readStoredRun, rowOf, type StoredRun, unknownRun } from './stored-run.ts'

/** Reads a data folder that somebody else may hold; never writes. */
export function openDataFolderReader(dataDir: string, clock: Clock = realClock): DataFolderReader {
  return openReader(dataFolderAt(dataDir, { clock }), clock)
}

/** The reader with what the folder's holder needs besides. */
export function openReader(folder: DataFolder, clock: Clock): FolderReader {
  return new FolderReader(folder, clock)
}

/** Reads a folder; never writes. */
export class FolderReader implements DataFolderReader {
  readonly #folder: DataFolder
  readonly #clock: Clock

  constructor(folder: DataFolder, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  async runs(): Promise<readonly RunSummary[]> {
    const rows =
      (await readRunIndex(this.#folder.path, this.#clock)) ?? (await this.rows(await this.#folder.listRunIds()))
    return rows.map(summaryOfRow)
  }

  /** Rows made from the runs' own folders; a run that never began or cannot be read has none. */
  async rows(runs: readonly string[]): Promise<readonly RunRow[]> {
    const rows: RunRow[] = []
    for (const run of runs) {
      const stored = await this.stored(run).catch(() => undefined)
      if (stored !== undefined) rows.push(rowOf(stored.facts, stored.definition))
    }
    return rows
  }

  /** Throws NotFoundError, DataFolderError. */
  stored(run: string, repair = false): Promise<StoredRun> {
    return this.#inFolderOf(run, (folder) => readStoredRun(run, folder, this.#clock, { repair }))
  }

  async view(run: string): Promise<RunView> {
    const { definition, facts } = await this.stored(run)
    return buildRunView(definition.workflow, facts)
  }

  /** `upTo`: the last seq that is durable, where the caller knows; a line may be in the file before it is. */
  records(run: string, after: number, limit = 1_000, upTo = Number.POSITIVE_INFINITY): Promise<readonly RunRecord[]> {
    return this.#inFolderOf(run, async (folder) => {
      const records: RunRecord[] = []
      const take = (record: JournalRecord) => {
        if (record.seq > upTo) return false
        records.push(publicRecord(record))
        return records.length < limit
      }
      await readJournal(folder, take, { afterSeq: after, clock: this.#clock })
      return records
    })
  }

  async result(run: string, task: string): Promise<TaskResult> {
    const stored = await this.stored(run)
    const settled = stored.projection.settled.get(task)
    if (settled !== undefined) return this.resultOf(run, task, settled)
    throw new UsageError(`${task} of ${run} has no result yet: it is ${stateOf(stored, run, task)}.`)
  }

  /** A settled task's result; what lies in a file is read. */
  resultOf(run: string, task: string, settled: SettledTask): Promise<TaskResult> {
    return this.#inFolderOf(run, async (folder) => {
      const { file } = settled
      const text = file && (await openResultStore(folder, this.#clock).read({ file, bytes: 0 }))
      const whole = text ? (JSON.parse(text) as Pick<TaskResult, 'result' | 'output'>) : settled
      return {
        task,
        attempt: settled.adopted ?? settled.attempt,
        status: settled.status,
        result: whole.result ?? settled.reason ?? '',
        ...(whole.output === undefined ? {} : { output: whole.output }),
      }
    })
  }

  workOf(run: string): Promise<readonly AttemptWork[]> {
    return this.#inFolderOf(run, (folder) => this.#clock.operation(readAttemptWork(folder)))
  }

  /** The newest agent run of a task and where it is. Throws NotFoundError when none was created. */
  async agentRun(run: string, task: string): Promise<{ ref: AgentRunRef; backend: string; settings: RunSettings }> {
    const stored = await this.stored(run)
    const state = stateOf(stored, run, task)
    let ref: AgentRunRef | undefined
    const take = ({ actor, data }: JournalRecord) => {
      if (actor.id === task && data?.['ref'] !== undefined) ref = data['ref'] as unknown as AgentRunRef
    }
    await this.#inFolderOf(run, (folder) => readJournal(folder, take, { clock: this.#clock }))
    if (ref === undefined) throw new UsageError(`${task} of ${run} has no agent run yet: it is ${state}.`)
    return { ref, backend: ref.backend, settings: stored.definition.settings }
  }

  /** Throws NotFoundError where there is no such folder, also when it goes while it is read. */
  async #inFolderOf<T>(run: string, read: (folder: string) => Promise<T>): Promise<T> {
    if (!(await this.#folder.hasRun(run))) throw unknownRun(run)
    try {
      return await read(this.#folder.runFolder(run))
    } catch (error) {
      throw (await this.#folder.hasRun(run)) ? error : unknownRun(run)
    }
  }
}

/** The state of a task, or of the manager, as people see it. Throws NotFoundError when the run has none of that name. */
function stateOf({ definition, facts }: StoredRun, run: string, task: string): string {
  const state = task === MANAGER ? facts.tasks.get(MANAGER)?.state : stateOfTask(definition.workflow, facts, task)
  if (state === undefined) throw new NotFoundError(`Task ${task} of ${run}`, `'troupe show ${run}' lists its tasks.`)
  return state
}
