/** Who is killed where and when: decided by a seed, point by point and at random. */
import { Dice, fallOn } from '../simulation/dice.ts'
import { allPoints, type CrashPoint, pointText } from './crash-points.ts'
import { type CrashWorkflow, WORKFLOWS } from './crash-workflows.ts'

/** How one process of a run's life ends. */
export type Kill =
  /** Some ms after its start, or after it has told its first record. */
  | { readonly at: 'random'; readonly ms: number; readonly from: 'start' | 'record' }
  /** At a point. With `stopMs` the process is a server, told to end so long after it is ready. */
  | { readonly at: string; readonly stopMs: number }
  | { readonly at: string }

/** One run's life, as it is printed and given to `--schedule`. */
export interface Schedule {
  readonly seed: number
  readonly workflow: string
  readonly kills: readonly Kill[]
  /** `--grace`, ms. */
  readonly graceMs: number
  /** A wide limit, so that calls are noted; without it nothing counts them. */
  readonly limited: boolean
  /** Of the stand-in, by name. */
  readonly faults: Readonly<Record<string, number>>
  /** During the nth process, so many ms after its start, the stand-in is killed and comes back. */
  readonly standInKills: readonly { readonly process: number; readonly ms: number }[]
}

const KILLS_A_RUN = 12
/** How often a point is tried that a process did not come to. */
const TRIES = 4
/** About how long a process lives that nobody kills, ms. */
const LIFE_MS = { from: 60, to: 2_000 } as const
/** The share of random kills that may come before a process has taken its folder. */
const EARLY = 0.25
const LATEST_STOP_MS = 500
/** What comes late in a run's life is not waited for when several processes have brought it forward. */
const LATE_ORDINAL = 3
const LATE_UNTIL = 2

/** Deals the points out to runs until each was reached or tried often enough, and then begins again. */
export class Scheduler {
  readonly #seed: number
  readonly #dice: Dice
  readonly #workflows: readonly CrashWorkflow[]
  readonly #points: readonly CrashPoint[]
  #waiting: CrashPoint[]
  #runs = 0
  readonly #tries = new Map<string, number>()
  readonly reached = new Set<string>()

  constructor(seed: number, workflows = WORKFLOWS) {
    this.#seed = seed
    this.#workflows = workflows
    this.#points = allPoints().filter((point) => workflows.some((workflow) => suits(point, workflow)))
    this.#waiting = [...this.#points]
    this.#dice = new Dice(seed, 'crash')
  }

  /** The next run's life, with at most so many kills. */
  next(most: number): Schedule {
    const dice = this.#dice
    const [first] = this.#waiting
    const workflow = workflowFor(first, this.#workflows, dice)
    const limited = first?.limited ?? dice.happens(0.3)
    const kills: Kill[] = []
    while (kills.length < Math.min(KILLS_A_RUN, most)) {
      const point = kills.length % 3 === 2 ? undefined : this.#take(workflow, limited, kills.length)
      if (point?.after !== undefined) kills.push(this.#killAt(point.after))
      kills.push(point === undefined ? this.#atRandom() : this.#killAt(point))
    }
    return {
      seed: this.#seed * 10_000 + this.#runs++,
      workflow: workflow.name,
      kills,
      graceMs: dice.pick([300, 300, 500, 1_000]),
      limited,
      faults: faultsOf(dice),
      standInKills: dice.happens(0.12) ? [{ process: dice.whole(0, kills.length), ms: dice.whole(300, 1_500) }] : [],
    }
  }

  /** What became of a schedule: the points that were not reached are tried again. */
  settle(schedule: Schedule, reached: ReadonlySet<string>): void {
    for (const { at } of schedule.kills) {
      if (at === 'random') continue
      if (reached.has(at)) this.reached.add(at)
      else this.#putBack(at)
    }
  }

  /** Points that no process came to. */
  missed(): readonly string[] {
    return this.#points
      .map(pointText)
      .filter((text) => !this.reached.has(text) && (this.#tries.get(text) ?? 0) >= TRIES)
  }

  #take(workflow: CrashWorkflow, limited: boolean, place: number): CrashPoint | undefined {
    if (this.#waiting.length === 0) this.#waiting = [...this.#points]
    const fitting = (point: CrashPoint) => fits(point, workflow, limited, place)
    const at = this.#waiting.findIndex(fitting)
    // What waits does not fit this run: a point again that does.
    return at === -1 ? fallOn(this.#points.filter(fitting), this.#dice.roll()) : this.#waiting.splice(at, 1)[0]
  }

  #putBack(text: string): void {
    const tries = (this.#tries.get(text) ?? 0) + 1
    this.#tries.set(text, tries)
    const point = allPoints().find((known) => pointText(known) === text)
    if (point !== undefined && tries < TRIES && !this.reached.has(text)) this.#waiting.unshift(point)
  }

  #atRandom(): Kill {
    const dice = this.#dice
    if (dice.happens(EARLY)) return { at: 'random', ms: dice.whole(LIFE_MS.from, LIFE_MS.to), from: 'start' }
    return { at: 'random', ms: dice.whole(0, LIFE_MS.to / 2), from: 'record' }
  }

  #killAt(point: CrashPoint): Kill {
    const at = pointText(point)
    return point.stopped === true ? { at, stopMs: this.#dice.whole(0, LATEST_STOP_MS) } : { at }
  }
}

function workflowFor(point: CrashPoint | undefined, workflows: readonly CrashWorkflow[], dice: Dice): CrashWorkflow {
  const fitting = workflows.filter((workflow) => point === undefined || suits(point, workflow))
  const found = fallOn(fitting, dice.roll())
  if (found === undefined) throw new Error('No workflow comes to this point')
  return found
}

function fits(point: CrashPoint, workflow: CrashWorkflow, limited: boolean, place: number): boolean {
  if (point.in !== undefined && (point.in === 'first') !== (place === 0)) return false
  if (point.ordinal > LATE_ORDINAL && place >= LATE_UNTIL) return false
  if (point.limited === true && !limited) return false
  return suits(point, workflow)
}

function suits({ needs }: CrashPoint, { hasManager, hasLargeResults }: CrashWorkflow): boolean {
  return (needs !== 'manager' || hasManager) && (needs !== 'large results' || hasLargeResults)
}

/** A third of the runs has a provider that loses answers, or is slow now and then. */
function faultsOf(dice: Dice): Schedule['faults'] {
  const kind = dice.roll()
  if (kind < 0.2) return { 'answer-lost': dice.pick([0.1, 0.3]) }
  if (kind < 0.26) return { slow: 0.01 }
  if (kind < 0.3) return { 'answer-lost': 0.1, slow: 0.01 }
  return {}
}
