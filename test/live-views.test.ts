import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld } from './simulation/world.ts'

const DEFAULTS = { backend: 'simulated' } as const
const simulate = { duration: '10s' } as const

describe('the view of a run', () => {
  it('is built once for as long as nothing changes', async () => {
    await inWorld({}, async (world) => {
      const tasks = { one: { prompt: 'One', simulate } }
      const run = await world.start(defineWorkflow({ name: 'one', defaults: DEFAULTS, tasks }))
      await world.until(({ actor, to }) => actor.id === 'one' && to === 'running')
      const view = world.orchestrator.view(run)
      await world.clock.advance(1_000)
      expect(world.orchestrator.view(run)).toBe(view)
      await world.settled(run)
      const last = world.orchestrator.view(run)
      expect([last.status, last === view, world.orchestrator.view(run) === last]).toEqual(['completed', false, true])
    })
  })

  it('tells anew what a task waits for, which changes without a record', async () => {
    await inWorld({}, async (world) => {
      const tasks = { one: { prompt: 'One', simulate }, two: { prompt: 'Two', simulate: { duration: '20s' } } }
      const workflow = defineWorkflow({ name: 'two', concurrency: 1, defaults: DEFAULTS, tasks })
      const run = await world.start(workflow)
      await world.until(({ actor, to }) => actor.id === 'one' && to === 'running')
      const why = () => world.orchestrator.view(run).tasks[1]?.why
      expect(why()).toBe('waits for a place in this run: 1 of 1 agents at work')
      const seq = world.orchestrator.view(run).seq
      await world.orchestrator.command(run, { type: 'pause' })
      expect([why(), world.orchestrator.view(run).seq > seq]).toEqual(['Paused by a person', true])
    })
  })
})

describe('the census', () => {
  it('counts runs of the folder by status, and tasks of the carried ones by state, before they have agents too', async () => {
    await inWorld({}, async (world) => {
      const list = { prompt: 'List', output: { type: 'object' }, simulate: { ...simulate, output: { all: [1, 2, 3] } } }
      const workflow = defineWorkflow({
        name: 'each',
        concurrency: 2,
        defaults: DEFAULTS,
        manager: { prompt: 'Look after it' },
        tasks: {
          list,
          each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.all', simulate },
          sum: { prompt: 'Sum up', needs: ['each'], simulate },
        },
      })
      expect(world.orchestrator.census()).toEqual({ runs: {}, tasks: {} })
      const first = await world.start(workflow)
      const second = await world.start(workflow)
      await world.until(({ run, actor, to }) => run === second && actor.id === 'list' && to === 'running')
      const early = { running: 2, waiting: 4 }
      expect(world.orchestrator.census()).toEqual({ runs: { running: 2 }, tasks: early })
      await world.until(({ run, actor, to }) => run === second && actor.id === 'each[0]' && to === 'running')
      const { counts } = world.orchestrator.view(first)
      const both = Object.fromEntries(Object.entries(counts).map(([state, count]) => [state, 2 * count]))
      expect(world.orchestrator.census().tasks).toEqual(both)
      await world.settled(first)
      await world.settled(second)
      expect(world.orchestrator.census()).toEqual({ runs: { completed: 2 }, tasks: {} })
      world.leave()
      await world.open()
      expect(world.orchestrator.census()).toEqual({ runs: { completed: 2 }, tasks: {} })
    })
  })
})
