import { describe, expect, it } from 'vitest'
import type { CarriedRun } from '../../src/carried-run.ts'
import type { Json } from '../../src/domain/json.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { chances } from '../../src/domain/seed.ts'
import { encodeLine } from '../../src/host/journal-line.ts'
import { createMemoryJournal } from '../../src/host/memory-journal.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { beginRun, readLines, restoreRun } from '../actors/process.ts'
import { World, type WorldScript } from '../actors/world.ts'

const workflow = defineWorkflow({
  name: 'feature',
  defaults: { backend: 'codegen' },
  manager: { prompt: 'Look after it', reportEvery: '15s', timeout: '5m' },
  tasks: {
    plan: { prompt: 'Plan it', output: { type: 'object' } },
    execute: { prompt: 'Do {{ item }}', needs: ['plan'], forEach: 'tasks.plan.output.tasks' },
    review: { prompt: 'Review it', needs: ['execute'], if: 'tasks.execute.failed == 0' },
  },
})
const script: WorldScript = {
  returns: ({ task }): Json => (task === 'plan' ? { tasks: ['one', 'two'] } : null),
  worksFor: ({ task }, turn) => (task === 'manager' ? 3_000 + turn : task === 'execute[1]' ? 17_000 : 10_000),
}

const ALL = 44

/** What a run came to, whichever way it went. */
function outcomeOf({ host }: CarriedRun): object {
  const settled = [...host.projection.settled].map(([id, { status, result, output, attempt }]) => [
    id,
    { status, result, output, attempt },
  ])
  const manager = host.projection.live.get('manager')?.state
  return { status: host.status, manager, settled: Object.fromEntries(settled) }
}

/**
 * A world in which a run is begun, and killed once `cut` records are durable: at that instant, or `later` ms after it, when what
 * had left may have arrived and the answer has not.
 */
async function runUntil(cut: number, later?: number): Promise<{ world: World; lines: string[]; carried: CarriedRun }> {
  const world = new World(createVirtualClock(), script)
  const lines: string[] = []
  const journal = createMemoryJournal(lines)
  const carried = beginRun({ world, workflow, journal })
  journal.onCommit(() => {
    if (journal.lastSeq < cut) return
    if (later === undefined) carried.close()
    else world.clock.setTimeout(() => carried.close(), later)
  })
  await world.clock.runUntil(() => carried.host.ended || carried.host.closed)
  carried.close()
  if (later === undefined) lines.splice(cut)
  return { world, lines, carried }
}

/** The run as it goes when nobody kills it. */
const untouched = runUntil(1_000)

describe('a run that is killed after any record', () => {
  const cuts = Array.from({ length: ALL }, (_, i) => i + 1)
  const downtimes = [0, 700, 30_000]

  it('has as many records as are cut here', async () => {
    const { lines, carried } = await untouched
    expect([lines.length, carried.host.status]).toEqual([ALL, 'completed'])
  })

  it.each(cuts)('comes to the same end, with nothing lost and nothing created or told twice: %i', async (cut) => {
    await expectTheSameEnd(await runUntil(cut), cut)
  })

  it.each(cuts)('comes to it also when the answer to what it owed is lost: %i', async (cut) => {
    await expectTheSameEnd(await runUntil(cut, 150), cut)
  })

  async function expectTheSameEnd({ world, lines }: { world: World; lines: string[] }, cut: number): Promise<void> {
    const { carried: whole, world: calm } = await untouched
    expect(lines.length).toBeGreaterThanOrEqual(cut)
    await world.clock.advance(downtimes[cut % downtimes.length] ?? 0)
    const restored = restoreRun({ world, workflow }, lines)
    await world.clock.runUntil(() => restored.host.ended)
    await world.clock.advance(0)
    expect(outcomeOf(restored)).toEqual(outcomeOf(whole))
    expect(world.creations).toEqual(calm.creations)
    expect(new Set(world.prompts.values())).toEqual(new Set([1]))
    const records = readLines(lines)
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, i) => i + 1))
    expect(ownSequences(records)).toEqual(ownSequences(records).map((ns) => ns.map((_, i) => i + 1)))
  }
})

describe('a run whose process is killed again and again', () => {
  it.each([1, 2, 3, 4, 5])(
    'still comes to its end, with nothing lost and nothing created or told twice: seed %i',
    async (seed) => {
      const { carried: whole, world: calm } = await untouched
      const { world, lines } = await runUntil(1)
      const random = chances(seed, 'kills')
      let last: CarriedRun | undefined
      for (let kills = 0; last?.host.status !== 'completed' && kills < 200; kills++) {
        last = await restoreUntil(world, lines, 1 + Math.floor(random() * 8))
      }
      expect(last === undefined ? undefined : outcomeOf(last)).toEqual(outcomeOf(whole))
      expect(world.creations).toEqual(calm.creations)
      expect(new Set(world.prompts.values())).toEqual(new Set([1]))
    },
  )

  /** Restores, and kills once so many more records are durable. */
  async function restoreUntil(world: World, lines: string[], more: number): Promise<CarriedRun> {
    const cut = lines.length + more
    const journal = createMemoryJournal(lines)
    const carried = restoreRun({ world, workflow, journal }, lines)
    journal.onCommit(() => {
      if (lines.length >= cut || carried.host.ended) carried.close()
    })
    await world.clock.runUntil(() => carried.host.closed)
    lines.splice(cut)
    return carried
  }
})

describe('a run whose plan record is lost', () => {
  it.each(['pending', 'running', 'completed'])('makes the plan again for items that are %s', async (state) => {
    const { carried: whole, world: calm } = await untouched
    const all = readLines((await untouched).lines)
    const cut = all.findIndex(({ actor, to }) => actor.id === 'execute[1]' && to === state) + 1
    const { world, lines } = await runUntil(cut)
    const at = readLines(lines).findIndex(({ type }) => type === 'plan')
    const { seq, at: when, run, actor } = readLines(lines)[at] as JournalRecord
    const instead = { code: 'damaged', message: 'A damaged record was left out' }
    lines[at] = encodeLine({ seq, at: when, type: 'alert', run, actor, data: instead })
    const restored = restoreRun({ world, workflow }, lines)
    await world.clock.runUntil(() => restored.host.ended)
    expect(outcomeOf(restored)).toEqual(outcomeOf(whole))
    expect(world.creations).toEqual(calm.creations)
    const plans = readLines(lines).filter(({ type }) => type === 'plan')
    expect(plans.map(({ task, data }) => [task, data])).toEqual([['execute', { count: 2 }]])
  })
})

/** The host's own sequence of each actor. */
function ownSequences(records: readonly JournalRecord[]): number[][] {
  const byActor = new Map<string, number[]>()
  for (const { actor, host } of records) {
    if (host !== undefined) byActor.set(actor.id, [...(byActor.get(actor.id) ?? []), host.n])
  }
  return [...byActor.values()]
}
