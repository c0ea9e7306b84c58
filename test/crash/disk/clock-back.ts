/** The clock of the machine goes back an hour, while nobody runs or under a running process; the provider's goes on. */
import { steadyTime } from '../../../src/host/clock.ts'
import { defineWorkflow } from '../../../src/workflow/define.ts'
import { mostInAWindow } from '../../simulation/world.ts'
import type { DiskReport } from './disk-report.ts'
import { type DiskLife, inLife, type LifeOptions } from './stopped-folder.ts'

const HOUR_MS = 3_600_000
const LIMIT = { max: 3, windowMs: 60_000 }
/** Nine creations at three a minute, one of them repeated: less than this with time to spare, whatever the clock says. */
const LONGEST_MS = 20 * 60_000

const WORKFLOW = defineWorkflow({
  name: 'clock',
  defaults: { repository: 'acme/shop', retry: { attempts: 3, delay: '20s' } },
  manager: { prompt: 'Orchestrate', reportEvery: '5s', simulate: { duration: '1s', result: 'Noted.' } },
  tasks: {
    ...Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`side${n}`, { prompt: 'Work', simulate: { duration: '6s' } }])),
    again: { prompt: 'Work', simulate: { duration: '2s', failures: 1 } },
    last: {
      needs: ['side1', 'side2', 'side3', 'side4', 'side5', 'again'],
      prompt: 'Join',
      simulate: { duration: '3s' },
    },
  },
})

/** `everyMs`: how often in the run's life it is tried, for a restart as well as for a jump. */
export async function turnClocksBack({ everyMs }: { readonly everyMs: number }): Promise<DiskReport> {
  const problems: string[] = []
  let tried = 0
  let longestMs = 0
  for (let atMs = everyMs; atMs < 200_000; atMs += everyMs) {
    for (const isRestarted of [true, false]) {
      tried++
      const { ms, found } = await (isRestarted ? restarted(atMs) : jumped(atMs))
      longestMs = Math.max(longestMs, ms)
      const how = isRestarted ? 'restart' : 'jump'
      problems.push(...found.map((problem) => `${how} after ${atMs} ms: ${problem}`))
    }
  }
  return { case: 'clock back', tried, problems, counts: { longestMs: Math.round(longestMs) } }
}

/** The clock goes back between two processes. */
async function restarted(atMs: number) {
  const first = await inLife({ createLimit: LIMIT }, async (life) => {
    const begin = life.clock.now()
    await life.open()
    const run = await life.start(WORKFLOW)
    await life.clock.advance(atMs)
    return { run, begin, stopped: life.stop(), creates: [...life.creates] }
  })
  const back: LifeOptions = { createLimit: LIMIT, skewed: (now) => now - HOUR_MS }
  return inLife(
    back,
    async (life) => {
      await life.open()
      return judge(life, first.run, first.begin, first.creates)
    },
    first.stopped,
  )
}

/** The clock goes back under a running process, whose time is the one that every process has. */
async function jumped(atMs: number) {
  let now = 0
  let jumpAt = Number.POSITIVE_INFINITY
  const time = steadyTime(
    () => (now < jumpAt ? now : now - HOUR_MS),
    () => now,
  )
  const skewed = (instant: number) => {
    now = instant
    return time()
  }
  return inLife({ createLimit: LIMIT, skewed }, async (life) => {
    const begin = life.clock.now()
    await life.open()
    jumpAt = begin + atMs
    return judge(life, await life.start(WORKFLOW), begin, [])
  })
}

async function judge(life: DiskLife, run: string, begin: number, before: readonly number[]) {
  const { status } = await life.settled(run)
  const ms = life.clock.now() - begin
  const found = status === 'completed' ? [] : [`the run is ${status}`]
  const most = mostInAWindow([...before, ...life.creates], LIMIT.windowMs)
  if (most > LIMIT.max) found.push(`${most} creations reached the provider within a minute`)
  if (ms > LONGEST_MS) found.push(`it took ${Math.round(ms / 60_000)} minutes`)
  for (const [key, count] of Object.entries({ ...life.standIn.creations(), ...life.standIn.turns() })) {
    if (count !== 1) found.push(`${key} came ${count} times`)
  }
  return { ms, found }
}
