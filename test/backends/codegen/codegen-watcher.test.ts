import { setMaxListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createCodegenClient } from '../../../src/backends/codegen/codegen-client.ts'
import { type CodegenWatcher, createCodegenWatcher } from '../../../src/backends/codegen/codegen-watcher.ts'
import type { AgentRunRef } from '../../../src/domain/backend.ts'
import { chances } from '../../../src/domain/seed.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { activeRuns, createFakeCodegen, type FakeCodegen, type FakeCodegenOptions, json } from './fake-codegen.ts'

interface Setting {
  readonly clock: VirtualClock
  readonly fake: FakeCodegen
  readonly watcher: CodegenWatcher
}

function setUp(options: FakeCodegenOptions = {}, free: () => number = () => 60): Setting {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock, options)
  const limiter = createPassThroughLimiter(() => ({ free: free(), nextAt: null }))
  const client = createCodegenClient({ baseUrl: 'https://codegen.test', token: 't', fetch: fake.fetch, clock, limiter })
  const watcher = createCodegenWatcher({
    client,
    clock,
    limiter,
    organization: async () => '7',
    organizationOf: async () => '7',
    userId: async (signal) => (await client.me(signal)).id,
  })
  return { clock, fake, watcher }
}

const refTo = (id: number, createdAt?: number): AgentRunRef => ({
  backend: 'codegen',
  id: String(id),
  ...(createdAt === undefined ? {} : { createdAt }),
})
/** Watches a run and tells what status each hint found. */
function note({ watcher, clock }: Setting, id: number) {
  const stop = new AbortController()
  const hints: (string | undefined)[] = []
  const times: number[] = []
  const onHint = () => {
    hints.push(watcher.latest(String(id))?.state.status)
    times.push(clock.now())
  }
  const ended = watcher.watch(refTo(id, clock.now()), onHint, stop.signal)
  return { hints, times, ended, stop: () => stop.abort() }
}
const end = (fake: FakeCodegen, id: number, result = 'done') => {
  const run = fake.runs.find((one) => one.id === id)
  if (run !== undefined) Object.assign(run, { status: 'COMPLETE', result })
}

