import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ask, creations, delegate, FINISH, planned, recordedDecisions, turns } from './planning-world.ts'
import { inWorld, type World } from './simulation/world.ts'

const task = (id: string, ...needs: readonly string[]) => ({ id, prompt: `Do ${id}`, needs })
const LIST = { type: 'object', properties: { tasks: { type: 'array', items: { type: 'object' } } } }
const PLANNED = planned([
  delegate({ ...task('plan', 'first'), role: 'TaskPlanner', output: LIST }, task('first')),
  delegate(task('last', 'nothing')),
  ask('Go on?'),
  delegate({ ...task('each', 'plan'), forEach: 'tasks.plan.output.tasks' }, task('last', 'each')),
  FINISH,
])
const OPTIONS = { seed: 4, unlimited: true, faults: {} } as const

/** What the whole of a run leaves: whatever happened to the process, nothing is decided, created or told twice, or never. */
const TASKS = ['first', 'plan', 'each[0]', 'each[1]', 'each[2]', 'last']
const once = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, 1]))
const WHOLE = {
  status: 'completed',
  decisions: [
    ['delegate', 'first', 'plan'],
    ['refused', "task last: needs 'nothing', and there is no such task"],
    ['ask'],
    ['delegate', 'each', 'last'],
    ['finish', 'completed'],
  ],
  creations: once([...TASKS, 'manager'].map((id) => `${id}/1`)),
  turns: once([...TASKS.map((id) => `${id}/1/1`), ...[1, 2, 3, 4, 5].map((turn) => `manager/1/${turn}`)]),
}

/** Lives a run; whenever the process dies, the next one goes on. */
async function live(world: World): Promise<unknown> {
  let run = ''
  void world.start(PLANNED, { yes: true }).then((started) => {
    run = started
  })
  await world.clock.runUntil(() => run !== '' || !world.isHeld)
  for (let lives = 0; lives < 20; lives++) {
    if (!world.isHeld) {
      await world.open()
      const [resumed] = await world.resumed()
      run = resumed ?? run
      if (run === '') {
        // It died before anything of the run was durable.
        run = await world.start(PLANNED, { yes: true })
      }
    }
    const outcome = await world.settled(run)
    if (outcome === undefined) continue
    const decisions = await recordedDecisions(world, run)
    return { status: outcome.status, decisions, creations: creations(world, run), turns: turns(world, run) }
  }
  return 'it never ended'
}

/** How often something happens when it does nothing to the process. */
async function countOf(happens: (world: World, note: () => void) => void): Promise<number> {
  let total = 0
  await inWorld(OPTIONS, async (world) => {
    happens(world, () => {
      total++
    })
    expect(await live(world)).toEqual(WHOLE)
  })
  return total
}

/** What is left when the process dies at each time that something happens. */
async function killedAtEach(happens: (world: World, note: () => void) => void): Promise<readonly unknown[]> {
  const total = await countOf(happens)
  expect(total).toBeGreaterThan(8)
  const wrong: unknown[] = []
  for (let at = 1; at <= total; at++) {
    await inWorld(OPTIONS, async (world) => {
      let seen = 0
      happens(world, () => {
        if (++seen === at) world.kill()
      })
      const after = await live(world)
      if (!isDeepStrictEqual(after, WHOLE)) wrong.push([at, after])
    })
  }
  return wrong
}

describe('a planning run whose process is killed', () => {
  it('goes on as if nothing had happened after every record', async () => {
    const wrong = await killedAtEach((world, note) => {
      world.onRecord = note
    })
    expect(wrong).toEqual([])
  }, 120_000)

  it.each(['before', 'after'] as const)(
    'goes on as if nothing had happened %s every create and every prompt',
    async (when) => {
      const wrong = await killedAtEach((world, note) => {
        world.onWrite = (happened) => happened === when && note()
      })
      expect(wrong).toEqual([])
    },
    60_000,
  )
})
