import type { CarriedRuns } from './carried-runs.ts'
import type { FolderReader } from './data-folder-reader.ts'
import { UsageError } from './domain/errors.ts'
import type { DataFolder } from './host/data-folder.ts'
import type { RunIndex } from './host/run-index.ts'
import { isFinalState } from './machines/public-state.ts'
import type { StartKeys } from './start-keys.ts'

/** What runs are removed from. */
export interface RunRemovalOptions {
  readonly runs: CarriedRuns
  readonly keys: StartKeys
  readonly folder: DataFolder
  readonly index: RunIndex
  readonly reader: FolderReader
  /** Lets go of what agents of this machine keep of a run elsewhere. Best effort, before the run's folder is removed. */
  readonly forgetLocal: (run: string) => Promise<void>
  /** Awaited before anything is removed: rejects once the folder belongs to another process. */
  readonly beforeRemoval?: (() => Promise<void>) | undefined
}

/**
 * Removes finished runs. The renaming of a run's folder decides: before it the run is whole, after it the run is gone, and what a
 * crash leaves of it is cleared away by the next start. The list of runs follows, now or at the next start.
 */
export class RunRemoval {
  readonly #options: RunRemovalOptions
  readonly #removing = new Map<string, Promise<void>>()

  constructor(options: RunRemovalOptions) {
    this.#options = options
  }

  /** Who asks while the run is being removed waits for that. */
  remove(run: string, how: 'delete' | 'archive'): Promise<void> {
    let removing = this.#removing.get(run)
    if (removing === undefined) {
      this.#options.runs.removing.add(run)
      removing = this.#remove(run, how).finally(() => {
        this.#removing.delete(run)
        this.#options.runs.removing.delete(run)
      })
      this.#removing.set(run, removing)
    }
    return removing
  }

  /** Resolves when nothing is being removed. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#removing.values())
  }

  async #remove(run: string, how: 'delete' | 'archive'): Promise<void> {
    const { runs, folder, index, beforeRemoval, forgetLocal } = this.#options
    await beforeRemoval?.()
    if (runs.get(run) === undefined) await runs.idle(run)
    if (runs.get(run) !== undefined || !(await this.#isFinished(run))) {
      throw new UsageError(`${run} is not finished: cancel it first, or wait for its end.`)
    }
    await forgetLocal(run).catch(() => {})
    try {
      await (how === 'delete' ? folder.removeRun(run) : folder.archiveRun(run))
    } finally {
      if (!(await folder.hasRun(run))) this.#forget(run)
    }
    // The list is a cache: what could not be written of it is put right by the next start.
    await index.flush().catch(() => {})
  }

  async #isFinished(run: string): Promise<boolean> {
    const { index, reader } = this.#options
    if (index.get(run)?.finished === true) return true
    return isFinalState((await reader.stored(run)).facts.status)
  }

  #forget(run: string): void {
    const { index, keys, runs } = this.#options
    keys.release(run, index.get(run)?.key)
    index.remove(run)
    runs.ended.forget(run)
  }
}
