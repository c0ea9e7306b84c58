import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../../src/domain/record.ts'
import { isFinalState } from '../../src/machines/public-state.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { inWorld, statesOf, type World } from './world.ts'

const DEFAULTS = { repository: 'acme/shop', retry: { attempts: 1 } } as const
const MINUTE = 60_000

const arrives = (actor: string, state: string) => (record: RunRecord) =>
  record.actor.id === actor && record.to === state

/** One task that works for `duration` and may take a minute. */
const overdue = (duration: string) =>
  defineWorkflow({
    name: 'overdue',
    defaults: { ...DEFAULTS, timeout: '1m' },
    tasks: { slow: { prompt: 'Take your time', simulate: { duration, result: 'Late.' } } },
  })

describe('a manager that is no help', () => {
  it.each([
    ['fails at once', { duration: '1s', outcome: 'error', failures: 100 }, 'failed'],
    ['never answers', { duration: '1s', outcome: 'never' }, 'failed'],
    ['pauses and waits for somebody', { duration: '1s', outcome: 'paused' }, 'failed'],
    ['says at the end that it failed', { duration: '1s', report: 'failed', result: 'No.' }, 'failed'],
  ] as const)('%s: the run goes on without it, with an alert', async (_, simulate, end) => {
    await inWorld({}, async (world) => {
      const workflow = defineWorkflow({
        name: 'managed',
        defaults: DEFAULTS,
        manager: { prompt: 'Watch', timeout: '2m', reportEvery: '10s', simulate },
        tasks: {
          one: { prompt: 'One', simulate: { duration: '30s', result: 'One.' } },
          two: { prompt: 'Two', needs: ['one'], simulate: { duration: '30s', result: 'Two.' } },
        },
      })
      const run = await world.start(workflow)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.states('manager').at(-1)).toEqual(end)
      const alerts = world.records.filter(({ type }) => type === 'alert').map(({ data }) => data?.['code'])
      expect(alerts).toContain('manager-failed')
    })
  })
})

describe('a task past its deadline whose agent cannot be stopped', () => {
  it('waits for a person and is still watched: its late end is taken as if in time', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('3m'))
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.states('slow')).toEqual([
        'pending',
        'creating',
        'running',
        'escalated.overdue',
        'reporting',
        'completed',
      ])
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1 })
    })
  })

  it('is retried by a person: the first agent’s late end is recorded and completes nothing (I8)', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('90s'))
      await world.until(arrives('slow', 'escalated.overdue'))
      await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
      await world.until(({ data }) => data?.['lateEnd'] !== undefined)
      expect(
        world.records
          .filter(({ data }) => data?.['lateEnd'] !== undefined)
          .map(({ type, attempt, data }) => [type, attempt, data]),
      ).toEqual([
        [
          'progress',
          1,
          expect.objectContaining({
            lateEnd: expect.objectContaining({ holder: `${run}/slow/1`, status: 'COMPLETE', usable: true }),
          }),
        ],
      ])
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const completed = world.records.filter(arrives('slow', 'completed'))
      expect(completed.map(({ attempt }) => attempt)).toEqual([2])
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1, [`${run}/slow/2`]: 1 })
    })
  })

  it('is retried, and the process dies: the given-up agent is watched again', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('90s'))
      await world.until(arrives('slow', 'escalated.overdue'))
      await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
      world.kill()
      await world.open()
      await world.resumed()
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const stored = await world.stored(run)
      expect(stored.filter(({ data }) => data?.['lateEnd'] !== undefined)).toHaveLength(1)
      expect(stored.filter(arrives('slow', 'completed')).map(({ attempt }) => attempt)).toEqual([2])
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1, [`${run}/slow/2`]: 1 })
    })
  })

  it.each([
    ['wait', { type: 'wait', ms: 10 * MINUTE }],
    ['adopt', { type: 'adopt' }],
  ] as const)('goes on with the same agent after %s', async (_, command) => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('5m'))
      await world.until(arrives('slow', 'escalated.overdue'))
      await world.orchestrator.commandTask(run, 'slow', command)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.states('slow').slice(3)).toEqual(['escalated.overdue', 'running', 'reporting', 'completed'])
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1 })
    })
  })

  it.each(['complete', 'skip', 'fail'] as const)(
    'is settled by a person’s %s, and the run ends without its agent',
    async (type) => {
      await inWorld({}, async (world) => {
        const run = await world.start(overdue('2h'))
        await world.until(arrives('slow', 'escalated.overdue'))
        await world.orchestrator.commandTask(run, 'slow', type === 'complete' ? { type, result: 'Mine.' } : { type })
        const before = world.clock.now()
        const outcome = await world.settled(run)
        expect(outcome?.status).toEqual({ complete: 'completed', skip: 'completed', fail: 'failed' }[type])
        expect(world.clock.now() - before).toBeLessThan(MINUTE)
      })
    },
  )
})

