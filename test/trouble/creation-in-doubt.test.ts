import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../../src/workflow/define.ts'
import type { World } from '../simulation/world.ts'
import {
  answered,
  doubled,
  type Fate,
  late,
  lostAfter,
  lostBefore,
  type RunJson,
  refused,
  swallowed,
  unanswered,
} from './network.ts'
import { alerts, arrives, dataOf, inTrouble, ONE, restart, WITHOUT_METADATA } from './trouble-world.ts'

const GRACE_MS = 30_000

/** Expects that the one task completes with one agent, created once. */
async function expectOne(world: World, run: string): Promise<void> {
  expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
  expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1 })
}

/** Another task keeps the run alive when the first has ended. */
const CHAIN = defineWorkflow({
  name: 'chain',
  defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
  tasks: {
    one: { prompt: 'One', simulate: { duration: '2m', result: 'One.' } },
    two: { prompt: 'Two', needs: ['one'], simulate: { duration: '5m', result: 'Two.' } },
  },
})

const found = ['pending', 'creating', 'creating.reconciling', 'running', 'reporting', 'completed']
const anew = ['pending', 'creating', 'creating.reconciling', 'pending', 'creating', 'running', 'reporting', 'completed']

describe('an answer that was lost after the agent run was created', () => {
  it.each<[string, Fate]>([
    ['the connection breaks', lostAfter],
    ['no answer comes in time', unanswered],
    ['a gateway answers 504', answered(() => '')],
    ['the body is garbage', answered(() => '<html>One moment, please.</html>')],
    ['the body is half of itself', answered((run) => JSON.stringify(run).slice(0, 60))],
    ['the body is empty', answered(() => '')],
    ['the body names no agent run', answered(({ id: _, ...run }) => run)],
    ['the id is null', answered((run) => ({ ...run, id: null }))],
  ])('costs no second one: it is found and adopted, when %s', async (_, fate) => {
    await inTrouble(async (world, network) => {
      network.next('create', fate)
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })

  it.each([
    ['another task’s', { run: 'run_x', task: 'two', attempt: 1 }],
    ['another attempt’s', { run: 'run_x', task: 'one', attempt: 7 }],
  ])('is an answer about an agent run that is %s, too: it is looked for', async (_, troupe) => {
    await inTrouble(async (world, network) => {
      network.next(
        'create',
        answered((run) => ({ ...run, id: 7, metadata: { troupe } })),
      )
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })

  it('is an answer about an agent run of another organization, too: it is looked for', async () => {
    await inTrouble(async (world, network) => {
      network.next(
        'create',
        answered((run) => ({ ...run, organization_id: 99 })),
      )
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })
})

describe('a create that timed out before it reached the server', () => {
  it.each<[string, Fate]>([
    ['swallowed', swallowed],
    ['broken off on its way', lostBefore],
    ['answered 502 by a gateway', refused(502)],
  ])('is sent again only once it is absent after the whole grace time: %s', async (_, fate) => {
    await inTrouble(async (world, network) => {
      network.next('create', fate)
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(anew)
      expect([network.count('create'), world.creates.length]).toEqual([2, 2])
      const doubtful = world.records.find(arrives('one', 'creating.reconciling'))
      const settled = world.records.filter(arrives('one', 'pending'))[1]
      const waited = Date.parse(settled?.at ?? '') - Date.parse(doubtful?.at ?? '')
      expect(waited >= GRACE_MS && waited < 2 * GRACE_MS).toEqual(true)
    })
  })
})

describe('a create in doubt again and again', () => {
  it.each<[string, Fate[]]>([
    ['lost on its way there twice', [lostBefore, swallowed]],
    ['lost on its way there, then on its way back', [lostBefore, lostAfter]],
    ['refused for certain, then lost on its way back', [refused(429), lostAfter]],
    ['refused for certain, then lost on its way there', [refused(503), refused(429), unanswered]],
  ])('is settled each time: one agent, created once: %s', async (_, fates) => {
    await inTrouble(async (world, network) => {
      for (const fate of fates) network.next('create', fate)
      await expectOne(world, await world.start(ONE))
    })
  })
})

describe('a crash around a create', () => {
  const crashes: readonly (readonly [string, string, (world: World) => Fate])[] = [
    [
      'before the call',
      'it is created once, after the grace time',
      (world) => async () => {
        world.kill()
        return swallowed(new Request('http://nowhere.invalid'), async () => new Response())
      },
    ],
    [
      'during it',
      'what arrives all the same is adopted',
      (world) => async (request, deliver) => {
        world.kill()
        return deliver(request)
      },
    ],
    [
      'after it',
      'what was created is adopted',
      (world) => async (request, deliver) => {
        const answer = await deliver(request)
        world.kill()
        return answer
      },
    ],
    [
      'before the answer is on disk',
      'what was created is adopted',
      (world) => async (request, deliver) => {
        const text = await (await deliver(request)).text()
        const body = new ReadableStream({
          pull(controller) {
            // Read to its end: the answer is known to a process that writes no more.
            controller.enqueue(new TextEncoder().encode(text))
            controller.close()
            world.kill()
          },
        })
        return new Response(body)
      },
    ],
  ]
  it.each(crashes)('%s: %s', async (_when, _what, fate) => {
    await inTrouble(async (world, network) => {
      network.next('create', fate(world))
      const run = await world.start(ONE)
      expect(await world.settled(run)).toEqual(undefined)
      await restart(world)
      await expectOne(world, run)
    })
  })

  it('while it is looked for: it is looked for again, and adopted', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.next('list', swallowed)
      const run = await world.start(ONE)
      await world.until(arrives('one', 'creating.reconciling'))
      await world.clock.advance(1_000)
      await restart(world)
      await expectOne(world, run)
      expect((await world.stored(run)).filter(arrives('one', 'pending'))).toHaveLength(1)
    })
  })
})

describe('an answer that comes twice, or after it was given up', () => {
  it('is no answer any more once the create was looked for: the agent that was found stays', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', late(world.clock, { back: 100_000 }))
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })

  it('is that of a create which arrives late: within the grace time it is found, and none is sent again', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', late(world.clock, { there: 50_000 }))
      await expectOne(world, await world.start(ONE))
      expect([world.states('one'), network.count('create')]).toEqual([found, 1])
    })
  })
})

