import type { RateLimit, Workflow } from '../../src/domain/workflow.ts'
import type { Damage } from './damage.ts'
import { Dice } from './dice.ts'
import { NO_TROUBLES, type Troubles } from './provider.ts'
import { randomWorkflow } from './random-workflow.ts'

/** When a process ends, how, and for how long nobody holds the folder. */
export interface Ending {
  /** `count` things of this kind after it took the folder. */
  readonly at: 'record' | 'sent' | 'arrived' | 'disk call' | 'second'
  readonly count: number
  /** A kill in the middle of a write leaves a part of it. */
  readonly how: 'killed' | 'power cut' | 'closed'
  readonly downMs: number
  /** What somebody says meanwhile through a process of its own, which lets nothing go on. */
  readonly meanwhile: Saying | undefined
  /** How far the machine's clock is set back meanwhile, ms. */
  readonly setBackMs: number
  /** What becomes of the disk meanwhile. */
  readonly damage: Damage | undefined
}

/** Something that a person says out of the blue. */
export interface Saying {
  /** After so many records of all processes, or after so many ms. */
  readonly at: { readonly records: number } | { readonly ms: number }
  readonly command:
    | 'cancel'
    | 'pause'
    | 'continue'
    | 'retry'
    | 'skip'
    | 'fail'
    | 'complete'
    | 'wait'
    | 'adopt'
    | 'adopt late'
    | 'approve'
    | 'reject'
    | 'answer'
    | 'steer'
    | 'pause task'
    | 'continue task'
    | 'cancel task'
  /** Which run, and which of its tasks: 0..1. */
  readonly run: number
  readonly task: number
}

/** Everything that a seed decides beforehand. */
export interface Scenario {
  readonly seed: number
  readonly workflows: readonly Workflow[]
  /** When each run is started, ms. */
  readonly startsMs: readonly number[]
  readonly troubles: Troubles
  readonly limits: Readonly<Partial<Record<'create' | 'standard' | 'shared', RateLimit>>>
  readonly graceMs: number
  /** How long a file call takes at most, ms; 0: it takes no time. */
  readonly slowestDiskMs: number
  /** From which file call on the disk is full, until somebody looks to it. */
  readonly fullFrom: number | undefined
  readonly endings: readonly Ending[]
  /** How far our clock is ahead of the provider's at the beginning, ms, and when it is set back by how much while we run. */
  readonly aheadMs: number
  readonly setBacks: readonly { readonly atMs: number; readonly byMs: number }[]
  /** Whether somebody asks for checkpoints now and then. */
  readonly checkpoints: boolean
  readonly sayings: readonly Saying[]
}

/** How many records, calls or seconds there may be before a process ends. */
const LATEST = { record: 40, sent: 30, arrived: 30, 'disk call': 250, second: 60 } as const
const COMMANDS = [
  'retry',
  'skip',
  'fail',
  'complete',
  'wait',
  'adopt',
  'adopt late',
  'pause',
  'continue',
  'cancel',
  'approve',
  'reject',
  'answer',
  'steer',
  'steer',
  'pause task',
  'continue task',
  'cancel task',
] as const
/** Our clock may be so far ahead of the provider's: what was just created is searched for that far back. */
const MOST_AHEAD_MS = 4 * 60_000
/** All calls: a watcher that may ask seldom leaves room for more to happen within the calls of a seed. */
const SLOW: RateLimit = { max: 24, windowMs: 60_000 }
const SET_BACKS = [2_000, 30_000, 600_000, 3_600_000] as const

