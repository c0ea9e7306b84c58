/**
 * The crash harness: real processes of the built command line, and a stand-in in a process of its own that counts. They are killed with
 * SIGKILL at chosen points and at random moments, several times in each run's life, and go on each time. Every run must complete with
 * every agent created once and every turn told once, its records without a gap and its results whole.
 *
 *   npm run crash -- --kills 50 [--seed 1] [--jobs 3]
 *   npm run crash -- --kills 50 --workflow planning
 *   npm run crash -- --disk                         disk faults and clocks that go backwards; also after 500 kills and more
 *   npm run crash -- --schedule '{"seed":...}'      one run's life again, as a failure printed it
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setup } from '../support/build-cli.ts'
import { checkLife, transcriptOf } from './check-life.ts'
import { liveRun } from './crash-run.ts'
import { workflowNamed } from './crash-workflows.ts'
import type { DiskReport } from './disk/disk-report.ts'
import { runDiskRound } from './disk-round.ts'
import { type Schedule, Scheduler } from './schedule.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    workflow: { type: 'string' },
    jobs: { type: 'string', default: '3' },
    disk: { type: 'boolean', default: false },
    schedule: { type: 'string' },
  },
})

/** So many kills are meant as proof: disk faults belong to it. */
const FULL_ROUND = 500
const MOST_SHOWN = 20

async function live(root: string, cli: string, schedule: Schedule, tally: Tally): Promise<ReadonlySet<string>> {
  const folder = join(root, String(schedule.seed))
  try {
    const life = await liveRun(folder, cli, schedule)
    const check = await checkLife(life, schedule)
    tally.add(life, check)
    if (check.problems.length > 0) {
      await writeFile(join(folder, 'transcript.txt'), await transcriptOf(life))
      tell(schedule, folder, check.problems)
    } else await rm(folder, { recursive: true, force: true })
    return new Set(life.kills)
  } catch (error) {
    tally.broken()
    tell(schedule, folder, [error instanceof Error ? (error.stack ?? error.message) : String(error)])
    return new Set()
  }
}

function tell(schedule: Schedule, folder: string, problems: readonly string[]): void {
  console.error(`FAILED: seed ${schedule.seed}, kept in ${folder}`)
  for (const problem of problems) console.error(`  ${problem}`)
  console.error(`  again: npm run crash -- --schedule '${JSON.stringify(schedule)}'`)
}

async function killMany(root: string, cli: string): Promise<Tally> {
  const kills = Number(values.kills)
  const only = values.workflow === undefined ? undefined : [workflowNamed(values.workflow)]
  const scheduler = new Scheduler(Number(values.seed), only)
  const tally = new Tally()
  let planned = 0
  let isStopped = false
  // Told to end, it lets the lives under way end and says what came so far.
  process.once('SIGTERM', () => {
    isStopped = true
  })
  const work = async () => {
    // A run that ends before all its kills leaves some for another.
    while (!isStopped && tally.kills + planned < kills && tally.runs < kills + 20) {
      const schedule = scheduler.next(kills - tally.kills - planned)
      planned += schedule.kills.length
      scheduler.settle(schedule, await live(root, cli, schedule, tally))
      planned -= schedule.kills.length
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  tally.settle(scheduler)
  return tally
}

function printDisk({ case: name, tried, problems, counts }: DiskReport): void {
  for (const problem of problems.slice(0, MOST_SHOWN)) console.error(`FAILED: ${name}: ${problem}`)
  console.log(JSON.stringify({ case: name, tried, problems: problems.length, ...counts }))
}

const tearDown = setup()
const cli = process.env['TROUPE_TEST_CLI'] ?? 'dist/cli/main.js'
const root = await mkdtemp(join(tmpdir(), 'troupe-crash-'))
let isGood = true
try {
  if (values.schedule !== undefined) {
    const tally = new Tally()
    await live(root, cli, JSON.parse(values.schedule) as Schedule, tally)
    isGood = tally.print()
  } else {
    if (!values.disk) isGood = (await killMany(root, cli)).print(Number(values.kills))
    if (values.disk || (isGood && Number(values.kills) >= FULL_ROUND))
      isGood = (await runDiskRound(root, cli, printDisk)) && isGood
  }
  if (isGood) await rm(root, { recursive: true, force: true })
} finally {
  tearDown()
}
process.exitCode = isGood ? 0 : 1
