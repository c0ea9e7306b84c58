import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/domain/clock.ts'
import { BackendError } from '../../src/domain/errors.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { Holders, never } from './slot-requests.ts'

const START = 1_000_000_000

function setUp() {
  const clock = createVirtualClock(START)
  const limiter = createLimiter({ clock })
  const sent: [name: string, at: number][] = []
  /** A call whose answer takes `ms`, and fails with `error` when there is one. */
  const send =
    (name: string, ms = 0, error?: Error) =>
    async () => {
      sent.push([name, clock.now() - START])
      if (ms > 0) await sleep(clock, ms)
      if (error !== undefined) throw error
      return name
    }
  return { clock, limiter, holders: new Holders(limiter), sent, send }
}

function refusal(notBefore?: number): BackendError {
  const until = notBefore === undefined ? {} : { notBefore }
  return new BackendError('Too many requests.', {
    kind: 'limit',
    retryable: true,
    certain: true,
    status: 429,
    ...until,
  })
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => (error instanceof Error ? error.message : error),
  )
}

describe('calls', () => {
  it('go straight through when they take no bucket, or only buckets without limit', async () => {
    const { limiter, sent, send } = setUp()
    expect(await limiter.call([], send('none'), never())).toEqual('none')
    expect(await limiter.call(['b.x'], send('unlimited'), never())).toEqual('unlimited')
    expect(sent).toEqual([
      ['none', 0],
      ['unlimited', 0],
    ])
    expect(limiter.room('b.x')).toEqual({ free: Number.POSITIVE_INFINITY, nextAt: null })
    expect(limiter.room('unknown')).toEqual({ free: Number.POSITIVE_INFINITY, nextAt: null })
  })

  it('wait for a place in the order in which they came', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 2, windowMs: 1_000 })
    for (const name of ['1', '2', '3', '4', '5']) void limiter.call(['b.x'], send(name, 100), never())
    await clock.advance(5_000)
    expect(sent).toEqual([
      ['1', 0],
      ['2', 0],
      ['3', 1_101],
      ['4', 1_101],
      ['5', 2_202],
    ])
    expect(clock.pending()).toEqual(0)
  })

  it('take a place in each of their buckets at once', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.standard', 'provider', { max: 1, windowMs: 1_000 })
    limiter.setBucket('b.logs', 'provider', { max: 1, windowMs: 5_000 })
    await limiter.call(['b.logs'], send('logs'), never())
    void limiter.call(['b.standard', 'b.logs', 'b.logs'], send('both'), never())
    await clock.advance(10)
    void limiter.call(['b.standard'], send('standard'), never())
    await clock.advance(10_000)
    expect(sent).toEqual([
      ['logs', 0],
      ['standard', 10],
      ['both', 5_001],
    ])
  })

  it('are rejected and use no place when they are aborted while they wait', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    const abort = new AbortController()
    await limiter.call(['b.x'], send('1'), never())
    const second = outcome(limiter.call(['b.x'], send('2'), abort.signal))
    void limiter.call(['b.x'], send('3'), never())
    abort.abort(new Error('not needed any more'))
    expect(await second).toEqual('not needed any more')
    await clock.advance(1_001)
    expect(sent).toEqual([
      ['1', 0],
      ['3', 1_001],
    ])
  })

  it('give their place to the next when they are aborted in the tick in which they got it', async () => {
    const { clock, limiter, holders, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    const abort = new AbortController()
    await holders.acquire('1', { buckets: ['b.x'] })
    const second = outcome(limiter.call(['b.x'], send('2'), abort.signal))
    void limiter.call(['b.x'], send('3'), never())
    limiter.release('1')
    abort.abort(new Error('not needed any more'))
    expect(await second).toEqual('not needed any more')
    await clock.advance(0)
    expect(sent).toEqual([['3', 0]])
  })

  it('count from a failed answer as from a good one, and pass the failure on', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    const details = { kind: 'unreachable', retryable: true, certain: true, status: 503 } as const
    const failed = outcome(limiter.call(['b.x'], send('1', 300, new BackendError('broken', details)), never()))
    void limiter.call(['b.x'], send('2'), never())
    await clock.advance(2_000)
    expect(await failed).toEqual('broken')
    expect(sent).toEqual([
      ['1', 0],
      ['2', 1_301],
    ])
  })

  it('count as on their way for 5 s more when they end without an answer: the provider may see them that late', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 2, windowMs: 1_000 })
    const aborted = outcome(limiter.call(['b.x'], send('1', 300, new Error('not needed any more')), never()))
    void limiter.call(['b.x'], send('2', 400), never())
    for (const name of ['3', '4']) void limiter.call(['b.x'], send(name), never())
    await clock.advance(10_000)
    expect(await aborted).toEqual('not needed any more')
    expect(sent).toEqual([
      ['1', 0],
      ['2', 0],
      ['3', 1_401],
      ['4', 2_402],
    ])
  })

  it('give their places back when sending throws at once', async () => {
    const { clock, limiter } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    const broken = limiter.call(
      ['b.x'],
      () => {
        throw new Error('cannot even begin')
      },
      never(),
    )
    expect(await outcome(broken)).toEqual('cannot even begin')
    expect(limiter.room('b.x')).toEqual({ free: 0, nextAt: clock.now() + 6_001 })
  })

  it('go on when a tightening is withdrawn', async () => {
    const { clock, limiter, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 5, windowMs: 1_000 })
    limiter.setBucket('b.x', 'run_1', { max: 1, windowMs: 3_600_000 })
    for (const name of ['1', '2', '3']) void limiter.call(['b.x'], send(name), never())
    await clock.advance(1_000)
    expect(sent).toEqual([['1', 0]])
    limiter.dropOwner('run_1')
    await clock.advance(0)
    expect(sent).toEqual([
      ['1', 0],
      ['2', 1_000],
      ['3', 1_000],
    ])
  })

  it('take turns with requests for a reservation, so that neither starves', async () => {
    const { clock, limiter, holders, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 999 })
    await limiter.call(['b.x'], send('first'), never())
    for (const name of ['create-1', 'create-2']) {
      void holders
        .acquire(name, { buckets: ['b.x'], priority: 'high' })
        .then(() => limiter.call(['b.x'], send(name), never(), name))
    }
    for (const name of ['read-1', 'read-2', 'read-3']) void limiter.call(['b.x'], send(name), never())
    await clock.advance(10_000)
    expect(sent.map(([name]) => name)).toEqual(['first', 'read-1', 'create-1', 'read-2', 'create-2', 'read-3'])
  })

  it('leave the room that a reservation takes, and say when there is more', async () => {
    const { limiter, holders } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 3, windowMs: 1_000 })
    await holders.acquire('1', { buckets: ['b.x'] })
    await limiter.call(['b.x'], async () => 'sent', never())
    expect(limiter.room('b.x')).toEqual({ free: 1, nextAt: START + 1_001 })
    expect(limiter.view()['buckets']).toEqual({
      'b.x': {
        limits: [{ owner: 'provider', max: 3, windowMs: 1_000 }],
        used: 2,
        reserved: 1,
        inFlight: 0,
        nextAt: START + 1_001,
        closedUntil: null,
        waiting: 0,
      },
    })
  })
})

