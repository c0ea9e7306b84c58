/** Dates that are further off than any time zone are mistakes. */
const MOST_MS = 26 * 3_600_000

/**
 * How far the provider's dates are behind our clock. What was created "five minutes ago at most" must be looked for by the clock
 * that dates it: else a run that is there would lie before the search, count as absent and be paid for twice.
 */
export class ProviderClock {
  #byAnswers = 0
  #byCreates = 0

  /** What its dates are behind at least, ms; 0 when they are not known to be. */
  get behindMs(): number {
    return Math.max(this.#byAnswers, this.#byCreates)
  }

  /** An answer that came at `ours` (ms) says that it is `theirs` (ms). */
  answered(theirs: number | null, ours: number): void {
    this.#byAnswers = behind(theirs, ours) ?? this.#byAnswers
  }

  /** A run that was created shortly before `ours` (ms) is dated `theirs` (ms): this tells their time zone too. */
  created(theirs: number | null, ours: number): void {
    this.#byCreates = behind(theirs, ours) ?? this.#byCreates
  }
}

function behind(theirs: number | null, ours: number): number | undefined {
  if (theirs === null || Number.isNaN(theirs) || Math.abs(ours - theirs) > MOST_MS) return undefined
  return Math.max(0, ours - theirs)
}
