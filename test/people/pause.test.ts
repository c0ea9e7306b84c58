import { describe, expect, it } from 'vitest'
import { peopleWorld, scripted } from '../support/people-world.ts'

const DAY = 86_400_000
const pause = { type: 'pause' } as const
const go = { type: 'continue' } as const

describe('a task that a person pauses', () => {
  it('gives its place in the queue to others, over a restart, until it is to go on', async () => {
    const tasks = { first: { prompt: scripted({}) }, work: { prompt: scripted({}) }, last: { prompt: scripted({}) } }
    const world = await peopleWorld({ tasks, more: { concurrency: 1 } })
    await world.until('running', 'first')
    await world.say(pause)
    expect(world.task()).toMatchObject({
      state: 'pending.paused',
      paused: true,
      awaits: 'person',
      why: 'a person paused it',
    })
    expect(await world.settle()).toBe(3)
    expect(await world.creations()).toEqual({ 'first/1': 1, 'last/1': 1 })
    await world.restart()
    await world.clock.advance(DAY)
    expect(await world.settle()).toBe(3)
    await world.say(go)
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'first/1': 1, 'last/1': 1, 'work/1': 1 })
  })

  it('brings the attempt under way to its end', async () => {
    const world = await peopleWorld({ tasks: { work: { prompt: scripted({}) } } })
    await world.until('running')
    await world.say(pause)
    expect(world.task()).toMatchObject({ state: 'running', paused: true })
    expect(world.task()?.commands).toEqual(['retry', 'complete', 'skip', 'fail', 'wait', 'steer', 'continue', 'cancel'])
    expect(await world.settle()).toBe(0)
  })

  it('makes no further attempt', async () => {
    const world = await peopleWorld({ tasks: { work: { prompt: scripted({ failures: 1 }) } } })
    await world.until('running')
    await world.say(pause)
    expect(await world.settle()).toBe(3)
    expect([world.task()?.state, world.task()?.attempt]).toEqual(['pending.paused', 2])
    expect(await world.creations()).toEqual({ 'work/1': 1 })
    await world.say(go)
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1, 'work/2': 1 })
  })

  it('is told nothing of what waits to be said until it goes on', async () => {
    const asking = { work: { prompt: scripted({ outcome: 'paused' }), timeout: '2d' } }
    const world = await peopleWorld({ tasks: asking })
    await world.settle()
    await world.say(pause)
    await world.say({ type: 'steer', text: 'Mind the tests' })
    expect(await world.settle()).toBe(3)
    expect(await world.turns()).toEqual({ 'work/1/1': 1 })
    expect(world.task()?.steers).toEqual([{ text: 'Mind the tests', state: 'queued' }])
    await world.say(go)
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('waits for its place again only when a create that was put back may go on', async () => {
    let refusals = 0
    const world = await peopleWorld({
      tasks: { work: { prompt: scripted({}) } },
      answer: (request) => {
        if (!request.url.endsWith('/agent/run') || refusals++ > 0) return undefined
        return Response.json({ message: 'slow down' }, { status: 429, headers: { 'retry-after': '60' } })
      },
      more: { budget: { agentRuns: 1 } },
    })
    await world.until('creating')
    await world.say(pause)
    expect(await world.settle()).toBe(3)
    expect([world.task()?.state, world.task()?.attempt]).toEqual(['pending.paused', 1])
    await world.say(go)
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1 })
  })
})

describe('a task that a person cancels', () => {
  it('says what could not be stopped at the backend, and the rest goes on', async () => {
    const tasks = { work: { prompt: scripted({ durationMs: 600_000 }) }, other: { prompt: scripted({}) } }
    const world = await peopleWorld({ tasks })
    await world.until('running')
    await world.say({ type: 'cancel' })
    await world.until('cancelled')
    expect(world.task()?.why).toMatch(/stop/)
    expect(await world.settle()).toBe(1)
    expect(world.task('other')?.state).toBe('completed')
  })

  it.each([
    ['pending.approval', 'Nothing had been created'],
    ['retrying', 'The agent run had already ended'],
  ])('ends it from %s', async (state, why) => {
    const failing = { prompt: scripted({ failures: 1 }), retry: { attempts: 2, delay: '1h' } }
    const world = await peopleWorld({
      tasks: { work: state === 'retrying' ? failing : { ...failing, approval: true } },
    })
    await world.until(state)
    await world.say({ type: 'cancel' })
    expect(await world.settle()).toBe(1)
    expect(world.task()).toMatchObject({ state: 'cancelled', why })
  })
})
