import { BackendError } from '../../domain/errors.ts'

/** A conversation that is being made ready while its worktree is filled. */
export class EarlyOpening {
  readonly #opening: Promise<void>
  readonly #isWhole: Promise<boolean>

  /** `whole` rejects where there will be no worktree, or none in the folder that the agent was started in. */
  constructor(opening: Promise<void>, whole: Promise<void>) {
    this.#opening = opening
    this.#isWhole = whole.then(
      () => true,
      () => false,
    )
    opening.catch(() => {})
  }

  /**
   * Whether it is ready. False: it has to be begun again, since it was not begun in what is the worktree now, or its agent broke on what was
   * not there yet. Rejects with what would have gone wrong in a whole worktree, too.
   */
  async isReady(): Promise<boolean> {
    try {
      await this.#opening
      return true
    } catch (error) {
      const isBroken = error instanceof BackendError && error.kind === 'crashed'
      if (isBroken || !(await this.#isWhole)) return false
      throw error
    }
  }

  /** Resolves when it is over, well or not. */
  async over(): Promise<void> {
    await this.#opening.catch(() => {})
  }
}
