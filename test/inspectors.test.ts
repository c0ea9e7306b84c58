import { describe, expect, it } from 'vitest'
import type { Inspection } from '../src/domain/inspection.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld, type World } from './simulation/world.ts'

const workflow = defineWorkflow({
  name: 'watched',
  defaults: { backend: 'simulated', retry: { attempts: 1 } },
  manager: { prompt: 'Look after it', simulate: { duration: '5s' } },
  tasks: {
    one: { prompt: 'One', simulate: { duration: '10s' } },
    two: { prompt: 'Two', needs: ['one'], simulate: { duration: '10s', failures: 1 } },
  },
})

/** An inspection in one line; of a snapshot, the state. */
function line(inspection: Inspection): string {
  const { type, actor } = inspection
  if (type === 'actor') return `${actor} began ${JSON.stringify(inspection.snapshot.value)}`
  if (type === 'snapshot') return `${actor} is ${JSON.stringify(inspection.snapshot.value)} by ${inspection.event.type}`
  return `${actor} <- ${inspection.source ?? ''} ${inspection.event.type}`
}

function watch(world: World) {
  const shown: Inspection[] = []
  const stop = world.orchestrator.inspect((inspection) => shown.push(inspection))
  return { shown, stop, lines: (actor: string) => shown.filter((one) => one.actor === actor).map(line) }
}

describe('an inspector', () => {
  it('is shown each actor from its beginning: what it was sent, by which actor, and what became of it', async () => {
    await inWorld({}, async (world) => {
      const { lines } = watch(world)
      const run = await world.start(workflow)
      await world.settled(run)
      expect(lines('one')).toEqual([
        'one began {"live":{"pending":"waiting"}}',
        'one <- supervisor xstate.init',
        'one is {"live":{"pending":"waiting"}} by xstate.init',
        'one <-  xstate.done.actor.slots',
        'one is {"live":{"creating":"calling"}} by xstate.done.actor.slots',
        'one <-  xstate.done.actor.create',
        'one is {"live":{"running":"watching"}} by xstate.done.actor.create',
        'one <-  xstate.done.actor.watch',
        'one is {"live":{"reporting":"reading"}} by xstate.done.actor.watch',
        'one <-  xstate.done.actor.report',
        'one is "completed" by xstate.done.actor.report',
      ])
      expect(lines('supervisor').filter((told) => told.includes(' <- one'))).toEqual([
        'supervisor <- one xstate.done.actor.one',
      ])
      expect(lines('supervisor').slice(0, 5)).toEqual([
        'supervisor began "starting"',
        'supervisor <-  xstate.init',
        'supervisor is "starting" by xstate.init',
        'supervisor <-  run.begin',
        'supervisor is "running" by run.begin',
      ])
      expect(lines('manager')[0]).toEqual('manager began {"live":"pending"}')
    })
  })

  it('is shown the run, the kind of actor and the whole snapshot', async () => {
    await inWorld({}, async (world) => {
      const { shown } = watch(world)
      const run = await world.start(workflow)
      const supervisor = { run, actor: 'supervisor', kind: 'supervisor' }
      expect(shown[0]).toEqual({
        type: 'actor',
        ...supervisor,
        snapshot: { status: 'active', value: 'starting', context: { run } },
      })
      await world.settled(run)
      const kinds = new Map(shown.map(({ actor, kind }) => [actor, kind]))
      expect([...kinds]).toEqual([
        ['supervisor', 'supervisor'],
        ['manager', 'manager'],
        ['one', 'agent'],
        ['two', 'agent'],
      ])
    })
  })

  it('who comes later is told which actors live, and is shown what happens from then on', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(workflow)
      await world.until(({ actor, to }) => actor.id === 'two' && to === 'running')
      const { orchestrator } = world
      expect(orchestrator.actors(run).map(line).sort()).toEqual([
        'manager began {"live":{"running":"idle"}}',
        'supervisor began "running"',
        'two began {"live":{"running":"watching"}}',
      ])
      expect([orchestrator.actors(), orchestrator.actors('run_0')]).toEqual([orchestrator.actors(run), []])
      const { lines } = watch(world)
      await world.until(({ actor, to }) => actor.id === 'two' && to === 'escalated')
      expect(lines('two').at(-1)).toEqual('two is {"live":{"escalated":"waiting"}} by xstate.done.actor.diagnose')
    })
  })

  it('is shown actors that were restored', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(workflow)
      await world.until(({ actor, to }) => actor.id === 'one' && to === 'running')
      world.leave()
      await world.open()
      const { lines } = watch(world)
      await world.resumed()
      expect(lines('one')[0]).toEqual('one began {"live":{"running":"watching"}}')
      expect(world.orchestrator.actors(run).map(({ actor }) => actor)).toEqual(['supervisor', 'manager', 'one'])
    })
  })

  it('is shown nothing any more once it has left, and the others go on', async () => {
    await inWorld({}, async (world) => {
      const [first, second] = [watch(world), watch(world)]
      const run = await world.start(workflow)
      first.stop()
      const before = first.shown.length
      await world.settled(run)
      expect([first.shown.length, second.shown.length > before]).toEqual([before, true])
      second.stop()
      second.stop()
      await world.orchestrator.commandTask(run, 'two', { type: 'skip' })
      const whole = second.shown.length
      await world.settled(run)
      expect([second.shown.length, world.orchestrator.actors(run)]).toEqual([whole, []])
    })
  })

  it('is not told that a closing process stops its actors: they go on in the next', async () => {
    await inWorld({}, async (world) => {
      await world.start(workflow)
      const { shown } = watch(world)
      await world.orchestrator.close()
      expect(shown).toEqual([])
    })
  })
})
