import { describe, expect, it } from 'vitest'
import { createScene, objects, promptFor } from './stand-in-client.ts'

describe('an agent run that vanishes at the stand-in', () => {
  it('works until its time has come, then answers 404 everywhere and is listed no more; it was created all the same', async () => {
    const { create, call, list, clock, standIn } = createScene()
    const stays = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 60_000 } }))
    const goes = await create(promptFor('run_a/b/1/1', { simulate: { durationMs: 5_000, outcome: 'vanish' } }))
    const listed = async () => {
      const { items, total } = await list('?skip=0&limit=10')
      return [objects(items).map(({ id }) => id), total]
    }
    const run = `/v1/organizations/1/agent/run`
    const asked = async () => [
      (await call('GET', `${run}/${goes}`)).status,
      (await call('GET', `/v1/alpha/organizations/1/agent/run/${goes}/logs`)).status,
    ]
    expect([await listed(), await asked()]).toEqual([
      [[goes, stays], 2],
      [200, 200],
    ])
    await clock.advance(5_000)
    expect([await listed(), await asked()]).toEqual([
      [[stays], 1],
      [404, 404],
    ])
    expect((await call('POST', `${run}/resume`, { agent_run_id: goes, prompt: 'Go on' })).status).toBe(404)
    expect(standIn.creations()).toEqual({ 'run_a/a/1': 1, 'run_a/b/1': 1 })
  })
})
