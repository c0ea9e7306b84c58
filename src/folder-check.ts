import type { Clock } from './domain/clock.ts'
import type { DataFolder } from './host/data-folder.ts'
import type { RunKeeper } from './run-keeper.ts'

const PATIENCE_MS = 2_000

/** Whether a data folder takes a small file. */
export class FolderCheck {
  readonly #folder: Pick<DataFolder, 'path' | 'probe'>
  readonly #clock: Clock
  /** A disk that hangs is not asked again before it has answered. */
  #probing: Promise<string | undefined> | undefined

  constructor(folder: Pick<DataFolder, 'path' | 'probe'>, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  /** Why the folder cannot be written to, or not within 2 s; undefined when it can. */
  problem(): Promise<string | undefined> {
    this.#probing ??= this.#probe()
    const probing = this.#probing
    return new Promise((resolve) => {
      const late = `The data folder ${this.#folder.path} did not take a small file within ${PATIENCE_MS / 1000} s. Look at the disk.`
      const timer = this.#clock.setTimeout(() => resolve(late), PATIENCE_MS)
      void probing.then((problem) => {
        this.#clock.clearTimeout(timer)
        resolve(problem)
      })
    })
  }

  async #probe(): Promise<string | undefined> {
    try {
      await this.#folder.probe()
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    } finally {
      this.#probing = undefined
    }
  }
}

/** Why the records of one of these runs cannot be written; undefined where all can. */
export function journalProblem(keepers: Iterable<RunKeeper>): string | undefined {
  for (const { carried, failure } of keepers) {
    if (failure !== undefined) return `The journal of ${carried.host.run} cannot be written: ${failure.message}`
  }
  return undefined
}

/** Without a run that goes on nobody else would notice that the folder belongs to another process. */
export async function lockProblem(lock: { check(): Promise<void> } | undefined): Promise<string | undefined> {
  try {
    await lock?.check()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
