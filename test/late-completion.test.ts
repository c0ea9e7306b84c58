import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../src/domain/record.ts'
import type { TaskView } from '../src/domain/views.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld, type World } from './simulation/world.ts'

const arrives = (state: string) => (record: RunRecord) => record.actor.id === 'slow' && record.to === state
const isLateEnd = ({ data }: RunRecord) => data?.['lateEnd'] !== undefined

/** One task past its deadline after a minute, whose agent goes on for `duration`. */
const overdue = (duration: string, simulate: object = {}, more: object = {}) =>
  defineWorkflow({
    name: 'overdue',
    defaults: { repository: 'acme/shop', retry: { attempts: 1 }, timeout: '1m' },
    tasks: { slow: { prompt: 'Take your time', simulate: { duration, result: 'Late.', ...simulate }, ...more } },
  } as never)

const taskOf = (world: World, run: string) => world.orchestrator.view(run).tasks[0] as TaskView

/** A person retries the overdue task; the first agent ends while the second one works. */
async function retriedTooSoon(world: World, simulate: object = {}, more: object = {}): Promise<string> {
  const run = await world.start(overdue('90s', simulate, more))
  await world.until(arrives('escalated.overdue'))
  await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
  await world.until(isLateEnd)
  return run
}

describe('an attempt that completes after it was given up', () => {
  it('at its deadline is told once, also when its task is cancelled before the next attempt', async () => {
    await inWorld({}, async (world) => {
      const retry = { attempts: 2, delay: '10m', onTimeout: true }
      const tasks = { slow: { prompt: 'Take your time', retry, simulate: { duration: '90s', result: 'Late.' } } }
      const run = await world.start(
        defineWorkflow({ name: 'given up', defaults: { repository: 'acme/shop', timeout: '1m' }, tasks }),
      )
      await world.until(isLateEnd)
      // What was read of its agent run is too old by then, and how it stands cannot be read again.
      await world.clock.advance(60_000)
      world.standIn.setFaults({ error: 1 })
      await world.orchestrator.command(run, { type: 'cancel' })
      await world.until(arrives('cancelled'))
      world.standIn.setFaults({ error: 0 })
      await world.clock.advance(300_000)
      const stored = await world.stored(run)
      expect(stored.filter(isLateEnd).map(({ attempt }) => attempt)).toEqual([1])
      expect(stored.filter(({ data }) => data?.['gaveUp'] !== undefined).map(({ to }) => to)).toEqual(['retrying'])
    })
  })

  it('is recorded with what it returned, offered, and taken by nobody (I8)', async () => {
    await inWorld({}, async (world) => {
      const run = await retriedTooSoon(world, { pullRequests: 1 })
      const late = world.records.find(isLateEnd)
      const [{ url, pullRequests } = { url: '', pullRequests: [] }] = taskOf(world, run).late ?? []
      expect([late?.type, late?.attempt, late?.data]).toEqual([
        'progress',
        1,
        {
          lateEnd: {
            holder: `${run}/slow/1`,
            status: 'COMPLETE',
            url,
            usable: true,
            outcome: { result: 'Late.', output: { summary: 'Late.' }, metrics: expect.any(Object) },
            pullRequests,
          },
          late: `Attempt 1 ended after it was given up: COMPLETE at ${url}; its result may be adopted`,
        },
      ])
      expect(taskOf(world, run)).toMatchObject({
        state: 'running',
        attempt: 2,
        late: [
          {
            attempt: 1,
            at: late?.at,
            status: 'COMPLETE',
            url: taskOf(world, run).attempts[0]?.url,
            pullRequests: [expect.objectContaining({ url: expect.any(String) })],
            result: 'Late.',
            usable: true,
            commands: ['adopt'],
          },
        ],
      })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(await world.orchestrator.result(run, 'slow')).toMatchObject({ attempt: 2, status: 'completed' })
      expect(taskOf(world, run).late?.[0]?.commands).toEqual([])
    })
  })

  it('completes its task when a person adopts it: the agent beside it is given up and nothing is created', async () => {
    await inWorld({}, async (world) => {
      const run = await retriedTooSoon(world, { pullRequests: 1 })
      const offered = taskOf(world, run).late?.[0]
      const reply = await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      expect(reply).toMatchObject({ run, task: 'slow', state: 'completed' })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(taskOf(world, run)).toMatchObject({
        state: 'completed',
        adopted: 1,
        why: 'a person adopted the late result of attempt 1',
        pullRequests: offered?.pullRequests,
      })
      expect(await world.orchestrator.result(run, 'slow')).toEqual({
        task: 'slow',
        attempt: 1,
        status: 'completed',
        result: 'Late.',
        output: { summary: 'Late.' },
      })
      const completed = world.records.filter(arrives('completed'))
      expect(completed.map(({ event, data }) => [event, (data?.['gaveUp'] as { attempt?: number })?.attempt])).toEqual([
        ['task.complete', 2],
      ])
      expect(world.records.findLast(({ type }) => type === 'command')?.data).toEqual({ command: 'adopt', attempt: 1 })
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1, [`${run}/slow/2`]: 1 })
    })
  })

  it.each([
    ['has begun anew', 'before'],
    ['has written a checkpoint and begun anew', 'after'],
  ] as const)('is still offered when the process %s, and is still not taken by itself', async (_, checkpoint) => {
    await inWorld({}, async (world) => {
      const run = await retriedTooSoon(world)
      if (checkpoint === 'after') await world.orchestrator.checkpoint()
      world.kill()
      await world.open()
      await world.resumed()
      expect(taskOf(world, run)).toMatchObject({ state: 'running', attempt: 2, late: [{ attempt: 1, usable: true }] })
      await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect((await world.stored(run)).filter(isLateEnd)).toHaveLength(1)
      expect((await world.orchestrator.result(run, 'slow')).attempt).toBe(1)
    })
  })

  it('keeps a long result in a file, from which it is adopted whole', async () => {
    await inWorld({}, async (world) => {
      const result = 'All of it. '.repeat(3_000)
      const run = await retriedTooSoon(world, { result })
      expect(taskOf(world, run).late?.[0]?.result).toHaveLength(500)
      await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      await world.settled(run)
      const whole = await world.orchestrator.result(run, 'slow')
      expect([whole.attempt, whole.result.includes(result.trim())]).toEqual([1, true])
    })
  })

  it('hands its output on to the tasks that need it', async () => {
    await inWorld({}, async (world) => {
      const workflow = defineWorkflow({
        name: 'chain',
        defaults: { repository: 'acme/shop', retry: { attempts: 1 }, timeout: '1m' },
        tasks: {
          slow: {
            prompt: 'List',
            output: { type: 'object', required: ['names'] },
            simulate: { duration: '90s', output: { names: ['x', 'y'] } },
          },
          each: {
            prompt: '{{ item }}',
            needs: ['slow'],
            forEach: 'tasks.slow.output.names',
            simulate: { duration: '1s' },
          },
        },
      })
      const run = await world.start(workflow)
      await world.until(arrives('escalated.overdue'))
      await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
      await world.until(isLateEnd)
      await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.orchestrator.view(run).tasks.map(({ task, state }) => [task, state])).toEqual([
        ['slow', 'completed'],
        ['each[0]', 'completed'],
        ['each[1]', 'completed'],
      ])
    })
  })

  it.each([
    ['waits for a slot', 'pending', {}, true],
    ['waits for its next attempt', 'retrying', { retry: { attempts: 2, onTimeout: true, delay: '1h' } }, false],
  ] as const)('may be adopted while its task %s: no other agent is created', async (_, state, more, isPaused) => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('90s', {}, more))
      if (isPaused) {
        await world.until(arrives('escalated.overdue'))
        await world.orchestrator.command(run, { type: 'pause' })
        await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
      }
      await world.until(isLateEnd)
      expect(taskOf(world, run)).toMatchObject({ state, late: [{ attempt: 1, commands: ['adopt'] }] })
      await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual({ [`${run}/slow/1`]: 1 })
    })
  })

  it('may be adopted while a second agent is past its deadline, too', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(overdue('150s'))
      await world.until(arrives('escalated.overdue'))
      await world.orchestrator.commandTask(run, 'slow', { type: 'retry' })
      await world.until(isLateEnd)
      expect(taskOf(world, run)).toMatchObject({ state: 'escalated.overdue', attempt: 2 })
      await world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })
      expect(taskOf(world, run)).toMatchObject({ state: 'completed', adopted: 1 })
    })
  })
})

