import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import type { CircuitChange } from '../../src/limits/account-circuit.ts'
import { openLimitNotebook } from '../../src/limits/limit-notebook.ts'
import { ACCOUNT, CircuitWorld } from './circuit-world.ts'
import { Holders } from './slot-requests.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const root = mkdtempSync(join(tmpdir(), 'troupe-circuits-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** The turns of a world's circuits, as `calls open`. */
function turnsOf(world: CircuitWorld): string[] {
  const turns: string[] = []
  world.circuits.onChange(({ name, before, after }: CircuitChange) => {
    if (before.state !== after.state) turns.push(`${name} ${after.state}`)
  })
  return turns
}

async function asked(world: CircuitWorld, names: readonly string[]): Promise<Holders> {
  const holders = new Holders(world.limiter)
  for (const name of names) void holders.acquire(name)
  await world.clock.advance(0)
  return holders
}

describe('an account that does not answer', () => {
  it('is asked now and then for one creation while 300 tasks wait, and all complete with no attempt lost', async () => {
    const world = new CircuitWorld()
    world.limiter.setCap('run:a', 20)
    world.isDown = true
    const tasks = Array.from({ length: 300 }, (_, index) => world.carryOut(`task${index}`))
    world.clock.setTimeout(() => {
      world.isDown = false
    }, 10 * MINUTE)
    await world.clock.runUntil(Promise.all(tasks))
    // The first wave was on its way before anybody knew; two probes follow.
    const [first = 0, ...rest] = world.perMinute.slice(0, 10)
    expect(first).toBeLessThanOrEqual(20 + 4 + 2)
    expect(Math.max(...rest)).toEqual(1)
    expect(rest.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(4)
    expect(Object.values(world.ended)).toEqual(Array.from({ length: 300 }, () => ['completed']))
    expect(world.creations).toHaveLength(300 + first + rest.reduce((sum, count) => sum + count, 0))
    // 300 agents of 30 s, 20 at a time, are 8 minutes: nothing was slow to go on.
    expect(world.elapsed).toBeLessThanOrEqual((10 + 6 + 9) * MINUTE)
  })

  it('holds back creations for a while, says so to who waits, and lets them all through when the probe succeeds', async () => {
    const world = new CircuitWorld(createVirtualClock(0))
    const turns = turnsOf(world)
    world.fail(4)
    const holders = await asked(world, ['early'])
    world.circuits.called(ACCOUNT, {
      operation: 'getRun',
      outcome: 'timeout',
      ms: 0,
      message: 'No answer within 30 s.',
    })
    for (const name of ['a', 'b', 'c']) void holders.acquire(name)
    await world.clock.advance(0)
    const { until = 0, ...waiting } = world.limiter.waiting('a') ?? {}
    const instant = new Date(until).toISOString()
    const why = '5 calls in a row failed (timeout: No answer within 30 s.)'
    expect(waiting).toEqual({
      kind: 'circuit',
      name: 'codegen',
      since: 0,
      detail: `${why}; the next creation is tried at ${instant}`,
    })
    expect(world.limiter.view()).toMatchObject({
      accounts: { codegen: { kind: 'circuit', name: 'codegen', until, waiting: 3 } },
      circuits: {
        codegen: {
          calls: { state: 'open', row: 5, until, openings: 1, detail: why },
          ends: { state: 'closed', row: 0 },
        },
      },
    })
    await world.clock.advance(until - 1)
    expect(holders.granted).toEqual(['early'])
    await world.clock.advance(1)
    expect(holders.granted).toEqual(['early', 'a'])
    expect(world.limiter.waiting('b')?.detail).toEqual(
      `${why}; one creation was let through at ${instant}, the next follows when that has succeeded, or at ${new Date(until + 2 * MINUTE).toISOString()}`,
    )
    world.called('ok')
    await world.clock.advance(0)
    expect(holders.granted).toEqual(['early', 'a', 'b', 'c'])
    expect(turns).toEqual(['calls open', 'calls half-open', 'calls closed'])
    expect(holders.told.map(([holder, { kind }]) => [holder, kind])).toEqual([
      ['a', 'circuit'],
      ['b', 'circuit'],
      ['c', 'circuit'],
    ])
  })

  it('tells those who waited for something else before, when it opens', async () => {
    const world = new CircuitWorld()
    world.limiter.setCap('run:a', 1)
    const holders = new Holders(world.limiter)
    for (const name of ['a', 'b']) void holders.acquire(name, { caps: ['run:a'] })
    await world.clock.advance(0)
    world.fail(5)
    await world.clock.advance(0)
    expect(holders.told.map(([holder, { kind }]) => [holder, kind])).toEqual([
      ['b', 'concurrency'],
      ['b', 'circuit'],
    ])
  })

  it.each(['limit', 'quota', 'auth', 'refused', 'not-found', 'invalid'] as const)(
    'is not one that answers with %s, however often',
    async (outcome) => {
      const world = new CircuitWorld()
      for (let time = 0; time < 20; time++) world.called(outcome)
      expect((await asked(world, ['a'])).granted).toEqual(['a'])
    },
  )

  it('is tried as soon as its reads, which had failed, succeed again', async () => {
    const world = new CircuitWorld()
    world.fail(9)
    const holders = await asked(world, ['a', 'b'])
    expect(holders.granted).toEqual([])
    world.called('ok', 'listRuns')
    await world.clock.advance(0)
    expect(holders.granted).toEqual(['a'])
  })

  it('is tried by the next when the probe is aborted, or lets go of its slots without a word', async () => {
    const world = new CircuitWorld(createVirtualClock(0))
    world.fail(5)
    const holders = await asked(world, ['a', 'b', 'c'])
    await world.clock.advance(18_000)
    expect(holders.granted).toEqual(['a'])
    holders.abort('b')
    world.limiter.release('a')
    await world.clock.advance(1_000)
    expect(holders.granted).toEqual(['a', 'c'])
  })

  it('is tried by the next after two minutes in which nothing was heard of the probe', async () => {
    const world = new CircuitWorld(createVirtualClock(0))
    world.fail(5)
    const holders = await asked(world, ['a', 'b'])
    await world.clock.advance(18_000)
    expect(holders.granted).toEqual(['a'])
    await world.clock.advance(2 * MINUTE)
    expect(holders.granted).toEqual(['a', 'b'])
  })

  it('is tried at once when a person says so, by one', async () => {
    const world = new CircuitWorld()
    world.fail(5)
    const holders = await asked(world, ['a', 'b'])
    world.circuits.tryNow(ACCOUNT)
    world.circuits.tryNow(ACCOUNT)
    await world.clock.advance(0)
    expect(holders.granted).toEqual(['a'])
  })

  it('holds back no creation at another account', async () => {
    const world = new CircuitWorld()
    world.fail(5)
    const holders = new Holders(world.limiter)
    void holders.acquire('a', { account: 'simulated' })
    await world.clock.advance(0)
    expect(holders.granted).toEqual(['a'])
  })

  it('is still held when the clock goes back, and not for longer', async () => {
    let offset = 0
    const clock = createVirtualClock(HOUR)
    const world = new CircuitWorld({ ...clock, now: () => clock.now() + offset })
    world.fail(5)
    const holders = await asked(world, ['a'])
    offset = -30 * MINUTE
    void holders.acquire('b')
    await clock.advance(18_000)
    expect(holders.granted).toEqual(['a'])
  })
})

describe('an account whose agents all fail', () => {
  it('is given about ten, and then one now and then until one completes', async () => {
    const world = new CircuitWorld()
    world.limiter.setCap('run:a', 5)
    world.agentsFail = true
    const turns = turnsOf(world)
    const tasks = Array.from({ length: 60 }, (_, index) => world.carryOut(`task${index}`, 30))
    await world.clock.advance(HOUR)
    const { length } = world.creations
    // Five were at work when the tenth had failed; then probes after 30 s, 1, 2, 4, 8, 15, 15 min.
    expect(length).toBeGreaterThan(10)
    expect(length).toBeLessThanOrEqual(10 + 5 + 7)
    world.agentsFail = false
    await world.clock.runUntil(Promise.all(tasks))
    expect(turns.at(-1)).toEqual('ends closed')
    expect(Object.values(world.ended).map((ends) => ends.at(-1))).toEqual(tasks.map(() => 'completed'))
  })

  it('gets a second probe beside one that works for longer than five minutes, and the verdict of either counts', async () => {
    const world = new CircuitWorld(createVirtualClock(0))
    const turns = turnsOf(world)
    for (let n = 0; n < 10; n++) world.circuits.ended(ACCOUNT, `run/x/${n}`, 'agent-failed')
    const holders = await asked(world, ['a', 'b', 'c'])
    await world.clock.advance(36_000)
    expect(holders.granted).toEqual(['a'])
    await world.clock.advance(5 * MINUTE)
    expect(holders.granted).toEqual(['a', 'b'])
    // Of one that began before it says nothing.
    world.circuits.ended(ACCOUNT, 'run/x/11', 'agent-failed')
    world.circuits.ended(ACCOUNT, 'a', 'agent-failed')
    expect(turns).toEqual(['ends open', 'ends half-open', 'ends open'])
    await world.clock.advance(72_000)
    expect(holders.granted).toEqual(['a', 'b', 'c'])
    world.circuits.completed(ACCOUNT)
    expect(turns.slice(3)).toEqual(['ends half-open', 'ends closed'])
  })
})

describe('a restart while a circuit is open', () => {
  it('goes on where the process ended: one creation when its time has come, and the longer delay if that fails', async () => {
    const folder = join(root, 'limits')
    const clock = createVirtualClock(0)
    const first = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    first.fail(5)
    await asked(first, ['x'])
    const { until = 0 } = first.limiter.waiting('x') ?? {}
    await clock.advance(10_000)
    const second = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    const holders = await asked(second, ['a', 'b'])
    expect(second.limiter.waiting('a')?.until).toEqual(until)
    await clock.advance(until - 10_000)
    expect(holders.granted).toEqual(['a'])
    await clock.advance(200)
    second.called('unreachable', 'createRun', 200)
    const delay = (second.limiter.waiting('b')?.until ?? 0) - clock.now()
    expect([delay >= 30_000, delay <= 36_000]).toEqual([true, true])
  })

  it('knows nothing of a circuit that has closed, and of failures that opened none', async () => {
    const folder = join(root, 'closed')
    const clock = createVirtualClock(0)
    const first = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    first.fail(5)
    first.called('ok')
    first.fail(4)
    const second = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    second.fail(1)
    expect((await asked(second, ['a'])).granted).toEqual(['a'])
  })

  it('over a probe without a verdict waits for as long as its place was taken', async () => {
    const folder = join(root, 'probe')
    const clock = createVirtualClock(0)
    const first = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    first.fail(5)
    await asked(first, ['a'])
    await clock.advance(18_000)
    const second = new CircuitWorld(clock, await openLimitNotebook(folder, clock))
    const holders = await asked(second, ['b'])
    expect(holders.granted).toEqual([])
    await clock.advance(2 * MINUTE)
    expect(holders.granted).toEqual(['b'])
  })
})

describe('whatever calls and agents do', () => {
  it('never lets two probes through at a time, and never leaves anybody waiting for ever', async () => {
    const kinds = [
      'ask',
      'ask',
      'ask',
      'fail',
      'fail',
      'read',
      'create',
      'refuse',
      'end',
      'end',
      'abort',
      'release',
    ] as const
    const step = fc.record({
      kind: fc.constantFrom(...kinds, 'complete', 'try'),
      which: fc.nat(50),
      ms: fc.nat(40_000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const world = new CircuitWorld()
        world.limiter.setCap('run:a', 4)
        const holders = new Holders(world.limiter)
        let asks = 0
        for (const { kind, which, ms } of steps) {
          const holder = `${which % Math.max(1, asks)}`
          const before = holders.granted.length
          if (kind === 'ask') void holders.acquire(`${asks++}`, { caps: ['run:a'] })
          else if (kind === 'fail') world.called('timeout', which % 2 === 0 ? 'createRun' : 'getRun', which)
          else if (kind === 'read') world.called('ok', 'getRun')
          else if (kind === 'create') world.called('ok')
          else if (kind === 'refuse') world.called('limit')
          else if (kind === 'end') world.circuits.ended(ACCOUNT, holder, 'agent-failed')
          else if (kind === 'complete') world.circuits.completed(ACCOUNT)
          else if (kind === 'abort') holders.abort(holder)
          else if (kind === 'release') world.limiter.release(holder)
          else world.circuits.tryNow(ACCOUNT)
          await world.clock.advance(0)
          // In one instant at most one is let through while a circuit is not closed.
          if (isTroubled(world) && kind !== 'create' && kind !== 'complete') {
            expect(holders.granted.length - before).toBeLessThanOrEqual(1)
          }
          await world.clock.advance(which % 3 === 0 ? ms : 0)
        }
        // Everybody lets go at once, and all of time passes: nobody is left.
        for (let round = 0; round < 4 * asks + 4; round++) {
          for (const holder of holders.granted) world.limiter.release(holder)
          await world.clock.advance(20 * MINUTE)
        }
        expect(new Set([...holders.granted, ...holders.refused]).size).toEqual(asks)
      }),
      { seed: 20_261_122, numRuns: 60 },
    )
  })
})

function isTroubled(world: CircuitWorld): boolean {
  return world.circuits.troubles(ACCOUNT).length > 0
}
