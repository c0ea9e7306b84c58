import { describe, expect, it } from 'vitest'
import type { CarriedRun } from '../../src/carried-run.ts'
import { createMemoryJournal } from '../../src/host/memory-journal.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { beginRun, type ProcessOptions, readLines, restoreRun } from '../actors/process.ts'
import { World, type WorldScript } from '../actors/world.ts'

type Definition = Parameters<typeof defineWorkflow>[0]
const two = (rest: Partial<Definition> = {}) =>
  defineWorkflow({
    name: 'two',
    defaults: { backend: 'codegen' },
    tasks: { a: { prompt: 'Do a' }, b: { prompt: 'Do b', needs: ['a'] }, other: { prompt: 'Do something else' } },
    ...rest,
  })

/** A run in a world of its own, and its durable records. */
function begin(
  workflow = two(),
  script: WorldScript = {},
  rest: Partial<ProcessOptions> = {},
): { world: World; run: CarriedRun; lines: string[] } {
  const world = new World(createVirtualClock(), script)
  const lines: string[] = []
  const run = beginRun({ world, workflow, journal: createMemoryJournal(lines), ...rest })
  return { world, run, lines }
}

const stateOf = (run: CarriedRun, task: string) =>
  run.host.actors.state(task) ?? run.host.projection.settled.get(task)?.status
const transitionsOf = (lines: string[], id: string) =>
  readLines(lines).flatMap(({ type, actor, to }) => (type === 'transition' && actor.id === id ? [to] : []))
const seconds = (n: number) => n * 1_000

describe('an actor that breaks', () => {
  const breakOnce = (holder: string, world: World) => {
    const limiter = createLimiter({ clock: world.clock })
    const release = limiter.release.bind(limiter)
    let broken = false
    limiter.release = (name, caps) => {
      if (name !== holder || broken) return release(name, caps)
      broken = true
      throw new Error('the limiter is broken')
    }
    return limiter
  }

  it('is put before a person with the reason; the rest of the run goes on', async () => {
    const world = new World(createVirtualClock())
    const lines: string[] = []
    const options = {
      world,
      workflow: two(),
      journal: createMemoryJournal(lines),
      limiter: breakOnce('run_1/a/1', world),
    }
    const run = beginRun(options)
    await world.clock.advance(seconds(60))
    expect([stateOf(run, 'a'), stateOf(run, 'other'), run.host.status]).toEqual(['escalated', 'completed', 'running'])
    expect(transitionsOf(lines, 'a')).toEqual(['pending', 'creating', 'running', 'reporting', 'escalated'])
    const message = 'Its actor broke: the limiter is broken'
    const alerts = readLines(lines).filter(({ type }) => type === 'alert')
    expect(alerts.map(({ task, data }) => [task, data])).toEqual([['a', { code: 'escalated', message }]])
    await run.host.commandTask('a', { type: 'complete', result: 'by hand' })
    await world.clock.runUntil(() => run.host.ended)
    expect(run.host.status).toBe('completed')
  })

  it('leaves its agent run to be watched to its end', async () => {
    const world = new World(createVirtualClock())
    const lines: string[] = []
    const options = {
      world,
      workflow: two(),
      journal: createMemoryJournal(lines),
      limiter: breakOnce('run_1/a/1', world),
    }
    const run = beginRun(options)
    await world.clock.advance(seconds(1))
    await run.host.commandTask('a', { type: 'retry' })
    expect([...run.host.projection.givenUp.keys()]).toEqual(['run_1/a/1'])
    expect(stateOf(run, 'a')).toBe('escalated')
    await world.clock.advance(seconds(60))
    expect([...run.host.projection.givenUp.keys()]).toEqual([])
  })

  it('is only said when it is the manager: the run goes on without it', async () => {
    const world = new World(createVirtualClock())
    const workflow = two({ manager: { prompt: 'Look after it' } })
    const lines: string[] = []
    const options = {
      world,
      workflow,
      journal: createMemoryJournal(lines),
      limiter: breakOnce('run_1/manager/1', world),
    }
    const run = beginRun(options)
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, run.host.projection.live.get('manager')?.state]).toEqual(['completed', 'failed'])
    const alerts = readLines(lines).filter(({ type }) => type === 'alert')
    const message = 'manager: Its actor broke: the limiter is broken. The run goes on without it.'
    expect(alerts.map(({ data }) => data)).toEqual([{ code: 'quarantined', message }])
  })
})