describe('an attempt whose late end is of no use', () => {
  it.each([
    [
      'does not fit the output',
      { output: { a: 'x' } },
      { output: { type: 'object', required: ['b'] } },
      /does not fit/,
    ],
    ['says that it failed', { report: 'failed', result: 'No.' }, {}, /reported that it failed: .*No\./],
    ['did not complete', { outcome: 'error' }, {}, /did not complete/],
  ] as const)('is recorded with the reason, and not offered: it %s', async (_, simulate, more, reason) => {
    await inWorld({}, async (world) => {
      const run = await retriedTooSoon(world, simulate, more)
      const [late] = taskOf(world, run).late ?? []
      expect([late?.usable, late?.reason, late?.commands]).toEqual([false, expect.stringMatching(reason), []])
      await expect(world.orchestrator.commandTask(run, 'slow', { type: 'adopt', attempt: 1 })).rejects.toThrow(
        `${run} slow is running and cannot take 'adopt of attempt 1'. It takes: retry, complete, skip, fail, wait, steer, pause, cancel.`,
      )
    })
  })
})

describe('an adoption that is refused', () => {
  it('names what is legal, the late result that there is too', async () => {
    await inWorld({}, async (world) => {
      const run = await retriedTooSoon(world)
      const takes = 'It takes: retry, complete, skip, fail, wait, steer, pause, cancel, adopt of attempt 1.'
      const tell = (command: object) => world.orchestrator.commandTask(run, 'slow', { type: 'adopt', ...command })
      await expect(tell({ attempt: 2 })).rejects.toThrow(`cannot take 'adopt of attempt 2'. ${takes}`)
      await expect(tell({})).rejects.toThrow(`is running and cannot take 'adopt'. ${takes}`)
      await world.settled(run)
      await expect(tell({ attempt: 1 })).rejects.toThrow("is completed and cannot take 'adopt")
    })
  })
})
