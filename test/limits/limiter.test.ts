import { describe, expect, it } from 'vitest'
import type { WaitingFor } from '../../src/domain/limiter.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { Holders, never, slotRequest } from './slot-requests.ts'

function setUp() {
  const clock = createVirtualClock(0)
  const limiter = createLimiter({ clock })
  return { clock, limiter, holders: new Holders(limiter) }
}

const CAP = { caps: ['run:a'] }

describe('slots', () => {
  it('are granted at once while there is room, and then as they are released', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 2)
    for (const holder of ['1', '2', '3', '4']) void holders.acquire(holder, CAP)
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '2'])
    limiter.release('1')
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '2', '3'])
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 2, used: 2, waiting: 1 } })
  })

  it('go by priority, then round the runs, then by the longest remaining path, then by arrival', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('backend:x', 1)
    const caps = ['backend:x']
    void holders.acquire('first', { caps, run: 'a' })
    void holders.acquire('a-low', { caps, run: 'a', priority: 'low', remaining: 99 })
    void holders.acquire('a-short', { caps, run: 'a', remaining: 1 })
    void holders.acquire('a-long', { caps, run: 'a', remaining: 9 })
    void holders.acquire('a-long-later', { caps, run: 'a', remaining: 9 })
    void holders.acquire('b-short', { caps, run: 'b', remaining: 0 })
    void holders.acquire('b-long', { caps, run: 'b', remaining: 5 })
    void holders.acquire('a-high', { caps, run: 'a', priority: 'high' })
    await clock.advance(0)
    for (let i = 0; i < 8; i++) {
      limiter.release(holders.granted.at(-1) ?? '')
      await clock.advance(0)
    }
    expect(holders.granted).toEqual([
      'first',
      'a-high',
      'b-long',
      'a-long',
      'b-short',
      'a-long-later',
      'a-short',
      'a-low',
    ])
  })

  it('go first, in order of arrival, to those who waited ten minutes', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('backend:x', 1)
    const caps = ['backend:x']
    await holders.acquire('first', { caps })
    void holders.acquire('low', { caps, priority: 'low' })
    await clock.advance(1_000)
    void holders.acquire('normal', { caps, run: 'b' })
    await clock.advance(600_000)
    void holders.acquire('high', { caps, run: 'c', priority: 'high' })
    for (let i = 0; i < 3; i++) {
      await clock.advance(0)
      limiter.release(holders.granted.at(-1) ?? '')
    }
    await clock.advance(0)
    expect(holders.granted).toEqual(['first', 'low', 'normal', 'high'])
  })

  it('take all that is needed at once: who waits for one thing holds nothing else', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 2)
    limiter.setCap('resource:a/db', 1)
    void holders.acquire('1', { caps: ['run:a', 'resource:a/db'] })
    void holders.acquire('2', { caps: ['run:a', 'resource:a/db'] })
    void holders.acquire('3', CAP)
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3'])
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3', '2'])
  })

  it('are not kept from others by a first in line that needs something else besides', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    limiter.setCap('resource:a/db', 1)
    limiter.adopt('db-user', ['resource:a/db'])
    void holders.acquire('1', CAP)
    void holders.acquire('needs-db', { caps: ['run:a', 'resource:a/db'], priority: 'high' })
    void holders.acquire('3', CAP)
    await clock.advance(0)
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3'])
    expect(limiter.waiting('needs-db')).toEqual({
      kind: 'resource',
      name: 'db',
      since: 0,
      detail: '1 of 1 in use',
    })
    limiter.release('db-user')
    limiter.release('3')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3', 'needs-db'])
  })

  it('are released by name, so that a given-up agent keeps the cap of its backend only', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    limiter.setCap('backend:x', 1)
    await holders.acquire('1', { caps: ['run:a', 'backend:x'] })
    void holders.acquire('same-backend', { caps: ['run:a', 'backend:x'] })
    void holders.acquire('other-backend', CAP)
    limiter.release('1', ['run:a'])
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', 'other-backend'])
    limiter.release('1')
    limiter.release('other-backend')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', 'other-backend', 'same-backend'])
  })

  it('change nothing when an unknown holder is released', () => {
    const { limiter } = setUp()
    limiter.setCap('run:a', 1)
    limiter.release('nobody')
    limiter.release('nobody', ['run:a'])
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 0, waiting: 0 } })
  })

  it('may be adopted beyond the capacity, and are then given out again only below it', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.adopt('old-1', ['run:a'])
    limiter.adopt('old-2', ['run:a'])
    limiter.adopt('old-2', ['run:a'])
    limiter.setCap('run:a', 1)
    void holders.acquire('new', CAP)
    limiter.release('old-1')
    await clock.advance(0)
    expect(holders.granted).toEqual([])
    limiter.release('old-2')
    await clock.advance(0)
    expect(holders.granted).toEqual(['new'])
  })

  it('are not counted twice when a holder asks again for what it has', async () => {
    const { limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    limiter.adopt('1', ['run:a'])
    await holders.acquire('1', { caps: ['run:a', 'run:a'] })
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 1, waiting: 0 } })
  })

  it('are given out when a capacity grows', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 0)
    void holders.acquire('1', CAP)
    await clock.advance(0)
    expect(holders.granted).toEqual([])
    limiter.setCap('run:a', 1)
    await clock.advance(0)
    expect(holders.granted).toEqual(['1'])
  })

  it('forget a cap that nobody declares, uses or wants', async () => {
    const { limiter, holders } = setUp()
    limiter.setCap('run:a', 3)
    await holders.acquire('1', CAP)
    limiter.setCap('run:a', Number.POSITIVE_INFINITY)
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: null, used: 1, waiting: 0 } })
    limiter.release('1')
    expect(limiter.view()['caps']).toEqual({})
  })
})

