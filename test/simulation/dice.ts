import { chances } from '../../src/domain/seed.ts'

/** One row of chance of a seed; each area of a simulation has its own, so that a change in one leaves the others as they were. */
export class Dice {
  readonly #next: () => number

  constructor(seed: number, area: string) {
    this.#next = chances(seed, area)
  }

  /** 0 <= x < 1. */
  roll(): number {
    return this.#next()
  }

  happens(probability: number): boolean {
    return this.#next() < probability
  }

  /** A whole number of `from`..`to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from + 1))
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.#next() * list.length)] ?? list[0]
  }
}

/** The one of `list` that a roll (0..1) falls on; undefined for an empty list. */
export function fallOn<T>(list: readonly T[], roll: number): T | undefined {
  return list[Math.floor(roll * list.length)]
}
