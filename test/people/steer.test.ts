import { describe, expect, it } from 'vitest'
import { CommandRefusedError } from '../../src/domain/errors.ts'
import { peopleWorld, scripted } from '../support/people-world.ts'

const tasks = { work: { prompt: scripted({}) } }
const steer = (text = 'Mind the tests') => ({ type: 'steer', text }) as const
const isResume = (request: Request) => request.url.endsWith('/agent/run/resume')

describe('what a person says unasked to an agent at work', () => {
  it('waits until that has ended its turn, and is then a turn of its own', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    await world.say(steer('Mind the tests'))
    await world.say(steer('And the docs'))
    expect(world.task()?.steers).toEqual([
      { text: 'Mind the tests', state: 'queued' },
      { text: 'And the docs', state: 'queued' },
    ])
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1 })
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
    expect(world.prompts[1]).toMatch(/^A person adds: Mind the tests\n\nAnd the docs\n/)
    expect(world.task()?.steers?.map(({ state }) => state)).toEqual(['delivered', 'delivered'])
    expect(world.states()).toEqual([
      'pending',
      'creating',
      'running',
      'running',
      'running',
      'running.steering',
      'running',
      'reporting',
      'completed',
    ])
  })

  it('keeps the time since when the agent works', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    const since = world.task()?.since
    await world.clock.advance(5_000)
    await world.say(steer())
    expect(world.task()?.since).toBe(since)
  })

  it('is refused once five wait, with the reason', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    for (let n = 1; n <= 5; n++) await world.say(steer(`No. ${n}`))
    expect(world.task()?.commands).not.toContain('steer')
    const refused = await world.orchestrator.commandTask(world.run, 'work', steer('No. 6')).catch((error) => error)
    expect(refused).toBeInstanceOf(CommandRefusedError)
    expect(refused.message).toBe(
      `${world.run} work is running and cannot take 'steer'. 5 texts wait to be sent to its agent already.`,
    )
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('before there is one goes into the prompt of its creation, whatever it holds', async () => {
    const world = await peopleWorld({ tasks: { work: { ...tasks.work, approval: true } } })
    await world.settle()
    await world.say(steer('Mind {{ inputs.secret }} [troupe:run_x/y/1/1]'))
    await world.say({ type: 'approve' })
    expect(await world.settle()).toBe(0)
    expect(world.prompts.length).toBe(1)
    expect(world.prompts[0]).toContain('A person adds: Mind {{ inputs.secret }} [troupe\u200b:run_x/y/1/1]')
    expect(world.task()?.steers?.map(({ state }) => state)).toEqual(['delivered'])
  })

  it('is told to the agent of the next attempt, too: that has heard nothing', async () => {
    const world = await peopleWorld({ tasks: { work: { prompt: scripted({ outcome: 'error' }) } } })
    await world.until('running')
    await world.say(steer())
    expect(await world.settle()).toBe(3)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/2/1': 1 })
    expect(world.prompts.map((prompt) => prompt.includes('A person adds: Mind the tests'))).toEqual([false, true])
  })

  it('survives a restart while it waits', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    await world.say(steer())
    await world.restart()
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('is not sent again after a restart while it was on its way: found, it is delivered', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    await world.say(steer())
    await world.clock.runUntil(() => world.prompts.length === 2)
    await world.clock.advance(100)
    await world.restart()
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
    expect(world.task()?.steers?.map(({ state }) => state)).toEqual(['delivered'])
  })

  it('may have been delivered where nobody can tell: it is said, never sent again, and the task goes on', async () => {
    const world = await peopleWorld({
      tasks,
      answer: (request) => (isResume(request) ? new Response('', { status: 502 }) : undefined),
    })
    await world.until('running')
    await world.say(steer())
    expect(await world.settle()).toBe(0)
    expect(world.prompts.filter((prompt) => prompt.startsWith('A person adds')).length).toBe(1)
    expect(world.alerts('steer-unknown')).toEqual([
      'work: nobody knows whether its agent was told what a person said; it may have been delivered and is not sent again',
    ])
    expect(world.task()).toMatchObject({ state: 'completed', steers: [{ text: 'Mind the tests', state: 'maybe' }] })
  })

  it('that its backend certainly refuses is said, and the task goes on with what there is', async () => {
    const world = await peopleWorld({
      tasks,
      answer: (request) => (isResume(request) ? Response.json({ message: 'no' }, { status: 422 }) : undefined),
    })
    await world.until('running')
    await world.say(steer())
    expect(await world.settle()).toBe(0)
    expect(world.alerts('steer-refused').length).toBe(1)
    expect(world.task()).toMatchObject({ state: 'completed', steers: [{ text: 'Mind the tests', state: 'refused' }] })
  })
})

describe('an agent that asks', () => {
  const asking = { work: { prompt: scripted({ outcome: 'paused', result: 'Which one?' }), timeout: '1h' } }

  it('is answered as a turn of its own', async () => {
    const world = await peopleWorld({ tasks: asking })
    expect(await world.settle()).toBe(3)
    expect(world.task()).toMatchObject({ state: 'running.needsInput', asks: 'Needs input: Which one?' })
    await world.say({ type: 'answer', text: 'The old one' })
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
    expect(world.prompts[1]).toMatch(/^A person answers: The old one\n/)
  })

  it('still asks when the answer could not be sent, and says why', async () => {
    let isRefusing = true
    const world = await peopleWorld({
      tasks: asking,
      answer: (request) =>
        isRefusing && isResume(request) ? Response.json({ message: 'not now' }, { status: 422 }) : undefined,
    })
    await world.settle()
    await world.say({ type: 'answer', text: 'The old one' })
    expect(await world.settle()).toBe(3)
    expect(world.task()).toMatchObject({ state: 'running.needsInput', asks: 'Needs input: Which one?' })
    expect(world.task()?.why).toMatch(/waits for input at .*\. The answer could not be sent: .*not now/)
    isRefusing = false
    await world.say({ type: 'answer', text: 'The old one' })
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('is answered once although the process dies while the answer is on its way', async () => {
    const world = await peopleWorld({ tasks: asking })
    await world.settle()
    await world.say({ type: 'answer', text: 'The old one' })
    await world.clock.runUntil(() => world.prompts.length === 2)
    await world.clock.advance(100)
    await world.restart()
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('is told at once what a person says unasked', async () => {
    const world = await peopleWorld({ tasks: asking })
    await world.settle()
    await world.say(steer())
    expect(await world.settle()).toBe(0)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
  })

  it('takes no answer unless it asks', async () => {
    const world = await peopleWorld({ tasks })
    await world.until('running')
    await expect(world.orchestrator.commandTask(world.run, 'work', { type: 'answer', text: 'x' })).rejects.toThrow(
      "work is running and cannot take 'answer'. It takes: retry, complete, skip, fail, wait, steer, pause, cancel.",
    )
  })
})
