import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataFolderError } from '../src/domain/errors.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'
import { inWorld, type World } from './simulation/world.ts'

const workflow = defineWorkflow({
  name: 'two',
  defaults: { backend: 'simulated' },
  tasks: {
    one: { prompt: 'One', simulate: { duration: '10s' } },
    two: { prompt: 'Two', needs: ['one'], simulate: { duration: '10s' } },
  },
})

const files = ({ orchestrator }: World, run: string) => readdir(join(orchestrator.dataDir, 'runs', run))

describe('a checkpoint of all runs', () => {
  it('is written of every unfinished one, however little there is to save, and restores them', async () => {
    await inWorld({}, async (world) => {
      const ended = await world.start(workflow)
      await world.settled(ended)
      const runs = await Promise.all(Array.from({ length: 6 }, () => world.start(workflow)))
      await world.until(({ run, actor, to }) => run === runs[5] && actor.id === 'two' && to === 'running')
      await world.orchestrator.checkpoint()
      for (const run of runs) expect(await files(world, run)).toContain('checkpoint.json')
      expect(await files(world, ended)).not.toContain('checkpoint.json')
      const views = runs.map((run) => world.orchestrator.view(run))
      world.kill()
      await world.open()
      expect(await world.resumed()).toEqual(runs.toSorted())
      expect(runs.map((run) => world.orchestrator.view(run))).toEqual(views)
      for (const run of runs) expect((await world.settled(run))?.status).toBe('completed')
    })
  })

  it('is not written again while nothing is new', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(workflow)
      await world.until(({ actor, to }) => actor.id === 'one' && to === 'running')
      await world.orchestrator.checkpoint()
      await world.orchestrator.checkpoint()
      expect(await files(world, run)).not.toContain('checkpoint.previous.json')
    })
  })

  it('is given up where the disk has failed', async () => {
    const clock = createVirtualClock()
    const dataDir = await temporaryFolder()
    let full = false
    const check = async () => {
      if (full) throw new DataFolderError('full', dataDir, 'The disk is full.')
    }
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, lock: { check } })
    const run = await orchestrator.start(workflow, {}, {})
    full = true
    await clock.runUntil(orchestrator.settled(run))
    await orchestrator.checkpoint()
    expect(await readdir(join(dataDir, 'runs', run))).not.toContain('checkpoint.json')
    await expect(orchestrator.close()).rejects.toThrow('The disk is full.')
  })
})
