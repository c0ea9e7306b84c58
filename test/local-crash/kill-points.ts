/** Where a troupe that works with real agents is killed: dealt out to runs by a seed, each once before any a second time. */
import { Dice } from '../simulation/dice.ts'
import { CHECKED, LAST, SET_UP, TASKS, type TaskName } from './crash-work.ts'

/** One run's kills; which comes first is up to the run. */
export interface KillPlan {
  readonly seed: number
  /**
   * Places of pause-point.mjs, and `tool@TASK`, `check@TASK`, `setup@TASK`: while such a command of theirs runs. `unguarded@TASK` is a tool,
   * too; the guard is killed with troupe.
   */
  readonly points: readonly string[]
  /** Troupe is killed no more often. */
  readonly most: number
  /** The agents of these tasks are killed, too, once each, in the middle of a tool. */
  readonly agents: readonly TaskName[]
  /** So long after its start the nth process is killed, ms, wherever it is; 0: it is not. */
  readonly random: readonly number[]
}

/** What it is called, and at which of these tasks (or the supervisor) it may be. */
type Kind = readonly [name: string, tasks: readonly string[]]

const ANY = TASKS
/** Those that a short round has to have. */
const FIRST: readonly Kind[] = [
  ['note.turn.synced', ANY],
  ['tool', ANY],
  ['note.ended.synced', ANY],
  ['check', [CHECKED]],
  ['git.merge-tree.during', ['any']],
  ['release.renamed', ANY],
]
const FACTS = ['ordered', 'workspace', 'ready', 'process', 'session', 'turn', 'ended', 'collected', 'released'] as const
const STATES = ['pending', 'creating', 'running', 'reporting', 'completed'] as const
const RUN_STATES = ['starting', 'running', 'finishing', 'completed'] as const
const REST: readonly Kind[] = [
  ...FACTS.map((fact): Kind => [`note.${fact}.synced`, ANY]),
  ...FACTS.map((fact): Kind => [`note.${fact}.written`, ANY]),
  ...FACTS.map((fact): Kind => [`note.${fact}.torn`, ANY]),
  ...STATES.map((state): Kind => [`record.${state}`, ANY]),
  ...RUN_STATES.map((state): Kind => [`record.${state}`, ['supervisor']]),
  ['record.reporting.checking', [CHECKED]],
  ['record.reporting.mending', [CHECKED]],
  ...['worktree', 'reset', 'merge-tree', 'commit-tree', 'update-ref', 'add'].flatMap((what): Kind[] => [
    [`git.${what}.before`, ['any']],
    [`git.${what}.during`, ['any']],
  ]),
  ['tool', ['plan']],
  ['tool', ['build-api']],
  ['tool', ['build-page']],
  ['tool', ['build-store']],
  ['tool', ['review']],
  ['tool', ['docs']],
  ['check', [CHECKED]],
  ['setup', [SET_UP]],
  ['unguarded', ANY],
  ['unguarded', ANY],
  ['note.released.synced', [LAST]],
  ['release.renamed', [LAST]],
  ['note.collected.synced', [LAST]],
]

const MOST_A_RUN = 10
/** So many more than are needed, since a run does not come to all. */
const SPARE = 3
/** How often a place is tried that no process came to. */
const TRIES = 3

/** Deals the places out. */
export class Dealer {
  readonly #seed: number
  readonly #dice: Dice
  #waiting: Kind[] = []
  readonly #tries = new Map<string, number>()
  #runs = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#dice = new Dice(seed, 'local-crash')
    this.#waiting = [...FIRST, ...this.#shuffled(REST)]
  }

  /** The next run's kills, at most so many. */
  next(most: number): KillPlan {
    const dice = this.#dice
    const points = new Set<string>()
    for (let looked = 0; points.size < Math.min(most + SPARE, MOST_A_RUN) && looked < 3 * MOST_A_RUN; looked++) {
      if (this.#waiting.length === 0) this.#waiting = this.#shuffled(REST)
      const kind = this.#waiting.shift()
      if (kind !== undefined) points.add(pointOf(kind, dice))
    }
    const isShort = most < MOST_A_RUN
    return {
      seed: this.#seed * 1_000 + this.#runs++,
      points: [...points],
      most,
      agents: isShort || dice.happens(0.4) ? [] : [TASKS[dice.whole(0, TASKS.length - 1)] ?? LAST],
      random:
        points.size < 6 || isShort ? [] : Array.from(points, () => (dice.happens(0.2) ? dice.whole(300, 6_000) : 0)),
    }
  }

  /** Places that the run did not come to are tried again. */
  missed(points: readonly string[]): void {
    for (const point of points) {
      const [name = '', task = ''] = point.split('@')
      const tries = (this.#tries.get(point) ?? 0) + 1
      this.#tries.set(point, tries)
      if (tries < TRIES) this.#waiting.splice(Math.min(2, this.#waiting.length), 0, [name, [task]])
    }
  }

  #shuffled(kinds: readonly Kind[]): Kind[] {
    return [...kinds]
      .map((kind) => [this.#dice.roll(), kind] as const)
      .sort(([a], [b]) => a - b)
      .map(([, kind]) => kind)
  }
}

function pointOf([name, tasks]: Kind, dice: Dice): string {
  return `${name}@${tasks[dice.whole(0, tasks.length - 1)] ?? ''}`
}
