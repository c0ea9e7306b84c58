import { describe, expect, it } from 'vitest'
import { peopleWorld, scripted } from '../support/people-world.ts'

const output = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }
const unfit = { prompt: scripted({ report: 'none', output: { n: 1 } }), output }

describe('a report that does not fit', () => {
  it('is asked for once more: one agent, two turns', async () => {
    const world = await peopleWorld({ tasks: { work: unfit } })
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1 })
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1 })
    expect(world.states()).toEqual([
      'pending',
      'creating',
      'running',
      'reporting',
      'reporting.repairing',
      'running',
      'reporting',
      'completed',
    ])
    expect(world.prompts[1]).toMatch(/^Your report could not be used:\n\n```text\nThe report does not fit/)
  })

  it('twice is a failure of the attempt, and the next one has a repair of its own', async () => {
    const world = await peopleWorld({ tasks: { work: { ...unfit, prompt: scripted({ output: { n: 'one' } }) } } })
    expect(await world.settle()).toBe(3)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/1/2': 1, 'work/2/1': 1, 'work/2/2': 1 })
    expect(world.task()).toMatchObject({ state: 'escalated', attempt: 2, failure: { kind: 'invalid-report' } })
  })

  it('that says the work failed is not asked for again', async () => {
    const world = await peopleWorld({ tasks: { work: { ...unfit, prompt: scripted({ report: 'failed' }) } } })
    expect(await world.settle()).toBe(3)
    expect(await world.turns()).toEqual({ 'work/1/1': 1, 'work/2/1': 1 })
  })

  it('is asked for once although the process dies while that is on its way', async () => {
    const world = await peopleWorld({ tasks: { work: unfit } })
    await world.until('reporting.repairing')
    await world.restart()
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1 })
    expect(Object.keys(await world.turns())).toEqual(['work/1/1', 'work/1/2'])
  })
})