describe('a request that is aborted', () => {
  it('is refused and leaves its place in the line', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    for (const holder of ['1', '2', '3']) void holders.acquire(holder, CAP)
    holders.abort('2')
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3'])
    expect(holders.refused).toEqual(['2'])
    expect(clock.pending()).toEqual(0)
  })

  it('is refused before it asks when it is aborted already', async () => {
    const { limiter } = setUp()
    const asked = limiter.acquire(slotRequest('1', CAP), AbortSignal.abort(new Error('too late')))
    await expect(asked).rejects.toThrow('too late')
    expect(limiter.view()['caps']).toEqual({})
  })

  it('gives back a grant that came in the same tick', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    for (const holder of ['1', '2', '3']) void holders.acquire(holder, CAP)
    await clock.advance(0)
    limiter.release('1')
    holders.abort('2')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3'])
    expect(holders.refused).toEqual(['2'])
    limiter.release('3')
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 0, waiting: 0 } })
  })

  it('gives back what it got at once when it is aborted in that tick', async () => {
    const { limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    const asked = holders.acquire('1', CAP)
    holders.abort('1')
    await asked
    expect(holders.refused).toEqual(['1'])
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 0, waiting: 0 } })
  })

  it('does not take from a second request of the same holder what that one was granted', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    void holders.acquire('1', CAP)
    holders.abort('1')
    void holders.acquire('1', CAP)
    await clock.advance(0)
    expect(holders.granted).toEqual(['1'])
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 1, waiting: 0 } })
  })
})

