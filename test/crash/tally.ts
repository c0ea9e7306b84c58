import type { LifeCheck } from './check-life.ts'
import type { CrashLife } from './crash-run.ts'
import type { Scheduler } from './schedule.ts'

/** What all lives of a round came to. */
export class Tally {
  kills = 0
  runs = 0
  readonly #byPoint = new Map<string, number>()
  readonly #sums = { early: 0, late: 0, completed: 0, creations: 0, doubledCreations: 0, doubledTurns: 0, lost: 0 }
  #turns = 0
  #problems = 0
  #points: readonly string[] = []
  #missed: readonly string[] = []
  readonly #since = Date.now()

  add(life: CrashLife, check: LifeCheck): void {
    this.runs++
    this.kills += life.kills.length
    for (const at of life.kills) {
      const name = at.replace(/:\d+$/, '')
      this.#byPoint.set(name, (this.#byPoint.get(name) ?? 0) + 1)
    }
    this.#sums.early += life.early
    this.#sums.late += life.late
    this.#sums.completed += check.isComplete ? 1 : 0
    this.#sums.creations += Object.keys(life.creations).length
    this.#sums.doubledCreations += check.doubledCreations
    this.#sums.doubledTurns += check.doubledTurns
    this.#sums.lost += check.lost
    this.#turns += Object.keys(life.turns).length
    this.#problems += check.problems.length
  }

  /** A life that the harness could not see through. */
  broken(): void {
    this.runs++
    this.#problems++
  }

  settle(scheduler: Scheduler): void {
    this.#points = [...scheduler.reached]
    this.#missed = scheduler.missed()
  }

  /** Prints one JSON line; gives whether all is well and, where that is asked, there were kills enough. */
  print(wanted = 0): boolean {
    const killsByPoint = Object.fromEntries([...this.#byPoint].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(
      JSON.stringify({
        case: 'crash',
        kills: this.kills,
        runs: this.runs,
        ...this.#sums,
        turns: this.#turns,
        problems: this.#problems,
        points: this.#points.length,
        pointsMissed: this.#missed,
        killsByPoint,
        seconds: Math.round((Date.now() - this.#since) / 1000),
      }),
    )
    return this.#problems === 0 && this.kills >= wanted
  }
}
