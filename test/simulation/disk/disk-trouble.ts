import { type Clock, sleep } from '../../../src/domain/clock.ts'
import { chance } from '../../../src/domain/seed.ts'

export interface DiskTroubleOptions {
  readonly clock: Clock
  readonly seed: number
  /** How long a call takes at most, ms; 0: it takes no time. */
  readonly slowestMs: number
  /** From which call on the disk is full, until somebody looks to it. */
  readonly fullFrom: number | undefined
  readonly onFull: (isFull: boolean) => void
}

/** A disk that is slow, and full at times. */
export class DiskTrouble {
  /** How many calls were made. */
  calls = 0
  #isFull = false
  #fullFrom: number | undefined
  readonly #options: DiskTroubleOptions

  constructor(options: DiskTroubleOptions) {
    this.#options = options
    this.#fullFrom = options.fullFrom
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** The disk may be full from now on. */
  fill(): void {
    if (this.#fullFrom === undefined || this.calls < this.#fullFrom) return
    this.#fullFrom = undefined
    this.#isFull = true
    this.#options.onFull(true)
  }

  /** Somebody has made room on the disk. */
  free(): void {
    if (this.#isFull) this.#options.onFull(false)
    this.#isFull = false
  }

  /** Resolves when the next call is carried out. */
  async pace(): Promise<void> {
    const { clock, seed, slowestMs } = this.#options
    const call = this.calls++
    if (slowestMs === 0) return
    const ms = Math.floor(slowestMs * chance(seed, `disk/${call}`) ** 6)
    if (ms > 0) await sleep(clock, ms)
  }
}
