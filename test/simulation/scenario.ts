import type { RateLimit, Workflow } from '../../src/domain/workflow.ts'
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
}

/** Something that a person says out of the blue. */
export interface Saying {
  /** After so many records of all processes, or after so many ms. */
  readonly at: { readonly records: number } | { readonly ms: number }
  readonly command: 'cancel' | 'pause' | 'continue' | 'retry' | 'skip' | 'fail' | 'complete' | 'wait' | 'adopt'
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
  readonly sayings: readonly Saying[]
}

/** How many records, calls or seconds there may be before a process ends. */
const LATEST = { record: 40, sent: 30, arrived: 30, 'disk call': 250, second: 60 } as const
const COMMANDS = ['retry', 'skip', 'fail', 'complete', 'wait', 'adopt', 'pause', 'continue', 'cancel'] as const

/** What happens in a seed. */
export function scenarioOf(seed: number): Scenario {
  const dice = new Dice(seed, 'scenario')
  const runs = dice.happens(0.2) ? 2 : 1
  const shapes = new Dice(seed, 'workflow')
  return {
    seed,
    workflows: Array.from({ length: runs }, (_, at) => randomWorkflow(shapes, `seed-${seed}-${at}`)),
    startsMs: Array.from({ length: runs }, (_, at) => (at === 0 ? 0 : dice.whole(0, 20_000))),
    troubles: randomTroubles(new Dice(seed, 'troubles')),
    limits: dice.happens(0.5) ? tightLimits(dice) : {},
    graceMs: dice.pick([20_000, 30_000]),
    slowestDiskMs: dice.pick([0, 0, 5, 200, 3_000]),
    fullFrom: dice.happens(0.1) ? dice.whole(60, 400) : undefined,
    endings: Array.from({ length: dice.pick([0, 1, 1, 2, 3]) }, () => randomEnding(dice)),
    sayings: Array.from({ length: dice.pick([0, 1, 2, 4]) }, () => randomSaying(dice)),
  }
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
    ...(dice.happens(0.5) ? { shared: { max: dice.whole(6, 15), windowMs: 10_000 } } : {}),
  }
}

function randomEnding(dice: Dice): Ending {
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
