type ExitCode = 0 | 1 | 2 | 3

/** From good to bad. */
const ORDER: readonly ExitCode[] = [0, 3, 1, 2]

/** How far the runs of one command are: it outlives the process that holds them. */
export class RunProgress {
  readonly #last = new Map<string, number>()
  readonly #codes = new Map<string, ExitCode>()
  readonly #waiters = new Set<() => void>()
  #begun = false

  /** Whether the runs exist, so that they are to be resumed and not begun again. */
  get begun(): boolean {
    return this.#begun
  }

  /** Notes the runs, and after which seq of each the records are shown. */
  begin(after: ReadonlyMap<string, number>): void {
    this.#begun = true
    for (const [run, seq] of after) this.#last.set(run, seq)
  }

  /** The runs that were begun, in order. */
  runs(): readonly string[] {
    return [...this.#last.keys()]
  }

  /** Those that have not come to their end here. */
  unfinished(): readonly string[] {
    return this.runs().filter((run) => !this.#codes.has(run))
  }

  /** The seq of the last shown record of a run. */
  last(run: string): number {
    return this.#last.get(run) ?? 0
  }

  advance(run: string, seq: number): void {
    this.#last.set(run, Math.max(seq, this.last(run)))
    for (const wake of this.#waiters) wake()
  }

  /** Resolves when the record `seq` of a run was shown. */
  reached(run: string, seq: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        if (this.last(run) < seq) return
        this.#waiters.delete(wake)
        resolve()
      }
      this.#waiters.add(wake)
      wake()
    })
  }

  finish(run: string, exitCode: ExitCode): void {
    this.#codes.set(run, exitCode)
  }

  /** The exit code of the run that ended worst; 0 without any. */
  worst(): ExitCode {
    const codes = [...this.#codes.values()]
    return codes.reduce<ExitCode>((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 0)
  }
}
