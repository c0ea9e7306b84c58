import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataFolderError, IdempotencyConflictError } from '../src/domain/errors.ts'
import type { StartKey } from '../src/domain/orchestration.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { StartKeys } from '../src/start-keys.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'
import { inWorld, type World } from './simulation/world.ts'

const KEY: StartKey = { key: 'deploy 7', fingerprint: 'f1' }
const OTHER: StartKey = { key: 'deploy 7', fingerprint: 'f2' }
const CONFLICT = "The idempotency key 'deploy 7' started run_1 with another request. Use a new key for a new run."

const workflow = defineWorkflow({
  name: 'deploy',
  defaults: { backend: 'simulated' },
  tasks: { ship: { prompt: 'Ship it', simulate: { duration: '1m' } } },
})
const start = ({ orchestrator }: World, key = KEY) => orchestrator.start(workflow, {}, {}, key)
const folders = (world: World) => readdir(join(world.orchestrator.dataDir, 'runs'))

describe('an idempotency key', () => {
  it('begins its run once, also for who asks while it is being begun', async () => {
    const keys = new StartKeys([])
    let begun = 0
    const begin = async () => `run_${++begun}`
    expect(await Promise.all([keys.once(KEY, begin), keys.once(KEY, begin)])).toEqual(['run_1', 'run_1'])
    expect([await keys.once(KEY, begin), keys.started(KEY), begun]).toEqual(['run_1', 'run_1', 1])
  })

  it('is tried again by who waited, when the first could not begin', async () => {
    const keys = new StartKeys([])
    const first = keys.once(KEY, () => Promise.reject(new Error('no room')))
    const second = keys.once(KEY, async () => 'run_2')
    await expect(first).rejects.toThrow('no room')
    expect([await second, keys.started(KEY)]).toEqual(['run_2', 'run_2'])
  })

  it('stands for one request: another is refused, also while the first is being begun', async () => {
    const keys = new StartKeys([{ run: 'run_1', key: KEY }])
    expect(() => keys.started(OTHER)).toThrow(new IdempotencyConflictError('deploy 7', 'run_1'))
    await expect(keys.once(OTHER, async () => 'run_2')).rejects.toThrow(CONFLICT)
    const fresh = new StartKeys([])
    const first = fresh.once(KEY, async () => 'run_1')
    await expect(fresh.once(OTHER, async () => 'run_2')).rejects.toThrow(CONFLICT)
    expect(await first).toBe('run_1')
  })

  it('is free again when its run is removed, and not when another is', () => {
    const keys = new StartKeys([{ run: 'run_1', key: KEY }, { run: 'run_2' }])
    keys.release('run_2', undefined)
    keys.release('run_2', KEY)
    expect(keys.started(KEY)).toBe('run_1')
    keys.release('run_1', KEY)
    expect(keys.started(OTHER)).toBe(undefined)
  })
})

describe('a run that is started with a key', () => {
  it('is the same however often it is asked for, in this process and in later ones', async () => {
    await inWorld({}, async (world) => {
      expect(world.orchestrator.started(KEY)).toBe(undefined)
      const [run, again] = await Promise.all([start(world), start(world)])
      expect([again, await start(world), world.orchestrator.started(KEY)]).toEqual([run, run, run])
      world.kill()
      await world.open()
      expect([world.orchestrator.started(KEY), await start(world)]).toEqual([run, run])
      await expect(start(world, OTHER)).rejects.toThrow(IdempotencyConflictError)
      expect(await folders(world)).toEqual([run])
    })
  })

  it('is found by what its own folder says, when the list of runs is lost', async () => {
    await inWorld({}, async (world) => {
      const run = await start(world)
      world.leave()
      await world.open()
      await rm(join(world.orchestrator.dataDir, 'index.json'))
      world.kill()
      await world.open()
      expect([world.orchestrator.started(KEY), await start(world)]).toEqual([run, run])
    })
  })

  it('keeps its key when a resume replaces its settings', async () => {
    await inWorld({}, async (world) => {
      const run = await start(world)
      world.leave()
      await world.open()
      await world.orchestrator.resume(run, { seed: 7 })
      world.leave()
      await world.open()
      await rm(join(world.orchestrator.dataDir, 'index.json'))
      world.kill()
      await world.open()
      expect(world.orchestrator.started(KEY)).toBe(run)
    })
  })

  it('has not started where the process died before its first record', async () => {
    await inWorld({}, async (world) => {
      const starting = start(world)
      world.kill()
      await expect(starting).rejects.toThrow('The process is dead')
      await world.open()
      expect(await folders(world)).toHaveLength(1)
      expect([world.orchestrator.started(KEY), world.orchestrator.runs()]).toEqual([undefined, []])
      const run = await start(world)
      expect(world.orchestrator.runs().map((row) => row.run)).toEqual([run])
    })
  })

  it('leaves nothing behind when it cannot be begun, so that the next try is the only one', async () => {
    const clock = createVirtualClock()
    const dataDir = await temporaryFolder()
    let full = true
    const check = async () => {
      if (full) throw new DataFolderError('full', dataDir, 'The disk is full')
    }
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, lock: { check } })
    await expect(orchestrator.start(workflow, {}, {}, KEY)).rejects.toThrow('The disk is full')
    expect([orchestrator.runs(), await readdir(join(dataDir, 'runs'))]).toEqual([[], []])
    full = false
    const run = await orchestrator.start(workflow, {}, {}, KEY)
    expect(await readdir(join(dataDir, 'runs'))).toEqual([run])
    await orchestrator.close()
    await expect(orchestrator.start(workflow, {}, {})).rejects.toThrow('was let go: nothing is begun in it any more')
    expect(await readdir(join(dataDir, 'runs'))).toEqual([run])
  })
})