describe('a watched run', () => {
  it('is hinted when it is first seen, and then only when its status or result changes', async () => {
    const setting = setUp({ runs: activeRuns(3, 1) })
    const watched = note(setting, 2)
    await setting.clock.advance(20_000)
    expect(watched.hints).toEqual(['active'])
    end(setting.fake, 2)
    await setting.clock.advance(20_000)
    end(setting.fake, 2, 'done otherwise')
    await setting.clock.advance(60_000)
    expect(watched.hints).toEqual(['active', 'complete', 'complete'])
    watched.stop()
    await watched.ended
  })

  it('is looked at within two seconds while it is young', async () => {
    const setting = setUp({ runs: activeRuns(1, 1) })
    const watched = note(setting, 1)
    await setting.clock.advance(10_000)
    const endedAt = setting.clock.now()
    end(setting.fake, 1)
    await setting.clock.advance(2000)
    expect(watched.hints).toEqual(['active', 'complete'])
    expect((watched.times[1] ?? 0) - endedAt).toBeLessThanOrEqual(2000)
    watched.stop()
  })

  it('is gone only when asking for the run itself answers 404', async () => {
    const setting = setUp({ runs: activeRuns(5, 1) })
    const one = note(setting, 2)
    const two = note(setting, 3)
    await setting.clock.advance(5000)
    setting.fake.runs.splice(2, 1)
    await setting.clock.advance(10_000)
    expect(one.hints).toEqual(['active'])
    expect(two.hints).toEqual(['active', 'gone'])
    expect(setting.fake.count(/run\/3$/)).toBeGreaterThanOrEqual(1)
    one.stop()
    two.stop()
  })

  it('is not gone when an out-of-date list does not show it yet', async () => {
    const setting = setUp({ runs: activeRuns(5, 1) })
    setting.fake.intercept = ({ path }) => {
      if (!path.includes('agent/runs')) return undefined
      return json({ items: [{ id: 1, organization_id: 7 }], total: 1 })
    }
    const one = note(setting, 4)
    const two = note(setting, 5)
    await setting.clock.advance(30_000)
    expect([one.hints, two.hints]).toEqual([['active'], ['active']])
    one.stop()
    two.stop()
  })

  it('is asked for again at most every 5 s by wakes, and soon', async () => {
    const setting = setUp({ runs: activeRuns(1, 1) })
    const watched = note(setting, 1)
    await setting.clock.advance(3_600_000)
    const before = setting.fake.requests.length
    for (let n = 0; n < 10; n++) {
      setting.watcher.wake('1')
      await setting.clock.advance(100)
    }
    expect(setting.fake.requests.length - before).toBe(1)
    watched.stop()
  })

  it('is asked for once in 5 s however many wakes come, beside the polls that it has without them', async () => {
    const readsIn = async (minutes: number, wakeEveryMs: number | undefined) => {
      const setting = setUp({ runs: activeRuns(1, 1), latencyMs: 300 })
      const watched = note(setting, 1)
      await setting.clock.advance(3_600_000)
      const before = setting.fake.requests.length
      const until = setting.clock.now() + minutes * 60_000
      while (setting.clock.now() < until) {
        if (wakeEveryMs !== undefined) setting.watcher.wake('1')
        await setting.clock.advance(wakeEveryMs ?? 1000)
      }
      watched.stop()
      return setting.fake.requests.length - before
    }
    const minutes = 5
    const most = (minutes * 60_000) / 5000 + 1
    expect(await readsIn(minutes, 20)).toBeLessThanOrEqual(most)
    // Without any it is looked at every 8 s.
    expect(await readsIn(minutes, undefined)).toBeLessThanOrEqual((minutes * 60_000) / 8000)
  })

  it('is asked for again when a wake came while it was asked for', async () => {
    const setting = setUp({ runs: activeRuns(1, 1), latencyMs: 2000 })
    const watched = note(setting, 1)
    await setting.clock.advance(3_600_000)
    await setting.clock.runUntil(() => setting.clock.now() - (setting.fake.requests.at(-1)?.at ?? 0) === 1000)
    // The answer that is on its way was made before the end.
    end(setting.fake, 1)
    const endedAt = setting.clock.now()
    setting.watcher.wake('1')
    await setting.clock.advance(3500)
    expect(watched.hints).toEqual(['active', 'complete'])
    expect((watched.times[1] ?? 0) - endedAt).toBeLessThanOrEqual(3500)
    watched.stop()
  })

  it('is asked for again when a second wake came while the first was carried out', async () => {
    const setting = setUp({ runs: activeRuns(1, 1), latencyMs: 1000 })
    const watched = note(setting, 1)
    await setting.clock.advance(3_600_000)
    const from = setting.fake.requests.length
    const start = setting.clock.now()
    setting.watcher.wake('1')
    await setting.clock.advance(700)
    end(setting.fake, 1)
    setting.watcher.wake('1')
    await setting.clock.advance(5500)
    const at = setting.fake.requests.slice(from).map((request) => request.at - start)
    expect([at.slice(0, 2), watched.hints]).toEqual([
      [0, 5000],
      ['active', 'complete'],
    ])
    watched.stop()
  })

  it('is not asked for more often by wakes while the server fails', async () => {
    const setting = setUp({ runs: activeRuns(1, 1) })
    const watched = note(setting, 1)
    await setting.clock.advance(3_600_000)
    setting.fake.intercept = () => json({}, 503)
    const failing = setting.fake.requests.length
    for (let n = 0; n < 600; n++) {
      setting.watcher.wake('1')
      await setting.clock.advance(100)
    }
    // 1 s, 2 s, 4 s, 8 s, 16 s after one another, and 30 s.
    expect(setting.fake.requests.length - failing).toBeLessThanOrEqual(7)
    watched.stop()
  })

  it('is not looked for when a wake names no run that is watched', async () => {
    const setting = setUp({ runs: activeRuns(2, 1) })
    const watched = note(setting, 1)
    await setting.clock.advance(3_600_000)
    const before = setting.fake.requests.length
    for (const id of ['2', '77', 'x', '', '__proto__']) setting.watcher.wake(id)
    await setting.clock.advance(100)
    expect(setting.fake.requests.length).toBe(before)
    watched.stop()
    setting.watcher.close()
    setting.watcher.wake('1')
    await setting.clock.advance(100)
    expect([setting.fake.requests.length, setting.clock.pending()]).toEqual([before, 0])
  })

  it('is out of date after a prompt until it was asked for after it', async () => {
    const setting = setUp({ runs: activeRuns(1, 1) })
    const watched = note(setting, 1)
    await setting.clock.advance(5000)
    end(setting.fake, 1)
    await setting.clock.advance(5000)
    setting.watcher.renew('1')
    expect(setting.watcher.latest('1')).toBe(undefined)
    await setting.clock.advance(2000)
    expect(setting.watcher.latest('1')?.state.status).toBe('complete')
    expect(watched.hints).toEqual(['active', 'complete', 'complete'])
    watched.stop()
  })
})

