/**
 * The simulation: whole orchestrators in virtual time, against an account that fails in every way, killed at any moment; after
 * each step every invariant is asked.
 *
 *   npm run simulate -- --seeds 200 [--from 1] [--jobs 2] [--trace]
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { formatTrace } from './format-trace.ts'
import { type SeedOutcome, simulateSeed } from './simulate-seed.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    trace: { type: 'boolean', default: false },
    share: { type: 'string' },
  },
})
const seeds = Number(values.seeds)
const from = Number(values.from)
const jobs = Math.max(1, Math.min(Number(values.jobs), seeds))

/** What one process tells of a seed. */
type Told = Omit<SeedOutcome, 'simulation'>

function toldOf({ simulation: _simulation, ...told }: SeedOutcome): Told {
  return told
}

function report({ violation, seed }: Told): void {
  if (violation === undefined) return
  const { invariant, says, message, position } = violation
  console.error(
    `seed ${seed}, step ${position}: ${invariant} (${says}) does not hold: ${message}\n` +
      `  again, with its trace: npm run simulate -- --from ${seed} --seeds 1 --trace`,
  )
}

async function simulateHere(own: readonly number[], tell: (told: Told) => void): Promise<void> {
  for (const seed of own) {
    const outcome = await simulateSeed(seed)
    if (values.trace) console.log(formatTrace(outcome.simulation))
    tell(toldOf(outcome))
  }
}

/** Each child takes every `jobs`-th seed; all of them are told here. */
function simulateInChildren(tell: (told: Told) => void): Promise<unknown> {
  const children = Array.from({ length: jobs }, (_, index) => {
    const args = ['--seeds', String(seeds), '--from', String(from), '--jobs', String(jobs), '--share', String(index)]
    const child = fork(import.meta.filename, args, { execArgv: ['--import', 'tsx'] })
    child.on('message', (told) => tell(told as Told))
    return new Promise<void>((resolve, reject) => {
      child.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`A process of the simulation ended with ${code}`)),
      )
    })
  })
  return Promise.all(children)
}

function middleOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

async function simulateAll(): Promise<void> {
  const began = performance.now()
  const all: Told[] = []
  const tell = (told: Told) => {
    all.push(told)
    report(told)
  }
  if (jobs === 1)
    await simulateHere(
      Array.from({ length: seeds }, (_, index) => from + index),
      tell,
    )
  else await simulateInChildren(tell)
  const sum = (of: (told: Told) => number) => all.reduce((total, told) => total + of(told), 0)
  const calls = all.map((told) => told.calls)
  const failed = all.filter(({ violation }) => violation !== undefined)
  console.log(
    JSON.stringify({
      case: 'simulate',
      from,
      seeds: all.length,
      violations: failed.length,
      failed: failed
        .map(({ seed }) => seed)
        .sort((a, b) => a - b)
        .slice(0, 100),
      creations: sum(({ creations }) => creations),
      records: sum(({ records }) => records),
      ends: sum(({ processes }) => processes - 1),
      calls: {
        all: sum(({ calls }) => calls),
        middle: middleOf(calls),
        most: Math.max(...calls),
        over80: calls.filter((n) => n > 80).length,
      },
      virtualHours: Math.round(sum(({ virtualMs }) => virtualMs) / 360_000) / 10,
      seconds: Math.round((performance.now() - began) / 100) / 10,
    }),
  )
  if (failed.length > 0 || all.length < seeds) process.exitCode = 1
}

if (values.share === undefined) await simulateAll()
else {
  const share = Number(values.share)
  const own = Array.from({ length: seeds }, (_, index) => index).filter((index) => index % jobs === share)
  await simulateHere(
    own.map((index) => from + index),
    (told) => process.send?.(told),
  )
  process.disconnect()
}
