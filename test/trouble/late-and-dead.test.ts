import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../../src/workflow/define.ts'
import type { World } from '../simulation/world.ts'
import { answered, type Fate, type RunJson, refused, swallowed } from './network.ts'
import { arrives, inTrouble, ONE, restart } from './trouble-world.ts'

const MINUTE = 60_000
const SMOOTH = ['pending', 'creating', 'running', 'reporting', 'completed']

async function expectDone(world: World, run: string): Promise<void> {
  expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
  expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1 })
}

describe('a poll that answers garbage or stale data', () => {
  it.each<[string, Fate]>([
    ['garbage', answered(() => '<html>')],
    ['another shape', answered(() => ({ status: 'FAILED' }))],
    ['500', refused(500)],
    ['404, as no such path', refused(404, { detail: 'Not Found' })],
    ['403', refused(403)],
    ['nothing', swallowed],
  ])('never proves a death by itself: %s for ten minutes', async (what, fate) => {
    await inTrouble(async (world, network) => {
      const run = await world.start(ONE)
      await world.until(arrives('one', 'running'))
      network.always('list', fate)
      network.always('get', fate)
      await world.clock.advance(10 * MINUTE)
      expect([world.states('one').at(-1), network.count('create')]).toEqual(['running', 1])
      network.heal()
      // Refused credentials pause the run until somebody says that they are right.
      if (what === '403') await world.orchestrator.command(run, { type: 'continue' })
      await expectDone(world, run)
      expect(world.states('one')).toEqual(SMOOTH)
    })
  })

  it('never proves that an agent works either: an old ACTIVE changes nothing but the delay', async () => {
    await inTrouble(async (world, network) => {
      const run = await world.start(ONE)
      const until = world.clock.now() + 10 * MINUTE
      network.show((shown) => (world.clock.now() < until ? { ...shown, status: 'ACTIVE', result: null } : shown))
      await expectDone(world, run)
      expect(world.clock.now()).toBeGreaterThanOrEqual(until)
    })
  })
})

/** Its result goes to a file: meanwhile the process may die. */
const wordy = defineWorkflow({
  name: 'wordy',
  defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
  tasks: { one: { prompt: 'Work', simulate: { duration: '2m', result: `Word ${'word '.repeat(5_000)}` } } },
})

describe('an agent run that completed, whose result is read by the next process', () => {
  it.each<[string, (run: RunJson) => RunJson | undefined, Fate | undefined]>([
    ['an old ACTIVE without a result', (run) => ({ ...run, status: 'ACTIVE', result: null, summary: null }), undefined],
    ['a 404', () => undefined, refused(404)],
    ['a PAUSED', (run) => ({ ...run, status: 'PAUSED', result: null, summary: 'What now?' }), undefined],
  ])('does not lose it to a read that shows %s', async (_, show, fate) => {
    await inTrouble(async (world, network) => {
      let left = 1
      world.onRecord = (record) => {
        if (arrives('one', 'reporting')(record) && left-- > 0) world.kill()
      }
      const run = await world.start(wordy)
      expect(await world.settled(run)).toEqual(undefined)
      const until = world.clock.now() + 40_000
      network.show((shown) => (world.clock.now() < until ? show(shown) : shown))
      if (fate !== undefined) network.next('get', fate, { times: 3 })
      await restart(world)
      await expectDone(world, run)
      const outcome = (await world.stored(run)).find(arrives('one', 'completed'))?.data?.['outcome']
      expect(outcome).toMatchObject({ result: expect.stringMatching(/^Word word/) })
    })
  })
})

describe('an agent run that vanished', () => {
  it('between being found and being read is gone only by several 404s and the list, and a person decides', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', async (request, deliver) => {
        await deliver(request)
        throw new TypeError('fetch failed')
      })
      const run = await world.start(ONE)
      await world.until(arrives('one', 'running'))
      network.show(() => undefined)
      network.always('get', refused(404))
      expect(await world.settled(run)).toMatchObject({ status: 'running', exitCode: 3 })
      expect([world.states('one').at(-1), world.standIn.creations()]).toEqual(['escalated', { [`${run}/one/1`]: 1 }])
      expect(network.calls.filter((call) => call === 'get').length).toBeGreaterThanOrEqual(3)
    })
  })
})

describe('several agents that were given up', () => {
  it('are each recorded with their own late end', async () => {
    const task = (duration: string) => ({ prompt: 'Work', simulate: { duration, result: 'Late.' } })
    const workflow = defineWorkflow({
      name: 'several',
      defaults: { repository: 'acme/shop', timeout: '1m', retry: { attempts: 1 } },
      tasks: { one: task('3m'), two: task('5m'), last: { ...task('30m'), timeout: '1h' } },
    })
    await inTrouble(async (world) => {
      const run = await world.start(workflow)
      for (const name of ['one', 'two']) {
        await world.until(arrives(name, 'escalated.overdue'))
        await world.orchestrator.commandTask(run, name, { type: 'complete', result: 'By hand.' })
      }
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const ends = (await world.stored(run)).filter(({ data }) => data?.['lateEnd'] !== undefined)
      expect(ends.map(({ task, data }) => [task, data?.['lateEnd']])).toMatchObject([
        ['one', { holder: `${run}/one/1`, status: 'COMPLETE' }],
        ['two', { holder: `${run}/two/1`, status: 'COMPLETE' }],
      ])
    })
  })
})

describe('a deadline', () => {
  const slow = (retry: object) =>
    defineWorkflow({
      name: 'slow',
      defaults: { repository: 'acme/shop', timeout: '1m' },
      tasks: { one: { prompt: 'Work', retry, simulate: { duration: '90s', result: 'Late.' } } },
    })

  it('without onTimeout makes no second agent: a person is asked, and an end meanwhile is taken', async () => {
    await inTrouble(async (world) => {
      const run = await world.start(slow({ attempts: 3 }))
      await expectDone(world, run)
      expect(world.states('one').slice(-3)).toEqual(['escalated.overdue', 'reporting', 'completed'])
    })
  })

  it('with onTimeout makes a second agent beside the first, whose late completion is recorded and completes nothing', async () => {
    await inTrouble(async (world) => {
      const run = await world.start(slow({ attempts: 2, delay: '1s', onTimeout: true }))
      await world.until(({ data }) => data?.['lateEnd'] !== undefined)
      expect(world.states('one')).toContain('retrying')
      expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1, [`${run}/one/2`]: 1 })
      expect((await world.settled(run))?.status).toEqual('completed')
      const stored = await world.stored(run)
      expect(stored.filter(arrives('one', 'completed')).map(({ attempt }) => attempt)).toEqual([2])
      const ends = stored.filter(({ data }) => data?.['lateEnd'] !== undefined)
      expect(ends.map(({ attempt, data }) => [attempt, data?.['lateEnd']])).toMatchObject([[1, { status: 'COMPLETE' }]])
    })
  })

  it('passes for a process that was dead over it: the agent is asked before a person is', async () => {
    await inTrouble(async (world) => {
      const run = await world.start(slow({ attempts: 1 }))
      await world.until(arrives('one', 'running'))
      world.kill()
      await world.clock.advance(10 * MINUTE)
      await world.open()
      await world.resumed()
      await expectDone(world, run)
    })
  })
})
