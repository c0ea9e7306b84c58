import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld, type World } from './simulation/world.ts'

const workflow = defineWorkflow({
  name: 'asked',
  defaults: { backend: 'simulated', retry: { attempts: 1 } },
  tasks: {
    list: { prompt: 'List', output: { type: 'object' }, simulate: { output: { all: ['one'] } } },
    each: { prompt: 'Do {{ item }}', needs: ['list'], forEach: 'tasks.list.output.all', simulate: { failures: 1 } },
    last: { prompt: 'Sum up', needs: ['each'] },
  },
})

async function waiting(world: World): Promise<string> {
  const run = await world.start(workflow)
  expect((await world.settled(run))?.exitCode).toBe(3)
  return run
}

async function ended(world: World): Promise<string> {
  const run = await waiting(world)
  await world.orchestrator.commandTask(run, 'each[0]', { type: 'complete', result: 'Mine.' })
  expect((await world.settled(run))?.status).toBe('completed')
  return run
}

describe('a command', () => {
  it('is recorded with who gave it, and on which way', async () => {
    await inWorld({}, async (world) => {
      const run = await waiting(world)
      await world.orchestrator.command(run, { type: 'pause' }, { via: 'rest', who: 'alice' })
      await world.orchestrator.commandTask(run, 'each[0]', { type: 'fail', reason: 'No.' }, { via: 'control' })
      const commands = (await world.stored(run)).filter(({ type }) => type === 'command')
      expect(commands.map(({ actor, data }) => [actor.id, data])).toEqual([
        ['supervisor', { command: 'pause', by: { via: 'rest', who: 'alice' } }],
        ['each[0]', { command: 'fail', reason: 'No.', by: { via: 'control' } }],
      ])
    })
  })

  it('of the library is recorded as it always was', async () => {
    await inWorld({}, async (world) => {
      const run = await waiting(world)
      await world.orchestrator.command(run, { type: 'pause' })
      const commands = (await world.stored(run)).filter(({ type }) => type === 'command')
      expect(commands.map(({ data }) => data)).toEqual([{ command: 'pause' }])
    })
  })

  it.each(['nothing', 'each[1]', 'manager'])('to %s of a run that has no such task is not found', async (task) => {
    await inWorld({}, async (world) => {
      const run = await waiting(world)
      const told = world.orchestrator.commandTask(run, task, { type: 'skip' })
      await expect(told).rejects.toThrow(`Task ${task} of ${run} does not exist. 'troupe show ${run}' lists its tasks.`)
    })
  })

  it('to a task that has no agent yet is refused: it waits', async () => {
    await inWorld({}, async (world) => {
      const run = await waiting(world)
      const told = world.orchestrator.commandTask(run, 'last', { type: 'skip' })
      await expect(told).rejects.toThrow(`${run} last is waiting and cannot take 'skip'. It takes no command now.`)
    })
  })

  it('to a run that has ended is refused, in the process that saw its end and in a later one', async () => {
    await inWorld({}, async (world) => {
      const run = await ended(world)
      const refused = async () => {
        const { orchestrator } = world
        await expect(orchestrator.command(run, { type: 'cancel' })).rejects.toThrow(
          `${run} is completed and cannot take 'cancel'. It takes no command now.`,
        )
        await expect(orchestrator.commandTask(run, 'last', { type: 'skip' })).rejects.toThrow(
          `${run} last is completed and cannot take 'skip'. It takes: rerun.`,
        )
        await expect(orchestrator.commandTask(run, 'none', { type: 'skip' })).rejects.toThrow('Task none of')
        await expect(orchestrator.command('run_0', { type: 'cancel' })).rejects.toThrow('Run run_0 does not exist')
      }
      await refused()
      world.leave()
      await world.open()
      await refused()
    })
  })
})
