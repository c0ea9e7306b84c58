import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createRunViews } from '../src/api/run-views.ts'
import { openDataFolderReader } from '../src/data-folder-reader.ts'
import { EndedRuns } from '../src/ended-runs.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld, type World } from './simulation/world.ts'

const KEPT = 50

const small = defineWorkflow({
  name: 'small',
  resources: { database: 1 },
  concurrency: 1,
  defaults: { backend: 'simulated' },
  tasks: { one: { prompt: 'One', uses: ['database'], simulate: { duration: '10s', result: 'Done.' } } },
})

/** Begins `count` runs and lets them end together. */
async function carryOut(world: World, count: number): Promise<readonly string[]> {
  const runs = await Promise.all(Array.from({ length: count }, () => world.start(small)))
  await world.clock.runUntil(Promise.all(runs.map((run) => world.orchestrator.settled(run))))
  return runs
}

function inMemory({ orchestrator }: World, runs: readonly string[]): readonly string[] {
  return runs.filter((run) => {
    try {
      return orchestrator.view(run).status === 'completed'
    } catch {
      return false
    }
  })
}

const CLOSED = { state: 'closed', row: 0, until: null }
/** An account is there as long as its process. */
const NOTHING_HELD = {
  buckets: {},
  caps: {},
  runs: {},
  accounts: {},
  circuits: { simulated: { calls: CLOSED, ends: CLOSED } },
}

describe('what is kept of runs that have ended', () => {
  const workflow = { name: 'small' } as never
  const ended = (tasks: number) => ({
    workflow,
    tasks,
    outcome: { run: 'run_1', status: 'completed', exitCode: 0 } as const,
  })
  const keptOf = (sizes: readonly number[]) => {
    const forgotten: string[] = []
    const runs = new EndedRuns((run) => forgotten.push(run), { runs: 3, tasks: 100 })
    for (const [index, tasks] of sizes.entries()) runs.keep(`run_${index}`, ended(tasks))
    const kept = sizes.flatMap((_, index) => (runs.get(`run_${index}`) === undefined ? [] : [index]))
    expect(forgotten).toHaveLength(sizes.length - kept.length)
    return kept
  }

  it('is bounded by their number, and by that of their tasks; the newest stays however large it is', () => {
    expect(keptOf([1, 1, 1])).toEqual([0, 1, 2])
    expect(keptOf([1, 1, 1, 1, 1])).toEqual([2, 3, 4])
    expect(keptOf([60, 30, 20])).toEqual([1, 2])
    expect(keptOf([10, 10, 500])).toEqual([2])
    expect(keptOf([500, 10])).toEqual([1])
    expect(keptOf(Array.from({ length: 2_000 }, () => 40))).toEqual([1998, 1999])
  })

  it('leaves room when one is forgotten', () => {
    const runs = new EndedRuns(() => {}, { runs: 3, tasks: 100 })
    runs.keep('run_1', ended(90))
    runs.keep('run_2', ended(5))
    runs.forget('run_1')
    runs.forget('run_1')
    runs.keep('run_3', ended(90))
    expect([runs.get('run_1'), runs.get('run_2')?.tasks, runs.get('run_3')?.tasks]).toEqual([undefined, 5, 90])
  })
})

describe('a process through which many runs went', () => {
  it('keeps the newest that ended and nothing of the others: no limit, no actor, no timer', async () => {
    await inWorld({}, async (world) => {
      const runs = [...(await carryOut(world, 60)), ...(await carryOut(world, 60)), ...(await carryOut(world, 60))]
      expect(inMemory(world, runs)).toHaveLength(KEPT)
      expect(inMemory(world, runs.slice(120))).toHaveLength(KEPT)
      const { orchestrator } = world
      expect(orchestrator.limits()).toEqual(NOTHING_HELD)
      expect(orchestrator.actors()).toEqual([])
      expect(orchestrator.census()).toEqual({ runs: { completed: 180 }, tasks: {} })
      await world.clock.advance(0)
      expect(world.clock.pending()).toBe(0)
    })
  })

  it('still answers for every one of them', async () => {
    await inWorld({}, async (world) => {
      const [run = ''] = await carryOut(world, 1)
      const { orchestrator } = world
      const kept = orchestrator.view(run)
      const records = await world.stored(run)
      await carryOut(world, KEPT)
      expect(() => orchestrator.view(run)).toThrow(`A view of ${run} in memory does not exist. openDataFolderReader`)
      expect(() => orchestrator.view('run_0')).toThrow('Run run_0 does not exist')
      const views = createRunViews(orchestrator, openDataFolderReader(orchestrator.dataDir))
      expect([await views.read(run), views.carried(run)]).toEqual([kept, undefined])
      const outcome = { run, status: 'completed', exitCode: 0 }
      expect([await orchestrator.settled(run), await views.outcome(run)]).toEqual([outcome, outcome])
      expect(await world.stored(run)).toEqual(records)
      expect(await orchestrator.result(run, 'one')).toMatchObject({ task: 'one', status: 'completed' })
      expect(await orchestrator.resume(run)).toEqual([])
    })
  })

  it('forgets a run that was cancelled while it was paused, and lets nobody wait for it', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(small)
      await world.orchestrator.command(run, { type: 'pause' })
      await world.orchestrator.command(run, { type: 'cancel' })
      expect((await world.settled(run))?.status).toBe('cancelled')
      expect(world.orchestrator.limits()).toEqual(NOTHING_HELD)
    })
  })

  it('tells what failed in a run that it no longer keeps', async () => {
    await inWorld({}, async (world) => {
      const failing = defineWorkflow({
        name: 'failing',
        defaults: { backend: 'simulated', retry: { attempts: 1 }, onFailure: 'fail' },
        tasks: { bad: { prompt: 'Bad', simulate: { failures: 1 } } },
      })
      const run = await world.start(failing)
      const outcome = { run, status: 'failed', exitCode: 1, reason: 'Failed: bad' }
      expect(await world.settled(run)).toEqual(outcome)
      expect(await world.orchestrator.settled(run)).toEqual(outcome)
      await carryOut(world, KEPT)
      expect(await world.orchestrator.settled(run)).toEqual(outcome)
    })
  })

  it('says of a run that nobody carries and that has not ended that it is to be resumed', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(small)
      world.leave()
      await world.open()
      await expect(world.orchestrator.settled(run)).rejects.toThrow(`${run} is not carried by this process: resume it`)
    })
  })

  it('puts the list of runs right about one whose end the process before did not live to note', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(small)
      world.leave()
      await world.open()
      const list = join(world.orchestrator.dataDir, 'index.json')
      const before = await readFile(list)
      await world.resumed()
      await world.settled(run)
      world.leave()
      await world.open()
      world.kill()
      await writeFile(list, before)
      await world.open()
      expect(world.orchestrator.runs()).toMatchObject([{ status: 'running', carried: false }])
      expect(await world.resumed()).toEqual([])
      expect(world.orchestrator.runs().map(({ status, carried }) => [status, carried])).toEqual([
        ['completed', undefined],
      ])
    })
  })
})
