import type { VirtualClock } from '../../src/host/virtual-clock.ts'

export interface MachineClockOptions {
  readonly clock: VirtualClock
  /** How far it is ahead of the provider's at the beginning, ms. */
  readonly aheadMs: number
  /** When it is set back, whoever runs by it, and by how much. */
  readonly setBacks: readonly { readonly atMs: number; readonly byMs: number }[]
  readonly onSetBack: (ms: number) => void
}

/** The clock of the machine that troupe runs on: somebody sets it, while the provider's goes on. */
export class MachineClock {
  readonly #options: MachineClockOptions
  #ahead: number

  constructor(options: MachineClockOptions) {
    const { clock, aheadMs, setBacks } = options
    this.#options = options
    this.#ahead = aheadMs
    for (const { atMs, byMs } of setBacks) clock.setTimeout(() => this.setBack(byMs), atMs)
  }

  now(): number {
    return this.#options.clock.now() + this.#ahead
  }

  setBack(ms: number): void {
    if (ms === 0) return
    this.#ahead -= ms
    this.#options.onSetBack(ms)
  }
}
