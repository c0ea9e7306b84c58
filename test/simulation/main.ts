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
/** A seed takes a tenth of a second; one that takes so long does so for ever. */
const LONGEST_SEED_MS = 120_000

/** What one process tells of a seed: that it has begun, and what came of it. */
type Told = Omit<SeedOutcome, 'simulation'>
type Message = { readonly began: number } | { readonly told: Told }

async function simulateShare(own: readonly number[], send: (message: Message) => void): Promise<void> {
  for (const seed of own) {
    send({ began: seed })
    const { simulation, ...told } = await simulateSeed(seed)
    if (values.trace) console.log(formatTrace(simulation))
    send({ told })
  }
}

/** A process that takes every `jobs`-th seed; resolves with the seed that it did not come through, if there is one. */
function simulateInChild(share: number, tell: (told: Told) => void): Promise<number | undefined> {
  const args = ['--seeds', String(seeds), '--from', String(from), '--jobs', String(jobs), '--share', String(share)]
  const child = fork(import.meta.filename, args, { execArgv: ['--import', 'tsx'] })
  let current: number | undefined
  let patience: NodeJS.Timeout | undefined
  child.on('message', (message: Message) => {
    clearTimeout(patience)
    if ('told' in message) tell(message.told)
    current = 'began' in message ? message.began : undefined
    if (current !== undefined) patience = setTimeout(() => child.kill('SIGKILL'), LONGEST_SEED_MS)
  })
  return new Promise((resolve) => {
    child.on('exit', () => {
      clearTimeout(patience)
      resolve(current)
    })
  })
}

function report({ violation, seed }: Told): void {
  if (violation === undefined) return
  const { invariant, says, message, position } = violation
  console.error(
    `seed ${seed}, step ${position}: ${invariant} (${says}) does not hold: ${message}\n` +
      `  again, with its trace: npm run simulate -- --from ${seed} --seeds 1 --jobs 1 --trace`,
  )
}

function summary(all: readonly Told[], broken: readonly number[], seconds: number): object {
  const sum = (of: (told: Told) => number) => all.reduce((total, told) => total + of(told), 0)
  const calls = all.map((told) => told.calls).sort((a, b) => a - b)
  const failed = [...broken, ...all.flatMap(({ violation, seed }) => (violation === undefined ? [] : [seed]))]
  return {
    case: 'simulate',
    from,
    seeds: all.length,
    violations: failed.length,
    failed: failed.sort((a, b) => a - b).slice(0, 100),
    creations: sum(({ creations }) => creations),
    records: sum(({ records }) => records),
    restarts: sum(({ processes }) => processes - 1),
    calls: { all: sum((told) => told.calls), middle: calls[calls.length >> 1] ?? 0, most: calls.at(-1) ?? 0 },
    virtualHours: Math.round(sum(({ virtualMs }) => virtualMs) / 360_000) / 10,
    seconds: Math.round(seconds * 10) / 10,
  }
}

async function simulateAll(): Promise<void> {
  const began = performance.now()
  const all: Told[] = []
  const tell = (told: Told) => {
    all.push(told)
    report(told)
  }
  const broken: number[] = []
  if (jobs === 1) await simulateShare(shareOf(0), (message) => 'told' in message && tell(message.told))
  else {
    const children = Array.from({ length: jobs }, (_, share) => simulateInChild(share, tell))
    for (const seed of await Promise.all(children)) if (seed !== undefined) broken.push(seed)
  }
  for (const seed of broken) console.error(`seed ${seed}: its process broke or hung`)
  console.log(JSON.stringify(summary(all, broken, (performance.now() - began) / 1000)))
  if (all.length < seeds || all.some(({ violation }) => violation !== undefined)) process.exitCode = 1
}

function shareOf(share: number): number[] {
  return Array.from({ length: seeds }, (_, index) => from + index).filter((_, index) => index % jobs === share)
}

if (values.share === undefined) await simulateAll()
else {
  await simulateShare(shareOf(Number(values.share)), (message) => process.send?.(message))
  process.disconnect()
}
