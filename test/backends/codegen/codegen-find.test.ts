import { describe, expect, it } from 'vitest'
import { createCodegenBackend } from '../../../src/backends/codegen/codegen-backend.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import { type AttemptKey, formatMark } from '../../../src/domain/ids.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { createFakeCodegen, type FakeRun, json } from './fake-codegen.ts'

const KEY: AttemptKey = { run: 'run_1', task: 'execute[0]', attempt: 2 }
const OTHER: AttemptKey = { run: 'run_1', task: 'execute[1]', attempt: 2 }
const never = new AbortController().signal
const SINCE = Date.UTC(2026, 0, 1)
/** As the API writes it, `minutes` after the intent. */
const date = (minutes: number) => new Date(SINCE + minutes * 60_000).toISOString().replace('T', ' ').replace('Z', '000')
const metadata = (key: AttemptKey) => ({ troupe: key })
const message = (text: string) => ({ agent_run_id: 1, message_type: 'USER_MESSAGE', observation: text })
const action = { agent_run_id: 1, message_type: 'ACTION', thought: 'I work' }

function setUp(runs: readonly FakeRun[]) {
  const clock = createVirtualClock(SINCE)
  const fake = createFakeCodegen(clock, { runs })
  const limiter = createPassThroughLimiter()
  const backend = createCodegenBackend({
    baseUrl: 'https://codegen.test',
    token: 't',
    organizationId: 7,
    fetch: fake.fetch,
    clock,
    limiter,
  })
  return { fake, backend, clock, find: (key = KEY) => backend.find(key, SINCE, never) }
}
const ref = (id: number, minutes?: number) => ({
  backend: 'codegen',
  id: String(id),
  url: `https://codegen.test/agent/trace/${id}`,
  ...(minutes === undefined ? {} : { createdAt: SINCE + minutes * 60_000 }),
  extra: { organization: '7' },
})
/** `count` runs of the same user that another run of troupe's made. */
const strangers = (newest: number, count: number, minutes: number): FakeRun[] =>
  Array.from({ length: count }, (_, n) => ({
    id: newest - n,
    status: 'ACTIVE',
    createdAt: date(minutes),
    metadata: metadata({ run: 'run_0', task: 'x', attempt: 1 }),
  }))

const isSecondPage = (path: string) => /skip=[1-9]/.test(path)