describe('a record that cannot be restored', () => {
  /** Kills a run after `ms` and damages the last record of `task`. */
  async function restoreDamaged(task: string, ms: number, workflow = two()) {
    const { world, run, lines } = begin(workflow)
    await world.clock.advance(ms)
    run.close()
    const records = readLines(lines)
    const last = records.findLast(({ actor, host }) => actor.id === task && host !== undefined)
    const damaged: string[] = []
    const journal = createMemoryJournal(damaged)
    for (const record of records) {
      const host = {
        ...record.host,
        v: 1 as const,
        n: record.host?.n ?? 0,
        snapshot: { value: 'sleeping', context: record.host?.snapshot?.['context'] ?? null },
      }
      journal.append(record === last ? { ...record, host } : record)
    }
    await world.clock.advance(0)
    return { world, lines: damaged, run: restoreRun({ world, workflow }, damaged) }
  }

  it('puts its task before a person; the rest of the run goes on', async () => {
    const { world, run, lines } = await restoreDamaged('a', seconds(1))
    await world.clock.advance(seconds(60))
    expect([stateOf(run, 'a'), stateOf(run, 'other'), run.host.status]).toEqual(['escalated', 'completed', 'running'])
    const reason = "Its record could not be read back: State 'sleeping' does not exist on 'agent'"
    expect(readLines(lines).findLast(({ to }) => to === 'escalated')?.data?.['reason']).toBe(reason)
    await run.host.commandTask('a', { type: 'skip' })
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, stateOf(run, 'b')]).toEqual(['completed', 'skipped'])
  })

  it('loses no agent run: it is watched to its end (I2)', async () => {
    const { world, run } = await restoreDamaged('a', seconds(1))
    expect([...run.host.projection.givenUp.keys()]).toEqual(['run_1/a/1'])
    await world.clock.advance(seconds(60))
    expect([...run.host.projection.givenUp.keys()]).toEqual([])
    await run.host.commandTask('a', { type: 'retry' })
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, world.creations.get('run_1/a/2')]).toEqual(['completed', 1])
  })

  it('takes the manager out of the run, and says so', async () => {
    const workflow = two({ manager: { prompt: 'Look after it' } })
    const { world, run, lines } = await restoreDamaged('manager', seconds(1), workflow)
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, run.host.projection.live.get('manager')?.state]).toEqual(['completed', 'failed'])
    const reason = "Its record could not be read back: State 'sleeping' does not exist on 'manager'"
    const alerts = readLines(lines).filter(({ type }) => type === 'alert')
    expect(alerts.map(({ data }) => data)).toEqual([
      { code: 'quarantined', message: `manager: ${reason}. The run goes on without it.` },
    ])
  })

  it('puts a manager that plans before a person, whose retry is another attempt: nothing goes on without its decisions', async () => {
    const workflow = two({ manager: { plan: true, objective: 'Get it done' } })
    const { world, run, lines } = await restoreDamaged('manager', seconds(1), workflow)
    await world.clock.advance(seconds(600))
    expect([run.host.status, stateOf(run, 'manager'), stateOf(run, 'b')]).toEqual(['running', 'escalated', 'completed'])
    const reason = "Its record could not be read back: State 'sleeping' does not exist on 'manager'"
    expect(readLines(lines).findLast(({ to }) => to === 'escalated')?.data?.['reason']).toBe(reason)
    await run.host.commandTask('manager', { type: 'retry' })
    await world.clock.runUntil(() => world.creations.has('run_1/manager/2'))
    await world.clock.runUntil(() => stateOf(run, 'manager') === 'escalated.undecided')
    await run.host.commandTask('manager', { type: 'complete', result: 'Enough.' })
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, [...world.creations.values()]]).toEqual(['completed', [1, 1, 1, 1, 1]])
  })
})
