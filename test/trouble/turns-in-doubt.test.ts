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
  type ScriptedNetwork,
  swallowed,
  unanswered,
} from './network.ts'
import { arrives, dataOf, inTrouble, restart } from './trouble-world.ts'

/** A manager that is told of one task, and then that the run is over; `report` none: it echoes no turn. */
const managed = (report: 'completed' | 'none' = 'completed') =>
  defineWorkflow({
    name: 'managed',
    defaults: { repository: 'acme/shop', retry: { attempts: 1 }, timeout: '4h' },
    manager: {
      prompt: 'Watch',
      reportEvery: '10s',
      timeout: '1h',
      simulate: { duration: '20s', result: 'Noted.', report },
    },
    tasks: {
      one: { prompt: 'One', simulate: { duration: '1m', result: 'One.' } },
      two: { prompt: 'Two', needs: ['one'], simulate: { duration: '5m', result: 'Two.' } },
    },
  })

/** How often each turn of the manager arrived. */
const turns = (world: World, run: string) =>
  Object.entries(world.standIn.turns()).flatMap(([key, count]) =>
    key.startsWith(`${run}/manager/`) ? [[key.slice(`${run}/manager/`.length), count]] : [],
  )
const ONCE = [
  ['1/1', 1],
  ['1/2', 1],
  ['1/3', 1],
]

async function expectManaged(world: World, run: string): Promise<void> {
  expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
  expect(world.states('manager').at(-1)).toEqual('completed')
}

describe('a prompt of which nobody knows whether it arrived', () => {
  it.each<[string, (world: World) => Fate]>([
    ['it did, and the connection broke', () => lostAfter],
    ['it did, and no answer came', () => unanswered],
    ['it did, and the answer was garbage', () => answered(() => '<html>')],
    ['it did, and the answer came after it was given up', ({ clock }) => late(clock, { back: 60_000 })],
    ['it did, after it was given up', ({ clock }) => late(clock, { there: 45_000 })],
    ['it did not, and the connection broke', () => lostBefore],
    ['it did not, and nobody said so', () => swallowed],
    ['it did not, and a gateway said 502', () => refused(502)],
  ])('is looked for in the logs and counts once: %s', async (_, fate) => {
    await inTrouble(async (world, network) => {
      network.next('resume', fate(world))
      const run = await world.start(managed())
      await expectManaged(world, run)
      expect(turns(world, run)).toEqual(ONCE)
    })
  })

  it('is not to be found when the logs cannot be read: it is sent again under the same number, once', async () => {
    await inTrouble(async (world, network) => {
      network.next('resume', lostAfter, { times: 2 })
      network.always('logs', refused(500))
      const run = await world.start(managed())
      await expectManaged(world, run)
      expect(turns(world, run)).toEqual([
        ['1/1', 1],
        ['1/2', 2],
        ['1/3', 1],
      ])
    })
  })

  it('is looked for again by the next process when this one dies over it', async () => {
    await inTrouble(async (world, network) => {
      network.next('resume', lostAfter)
      network.always('logs', swallowed)
      const run = await world.start(managed())
      await world.until(arrives('manager', 'running.prompting'))
      await world.clock.advance(5_000)
      network.heal()
      await restart(world)
      await expectManaged(world, run)
      expect(turns(world, run)).toEqual(ONCE)
    })
  })

  it('and that the network doubled is told as one turn: what it returns counts once', async () => {
    await inTrouble(async (world, network) => {
      network.next('resume', doubled('answered'))
      const run = await world.start(managed())
      await expectManaged(world, run)
      const reported = world.records.filter(arrives('manager', 'reporting')).map(({ data }) => data?.['turn'])
      expect(reported).toEqual([undefined, 2, 3])
    })
  })
})

/** What was said in the manager's log as it stands at the account. */
async function messages(world: World): Promise<readonly unknown[]> {
  const manager = dataOf(world, 'manager', 'running.deciding')[0]?.['ref'] as { id: string }
  const url = `http://codegen.invalid/v1/alpha/organizations/1/agent/run/${manager.id}/logs`
  const answer = await world.standIn.fetch(url, { headers: { authorization: 'Bearer of-the-test' } })
  const { logs } = (await answer.json()) as { logs: { message_type: string }[] }
  return logs.map((log) => log.message_type).filter((type) => type !== 'ACTION')
}

describe('a stale COMPLETE after a resume', () => {
  /** The turn lasts longer than the old state is shown. */
  const SLOW = { standIn: { speed: 0.02 } }

  /** After the first resume, agent runs are shown for a while as they stood before it; `active`: first as they still worked. */
  const stale = (world: World, network: ScriptedNetwork, active: boolean) => {
    const before = new Map<unknown, RunJson>()
    let resumedAt = Number.POSITIVE_INFINITY
    network.next('resume', async (request, deliver) => {
      resumedAt = world.clock.now()
      return deliver(request)
    })
    network.show((run) => {
      const since = world.clock.now() - resumedAt
      const old = before.get(run['id'])
      if (since < 0) before.set(run['id'], run)
      if (since < 0 || since >= 60_000 || old === undefined) return run
      return active && since < 3_000 ? { ...old, status: 'ACTIVE', result: null } : old
    })
  }

  it.each([
    ['by the turn that its report echoes', 'completed', false],
    ['by its logs where its reports echo no turn', 'none', false],
    ['by its logs where it was seen to work before it, too', 'none', true],
  ] as const)('with the old result does not end the manager’s turn: that is told %s', async (_, report, active) => {
    await inTrouble(async (world, network) => {
      stale(world, network, active)
      const run = await world.start(managed(report))
      await world.until((record) => arrives('manager', 'reporting')(record) && record.data?.['turn'] === 2)
      expect(await messages(world)).toEqual(['USER_MESSAGE', 'FINAL_ANSWER', 'USER_MESSAGE', 'FINAL_ANSWER'])
      await expectManaged(world, run)
      expect(turns(world, run)).toEqual(ONCE)
    }, SLOW)
  })
})
