/** What stands for every value beyond those that a label may have. */
export const OTHER = 'other'

const LONGEST = 100

/** Keeps a label from having more than so many values: each costs memory here and in whoever stores the metrics. */
export class LabelValues {
  readonly #most: number
  readonly #known = new Set<string>()

  constructor(most: number) {
    this.#most = most
  }

  /** The value itself while there is room, then `other`. */
  of(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#most || value.length > LONGEST) return OTHER
    this.#known.add(value)
    return value
  }

  /** Every value that was given out, but `other`. */
  get known(): ReadonlySet<string> {
    return this.#known
  }
}