describe('metadata that is not echoed', () => {
  it('leaves the mark in the first user message of the logs: the agent run is found by it', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      await expectOne(world, await world.start(ONE))
      expect([world.states('one'), network.count('logs') > 0]).toEqual([found, true])
    }, WITHOUT_METADATA)
  })

  it('leaves the create in doubt as long as the logs cannot be read either: nothing is created', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.always('logs', refused(500))
      const run = await world.start(ONE)
      await world.until(arrives('one', 'escalated.doubtful'))
      expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1 })
      network.heal()
      await world.orchestrator.commandTask(run, 'one', { type: 'wait' })
      await expectOne(world, run)
    }, WITHOUT_METADATA)
  })
})

/** An agent run is in no list until `ms` after it was created. */
const listedLate =
  (world: World, ms: number) =>
  (run: RunJson): RunJson | undefined =>
    world.clock.now() < Date.parse(String(run['created_at']).replace(' ', 'T').replace(/Z?$/, 'Z')) + ms
      ? undefined
      : run

describe('an agent run that is listed late', () => {
  it('is adopted when it appears within the grace time', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.show(listedLate(world, GRACE_MS - 5_000))
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })

  it('is paid for beside a second one when it appears after the grace time, which --grace lengthens', async () => {
    const created = async (settings: { graceMs?: number }) => {
      let counts: number[] = []
      await inTrouble(async (world, network) => {
        network.next('create', lostAfter)
        network.show(listedLate(world, 90_000))
        const run = await world.start(ONE, settings)
        expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
        counts = Object.values(world.standIn.creations())
      })
      return counts
    }
    expect([await created({}), await created({ graceMs: 120_000 })]).toEqual([[2], [1]])
  })
})