describe('a reservation', () => {
  it('is used by its holder, and another call of the holder waits like any other', async () => {
    const { clock, limiter, holders, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 2, windowMs: 1_000 })
    await holders.acquire('1', { buckets: ['b.x'] })
    await limiter.call(['b.x'], send('plain'), never())
    await limiter.call(['b.x'], send('reserved'), never(), '1')
    void limiter.call(['b.x'], send('once more'), never(), '1')
    await clock.advance(0)
    expect(limiter.waiting('1')).toEqual({
      kind: 'rate',
      name: 'b.x',
      since: START,
      until: START + 1_001,
      detail: '2 of 2 calls in 1 s used',
    })
    await clock.advance(1_001)
    expect(sent).toEqual([
      ['plain', 0],
      ['reserved', 0],
      ['once more', 1_001],
    ])
  })

  it('is given back unsent when its holder is released', async () => {
    const { clock, limiter, holders } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    await holders.acquire('1', { buckets: ['b.x'] })
    void holders.acquire('2', { buckets: ['b.x'] })
    await clock.advance(3_600_000)
    expect(holders.granted).toEqual(['1'])
    limiter.release('1')
    await clock.advance(0)
    expect(holders.granted).toEqual(['1', '2'])
  })

  it('stays when only the caps of its holder are released', async () => {
    const { limiter, holders } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    await holders.acquire('1', { caps: ['run:a'], buckets: ['b.x'] })
    limiter.release('1', ['run:a'])
    expect(limiter.room('b.x')).toEqual({ free: 0, nextAt: null })
  })

  it('lets a hundred creations at ten a minute be through in nine windows and nine answers', async () => {
    const { clock, limiter, holders, sent, send } = setUp()
    limiter.setBucket('codegen.create', 'provider', { max: 10, windowMs: 60_000 })
    const buckets = ['codegen.create']
    for (let i = 0; i < 100; i++) {
      void holders.acquire(`${i}`, { buckets }).then(() => limiter.call(buckets, send(`${i}`, 200), never(), `${i}`))
    }
    await clock.advance(700_000)
    expect(sent.length).toEqual(100)
    expect(sent.at(-1)?.[1]).toBeLessThanOrEqual(9 * 60_000 + 9 * 200 + 1_000)
  })
})