describe('a create whose outcome nobody can tell', () => {
  it('waits for a person, who says wait once the server answers: the agent is found, not made again', async () => {
    await inWorld({ faults: { 'answer-lost': 1 } }, async (world) => {
      const run = await world.start(overdue('5m'))
      await world.until(arrives('slow', 'creating.reconciling'))
      world.standIn.setFaults({ 'answer-lost': 0, error: 1 })
      const waiting = await world.settled(run)
      expect([waiting?.exitCode, world.states('slow').at(-1)]).toEqual([3, 'escalated.doubtful'])
      world.standIn.setFaults({ error: 0 })
      await world.orchestrator.commandTask(run, 'slow', { type: 'wait' })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1 })
    })
  })
})

describe('a budget', () => {
  it('of agent runs is never exceeded; the run waits, and goes on when a person raises it (I10)', async () => {
    await inWorld({}, async (world) => {
      const names = ['a', 'b', 'c', 'd', 'e']
      const tasks = Object.fromEntries(names.map((name) => [name, { prompt: name, simulate: { duration: '20s' } }]))
      const run = await world.start(
        defineWorkflow({ name: 'bounded', defaults: DEFAULTS, budget: { agentRuns: 3 }, tasks }),
      )
      expect(await world.settled(run)).toEqual({
        run,
        status: 'paused',
        exitCode: 3,
        reason: 'The budget of 3 agent runs is used up',
      })
      expect(Object.keys(world.standIn.creations())).toHaveLength(3)
      await world.orchestrator.command(run, { type: 'continue', budget: { agentRuns: 2 } })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(Object.keys(world.standIn.creations())).toHaveLength(5)
    })
  })

  it('that is used up survives the process, and is not opened by a resume alone', async () => {
    await inWorld({}, async (world) => {
      const tasks = { a: { prompt: 'a' }, b: { prompt: 'b', needs: ['a'] } }
      const run = await world.start(
        defineWorkflow({ name: 'bounded', defaults: DEFAULTS, budget: { agentRuns: 1 }, tasks }),
      )
      const waiting = { run, status: 'paused', exitCode: 3, reason: 'The budget of 1 agent runs is used up' }
      expect(await world.settled(run)).toEqual(waiting)
      world.kill()
      await world.open()
      await world.resumed()
      expect(await world.settled(run)).toEqual(waiting)
      expect(world.standIn.creations()).toEqual({ [`${run}/a/1`]: 1 })
    })
  })
})

/** One task in each state that lasts, by what its agent does. */
const LASTING = [
  ['pending', { duration: '1m' }],
  ['creating', { duration: '1m' }],
  ['running', { duration: '1h' }],
  ['running.needsInput', { duration: '10s', outcome: 'paused' }],
  ['reporting', { duration: '10s' }],
  ['recovering', { duration: '10s', failures: 9 }],
  ['retrying', { duration: '10s', failures: 1 }],
  ['escalated', { duration: '10s', failures: 9 }],
  ['escalated.overdue', { duration: '1h' }],
] as const