/** What happens in a seed. */
export function scenarioOf(seed: number): Scenario {
  const dice = new Dice(seed, 'scenario')
  const runs = dice.happens(0.2) ? 2 : 1
  const shapes = new Dice(seed, 'workflow')
  const plans = new Dice(seed, 'plans')
  const clocks = new Dice(seed, 'clocks')
  const damages = randomDamages(new Dice(seed, 'damages'))
  const losesRecords = damages.some((damage) => damage?.what === 'journal')
  const troubles = randomTroubles(new Dice(seed, 'troubles'))
  const slowestDiskMs = new Dice(seed, 'disk').pick([0, 0, 5, 200, 3_000])
  // An agent of our own process ends by our clock: one that is set back between processes would make it work for longer.
  const maySimulate = slowestDiskMs === 0 && new Dice(seed, 'simulated').happens(0.5)
  return {
    seed,
    workflows: Array.from({ length: runs }, (_, at) =>
      randomWorkflow(shapes, `seed-${seed}-${at}`, maySimulate, plans.happens(0.2) ? plans : undefined),
    ),
    startsMs: Array.from({ length: runs }, (_, at) => (at === 0 ? 0 : dice.whole(0, 20_000))),
    // What has vanished cannot be found again by whoever has lost its record.
    troubles: { ...troubles, ...(losesRecords ? { vanishing: 0 } : {}) },
    limits: dice.happens(0.5) ? tightLimits(dice) : { shared: SLOW },
    graceMs: dice.pick([20_000, 30_000]),
    slowestDiskMs,
    fullFrom: dice.happens(0.1) ? dice.whole(60, 400) : undefined,
    endings: Array.from({ length: dice.pick([0, 1, 1, 2, 3]) }, (_, at) => ({
      ...randomEnding(dice),
      setBackMs: clocks.happens(0.15) && !maySimulate ? clocks.pick(SET_BACKS) : 0,
      damage: damages[at],
    })),
    aheadMs: clocks.happens(0.2) ? clocks.whole(0, MOST_AHEAD_MS) : 0,
    setBacks: clocks.happens(0.15) ? [{ atMs: clocks.whole(0, 60_000), byMs: clocks.pick(SET_BACKS) }] : [],
    // A record that a checkpoint holds is not lost with its line.
    checkpoints: !losesRecords,
    sayings: Array.from({ length: dice.pick([0, 1, 2, 4]) }, () => randomSaying(dice)),
  }
}

/** What the disk suffers at each end of a process: of journals or of checkpoints, as the seed has it. */
function randomDamages(dice: Dice): (Damage | undefined)[] {
  const kind = dice.roll()
  if (kind >= 0.3) return []
  return Array.from({ length: 3 }, () => {
    const what = kind < 0.15 ? 'journal' : dice.pick(['checkpoint', 'no checkpoint'] as const)
    const where = { file: dice.roll(), line: 1 - dice.roll() ** 2, byte: dice.roll() }
    return dice.happens(0.7) ? { what, ...where } : undefined
  })
}

function randomTroubles(dice: Dice): Troubles {
  if (dice.happens(0.15)) return { ...NO_TROUBLES, slowestMs: dice.pick([200, 5_000]) }
  const often = dice.pick([0.02, 0.05, 0.15])
  const some = (probability: number) => (dice.happens(0.6) ? probability : 0)
  return {
    faults: {
      'answer-lost': some(2 * often),
      error: some(often),
      garbage: some(often / 2),
      stale: some(2 * often),
      slow: some(often / 2),
      reset: some(often),
    },
    slowestMs: dice.pick([200, 1_000, 5_000]),
    refused: dice.happens(0.3) ? often : 0,
    retryAfter: dice.pick([0, 0.5, 1]),
    silent: dice.happens(0.3) ? often / 2 : 0,
    listedLateMs: dice.pick([0, 0, 3_000, 10_000]),
    keepMetadata: dice.happens(0.8),
    quota: dice.happens(0.1) ? dice.whole(0, 4) : undefined,
    locked: dice.happens(0.08) ? randomLock(dice) : undefined,
    vanishing: dice.happens(0.1) ? 0.2 : 0,
  }
}

function randomLock(dice: Dice): Troubles['locked'] {
  const fromMs = dice.whole(0, 30_000)
  return { status: dice.pick([401, 403] as const), fromMs, untilMs: fromMs + dice.whole(1_000, 120_000) }
}

function tightLimits(dice: Dice): Scenario['limits'] {
  return {
    create: { max: dice.whole(1, 4), windowMs: dice.pick([5_000, 20_000]) },
    ...(dice.happens(0.5) ? { standard: { max: dice.whole(4, 10), windowMs: 5_000 } } : {}),
    shared: dice.happens(0.5) ? { max: dice.whole(5, 10), windowMs: 20_000 } : SLOW,
  }
}

function randomEnding(dice: Dice): Omit<Ending, 'setBackMs' | 'damage'> {
  const at = dice.pick(['record', 'sent', 'arrived', 'disk call', 'second'] as const)
  return {
    at,
    count: dice.whole(1, LATEST[at]),
    how: dice.pick(['killed', 'killed', 'killed', 'power cut', 'closed'] as const),
    downMs: dice.pick([0, 200, 3_000, 40_000]),
    meanwhile: dice.happens(0.25) ? randomSaying(dice) : undefined,
  }
}

function randomSaying(dice: Dice): Saying {
  return {
    at: dice.happens(0.5) ? { records: dice.whole(3, 50) } : { ms: dice.whole(100, 90_000) },
    command: dice.happens(0.15) ? 'cancel' : dice.pick(COMMANDS),
    run: dice.roll(),
    task: dice.roll(),
  }
}