describe('the polling', () => {
  it('happens only while something is watched', async () => {
    const setting = setUp({ runs: activeRuns(1, 1) })
    expect(setting.clock.pending()).toBe(0)
    const watched = note(setting, 1)
    await setting.clock.advance(5000)
    watched.stop()
    await watched.ended
    expect(setting.clock.pending()).toBe(0)
    const asked = setting.fake.requests.length
    await setting.clock.advance(60_000)
    expect(setting.fake.requests.length).toBe(asked)
    const again = note(setting, 1)
    await setting.clock.advance(5000)
    expect(setting.fake.requests.length).toBeGreaterThan(asked)
    setting.watcher.close()
    expect(setting.clock.pending()).toBe(0)
    again.stop()
  })

  it('asks for the runs of this user that came by the API', async () => {
    const setting = setUp({ runs: activeRuns(2, 1) })
    const both = [note(setting, 1), note(setting, 2)]
    await setting.clock.advance(300)
    expect(setting.fake.requests.map((request) => request.path)).toEqual([
      'users/me',
      'organizations/7/agent/runs?skip=0&user_id=11&source_type=API&limit=100',
    ])
    for (const watched of both) watched.stop()
  })

  it('asks without the user while that is unknown', async () => {
    const setting = setUp({ runs: activeRuns(2, 1) })
    setting.fake.intercept = ({ path }) => (path === 'users/me' ? json({}, 500) : undefined)
    const both = [note(setting, 1), note(setting, 2)]
    await setting.clock.advance(300)
    expect(setting.fake.requests.map((request) => request.path)).toEqual([
      'users/me',
      'organizations/7/agent/runs?skip=0&source_type=API&limit=100',
    ])
    expect(both.map((watched) => watched.hints)).toEqual([['active'], ['active']])
    for (const watched of both) watched.stop()
  })

  it('goes on after 429, 5xx, garbage, broken connections and answers that never come', async () => {
    const setting = setUp({ runs: activeRuns(3, 1) })
    const troubles: (() => Response | Promise<Response>)[] = [
      () => json({ message: 'Rate limit exceeded.' }, 429),
      () => json({}, 503),
      () => new Response('<html>', { status: 200 }),
      () => json({ items: 'many' }),
      () => {
        throw new TypeError('fetch failed')
      },
      () => new Promise(() => {}),
    ]
    setting.fake.intercept = ({ path }) => (path === 'users/me' ? undefined : troubles.shift()?.())
    const both = [note(setting, 1), note(setting, 2)]
    await setting.clock.advance(300_000)
    expect(troubles).toEqual([])
    end(setting.fake, 1)
    await setting.clock.advance(10_000)
    expect(both.map((watched) => watched.hints.at(-1))).toEqual(['complete', 'active'])
    for (const watched of both) watched.stop()
  })

  it('tells one watcher when nothing can be read, so that somebody learns why', async () => {
    const setting = setUp({ runs: activeRuns(2, 1) })
    setting.fake.intercept = () => json({}, 500)
    const both = [note(setting, 1), note(setting, 2)]
    await setting.clock.advance(600_000)
    expect(both.flatMap((watched) => watched.hints)).toEqual([undefined])
    for (const watched of both) watched.stop()
  })

  it('does not lose other pages by one that is always garbage', async () => {
    const setting = setUp({ runs: activeRuns(1000, 1) })
    setting.fake.intercept = ({ path }) => {
      const skip = Number(/skip=(\d+)/.exec(path)?.[1] ?? Number.NaN)
      const limit = Number(/limit=(\d+)/.exec(path)?.[1] ?? Number.NaN)
      return skip <= 500 && skip + limit > 500 ? new Response('{"items":[') : undefined
    }
    const ids = [990, 980, 510, 500, 20, 10]
    const all = ids.map((id) => note(setting, id))
    await setting.clock.advance(120_000)
    expect(all.map((watched) => watched.hints)).toEqual(ids.map(() => ['active']))
    for (const id of ids) end(setting.fake, id)
    await setting.clock.advance(30_000)
    expect(all.map((watched) => watched.hints)).toEqual(ids.map(() => ['active', 'complete']))
    for (const watched of all) watched.stop()
  })

  it('holds back while the shared bucket is nearly used up, but never for ever', async () => {
    let free = 60
    const setting = setUp({ runs: activeRuns(1, 1) }, () => free)
    const watched = note(setting, 1)
    await setting.clock.advance(10_000)
    free = 5
    const before = setting.fake.requests.length
    await setting.clock.advance(60_000)
    expect(setting.fake.requests.length - before).toBeGreaterThanOrEqual(4)
    expect(setting.fake.requests.length - before).toBeLessThanOrEqual(7)
    watched.stop()
  })

  it('reads many runs at once by pages', async () => {
    const setting = setUp({ runs: activeRuns(300, 1) })
    const { signal } = new AbortController()
    setMaxListeners(0, signal)
    const states = Promise.all(
      setting.fake.runs.map((run) => setting.watcher.next(refTo(run.id), signal).then((state) => state.status)),
    )
    await setting.clock.runUntil(states, 60_000)
    expect(await states).toEqual(setting.fake.runs.map(() => 'active'))
    expect(setting.fake.requests.length).toBeLessThanOrEqual(6)
  })
})