describe('cancel', () => {
  for (const [state, simulate] of LASTING) {
    it(`of a run whose task is ${state} settles all and creates nothing more`, async () => {
      await inWorld({}, async (world) => {
        const retry = { attempts: state === 'retrying' ? 3 : 1, delay: '1m' }
        const timeout = state === 'escalated.overdue' ? '1m' : '2h'
        const workflow = defineWorkflow({
          name: 'cancelled',
          defaults: { ...DEFAULTS, retry, timeout },
          manager: { prompt: 'Watch', simulate: { duration: '5s', result: 'Noted.' } },
          tasks: {
            task: { prompt: 'Work', simulate },
            other: { prompt: 'Work too', simulate: { duration: '1h' } },
            after: { prompt: 'Go on', needs: ['task', 'other'] },
          },
        })
        const run = await world.start(workflow)
        await world.until(arrives('task', state))
        await world.orchestrator.command(run, { type: 'cancel' })
        const settled = await world.settled(run)
        expect(settled).toEqual({ run, status: 'cancelled', exitCode: 1 })
        await expectCancelled(world, run)
      })
    })
  }

  it('of a create whose answer was lost looks for the agent first, and names where it goes on', async () => {
    await inWorld({ faults: { 'answer-lost': 1 } }, async (world) => {
      const run = await world.start(overdue('10h'))
      await world.until(arrives('slow', 'creating.reconciling'))
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toEqual('cancelled')
      const [last] = world.records.filter(arrives('slow', 'cancelled'))
      expect(last?.data?.['note']).toMatch(/^codegen cannot stop an agent run: it goes on at https:/)
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1 })
    })
  })

  it('of a create nobody can tell the outcome of says that an agent may be there', async () => {
    await inWorld({ faults: { 'answer-lost': 1 } }, async (world) => {
      const run = await world.start(overdue('10h'))
      await world.until(arrives('slow', 'creating.reconciling'))
      world.standIn.setFaults({ 'answer-lost': 0, error: 1 })
      await world.until(arrives('slow', 'escalated.doubtful'))
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toEqual('cancelled')
      const [last] = world.records.filter(arrives('slow', 'cancelled'))
      expect(last?.data?.['note']).toMatch(/^An agent may have been created: /)
    })
  })

  it('stops what its backend can stop', async () => {
    await inWorld({}, async (world) => {
      const workflow = defineWorkflow({
        name: 'stopped',
        defaults: { backend: 'simulated' },
        tasks: { one: { prompt: 'One', simulate: { duration: '1h' } }, two: { prompt: 'Two', needs: ['one'] } },
      })
      const run = await world.start(workflow)
      await world.until(arrives('one', 'running'))
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toEqual('cancelled')
      const [last] = world.records.filter(arrives('one', 'cancelled'))
      expect(last?.data?.['note']).toMatch(/^Stopped /)
    })
  })
})

/** Nothing lives, nothing is created for half an hour, and nothing is left that could wake. */
async function expectCancelled(world: World, run: string): Promise<void> {
  const created = world.standIn.creations()
  const stored = await world.stored(run)
  const agents = new Set(stored.flatMap(({ actor }) => (actor.kind === 'supervisor' ? [] : [actor.id])))
  expect([...agents].map((agent) => [agent, isFinalState(statesOf(stored, agent).at(-1) ?? '')])).toEqual(
    [...agents].map((agent) => [agent, true]),
  )
  await world.clock.advance(30 * MINUTE)
  expect(world.standIn.creations()).toEqual(created)
  expect(Object.values(created).filter((count) => count !== 1)).toEqual([])
  expect(agents.has('after')).toEqual(false)
  await world.orchestrator.close()
  expect(world.clock.pending()).toEqual(0)
}
