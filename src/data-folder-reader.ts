import type { AgentRunRef } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import { NotFoundError, UsageError } from './domain/errors.ts'
import { MANAGER } from './domain/ids.ts'
import type { DataFolderReader, RunSettings } from './domain/orchestration.ts'
import { publicRecord, type RunRecord } from './domain/record.ts'
import type { RunSummary, RunView, TaskResult } from './domain/views.ts'
import { realClock } from './host/clock.ts'
import { type DataFolder, dataFolderAt } from './host/data-folder.ts'
import { readJournal } from './host/journal-reader.ts'
import { openResultStore } from './host/result-store.ts'
import { type RunRow, readRunIndex } from './host/run-index.ts'
import { isFinalState } from './machines/public-state.ts'
import { summaryOf } from './registry.ts'
import { buildRunView } from './run-view.ts'
import { readStoredRun, type StoredRun } from './stored-run.ts'

/** Reads a data folder that somebody else may hold; never writes. */
export function openDataFolderReader(dataDir: string, clock: Clock = realClock): DataFolderReader {
  return openReader(dataFolderAt(dataDir, { clock }), clock)
}

/** The reader with what the folder's holder needs besides. */
export function openReader(folder: DataFolder, clock: Clock): FolderReader {
  return new FolderReader(folder, clock)
}

class FolderReader implements DataFolderReader {
  readonly #folder: DataFolder
  readonly #clock: Clock

  constructor(folder: DataFolder, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  async runs(): Promise<readonly RunSummary[]> {
    const rows =
      (await readRunIndex(this.#folder.path, this.#clock)) ?? (await this.rows(await this.#folder.listRunIds()))
    return rows.map(({ finished: _finished, ...summary }) => summary)
  }

  /** Rows made from the runs' own folders; a run that never began or cannot be read has none. */
  async rows(runs: readonly string[]): Promise<readonly RunRow[]> {
    const rows: RunRow[] = []
    for (const run of runs) {
      const stored = await this.stored(run).catch(() => undefined)
      if (stored !== undefined) rows.push({ ...summaryOf(stored.facts), finished: isFinalState(stored.facts.status) })
    }
    return rows
  }

  async stored(run: string, repair = false): Promise<StoredRun> {
    if (!(await this.#folder.hasRun(run))) throw new NotFoundError(`Run ${run}`, "'troupe runs' lists those that do.")
    return readStoredRun(run, this.#folder.runFolder(run), this.#clock, { repair })
  }

  async view(run: string): Promise<RunView> {
    const { definition, facts } = await this.stored(run)
    return buildRunView(definition.workflow, facts)
  }

  /** `upTo`: the last seq that is durable, where the caller knows; a line may be in the file before it is. */
  async records(
    run: string,
    after: number,
    limit = 1_000,
    upTo = Number.POSITIVE_INFINITY,
  ): Promise<readonly RunRecord[]> {
    if (!(await this.#folder.hasRun(run))) throw new NotFoundError(`Run ${run}`, "'troupe runs' lists those that do.")
    const records: RunRecord[] = []
    await readJournal(
      this.#folder.runFolder(run),
      (record) => {
        if (record.seq > upTo) return false
        records.push(publicRecord(record))
        return records.length < limit
      },
      { afterSeq: after, clock: this.#clock },
    )
    return records
  }

  async result(run: string, task: string): Promise<TaskResult> {
    const stored = await this.stored(run)
    const settled = stored.projection.settled.get(task)
    if (settled === undefined) {
      throw new UsageError(`${task} of ${run} has no result yet: it is ${stateOf(stored, run, task)}.`)
    }
    const whole =
      settled.file === undefined
        ? settled
        : (JSON.parse(
            await openResultStore(this.#folder.runFolder(run), this.#clock).read({ file: settled.file, bytes: 0 }),
          ) as Pick<TaskResult, 'result' | 'output'>)
    return {
      task,
      attempt: settled.attempt,
      status: settled.status,
      result: whole.result ?? settled.reason ?? '',
      ...(whole.output === undefined ? {} : { output: whole.output }),
    }
  }

  /** The newest agent run of a task and where it is. Throws NotFoundError when none was created. */
  async agentRun(run: string, task: string): Promise<{ ref: AgentRunRef; backend: string; settings: RunSettings }> {
    const stored = await this.stored(run)
    const state = stateOf(stored, run, task)
    let ref: AgentRunRef | undefined
    await readJournal(
      this.#folder.runFolder(run),
      (record) => {
        if (record.actor.id === task && record.data?.['ref'] !== undefined)
          ref = record.data['ref'] as unknown as AgentRunRef
      },
      { clock: this.#clock },
    )
    if (ref === undefined) throw new UsageError(`${task} of ${run} has no agent run yet: it is ${state}.`)
    return { ref, backend: ref.backend, settings: stored.definition.settings }
  }
}

/** The state of a task, or of the manager, as people see it. Throws NotFoundError when the run has none of that name. */
function stateOf({ definition, facts }: StoredRun, run: string, task: string): string {
  const { tasks, manager } = buildRunView(definition.workflow, facts)
  const found = task === MANAGER ? manager : tasks.find((view) => view.task === task)
  if (found === undefined) throw new NotFoundError(`Task ${task} of ${run}`, `'troupe show ${run}' lists its tasks.`)
  return found.state
}
