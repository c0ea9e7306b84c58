import { describe, expect, it } from 'vitest'
import { createScene, ORGANIZATION, objects, promptFor, type Scene } from './stand-in-client.ts'

const URL = 'http://stand-in.invalid/v1/organizations/1/agent/run'
const POST = {
  method: 'POST',
  headers: { authorization: 'Bearer token' },
  body: JSON.stringify({ prompt: promptFor('run_a/a/1/1') }),
}

/** How a request ended: a status, or the name and message of what fetch threw. */
async function outcome(sent: Promise<Response>): Promise<string> {
  try {
    return String((await sent).status)
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

describe('faults of the stand-in', () => {
  it('answer-lost: the run is created, the connection breaks', async () => {
    const { standIn } = createScene({ faults: { 'answer-lost': 1 } })
    expect(await outcome(standIn.fetch(URL, POST))).toBe('TypeError: fetch failed')
    expect(standIn.creations()).toEqual({ 'run_a/a/1': 1 })
  })

  it('answer-lost: a turn is taken, the connection breaks', async () => {
    const { standIn, create, resume } = createScene()
    const id = await create(promptFor('run_a/a/1/1'))
    standIn.setFaults({ 'answer-lost': 1 })
    await expect(resume(id, promptFor('run_a/a/1/2'))).rejects.toThrow(new TypeError('fetch failed'))
    expect(standIn.turns()).toEqual({ 'run_a/a/1/1': 1, 'run_a/a/1/2': 1 })
  })

  it('reset: the connection breaks and nothing was done', async () => {
    const { standIn } = createScene({ faults: { reset: 1 } })
    expect(await outcome(standIn.fetch(URL, POST))).toBe('TypeError: fetch failed')
    expect(standIn.creations()).toEqual({})
  })

  it('error: 500, 502 and 503, after a create was carried out as well as before', async () => {
    const { standIn } = createScene({ faults: { error: 1 }, limits: { create: 'none' } })
    const seen = new Set<string>()
    for (let i = 0; i < 40; i++) {
      const before = standIn.creations()['run_a/a/1'] ?? 0
      const status = await outcome(standIn.fetch(URL, POST))
      seen.add(`${status} ${(standIn.creations()['run_a/a/1'] ?? 0) - before}`)
    }
    expect([...seen].sort()).toEqual(['500 0', '500 1', '502 0', '502 1', '503 0', '503 1'])
  })

  it('garbage: 200 with a body that is no JSON, although the run was created', async () => {
    const { standIn } = createScene({ faults: { garbage: 1 } })
    for (let i = 0; i < 8; i++) {
      const response = await standIn.fetch(URL, POST)
      expect(response.status).toBe(200)
      await expect(response.json()).rejects.toThrow(SyntaxError)
    }
    expect(standIn.creations()).toEqual({ 'run_a/a/1': 8 })
  })

  it('slow: the run is there at once, the answer 5 to 30 seconds later', async () => {
    const { standIn, clock } = createScene({ faults: { slow: 1 } })
    let answered: string | undefined
    const asked = outcome(standIn.fetch(URL, POST)).then((text) => {
      answered = text
    })
    await clock.advance(4999)
    expect([standIn.creations(), answered]).toEqual([{ 'run_a/a/1': 1 }, undefined])
    await clock.advance(25_001)
    await asked
    expect(answered).toBe('200')
  })

  it('slow: who no longer waits gets the reason of the signal, and no timer is left', async () => {
    const { standIn, clock } = createScene({ faults: { slow: 1 } })
    const controller = new AbortController()
    const asked = outcome(standIn.fetch(URL, { ...POST, signal: controller.signal }))
    await clock.advance(1000)
    controller.abort(new Error('deadline'))
    expect(await asked).toBe('Error: deadline')
    await clock.advance(0)
    expect([standIn.creations(), clock.pending()]).toEqual([{ 'run_a/a/1': 1 }, 0])
  })

  it('stale: lists and reads answer as of some seconds ago', async () => {
    const { standIn, create, read, list, clock } = createScene()
    const old = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 500 } }))
    await clock.advance(10_000)
    const id = await create(promptFor('run_a/b/1/1', { simulate: { durationMs: 500 } }))
    standIn.setFaults({ stale: 1 })
    await clock.advance(900)
    const ids = objects((await list())['items']).map((item) => item['id'])
    expect([ids, (await read(id))['status']]).toEqual([[old], 'ACTIVE'])
    await clock.advance(8000)
    expect([objects((await list())['items']).length, (await read(id))['status']]).toEqual([2, 'COMPLETE'])
  })

  it('stale: after a resume the old COMPLETE and its result may still be shown', async () => {
    const { standIn, create, read, resume, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 5 } }))
    await clock.advance(60_000)
    const before = await read(id)
    await resume(id, promptFor('run_a/a/1/2'))
    standIn.setFaults({ stale: 1 })
    await clock.advance(500)
    expect(await read(id)).toEqual(before)
  })

  it('strike the same requests for the same seed, about as often as asked', async () => {
    const run = async (seed: number) => {
      const { standIn } = createScene({ seed, faults: { reset: 0.3 }, limits: { create: 'none' } })
      const seen = []
      for (let i = 0; i < 200; i++) seen.push(await outcome(standIn.fetch(URL, POST)))
      return seen
    }
    const first = await run(1)
    const struck = first.filter((text) => text !== '200').length
    expect(await run(1)).toEqual(first)
    expect(await run(2)).not.toEqual(first)
    expect(struck).toBeGreaterThan(35)
    expect(struck).toBeLessThan(90)
  })
})

describe('the stand-in about itself', () => {
  const ask = async ({ standIn }: Scene, method: string, path: string, body?: string) => {
    const init = body === undefined ? { method } : { method, body }
    const response = await standIn.fetch(`http://stand-in.invalid/_stand-in/${path}`, init)
    return { status: response.status, body: await response.json() }
  }

  it('needs no token and is never faulty', async () => {
    const scene = createScene({ faults: { reset: 1, error: 1, garbage: 1, 'answer-lost': 1, slow: 1, stale: 1 } })
    expect([await ask(scene, 'GET', 'creations'), await ask(scene, 'GET', 'turns')]).toEqual([
      { status: 200, body: {} },
      { status: 200, body: {} },
    ])
  })

  it('takes new faults, of the known names and from 0 to 1 only', async () => {
    const scene = createScene({ faults: { slow: 1 } })
    expect(await ask(scene, 'PUT', 'faults', '{"slow":0,"garbage":0.5}')).toEqual({
      status: 200,
      body: { reset: 0, error: 0, slow: 0, stale: 0, 'answer-lost': 0, garbage: 0.5 },
    })
    const refused = []
    for (const body of ['{"lag":1}', '{"slow":2}', '{"slow":"1"}', ''])
      refused.push((await ask(scene, 'PUT', 'faults', body)).status)
    expect(refused).toEqual([422, 422, 422, 422])
    await ask(scene, 'PUT', 'faults', '{"garbage":0}')
    expect((await scene.call('GET', `${ORGANIZATION}/agent/runs`)).status).toBe(200)
  })

  it('counts what was created and prompted', async () => {
    const scene = createScene()
    await scene.create(promptFor('run_a/execute[0]/2/1'))
    expect([(await ask(scene, 'GET', 'creations')).body, (await ask(scene, 'GET', 'turns')).body]).toEqual([
      { 'run_a/execute[0]/2': 1 },
      { 'run_a/execute[0]/2/1': 1 },
    ])
  })
})