describe('two candidates for one create', () => {
  const younger = 'https://stand-in.invalid/agent/trace/41002'

  it.each([
    ['', false],
    [', also by the next process when this one dies', true],
  ])(
    'are settled by their age: the older is adopted, the other is reported and watched to its end%s',
    async (_, dies) => {
      await inTrouble(async (world, network) => {
        network.next('create', doubled('lost'))
        const run = await world.start(CHAIN)
        await world.until(arrives('one', 'running'))
        if (dies) await restart(world)
        expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
        expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 2, [`${run}/two/1`]: 1 })
        const stored = await world.stored(run)
        expect(stored.filter(arrives('one', 'completed'))).toHaveLength(1)
        expect(stored.filter(arrives('one', 'running')).map(({ data }) => data?.['ref'])).toMatchObject([
          { id: '41001' },
        ])
        expect(alerts(world)).toEqual([
          `double: one: a second agent run bears the mark of attempt 1: ${younger}. The older one is used.`,
        ])
        const ends = stored.flatMap(({ task, data }) =>
          data?.['lateEnd'] === undefined ? [] : [[task, data['lateEnd']]],
        )
        const holder = `${run}/one/1#41002`
        const reason = 'the older one of two is used'
        expect(ends).toEqual([['one', { holder, status: 'COMPLETE', url: younger, usable: false, reason }]])
      })
    },
  )

  it('are said in a cancel, too', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', doubled('lost'))
      const run = await world.start(CHAIN)
      await world.until(arrives('one', 'creating.reconciling'))
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toEqual('cancelled')
      expect(alerts(world)).toEqual([
        `double: one: a second agent run bears the mark of attempt 1: ${younger}. The older one is used.`,
      ])
    })
  })
})

describe('a list that cannot be read', () => {
  it.each<[string, Fate]>([
    ['answers 500', refused(500)],
    ['is garbage', answered(() => '<html>')],
    ['is another shape', answered(() => ({ items: 'none' }))],
    ['shows none of the runs that it counts', answered((page) => ({ ...page, items: [], total: 7 }))],
    ['never answers', swallowed],
  ])('settles nothing: a person is asked, nothing is created, and `wait` looks again: it %s', async (_, fate) => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.always('list', fate)
      const run = await world.start(ONE)
      expect(await world.settled(run)).toMatchObject({ status: 'running', exitCode: 3 })
      expect(world.states('one').at(-1)).toEqual('escalated.doubtful')
      await world.orchestrator.commandTask(run, 'one', { type: 'wait' })
      expect(await world.settled(run)).toMatchObject({ status: 'running', exitCode: 3 })
      expect([world.states('one').at(-1), network.count('create')]).toEqual(['escalated.doubtful', 1])
      network.heal()
      await world.orchestrator.commandTask(run, 'one', { type: 'wait' })
      await expectOne(world, run)
    })
  })
})

describe('a list that does not show what is there', () => {
  it.each<[string, (url: URL) => boolean]>([
    ['the filter by user hides it', ({ searchParams }) => searchParams.has('user_id')],
    [
      'the filter by source hides it, for its source_type is null',
      ({ searchParams }) => searchParams.has('source_type'),
    ],
  ])('is asked without filters before an agent run counts as absent: %s', async (_, hides) => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      const hidden = answered((page) => ({ ...page, items: [], total: 0 }))
      network.always('list', hidden, ({ url }) => hides(new URL(url)))
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })

  it.each([
    ['behind', -600_000],
    ['ahead', 600_000],
  ])('does not hide it by the provider’s clock, which is ten minutes %s', async (_, offset) => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.show((run) => ({
        ...run,
        created_at: new Date(
          Date.parse(`${String(run['created_at']).slice(0, 19).replace(' ', 'T')}Z`) + offset,
        ).toISOString(),
      }))
      await expectOne(world, await world.start(ONE))
      expect(world.states('one')).toEqual(found)
    })
  })
})

describe('a create answered with an id that another attempt has', () => {
  it('is looked for: two tasks never share an agent', async () => {
    const workflow = defineWorkflow({
      name: 'two',
      defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
      tasks: {
        one: { prompt: 'One', simulate: { duration: '2m', result: 'One.' } },
        two: { prompt: 'Two', simulate: { duration: '2m', result: 'Two.' } },
      },
    })
    await inTrouble(async (world, network) => {
      let first: RunJson | undefined
      const same = answered((run) => {
        first ??= run
        return first
      })
      network.next('create', same, { times: 2 })
      const run = await world.start(workflow)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1, [`${run}/two/1`]: 1 })
      const view = world.orchestrator.view(run)
      expect(new Set(view.tasks.map(({ url }) => url)).size).toEqual(2)
    }, WITHOUT_METADATA)
  })
})

