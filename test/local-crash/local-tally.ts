import type { LocalCheck } from './check-run.ts'
import type { LocalLife } from './live-run.ts'

/** What all lives of a round came to. */
export class LocalTally {
  kills = 0
  #runs = 0
  #violations = 0
  readonly #byPlace = new Map<string, number>()
  readonly #agentKills: string[] = []
  readonly #lostSessions: string[] = []
  readonly #missed = new Set<string>()
  readonly #sums = { attempts: 0, turns: 0, continued: 0, repeated: 0, commits: 0 }
  #longestMs = 0
  readonly #since = Date.now()

  add(life: LocalLife, check: LocalCheck): void {
    this.#runs++
    this.kills += life.kills.length
    this.#violations += check.problems.length
    this.#lostSessions.push(...check.lostSessions)
    this.#agentKills.push(...life.agentKills)
    for (const place of life.kills) this.#byPlace.set(place, (this.#byPlace.get(place) ?? 0) + 1)
    for (const place of life.missed) this.#missed.add(place)
    for (const name of ['attempts', 'turns', 'continued', 'repeated', 'commits'] as const)
      this.#sums[name] += check[name]
    this.#longestMs = Math.max(this.#longestMs, ...life.goneAfter)
    const said = check.problems.length === 0 ? 'all is well' : `${check.problems.length} violations`
    console.log(
      `run ${this.#runs}: killed at ${life.kills.join(', ') || 'no place'}: ${said}; ${this.kills} kills so far`,
    )
  }

  /** Prints one JSON line; gives whether all is well and there were kills enough. */
  print(wanted: number): boolean {
    const killsByPlace = Object.fromEntries([...this.#byPlace].sort(([a], [b]) => (a < b ? -1 : 1)))
    const missed = [...this.#missed].filter((place) => !this.#byPlace.has(place))
    console.log(
      JSON.stringify({
        case: 'local-crash',
        kills: this.kills,
        runs: this.#runs,
        violations: this.#violations,
        agentKills: this.#agentKills.length,
        ...this.#sums,
        lostSessions: this.#lostSessions,
        longestUntilGoneMs: Math.round(this.#longestMs),
        places: this.#byPlace.size,
        missed,
        killsByPlace,
        seconds: Math.round((Date.now() - this.#since) / 1000),
      }),
    )
    return this.#violations === 0 && this.kills >= wanted
  }
}