describe('a create of unknown outcome', () => {
  it('is found by its metadata', async () => {
    const runs: FakeRun[] = [
      { id: 3, status: 'ACTIVE', createdAt: date(2), metadata: metadata(OTHER) },
      { id: 2, status: 'ACTIVE', createdAt: date(1), metadata: { ...metadata(KEY), more: 1 } },
      { id: 1, status: 'ACTIVE', createdAt: date(0), metadata: { troupe: { ...KEY, attempt: 1 } } },
    ]
    const { find, fake } = setUp(runs)
    expect(await find()).toEqual({ kind: 'found', ref: ref(2, 1), others: [] })
    expect(fake.requests.map((request) => request.path)).toEqual([
      'users/me',
      'organizations/7/agent/runs?skip=0&user_id=11&source_type=API&limit=100',
    ])
  })

  it('is absent when the list is read back to five minutes before the intent', async () => {
    const runs = [...strangers(500, 150, 3), ...strangers(350, 100, -4), ...strangers(250, 250, -6)]
    const { find, fake } = setUp(runs)
    expect(await find()).toEqual({ kind: 'absent' })
    expect(fake.count(/agent\/runs/)).toBe(3)
  })

  it('is found although the server gives shorter pages than asked for', async () => {
    const ours = { id: 1, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([...strangers(120, 119, 1), ours])
    fake.intercept = ({ path }) => {
      const skip = Number(/skip=(\d+)/.exec(path)?.[1] ?? Number.NaN)
      if (Number.isNaN(skip)) return undefined
      const items = fake.runs.slice(skip, skip + 50).map(({ id, metadata: own }) => ({ id, metadata: own }))
      return json({ items, total: 120 })
    }
    expect((await find()).kind).toBe('found')
    expect(fake.count(/agent\/runs/)).toBe(3)
  })

  it.each([1, 2, 5])('is found although the server gives pages of %i', async (size) => {
    const ours = { id: 1, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([...strangers(30, 29, 1), ours])
    fake.intercept = ({ path }) => {
      const skip = Number(/skip=(\d+)/.exec(path)?.[1] ?? Number.NaN)
      if (Number.isNaN(skip)) return undefined
      const items = fake.runs.slice(skip, skip + size).map(({ id, metadata: own }) => ({ id, metadata: own }))
      return json({ items, total: 30 })
    }
    expect((await find()).kind).toBe('found')
    expect(fake.count(/agent\/runs/)).toBeLessThanOrEqual(30)
  })

  it('is found behind runs that arrive while the list is read', async () => {
    const ours = { id: 201, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([...strangers(300, 99, 1), ours, ...strangers(200, 100, -9)])
    fake.intercept = ({ path }) => {
      const answer = path.includes('skip=0')
        ? json({
            items: fake.runs
              .slice(0, 99)
              .map(({ id }) => ({ id, metadata: { tool: 'x' } }))
              .concat([{ id: 999, metadata: { tool: 'x' } }]),
            total: 250,
          })
        : undefined
      if (answer !== undefined) fake.runs.unshift(...strangers(340, 40, 2))
      return answer
    }
    expect(await find()).toEqual({ kind: 'found', ref: ref(201, 0), others: [] })
  })

  it('is found behind runs that vanish while the list is read', async () => {
    const ours = { id: 190, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([...strangers(300, 110, 1), ours, ...strangers(189, 100, -9)])
    fake.intercept = ({ path }) => {
      if (isSecondPage(path)) {
        fake.intercept = undefined
        fake.runs.splice(0, 30)
      }
      return undefined
    }
    expect(await find()).toEqual({ kind: 'found', ref: ref(190, 0), others: [] })
  })

  it('is found behind runs that an out-of-date page does not show yet', async () => {
    const ours = { id: 190, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([...strangers(300, 110, 1), ours, ...strangers(189, 200, -9)])
    fake.intercept = ({ path }) => {
      if (!isSecondPage(path)) return undefined
      fake.intercept = undefined
      const items = fake.runs.slice(120, 220).map(({ id, createdAt }) => ({ id, created_at: createdAt, metadata: {} }))
      return json({ items, total: 301 })
    }
    expect(await find()).toEqual({ kind: 'found', ref: ref(190, 0), others: [] })
  })

  it('is unknown when the list says that it has runs and shows none', async () => {
    const { find, fake } = setUp([])
    fake.intercept = ({ path }) => (path.includes('agent/runs') ? json({ items: [], total: 40 }) : undefined)
    expect(await find()).toEqual({ kind: 'unknown', reason: 'The list of agent runs shows none of its runs.' })
  })

  it('is absent by the list of all runs only, until the list of this user’s runs by the API has shown one of troupe’s', async () => {
    const ours: FakeRun = { id: 2, status: 'ACTIVE', createdAt: date(0), metadata: metadata(KEY) }
    const { find, fake } = setUp([ours])
    const hide = ({ path }: { path: string }) =>
      path.includes('user_id=11') ? json({ items: [], total: 0 }) : undefined
    fake.intercept = hide
    expect(await find()).toEqual({ kind: 'found', ref: ref(2, 0), others: [] })
    fake.intercept = undefined
    const walks = async () => {
      const before = fake.count(/agent\/runs/)
      return [await find(OTHER), fake.count(/agent\/runs/) - before]
    }
    expect([await walks(), await walks()]).toEqual([
      [{ kind: 'absent' }, 1],
      [{ kind: 'absent' }, 1],
    ])
  })

  it('is found where the provider’s clock is behind ours, as its answers tell', async () => {
    const text = message(formatMark(KEY, 1))
    const { find, fake } = setUp([{ id: 5, status: 'ACTIVE', createdAt: date(-10), metadata: {}, logs: [text] }])
    fake.intercept = ({ path }) => {
      if (!path.includes('agent/runs')) return undefined
      const items = fake.runs.map(({ id, createdAt }) => ({ id, created_at: createdAt, metadata: {} }))
      return json({ items, total: 1 }, 200, { date: new Date(SINCE - 10 * 60_000).toUTCString() })
    }
    const found = await find()
    expect(found.kind).toBe('found')
  })

  it('is found where the provider dates runs by another time zone, as the answer to a create tells', async () => {
    const text = message(formatMark(KEY, 1))
    const { backend, find, fake } = setUp([
      { id: 5, status: 'ACTIVE', createdAt: date(-8 * 60), metadata: {}, logs: [text] },
    ])
    fake.intercept = ({ method }) => (method === 'POST' ? json({ id: 9, created_at: date(-8 * 60) }) : undefined)
    await backend.create({ key: OTHER, prompt: 'Work' }, never)
    expect((await find()).kind).toBe('found')
  })

  it('is the older of two, and the younger is told', async () => {
    const { find } = setUp([
      { id: 9, status: 'ACTIVE', createdAt: date(3), metadata: metadata(KEY) },
      { id: 8, status: 'ACTIVE', createdAt: date(2), metadata: metadata(KEY) },
      { id: 7, status: 'ERROR', createdAt: date(1), metadata: metadata(KEY) },
    ])
    expect(await find()).toEqual({ kind: 'found', ref: ref(7, 1), others: [ref(8, 2), ref(9, 3)] })
  })

  it('is found by the mark in its first message where metadata does not come back', async () => {
    const first = message(`Do it like [troupe:run_1/execute[1]/2/1] did\n${formatMark(KEY, 1)}`)
    const { find, fake } = setUp([
      {
        id: 3,
        status: 'ACTIVE',
        createdAt: date(2),
        metadata: {},
        logs: [message('Else'), message(formatMark(KEY, 1))],
      },
      { id: 2, status: 'ACTIVE', createdAt: date(1), logs: [action, first] },
      { id: 1, status: 'ACTIVE', createdAt: date(-20), logs: [first] },
    ])
    expect(await find()).toEqual({ kind: 'found', ref: ref(2, 1), others: [] })
    expect(await find(OTHER)).toEqual({ kind: 'absent' })
    expect(fake.count(/logs/)).toBe(2)
  })

  it('is unknown as long as a run without metadata has no message', async () => {
    const { find, fake } = setUp([{ id: 3, status: 'ACTIVE', createdAt: date(2), logs: [action] }])
    const reason = '1 recent agent runs carry no metadata, and their logs do not tell whose they are'
    expect(await find()).toEqual({ kind: 'unknown', reason })
    fake.runs.splice(0)
    expect(await find()).toEqual({ kind: 'absent' })
  })

  it('is unknown when too many runs carry no metadata, until their logs were read', async () => {
    const runs = Array.from({ length: 30 }, (_, n) => ({
      id: 30 - n,
      status: 'ACTIVE',
      createdAt: date(1),
      logs: [message('Else')],
    }))
    const { find, fake } = setUp(runs)
    const reason = '10 recent agent runs carry no metadata, and their logs do not tell whose they are'
    expect(await find()).toEqual({ kind: 'unknown', reason })
    expect(fake.count(/logs/)).toBe(20)
    expect(await find()).toEqual({ kind: 'absent' })
    expect(fake.count(/logs/)).toBe(30)
  })

  it.each([
    ['a 500', () => json({}, 500), 'Codegen could not list agent runs: it answered 500.'],
    ['garbage', () => new Response('<html>'), 'Codegen could not list agent runs: its answer is not JSON.'],
    [
      'a 429',
      () => json({ message: 'Slow down' }, 429),
      'Codegen could not list agent runs: it answered 429: Slow down.',
    ],
  ])('is unknown when the list answers %s', async (_name, answer, reason) => {
    const { find, fake } = setUp([])
    fake.intercept = ({ path }) => (path.includes('agent/runs') ? answer() : undefined)
    expect(await find()).toEqual({ kind: 'unknown', reason })
  })

  it('is unknown when only its second page cannot be read', async () => {
    const { find, fake } = setUp(strangers(300, 300, 1))
    fake.intercept = ({ path }) => (isSecondPage(path) ? json({}, 502) : undefined)
    expect(await find()).toEqual({
      kind: 'unknown',
      reason: 'Codegen could not list agent runs: it answered 502.',
    })
  })

  it('is looked for without the user when that is not to be had', async () => {
    const { find, fake } = setUp([{ id: 3, status: null, metadata: metadata(KEY) }])
    fake.intercept = ({ path }) => (path === 'users/me' ? json({}, 500) : undefined)
    expect(await find()).toEqual({ kind: 'found', ref: ref(3), others: [] })
    expect(fake.requests.at(-1)?.path).toBe('organizations/7/agent/runs?skip=0&source_type=API&limit=100')
  })

  it('is refused, not unknown, when the token is', async () => {
    const { find, fake } = setUp([])
    fake.intercept = () => json({}, 401)
    const error = await find().catch((reason: unknown) => reason)
    expect(error instanceof BackendError && error.kind).toBe('auth')
  })

  it('is looked for by one walk through the list for all who ask together', async () => {
    const { backend, fake } = setUp([
      { id: 2, status: 'ACTIVE', createdAt: date(1), metadata: metadata(KEY) },
      { id: 1, status: 'ACTIVE', createdAt: date(1), metadata: metadata(OTHER) },
    ])
    const ask = (key: AttemptKey) => backend.find(key, SINCE, never)
    const [one, two] = await Promise.all([ask(KEY), ask(OTHER)])
    expect([one, two]).toEqual([
      { kind: 'found', ref: ref(2, 1), others: [] },
      { kind: 'found', ref: ref(1, 1), others: [] },
    ])
    expect(fake.count(/agent\/runs/)).toBe(1)
  })

  it('is looked for anew by who asks while the list is being read', async () => {
    const other = { id: 1, status: 'ACTIVE', createdAt: date(0), metadata: metadata(OTHER) }
    const { find, fake, clock } = setUp([other])
    let letGo = () => {}
    fake.intercept = ({ path }) => {
      if (!path.includes('agent/runs')) return undefined
      fake.intercept = undefined
      return new Promise((resolve) => {
        letGo = () => resolve(json({ items: [{ id: 1, metadata: metadata(OTHER) }], total: 1 }))
      })
    }
    const first = find()
    await clock.advance(10)
    fake.runs.unshift({ id: 2, status: 'ACTIVE', createdAt: date(1), metadata: metadata(KEY) })
    const second = find()
    letGo()
    expect([await first, await second]).toEqual([{ kind: 'absent' }, { kind: 'found', ref: ref(2, 1), others: [] }])
  })

  it('stops waiting when aborted', async () => {
    const { backend, fake, clock } = setUp([])
    fake.intercept = () => new Promise(() => {})
    const stop = new AbortController()
    const found = backend.find(KEY, SINCE, stop.signal).catch((error: unknown) => error)
    await clock.advance(10)
    stop.abort(new Error('stopped'))
    expect(await found).toEqual(new Error('stopped'))
    await backend.close()
  })
})
