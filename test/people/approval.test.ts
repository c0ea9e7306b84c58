import { describe, expect, it } from 'vitest'
import { CommandRefusedError } from '../../src/domain/errors.ts'
import { peopleWorld, scripted } from '../support/people-world.ts'

const DAY = 86_400_000
const work = { prompt: scripted({}), approval: true }

describe('a task that a person must approve', () => {
  it('waits for days without a timer, a call or a slot, over restarts, and then starts', async () => {
    const tasks = { work, other: { prompt: scripted({}) } }
    const world = await peopleWorld({ tasks, more: { concurrency: 1 } })
    expect(await world.settle()).toBe(3)
    expect(await world.creations()).toEqual({ 'other/1': 1 })
    expect(world.task()).toMatchObject({
      state: 'pending.approval',
      awaits: 'person',
      why: 'a person must approve that it starts',
      commands: ['approve', 'reject', 'complete', 'skip', 'fail', 'steer', 'pause', 'cancel'],
    })
    const calls = world.prompts.length
    await world.clock.advance(3 * DAY)
    await world.restart()
    await world.clock.advance(3 * DAY)
    expect([world.task()?.state, world.prompts.length]).toEqual(['pending.approval', calls])
    await world.say({ type: 'approve' }, 'work', 'ann')
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'other/1': 1, 'work/1': 1 })
    expect(world.alerts('approval')).toEqual(['work waits for approval'])
    const said = world.records.find(({ event }) => event === 'task.approve')
    expect(said?.data).toEqual({ reason: 'approved by ann' })
  })

  it('is asked about once, not for each attempt', async () => {
    const world = await peopleWorld({ tasks: { work: { ...work, prompt: scripted({ failures: 1 }) } } })
    await world.settle()
    await world.say({ type: 'approve' })
    expect(await world.settle()).toBe(0)
    expect(await world.creations()).toEqual({ 'work/1': 1, 'work/2': 1 })
  })

  it.each([
    ['escalate', 'failed', 1],
    ['fail', 'failed', 1],
    ['continue', 'failed', 0],
    ['skip', 'skipped', 0],
  ] as const)('ends as its onFailure says when it is rejected: %s', async (onFailure, state, exitCode) => {
    const world = await peopleWorld({ tasks: { work: { ...work, onFailure } } })
    await world.settle()
    await world.say({ type: 'reject', reason: 'Too early' }, 'work', 'ann')
    expect(await world.settle()).toBe(exitCode)
    expect(world.task()).toMatchObject({ state, why: 'rejected by ann: Too early' })
    expect(await world.creations()).toEqual({})
  })

  it('is approved at once with --yes, and its record says so', async () => {
    const world = await peopleWorld({ tasks: { work }, settings: { yes: true } })
    expect(await world.settle()).toBe(0)
    expect(world.records.find(({ to }) => to === 'pending')?.data).toEqual({ reason: 'approved by --yes' })
  })

  it('is approved by whoever resumes with --yes', async () => {
    const world = await peopleWorld({ tasks: { work } })
    await world.settle()
    await world.restart({ yes: true })
    expect(await world.settle()).toBe(0)
    expect(world.records.find(({ event }) => event === 'task.approve')?.data).toEqual({ reason: 'approved by --yes' })
  })

  it('refuses what is not legal, with what is', async () => {
    const world = await peopleWorld({ tasks: { work } })
    await world.settle()
    const refused = await world.orchestrator.commandTask(world.run, 'work', { type: 'retry' }).catch((error) => error)
    expect(refused).toBeInstanceOf(CommandRefusedError)
    expect(refused.message).toBe(
      `${world.run} work is pending.approval and cannot take 'retry'. It takes: approve, reject, complete, skip, fail, steer, pause, cancel.`,
    )
  })
})

describe('a command to a forEach task', () => {
  const list = {
    prompt: scripted({ output: { list: ['a', 'b', 'c'] } }),
    output: { type: 'object', properties: { list: { type: 'array' } } },
  }
  const tasks = { list, work: { ...work, needs: ['list'], forEach: 'tasks.list.output.list', prompt: 'Do {{ item }}' } }

  it('reaches all items that take it', async () => {
    const world = await peopleWorld({ tasks })
    await world.settle()
    await world.say({ type: 'reject', reason: 'No' }, 'work[1]')
    await world.say({ type: 'approve' }, 'work')
    expect(await world.settle()).toBe(1)
    expect(await world.creations()).toEqual({ 'list/1': 1, 'work[0]/1': 1, 'work[2]/1': 1 })
  })

  it('is refused where no item takes it, with what they take', async () => {
    const world = await peopleWorld({ tasks })
    await world.settle()
    await expect(world.orchestrator.commandTask(world.run, 'work', { type: 'adopt' })).rejects.toThrow(
      "work is pending.approval and cannot take 'adopt'. It takes: approve, reject,",
    )
  })
})