describe('an attempt in doubt that a person gave up for another', () => {
  it.each([false, true])(
    'is found all the same, watched, and completes nothing (the process dies: %s)',
    async (dies) => {
      await inTrouble(async (world, network) => {
        network.next('create', lostAfter)
        network.always('list', refused(500))
        const run = await world.start(ONE)
        await world.until(arrives('one', 'escalated.doubtful'))
        await world.orchestrator.commandTask(run, 'one', { type: 'retry' })
        network.heal()
        if (dies) await restart(world)
        expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
        expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1, [`${run}/one/2`]: 1 })
        const stored = await world.stored(run)
        expect(stored.filter(arrives('one', 'completed')).map(({ attempt }) => attempt)).toEqual([2])
        const ends = stored.filter(({ data }) => data?.['lateEnd'] !== undefined)
        expect(ends.map(({ attempt, data }) => [attempt, data?.['lateEnd']])).toMatchObject([
          [1, { status: 'COMPLETE' }],
        ])
      })
    },
  )
})

describe('a cancel while a create is in doubt', () => {
  const cancelled = async (world: World, run: string) => {
    expect((await world.settled(run))?.status).toEqual('cancelled')
    expect(world.standIn.creations()).toEqual({ [`${run}/one/1`]: 1 })
    return (await world.stored(run)).filter(arrives('one', 'cancelled')).map(({ data }) => String(data?.['note']))
  }
  const named = /^codegen cannot stop an agent run: it goes on at https:\/\/stand-in.invalid\/agent\/trace\/41001/

  it('waits for no answer: the agent is looked for, and it is said where it goes on', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', unanswered)
      const run = await world.start(ONE)
      await world.until(arrives('one', 'creating'))
      await world.clock.advance(1_000)
      await world.orchestrator.command(run, { type: 'cancel' })
      expect(await cancelled(world, run)).toMatchObject([expect.stringMatching(named)])
    })
  })

  it('finds what is listed late, too', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.show(listedLate(world, 20_000))
      const run = await world.start(ONE)
      await world.until(arrives('one', 'creating.reconciling'))
      await world.orchestrator.command(run, { type: 'cancel' })
      expect(await cancelled(world, run)).toMatchObject([expect.stringMatching(named)])
    })
  })

  it('is settled by the next process when this one dies over it', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', lostAfter)
      network.always('list', swallowed)
      const run = await world.start(ONE)
      await world.until(arrives('one', 'creating.reconciling'))
      await world.orchestrator.command(run, { type: 'cancel' })
      await world.clock.advance(1_000)
      network.heal()
      await restart(world)
      expect(await cancelled(world, run)).toMatchObject([expect.stringMatching(named)])
    })
  })

  it('creates nothing that had not been created', async () => {
    await inTrouble(async (world, network) => {
      network.next('create', swallowed)
      const run = await world.start(ONE)
      await world.until(arrives('one', 'creating'))
      await world.clock.advance(1_000)
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toEqual('cancelled')
      expect([world.standIn.creations(), dataOf(world, 'one', 'cancelled')]).toMatchObject([
        {},
        [{ note: 'Nothing had been created' }],
      ])
    })
  })
})

describe('a manager whose create is in doubt', () => {
  const managed = defineWorkflow({
    name: 'managed',
    defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
    manager: { prompt: 'Watch', simulate: { duration: '20s', result: 'Noted.' } },
    tasks: { one: { prompt: 'One', simulate: { duration: '10m', result: 'One.' } } },
  })
  const isManagers = async (request: Request) => (await request.clone().text()).includes('/manager/1/1]')
  /** What is to happen to the manager's create alone. */
  const managers =
    (fate: Fate): Fate =>
    async (request, deliver) =>
      (await isManagers(request)) ? fate(request, deliver) : deliver(request)

  it('is found and adopted, created once', async () => {
    await inTrouble(async (world, network) => {
      network.always('create', managers(lostAfter))
      const run = await world.start(managed)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual({ [`${run}/manager/1`]: 1, [`${run}/one/1`]: 1 })
      expect(world.states('manager').at(-1)).toEqual('completed')
    })
  })

  it('is never created again when the list cannot be read: the run goes on without it, and what there is is watched', async () => {
    await inTrouble(async (world, network) => {
      network.always('create', managers(lostAfter))
      network.always('list', refused(500))
      const run = await world.start(managed)
      await world.until(arrives('manager', 'failed'))
      network.heal()
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual({ [`${run}/manager/1`]: 1, [`${run}/one/1`]: 1 })
      const ends = (await world.stored(run)).flatMap(({ data }) => data?.['lateEnd'] ?? [])
      expect(ends).toMatchObject([{ holder: `${run}/manager/1`, status: 'COMPLETE' }])
    })
  })
})
