import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDataFolderReader } from '../src/data-folder-reader.ts'
import { DataFolderError } from '../src/domain/errors.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'
import { inWorld, type World } from './simulation/world.ts'

const KEY = { key: 'one', fingerprint: 'f' }
const workflow = defineWorkflow({
  name: 'one',
  defaults: { backend: 'simulated' },
  tasks: { one: { prompt: 'One', simulate: { duration: '10s' } } },
})

async function finished(world: World): Promise<string> {
  const run = await world.orchestrator.start(workflow, {}, {}, KEY)
  await world.settled(run)
  return run
}

const runsFolder = ({ orchestrator }: World) => join(orchestrator.dataDir, 'runs')
const listed = ({ orchestrator }: World) => orchestrator.runs().map(({ run }) => run)

async function expectGone(world: World, run: string): Promise<void> {
  const missing = `Run ${run} does not exist. 'troupe runs' lists those that do.`
  const { orchestrator } = world
  const reader = openDataFolderReader(orchestrator.dataDir)
  expect([listed(world), await readdir(runsFolder(world)), await reader.runs()]).toEqual([[], [], []])
  expect(() => orchestrator.view(run)).toThrow(missing)
  const asked = [
    orchestrator.records(run, 0),
    orchestrator.result(run, 'one'),
    orchestrator.settled(run),
    orchestrator.resume(run),
    orchestrator.command(run, { type: 'cancel' }),
    orchestrator.remove(run, 'delete'),
    reader.view(run),
  ]
  const answers = await Promise.allSettled(asked)
  expect(answers.map((answer) => (answer.status === 'rejected' ? answer.reason.message : ''))).toEqual(
    asked.map(() => missing),
  )
}

describe('a finished run', () => {
  it('is deleted with all its files, and its key may start another', async () => {
    await inWorld({}, async (world) => {
      const run = await finished(world)
      const before = world.records.length
      await world.orchestrator.remove(run, 'delete')
      await expectGone(world, run)
      expect(world.records.length).toBe(before)
      expect(await finished(world)).not.toBe(run)
    })
  })

  it('is moved to the archive whole, in a folder that nobody else may read', async () => {
    await inWorld({}, async (world) => {
      const run = await finished(world)
      const { dataDir } = world.orchestrator
      const journal = await readFile(join(dataDir, 'runs', run, 'journal.1.ndjson'), 'utf8')
      await world.orchestrator.remove(run, 'archive')
      await expectGone(world, run)
      expect((await stat(join(dataDir, 'archive'))).mode & 0o777).toBe(0o700)
      expect(await readFile(join(dataDir, 'archive', run, 'journal.1.ndjson'), 'utf8')).toBe(journal)
      // Put back, it is there again.
      world.leave()
      await rename(join(dataDir, 'archive', run), join(dataDir, 'runs', run))
      await world.open()
      expect([listed(world), world.orchestrator.started(KEY)]).toEqual([[run], run])
    })
  })

  it('is removed once, however many ask at the same time', async () => {
    await inWorld({}, async (world) => {
      const run = await finished(world)
      await Promise.all([world.orchestrator.remove(run, 'delete'), world.orchestrator.remove(run, 'archive')])
      await expectGone(world, run)
      expect(await readdir(world.orchestrator.dataDir)).not.toContain('archive')
    })
  })

  it('of an earlier process is removed too', async () => {
    await inWorld({}, async (world) => {
      const run = await finished(world)
      world.leave()
      await world.open()
      await world.orchestrator.remove(run, 'delete')
      await expectGone(world, run)
    })
  })

  it('stays whole when its folder belongs to another process', async () => {
    const clock = createVirtualClock()
    const dataDir = await temporaryFolder()
    let lost = false
    const check = async () => {
      if (lost) throw new DataFolderError('lost', dataDir, 'Another process has taken it.')
    }
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, lock: { check } })
    const run = await orchestrator.start(workflow, {}, {})
    await clock.runUntil(orchestrator.settled(run))
    lost = true
    for (const how of ['delete', 'archive'] as const) {
      await expect(orchestrator.remove(run, how)).rejects.toThrow('Another process has taken it.')
    }
    expect([await readdir(join(dataDir, 'runs')), orchestrator.runs().length]).toEqual([[run], 1])
    await orchestrator.close()
  })

  it('stays whole when the archive cannot take it', async () => {
    await inWorld({}, async (world) => {
      const run = await finished(world)
      await writeFile(join(world.orchestrator.dataDir, 'archive'), 'in the way')
      await expect(world.orchestrator.remove(run, 'archive')).rejects.toThrow(`Cannot archive ${run}`)
      expect([listed(world), world.orchestrator.view(run).status]).toEqual([[run], 'completed'])
    })
  })

  it('whose removal was killed is either whole or gone, and the next start clears away the rest', async () => {
    await inWorld({}, async (world) => {
      const [run, other] = [await finished(world), await world.start(workflow)]
      await world.settled(other)
      world.leave()
      const folder = runsFolder(await world.open().then(() => world))
      world.kill()
      // Killed right behind the renaming, before the list of runs was written.
      await rename(join(folder, run), join(folder, `.removed.${run}`))
      await world.open()
      expect([listed(world), await readdir(folder), world.orchestrator.started(KEY)]).toEqual([
        [other],
        [other],
        undefined,
      ])
    })
  })
})

describe('a run that is not finished', () => {
  it('is not removed, whether it is carried or not', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(workflow)
      const refused = `${run} is not finished: cancel it first, or wait for its end.`
      await expect(world.orchestrator.remove(run, 'delete')).rejects.toThrow(refused)
      world.leave()
      await world.open()
      await expect(world.orchestrator.remove(run, 'archive')).rejects.toThrow(refused)
      await world.resumed()
      expect((await world.settled(run))?.status).toBe('completed')
    })
  })
})

describe('what is no run', () => {
  it.each(['run_0', '../limits', ''])('is not removed: %j', async (name) => {
    await inWorld({}, async (world) => {
      await mkdir(join(world.orchestrator.dataDir, 'limits'), { recursive: true })
      await expect(world.orchestrator.remove(name, 'delete')).rejects.toThrow('does not exist')
      expect(await readdir(world.orchestrator.dataDir)).toContain('limits')
    })
  })
})
