import { describe, expect, it } from 'vitest'
import { chances } from '../../src/domain/seed.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { inWorld, mostInAWindow, statesOf, type World } from './world.ts'

const SIDES = Array.from({ length: 12 }, (_, index) => `side${index}`)
const TASKS = ['first', ...SIDES, 'last']
/** More agents than may be created in a minute, and a manager who is told of them. */
const WORKFLOW = defineWorkflow({
  name: 'simulated',
  concurrency: 8,
  defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
  manager: { prompt: 'Watch them', reportEvery: '20s', simulate: { duration: '3s', result: 'Noted.' } },
  tasks: {
    first: { prompt: 'Begin', simulate: { duration: '10s', result: 'Begun.' } },
    ...Object.fromEntries(
      SIDES.map((name, index) => [
        name,
        { prompt: 'Work', needs: ['first'], simulate: { duration: `${5 + 7 * index}s`, result: `Done ${name}.` } },
      ]),
    ),
    last: { prompt: 'End: {{ tasks.side0.result }}', needs: SIDES, simulate: { duration: '10s', result: 'Ended.' } },
  },
})
const FAULTS = { 'answer-lost': 0.1, error: 0.05, garbage: 0.02, stale: 0.05, slow: 0.05, reset: 0.02 }

/** What must hold of a run that has completed, however it came to that. */
async function expectOnce(world: World, run: string): Promise<void> {
  const created = Object.entries(world.standIn.creations()).filter(([key]) => !key.includes('/manager/'))
  expect(Object.fromEntries(created)).toEqual(Object.fromEntries(TASKS.map((task) => [`${run}/${task}/1`, 1])))
  const managers = Object.entries(world.standIn.creations()).filter(([key]) => key.includes('/manager/'))
  expect(managers.filter(([, count]) => count !== 1)).toEqual([])
  // I6: not one create too many in any minute by the provider's clock.
  expect(world.standIn.refusals()['create'] ?? 0).toEqual(0)
  expect(mostInAWindow(world.creates, 60_000)).toBeLessThanOrEqual(10)
  // I9: no gap, and nothing told twice, over all processes that held the folder.
  const stored = await world.stored(run)
  expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, index) => index + 1))
  const told = world.records.map(({ seq }) => seq)
  expect(told).toEqual([...new Set(told)].sort((a, b) => a - b))
  // I8: each task completes once.
  const completed = TASKS.map((task) => statesOf(stored, task).filter((to) => to === 'completed').length)
  expect(completed).toEqual(TASKS.map(() => 1))
}

describe('a run against an account that loses, delays and garbles answers', () => {
  it.each(Array.from({ length: 20 }, (_, index) => index + 1))(
    'completes and doubles nothing (seed %i)',
    async (seed) => {
      await inWorld({ seed, faults: FAULTS }, async (world) => {
        const run = await world.start(WORKFLOW)
        expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
        await expectOnce(world, run)
        expect(world.records.map(({ seq }) => seq)).toEqual(world.records.map((_, index) => index + 1))
      })
    },
  )
})

describe('a run whose process dies', () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'or ends after a record, again and again, completes and doubles nothing (seed %i)',
    async (seed) => {
      await inWorld({ seed, faults: { 'answer-lost': 0.05, stale: 0.05 } }, async (world) => {
        const random = chances(seed, 'deaths')
        let left = 6 + Math.floor(random() * 40)
        world.onRecord = () => {
          if (--left !== 0) return
          if (seed % 3 === 0) world.leave()
          else world.kill()
        }
        const run = await world.start(WORKFLOW)
        let outcome = await world.settled(run)
        for (let deaths = 1; outcome === undefined; deaths++) {
          left = deaths < 6 ? 1 + Math.floor(random() * 60) : Number.POSITIVE_INFINITY
          await world.clock.advance(random() * 30_000)
          await world.open()
          const resumed = await world.resumed()
          // It may have died over the very last record.
          if (world.isHeld && resumed.length === 0) break
          outcome = await world.settled(run)
        }
        expect(world.orchestrator.runs().map(({ status }) => status)).toEqual(['completed'])
        await expectOnce(world, run)
      })
    },
  )

  // The fourteen agents, the manager, and what the manager is told.
  const counts = [1, 2, 3, 7, 14, 16, 17, 18]
  it.each((['before', 'after'] as const).flatMap((when) => counts.map((count) => [when, count] as const)))(
    '%s a create or a prompt reaches the account (call %i): it is made once',
    async (when, count) => {
      await inWorld({ seed: count }, async (world) => {
        let left = count
        world.onWrite = (moment) => {
          if (moment === when && --left === 0) world.kill()
        }
        const run = await world.start(WORKFLOW)
        expect(await world.settled(run)).toEqual(undefined)
        await world.clock.advance(1_000)
        await world.open()
        await world.resumed()
        expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
        await expectOnce(world, run)
        expect(Object.entries(world.standIn.turns()).filter(([, times]) => times !== 1)).toEqual([])
      })
    },
  )
})