/** 300 runs of ours end one after the other within ten minutes; what each ending took to be noticed, and the calls made. */
async function watchTenMinutes(setting: Setting, ours: number, arrive: (fake: FakeCodegen, second: number) => void) {
  const { clock, fake, watcher } = setting
  const chance = chances(7, 'endings')
  const start = clock.now()
  const endsAt = new Map<string, number>()
  const delays: number[] = []
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  for (let id = 1; id <= ours; id++) {
    const ref = refTo(id, start - 600_000)
    endsAt.set(ref.id, start + 30_000 + Math.floor(chance() * 570_000))
    const onHint = () => {
      if (watcher.latest(ref.id)?.state.status === 'complete') delays.push(clock.now() - (endsAt.get(ref.id) ?? 0))
    }
    void watcher.watch(ref, onHint, stop.signal)
  }
  for (const run of fake.runs) {
    const at = endsAt.get(String(run.id))
    if (at !== undefined) clock.setTimeout(() => end(fake, run.id), at - start)
  }
  for (let second = 1; second <= 600; second++) {
    await clock.advance(1000)
    arrive(fake, second)
  }
  await clock.advance(15_000)
  stop.abort()
  delays.sort((a, b) => a - b)
  const at = fake.requests.map((request) => request.at)
  const perMinute = at.map((from) => at.filter((time) => time >= from && time < from + 60_000).length)
  return { noticed: delays.length, p95: delays[Math.floor(delays.length * 0.95)] ?? 0, most: Math.max(...perMinute) }
}

describe('300 runs behind 2,000 newer ones, for ten minutes', () => {
  const add = (fake: FakeCodegen, count: number) => {
    const newest = fake.runs[0]?.id ?? 0
    fake.runs.unshift(...activeRuns(newest + count, newest + 1))
  }
  const check = (outcome: Awaited<ReturnType<typeof watchTenMinutes>>) => {
    expect(outcome.noticed).toBe(300)
    expect(outcome.most).toBeLessThanOrEqual(60)
    expect(outcome.p95).toBeLessThanOrEqual(10_000)
  }

  it('costs at most 60 calls a minute and an ending is noticed within 10 s at p95, when all were there before', async () => {
    const setting = setUp({ runs: activeRuns(2300, 1), latencyMs: 200 })
    check(await watchTenMinutes(setting, 300, () => {}))
  })

  it('the same when they keep arriving', async () => {
    const setting = setUp({ runs: activeRuns(300, 1), latencyMs: 200 })
    check(await watchTenMinutes(setting, 300, (fake, second) => add(fake, second % 3 === 0 ? 4 : 3)))
  })

  it('the same when they arrive all at once', async () => {
    const setting = setUp({ runs: activeRuns(300, 1), latencyMs: 200 })
    check(await watchTenMinutes(setting, 300, (fake, second) => second === 200 && add(fake, 2000)))
  })

  it('the same when they stand between ours, and the list does not tell its length', async () => {
    const setting = setUp({ runs: activeRuns(2300, 1), latencyMs: 200 })
    setting.fake.intercept = ({ path }) => {
      const [, skip, limit] = /skip=(\d+).*limit=(\d+)/.exec(path) ?? []
      if (skip === undefined) return undefined
      const items = setting.fake.runs.slice(Number(skip), Number(skip) + Number(limit))
      return json({ items: items.map((run) => ({ id: run.id, status: run.status, result: run.result })) })
    }
    check(await watchTenMinutes(setting, 300, (fake, second) => second % 20 === 0 && add(fake, 60)))
  })
})