describe('waiting', () => {
  it('is told with reason, since and until, and again when the reason changes', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    limiter.setBucket('codegen.create', 'provider', { max: 1, windowMs: 60_000 })
    const needs = { caps: ['run:a'], buckets: ['codegen.create'] }
    await holders.acquire('1', needs)
    void holders.acquire('2', needs)
    await limiter.call(['codegen.create'], async () => 'sent', never(), '1')
    await clock.advance(1_000)
    limiter.release('1')
    const rate = {
      kind: 'rate',
      name: 'codegen.create',
      since: 0,
      until: 60_001,
      detail: '1 of 1 calls in 60 s used',
    }
    expect(limiter.waiting('2')).toEqual(rate)
    expect(limiter.waiting('1')).toEqual(undefined)
    expect(holders.told).toEqual([
      ['2', { kind: 'concurrency', name: 'a', since: 0, detail: '1 of 1 agents at work' }],
      ['2', rate],
    ])
    await clock.advance(59_001)
    expect(holders.granted).toEqual(['1', '2'])
    expect(limiter.waiting('2')).toEqual(undefined)
  })

  it('has no until while it depends on an answer that has not arrived', async () => {
    const { limiter, holders } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    await holders.acquire('1', { buckets: ['b.x'] })
    void holders.acquire('2', { buckets: ['b.x'] })
    expect(limiter.waiting('2')).toEqual({
      kind: 'rate',
      name: 'b.x',
      since: 0,
      detail: '1 of 1 calls in 1 s used',
    })
  })

  it('tells a crowd of flickering reasons less and less often, and the last one in the end', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    limiter.setCap('resource:a/db', 1)
    const needs = { caps: ['run:a', 'resource:a/db'] }
    limiter.adopt('other', ['run:a'])
    void holders.acquire('1', needs)
    for (let i = 0; i < 1_000; i++) {
      limiter.adopt('db-user', ['resource:a/db'])
      limiter.release('other')
      limiter.adopt('other', ['run:a'])
      limiter.release('db-user')
      await clock.advance(10)
    }
    limiter.adopt('db-user', ['resource:a/db'])
    limiter.release('other')
    await clock.advance(1_200_000)
    const names = holders.told.map(([, waiting]) => waiting.name)
    expect(names.length).toBeLessThan(8)
    expect(names.at(-1)).toEqual('db')
  })

  it('refuses a request whose listener throws, and nobody else', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    await holders.acquire('1', CAP)
    const bad = limiter.acquire(slotRequest('bad', CAP), never(), () => {
      throw new Error('listener broke')
    })
    void holders.acquire('3', CAP)
    await expect(bad).rejects.toThrow('listener broke')
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '3'])
  })

  it('lets a listener release and acquire', async () => {
    const { clock, limiter } = setUp()
    limiter.setCap('run:a', 1)
    limiter.adopt('old', ['run:a'])
    const asked = limiter.acquire(slotRequest('new', CAP), never(), () => limiter.release('old'))
    await clock.advance(0)
    await asked
    expect(limiter.view()['caps']).toEqual({ 'run:a': { capacity: 1, used: 1, waiting: 0 } })
  })

  it('lasts until notBefore, by the one timer of the limiter', async () => {
    const { clock, limiter, holders } = setUp()
    void holders.acquire('late', { notBefore: 5_000, buckets: ['codegen.create'] })
    void holders.acquire('early', { notBefore: 2_000 })
    await clock.advance(0)
    expect(clock.pending()).toEqual(1)
    expect(limiter.waiting('late')).toEqual({
      kind: 'closed',
      name: 'codegen.create',
      since: 0,
      until: 5_000,
      detail: 'was asked to wait before it tries again',
    })
    await clock.advance(4_999)
    expect(holders.granted).toEqual(['early'])
    await clock.advance(1)
    expect(holders.granted).toEqual(['early', 'late'])
    expect(clock.pending()).toEqual(0)
  })
})

describe('a paused run and a closed account', () => {
  const budget = { kind: 'budget', name: 'agentRuns', detail: '40 of 40 agent runs used' } as const

  it('hold back their own requests with the reason given, and let them go afterwards', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.pauseRun('a', budget)
    void holders.acquire('1')
    void holders.acquire('other-run', { run: 'b' })
    await clock.advance(0)
    expect(holders.granted).toEqual(['other-run'])
    expect(limiter.waiting('1')).toEqual({ ...budget, since: 0 })
    limiter.continueRun('a')
    await clock.advance(0)
    expect(holders.granted).toEqual(['other-run', '1'])
  })

  it('tell those who waited for something else before', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setCap('run:a', 1)
    await holders.acquire('1', CAP)
    void holders.acquire('2', CAP)
    limiter.closeAccount('codegen', 'quota', 'the plan has no agent runs left')
    limiter.pauseRun('a', { kind: 'paused', name: 'a' })
    limiter.release('1')
    await clock.advance(0)
    const reasons = holders.told.map(([, waiting]: [string, WaitingFor]) => waiting.kind)
    expect(reasons).toEqual(['concurrency', 'quota', 'paused'])
    limiter.continueRun('a')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1'])
    expect(limiter.view()['accounts']).toEqual({
      codegen: { kind: 'quota', name: 'codegen', detail: 'the plan has no agent runs left', waiting: 1 },
    })
    limiter.openAccount('codegen')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '2'])
  })

  it('change nothing when they are opened without having been shut', () => {
    const { limiter } = setUp()
    limiter.continueRun('unknown')
    limiter.openAccount('unknown')
    expect(limiter.view()).toEqual({ buckets: {}, caps: {}, runs: {}, accounts: {}, circuits: {} })
  })
})

describe('a closed limiter', () => {
  it('refuses whoever waits and whoever comes, and leaves no timer', async () => {
    const { clock, limiter, holders } = setUp()
    void holders.acquire('1', { notBefore: 1_000 })
    limiter.setCap('run:a', 0)
    void holders.acquire('2', CAP)
    await limiter.close()
    await limiter.close()
    await holders.acquire('3')
    expect(holders.refused).toEqual(['1', '2', '3'])
    expect(clock.pending()).toEqual(0)
    await expect(limiter.call([], async () => 'sent', never())).rejects.toThrow('The limiter was closed.')
  })
})
