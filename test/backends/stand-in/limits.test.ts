import { describe, expect, it } from 'vitest'
import { createScene, ORGANIZATION, promptFor, type Scene } from './stand-in-client.ts'

const REFUSED = { message: 'Rate limit exceeded. Please try again later.', status_code: 429 }

async function statuses(n: number, send: () => Promise<{ status: number }>): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (let i = 0; i < n; i++) {
    const { status } = await send()
    counts[status] = (counts[status] ?? 0) + 1
  }
  return counts
}

const creating =
  ({ call }: Scene) =>
  () =>
    call('POST', `${ORGANIZATION}/agent/run`, { prompt: promptFor('run_a/a/1/1') })

describe('limits of the stand-in', () => {
  it.each([
    ['create', 10, 60_000, 'POST', `${ORGANIZATION}/agent/run`, { prompt: 'x' }],
    ['standard', 60, 30_000, 'GET', `${ORGANIZATION}/agent/runs`, undefined],
    ['logs', 60, 60_000, 'GET', '/v1/alpha/organizations/1/agent/run/41001/logs', undefined],
    ['setup', 5, 60_000, 'POST', `${ORGANIZATION}/setup-commands/generate`, { repo_id: 1 }],
    ['analyze', 5, 60_000, 'POST', `${ORGANIZATION}/sandbox/1/analyze-logs`, undefined],
    ['webhook-test', 10, 60_000, 'POST', `${ORGANIZATION}/webhooks/agent-run/test`, { url: 'https://hooks.invalid' }],
  ])('let %s through %i times in %i ms', async (name, max, windowMs, method, path, body) => {
    const { call, standIn, clock } = createScene()
    const send = async () => ({ status: (await call(method, path, body)).status === 429 ? 429 : 200 })
    expect(await statuses(max + 2, send)).toEqual({ 200: max, 429: 2 })
    await clock.advance(windowMs - 1)
    expect(await statuses(1, send)).toEqual({ 429: 1 })
    await clock.advance(1)
    expect(await statuses(max + 1, send)).toEqual({ 200: max, 429: 1 })
    expect(standIn.refusals()).toEqual({ [name]: 4 })
  })

  it('slide: a place is free one window after it was taken, and a refused request takes none', async () => {
    const scene = createScene({ limits: { create: { max: 2, windowMs: 1000 } } })
    const seen = []
    for (let ms = 0; ms <= 2000; ms += 250) {
      seen.push((await creating(scene)()).status)
      await scene.clock.advance(250)
    }
    expect(seen).toEqual([200, 200, 429, 429, 200, 200, 429, 429, 200])
  })

  it('are counted for each token by itself', async () => {
    const { standIn } = createScene({ limits: { standard: { max: 1, windowMs: 1000 } } })
    const ask = (token: string) =>
      standIn.fetch('http://stand-in.invalid/v1/users/me', { headers: { authorization: `Bearer ${token}` } })
    const seen = []
    for (const token of ['a', 'a', 'b', 'b']) seen.push((await ask(token)).status)
    expect(seen).toEqual([200, 429, 200, 429])
  })

  it('can be switched off, and shared over all endpoints', async () => {
    const scene = createScene({ limits: { create: 'none', shared: { max: 20, windowMs: 60_000 } } })
    expect(await statuses(15, creating(scene))).toEqual({ 200: 15 })
    expect(await statuses(7, () => scene.call('GET', '/v1/users/me'))).toEqual({ 200: 5, 429: 2 })
  })

  it('answer 429 without Retry-After, or with it when told to', async () => {
    const limits = { create: { max: 1, windowMs: 60_000 } }
    const answers = []
    for (const retryAfter of [false, true]) {
      const scene = createScene({ limits, retryAfter })
      await creating(scene)()
      await scene.clock.advance(1500)
      const { body, headers } = await creating(scene)()
      answers.push({ body, retryAfter: headers.get('retry-after') })
    }
    expect(answers).toEqual([
      { body: REFUSED, retryAfter: null },
      { body: REFUSED, retryAfter: '59' },
    ])
  })

  it('are not made shorter by the speed of the agents', async () => {
    const scene = createScene({ speed: 1000 })
    await statuses(10, creating(scene))
    await scene.clock.advance(59_999)
    expect((await creating(scene)()).status).toBe(429)
  })
})

describe('the plan of the account', () => {
  it('answers 402 once its agent runs are used up, until it allows more', async () => {
    const scene = createScene({ quota: 2 })
    expect(await statuses(3, creating(scene))).toEqual({ 200: 2, 402: 1 })
    const { body } = await creating(scene)()
    expect(body).toEqual({
      message:
        'Alloted agent runs for the current billing plan have been reached. Please upgrade your plan to continue.',
      status_code: 402,
    })
    scene.standIn.setQuota(3)
    const both = await Promise.all([creating(scene)(), creating(scene)()])
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 402])
    scene.standIn.setQuota(4)
    expect((await creating(scene)()).status).toBe(200)
  })
})