describe('a refusal for the rate', () => {
  async function refuseOnce(clock: VirtualClock, ...calls: Promise<unknown>[]): Promise<unknown[]> {
    const outcomes = Promise.all(calls.map(outcome))
    await clock.advance(0)
    return outcomes
  }

  it('closes the buckets of the call for everybody until the time it names', async () => {
    const { clock, limiter, holders, sent, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 10, windowMs: 1_000 })
    await holders.acquire('1', { buckets: ['b.x'] })
    const refused = limiter.call(['b.x', 'b.y'], send('refused', 0, refusal(START + 7_000)), never())
    expect(await refuseOnce(clock, refused)).toEqual(['Too many requests.'])
    void limiter.call(['b.y'], send('y'), never())
    void limiter.call(['b.x'], send('plain'), never())
    void limiter.call(['b.x'], send('reserved'), never(), '1')
    void holders.acquire('2', { buckets: ['b.x'] })
    await clock.advance(0)
    const closed = {
      kind: 'closed',
      name: 'b.x',
      since: START,
      until: START + 7_000,
      detail: 'the provider refused a call because of its rate limit',
    }
    expect(limiter.waiting('1')).toEqual(closed)
    expect(limiter.waiting('2')).toEqual(closed)
    expect(limiter.room('b.x')).toEqual({ free: 0, nextAt: START + 7_000 })
    await clock.advance(6_999)
    expect(sent).toEqual([['refused', 0]])
    await clock.advance(1)
    expect(sent.slice(1).sort()).toEqual([
      ['plain', 7_000],
      ['reserved', 7_000],
      ['y', 7_000],
    ])
    expect(holders.granted).toEqual(['1', '2'])
  })

  it('without a time backs off from 2 s to 60 s, and from the beginning after a success', async () => {
    const { clock, limiter, sent, send } = setUp()
    for (let i = 0; i < 7; i++) void outcome(limiter.call(['b.x'], send(`${i}`, 0, refusal()), never()))
    await clock.advance(0)
    for (let i = 7; i < 14; i++) {
      await outcome(advanceTo(clock, limiter.call(['b.x'], send(`${i}`, 0, refusal()), never())))
    }
    const at = sent.map(([, time]) => time).slice(7)
    expect(at.map((time, i) => time - (at[i - 1] ?? 0))).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    await advanceTo(clock, limiter.call(['b.x'], send('good'), never()))
    await outcome(advanceTo(clock, limiter.call(['b.x'], send('bad', 0, refusal()), never())))
    expect(limiter.room('b.x')).toEqual({ free: 0, nextAt: clock.now() + 2_000 })
    const before = clock.now()
    await advanceTo(clock, limiter.call(['b.x'], send('last'), never()))
    expect(clock.now() - before).toEqual(2_000)
  })

  it('with a time that has passed backs off as if it had none', async () => {
    const { clock, limiter, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 10, windowMs: 1_000 })
    await refuseOnce(clock, limiter.call(['b.x'], send('1', 0, refusal(START - 5)), never()))
    expect(limiter.room('b.x')).toEqual({ free: 0, nextAt: START + 2_000 })
  })

  it('that comes late to a call sent before the bucket closed does not lengthen the back-off', async () => {
    const { clock, limiter, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 100, windowMs: 1_000 })
    for (let i = 0; i < 20; i++) void outcome(limiter.call(['b.x'], send(`${i}`, i, refusal()), never()))
    await clock.advance(19)
    expect(limiter.room('b.x').nextAt).toEqual(START + 19 + 2_000)
  })

  it('tells those who wait in line that the bucket is closed', async () => {
    const { clock, limiter, holders, send } = setUp()
    limiter.setBucket('b.x', 'provider', { max: 1, windowMs: 1_000 })
    const refused = outcome(limiter.call(['b.x'], send('1', 100, refusal(START + 9_000)), never()))
    void holders.acquire('2', { buckets: ['b.x'] })
    await clock.advance(100)
    await refused
    expect(holders.told.map(([, { kind, until }]) => [kind, until])).toEqual([
      ['rate', undefined],
      ['closed', START + 9_000],
    ])
    await clock.advance(8_900)
    expect(holders.granted).toEqual(['2'])
  })
})

describe('a clock that goes back', () => {
  it('neither blocks for longer than a window nor lets a burst through', async () => {
    const { clock, sent, send } = setUp()
    let behind = 0
    const limiter = createLimiter({ clock: { ...clock, now: () => clock.now() - behind } })
    limiter.setBucket('b.x', 'provider', { max: 2, windowMs: 60_000 })
    const calls = ['1', '2', '3', '4', '5'].map((name) => limiter.call(['b.x'], send(name, 10), never()))
    await clock.advance(30_000)
    behind = 3_600_000
    expect(limiter.room('b.x').free).toEqual(0)
    await clock.runUntil(Promise.all(calls))
    const at = sent.map(([, time]) => time)
    expect(at.slice(0, 2)).toEqual([0, 0])
    expect(at[2]).toBeGreaterThanOrEqual(60_011)
    expect(at[4]).toBeLessThanOrEqual(30_000 + 60_001 + 60_011 + 1)
  })

  it('shortens a closure and a wait to what was left of them', async () => {
    const { clock, send } = setUp()
    let behind = 0
    const limiter = createLimiter({ clock: { ...clock, now: () => clock.now() - behind } })
    const holders = new Holders(limiter)
    await outcome(limiter.call(['b.x'], send('1', 0, refusal(START + 20_000)), never()))
    void holders.acquire('2', { notBefore: START + 20_000 })
    behind = 3_600_000
    void holders.acquire('3', { buckets: ['b.x'] })
    await clock.advance(20_000)
    expect(holders.granted.sort()).toEqual(['2', '3'])
  })
})

async function advanceTo<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  await clock.runUntil(work.catch(() => undefined))
  return work
}
