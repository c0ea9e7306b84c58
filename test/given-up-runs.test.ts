import { describe, expect, it } from 'vitest'
import { GivenUpRuns } from '../src/given-up-runs.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLimiter } from '../src/limits/limiter.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inTurn, REF, scriptedBackend, stateOf } from './actors/scripted-backend.ts'
import { inWorld } from './simulation/world.ts'

const CAP = 'resource:database'

function setUp(script: Parameters<typeof scriptedBackend>[0]) {
  const clock = createVirtualClock()
  const limiter = createLimiter({ clock })
  const runs = new GivenUpRuns(limiter, clock)
  const backend = scriptedBackend(script)
  const told: string[] = []
  const watch = (task: string, known: object = { ref: REF }) =>
    runs.watch(
      { key: { run: 'run_1', task, attempt: 1 }, backend, caps: [CAP], graceMs: 30_000, ...known },
      async ({ key, state }) => void told.push(`${key.task} ${state?.rawStatus ?? 'was never created'}`),
    )
  const held = () => JSON.parse(JSON.stringify(limiter.view()['caps']))[CAP]?.used ?? 0
  return { clock, runs, backend, told, watch, held }
}

describe('an agent run that was given up', () => {
  it('is watched until it ends, holds its resources meanwhile, and its end is told to its run (I8)', async () => {
    const { clock, runs, told, watch, held } = setUp({
      read: inTurn(stateOf('active'), stateOf('paused'), stateOf('complete')),
    })
    watch('a')
    expect([held(), runs.size]).toEqual([1, 1])
    await clock.advance(60_000)
    expect([told, held()]).toEqual([[], 1])
    await clock.advance(30_000)
    expect([told, held(), runs.size, clock.pending()]).toEqual([['a COMPLETE'], 0, 0, 0])
  })

  it('is looked for where nobody knows whether it was ever created', async () => {
    const { clock, told, watch, held } = setUp({
      find: inTurn({ kind: 'unknown' as const, reason: 'No answer' }, new Error('No network'), {
        kind: 'absent' as const,
      }),
    })
    watch('a', { intentAt: 5 })
    await clock.advance(60_000)
    expect([told, held()]).toEqual([['a was never created'], 0])
  })

  it('is not taken for one that was never created as long as it may still appear', async () => {
    const { clock, told, watch } = setUp({
      find: inTurn({ kind: 'absent' as const }, { kind: 'found' as const, ref: REF, others: [] }),
      read: inTurn(stateOf('complete')),
    })
    watch('a', { intentAt: clock.now() })
    await clock.advance(60_000)
    expect(told).toEqual(['a COMPLETE'])
  })

  it('is read at once when its backend gives a hint before anybody waits for one', async () => {
    const { clock, told, watch } = setUp({
      read: inTurn(stateOf('complete')),
      follow: async (_ref, onHint) => onHint(),
    })
    watch('a')
    await clock.advance(0)
    expect(told).toEqual(['a COMPLETE'])
  })

  it('has not vanished because its backend says so once or twice', async () => {
    const { clock, told, watch } = setUp({
      read: inTurn(
        stateOf('gone'),
        stateOf('gone'),
        stateOf('active'),
        stateOf('gone'),
        stateOf('gone'),
        stateOf('gone'),
      ),
    })
    watch('a')
    await clock.advance(270_000)
    expect(told).toEqual([])
    await clock.advance(60_000)
    expect(told).toEqual(['a GONE'])
  })

  it('lets go of what it held as soon as it has ended, however long its report takes to be read', async () => {
    const { clock, runs, backend, held } = setUp({ read: inTurn(stateOf('complete')) })
    runs.watch(
      { key: { run: 'run_1', task: 'a', attempt: 1 }, backend, caps: [CAP], graceMs: 0, ref: REF },
      () => new Promise(() => {}),
    )
    await clock.advance(30_000)
    expect([held(), runs.size]).toEqual([0, 1])
  })

  it('is told no further once its run has ended', async () => {
    const { clock, runs, backend } = setUp({ read: inTurn(stateOf('complete')) })
    const stopped: boolean[] = []
    runs.watch(
      { key: { run: 'run_1', task: 'a', attempt: 1 }, backend, caps: [CAP], graceMs: 0, ref: REF },
      (_end, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(void stopped.push(signal.aborted)))
        }),
    )
    await clock.advance(30_000)
    runs.ended('run_1')
    await clock.advance(0)
    expect([stopped, runs.size]).toEqual([[true], 0])
  })

  it('is watched on when its run has ended, which is told nothing any more', async () => {
    const { clock, runs, told, watch, held } = setUp({ read: inTurn(stateOf('active'), stateOf('complete')) })
    watch('a')
    runs.ended('run_1')
    await clock.advance(30_000)
    expect([held(), runs.size]).toEqual([1, 1])
    await clock.advance(30_000)
    expect([told, held(), runs.size]).toEqual([[], 0, 0])
  })

  it('is not watched any more once its run is let go, or the process ends', async () => {
    const { clock, runs, told, watch, held } = setUp({ read: inTurn(stateOf('active')) })
    watch('a')
    watch('b')
    runs.stop('run_1')
    await clock.advance(0)
    expect([held(), runs.size, clock.pending()]).toEqual([0, 0, 0])
    watch('c')
    runs.close()
    await clock.advance(0)
    expect([told, held(), runs.size, clock.pending()]).toEqual([[], 0, 0, 0])
  })

  it('of a run that has ended keeps its place at its backend until it ends, and nothing else of the run', async () => {
    await inWorld({}, async (world) => {
      const workflow = defineWorkflow({
        name: 'overdue',
        resources: { database: 1 },
        defaults: { repository: 'acme/shop', timeout: '1m', retry: { attempts: 1 } },
        tasks: { slow: { prompt: 'Take your time', uses: ['database'], simulate: { duration: '2h' } } },
      })
      const run = await world.start(workflow)
      await world.until(({ actor, to }) => actor.id === 'slow' && to === 'escalated.overdue')
      await world.orchestrator.commandTask(run, 'slow', { type: 'skip' })
      expect((await world.settled(run))?.status).toBe('completed')
      const used = { capacity: null, used: 1, waiting: 0 }
      expect(world.orchestrator.limits()['caps']).toEqual({ 'backend:codegen': used, 'resource:database': used })
      await world.clock.advance(3 * 3_600_000)
      expect(world.orchestrator.limits()['caps']).toEqual({})
      expect(world.clock.pending()).toBe(0)
    })
  })
})
