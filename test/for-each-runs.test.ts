/** `forEach`, `if` and `onFailure` as a whole run carries them out, in virtual time. */
import { describe, expect, it } from 'vitest'
import type { Json } from '../src/domain/json.ts'
import { defineWorkflow, type WorkflowDefinition } from '../src/workflow/define.ts'
import { inWorld, type World } from './simulation/world.ts'

type Tasks = NonNullable<WorkflowDefinition['tasks']>

const LIST = {
  type: 'object',
  required: ['all'],
  properties: { all: { type: 'array', items: {} } },
} as const

const lists = (all: readonly Json[]) =>
  ({ prompt: 'List', output: LIST, simulate: { duration: '1s', output: { all: [...all] } } }) as const

const workflowOf = (tasks: Tasks, onFailure: 'fail' | 'escalate' = 'fail') =>
  defineWorkflow({
    name: 'fan-out',
    defaults: { backend: 'simulated', retry: { attempts: 1 }, onFailure, simulate: { duration: '2s' } },
    concurrency: 50,
    tasks,
  })

interface Ended {
  readonly run: string
  readonly status: string | undefined
  readonly states: Readonly<Record<string, string>>
}

async function runOf(world: World, tasks: Tasks, onFailure?: 'escalate'): Promise<Ended> {
  const run = await world.start(workflowOf(tasks, onFailure))
  const outcome = await world.settled(run)
  const states = world.orchestrator.view(run).tasks.map(({ task, state }) => [task, state])
  return { run, status: outcome?.status, states: Object.fromEntries(states) }
}

/** Why tasks are where they are. */
const reasons = (world: World, run: string) =>
  Object.fromEntries(
    world.orchestrator.view(run).tasks.flatMap(({ task, why }) => (why === undefined ? [] : [[task, why]])),
  )

describe('the items of a list', () => {
  it('are carried out side by side, and their results follow in the order of the list', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([3, 1, 2]),
        each: {
          prompt: 'Wait {{ item }}',
          needs: ['list'],
          forEach: 'tasks.list.output.all',
          output: { type: 'object' },
        },
        collect: {
          prompt: 'All',
          needs: ['each'],
          if: 'tasks.each.outputs.size == 3 and tasks.each.failed == 0 and tasks.each.status == "completed"',
        },
      })
      expect([status, states]).toEqual([
        'completed',
        {
          list: 'completed',
          'each[0]': 'completed',
          'each[1]': 'completed',
          'each[2]': 'completed',
          collect: 'completed',
        },
      ])
      const began = world.records.filter(({ actor, to }) => actor.id.startsWith('each[') && to === 'running')
      expect(new Set(began.map(({ at }) => at)).size).toBe(1)
    })
  })

  it('that end in another order are given to the next task in the order of the list', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        workflowOf(
          {
            list: lists(['a', 'b', 'c']),
            each: {
              prompt: '{{ item }}',
              needs: ['list'],
              forEach: 'tasks.list.output.all',
              simulate: { failures: 1 },
            },
            again: {
              prompt: 'Each',
              needs: ['each'],
              if: 'tasks.each.results[0] == "A" and tasks.each.results[1] == "B" and tasks.each.results[2] == "C"',
            },
          },
          'escalate',
        ),
      )
      expect((await world.settled(run))?.exitCode).toBe(3)
      for (const [task, result] of [
        ['each[2]', 'C'],
        ['each[0]', 'A'],
        ['each[1]', 'B'],
      ] as const) {
        await world.orchestrator.commandTask(run, task, { type: 'complete', result })
      }
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.states('again').at(-1)).toBe('completed')
    })
  })

  it('are none where the list is empty: the task has completed, and what needs it goes on', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([]),
        each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.all' },
        behind: { prompt: 'Each of {{ tasks.each.results | size }}', needs: ['each'] },
        none: { prompt: 'None', needs: ['each'], if: 'tasks.each.results.size == 0 and tasks.each.failed == 0' },
      })
      expect([status, states]).toEqual(['completed', { list: 'completed', behind: 'completed', none: 'completed' }])
    })
  })

  it('are none where the list is that of items without any', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([]),
        each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.all', output: LIST },
        inner: { prompt: '{{ item }}', needs: ['each'], forEach: 'tasks.each.output.all' },
        outputs: { prompt: '{{ item }}', needs: ['each'], forEach: 'tasks.each.outputs' },
        behind: { prompt: 'End', needs: ['inner', 'outputs'] },
      })
      expect([status, states]).toEqual(['completed', { list: 'completed', behind: 'completed' }])
    })
  })

  it('may be of any kind, and are data: nothing in them is a template', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists(['{{ inputs.secret }}', null, 0, false, { a: ['{% raw %}'] }, ['x']]),
        each: { prompt: '{{ index }} {{ item }} {{ item.a }}', needs: ['list'], forEach: 'tasks.list.output.all' },
      })
      expect([status, Object.values(states)]).toEqual(['completed', new Array(7).fill('completed')])
    })
  })

  it('of which one fails make the task failed once all have settled, and what needs it is skipped', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        workflowOf(
          {
            list: lists(['good', 'bad']),
            each: {
              prompt: '{{ item }}',
              needs: ['list'],
              forEach: 'tasks.list.output.all',
              simulate: { failures: 1 },
            },
            behind: { prompt: 'End', needs: ['each'] },
            mend: { prompt: 'Mend', needs: ['each'], if: 'tasks.each.failed == 1' },
            onTrouble: { prompt: 'Say so', needs: ['each'], if: 'failed' },
            anyway: { prompt: 'Tidy', needs: ['behind'], if: 'always' },
          },
          'escalate',
        ),
      )
      await world.settled(run)
      await world.orchestrator.commandTask(run, 'each[0]', { type: 'complete', result: 'Good.' })
      expect(world.states('behind')).toEqual([])
      await world.orchestrator.commandTask(run, 'each[1]', { type: 'fail', reason: 'Bad.' })
      const outcome = await world.settled(run)
      const states = world.orchestrator.view(run).tasks.map(({ task, state }) => [task, state])
      expect([outcome?.status, Object.fromEntries(states)]).toEqual([
        'failed',
        {
          list: 'completed',
          'each[0]': 'completed',
          'each[1]': 'failed',
          behind: 'skipped',
          mend: 'completed',
          onTrouble: 'completed',
          anyway: 'completed',
        },
      ])
      expect(reasons(world, run)['behind']).toBe('each failed')
    })
  })

  it('that fail under `continue` let the next task see which, and give it what the others returned', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([1, 2]),
        each: {
          prompt: '{{ item }}',
          needs: ['list'],
          forEach: 'tasks.list.output.all',
          onFailure: 'continue',
          simulate: { failures: 1 },
        },
        behind: { prompt: 'End', needs: ['each'], if: 'tasks.each.failed == 2 and tasks.each.status == "failed"' },
      })
      expect([status, states]).toEqual([
        'completed',
        { list: 'completed', 'each[0]': 'failed', 'each[1]': 'failed', behind: 'completed' },
      ])
    })
  })

  it('that are all left out leave the task out', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([1, 2]),
        each: {
          prompt: '{{ item }}',
          needs: ['list'],
          forEach: 'tasks.list.output.all',
          onFailure: 'skip',
          simulate: { failures: 1 },
        },
        behind: { prompt: 'End', needs: ['each'] },
      })
      expect([status, states]).toEqual([
        'completed',
        { list: 'completed', 'each[0]': 'skipped', 'each[1]': 'skipped', behind: 'skipped' },
      ])
    })
  })

  it('of items come in the order of both lists, and are each one attempt', async () => {
    await inWorld({}, async (world) => {
      const { run, status } = await runOf(world, {
        list: lists(['x', 'y']),
        outer: {
          prompt: '{{ item }}',
          needs: ['list'],
          forEach: 'tasks.list.output.all',
          output: LIST,
          simulate: { output: { all: [1, 2] } },
        },
        inner: { prompt: '{{ index }}: {{ item }}', needs: ['outer'], forEach: 'tasks.outer.output.all' },
        each: { prompt: '{{ item.all }}', needs: ['outer'], forEach: 'tasks.outer.outputs' },
        last: { prompt: 'End', needs: ['inner', 'each'], if: 'tasks.inner.results.size == 4' },
      })
      expect(status).toBe('completed')
      expect(world.orchestrator.view(run).tasks.map(({ task, attempt }) => `${task} ${attempt}`)).toEqual([
        ...['list 1', 'outer[0] 1', 'outer[1] 1'],
        ...['inner[0] 1', 'inner[1] 1', 'inner[2] 1', 'inner[3] 1', 'each[0] 1', 'each[1] 1', 'last 1'],
      ])
      const plans = world.records.filter(({ type }) => type === 'plan').map(({ task, data }) => [task, data?.['count']])
      expect(Object.fromEntries(plans)).toEqual({ outer: 2, inner: 4, each: 2 })
    })
  })

  it('of items of which one failed are those of the others, where that may be', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        workflowOf(
          {
            list: lists(['x', 'y']),
            outer: {
              prompt: '{{ item }}',
              needs: ['list'],
              forEach: 'tasks.list.output.all',
              output: LIST,
              simulate: { failures: 1 },
            },
            inner: { prompt: '{{ item }}', needs: ['outer'], if: 'always', forEach: 'tasks.outer.output.all' },
          },
          'escalate',
        ),
      )
      await world.settled(run)
      await world.orchestrator.commandTask(run, 'outer[0]', { type: 'fail' })
      await world.orchestrator.commandTask(run, 'outer[1]', { type: 'complete', result: { all: ['only'] } })
      expect((await world.settled(run))?.status).toBe('failed')
      expect(world.states('inner[0]').at(-1)).toBe('completed')
      expect(world.states('inner[1]')).toEqual([])
    })
  })
})

describe('a list that cannot be used', () => {
  const bad = (onFailure: 'fail' | 'skip' | 'continue' | 'escalate', maxItems = 2): Tasks => ({
    list: lists([1, 2, 3]),
    each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.all', maxItems, onFailure },
    behind: { prompt: 'End', needs: ['each'] },
    after: { prompt: 'After', needs: ['each'], if: 'always' },
  })

  it.each([
    ['fail', 'failed', 'failed', 'skipped'],
    ['continue', 'completed', 'failed', 'completed'],
    ['skip', 'completed', 'skipped', 'skipped'],
  ] as const)('as one that is too long does what onFailure says: %s', async (onFailure, end, each, behind) => {
    await inWorld({}, async (world) => {
      const { run, status, states } = await runOf(world, bad(onFailure))
      expect([status, states]).toEqual([end, { list: 'completed', each, behind, after: 'completed' }])
      expect(reasons(world, run)['each']).toContain('tasks.list.output.all has 3 items, and maxItems allows 2')
    })
  })

  it('waits for a person under escalate, who completes it or leaves it out', async () => {
    await inWorld({}, async (world) => {
      const { run, status, states } = await runOf(world, bad('escalate'), 'escalate')
      expect([status, states]).toEqual([
        'running',
        { list: 'completed', each: 'escalated', behind: 'waiting', after: 'waiting' },
      ])
      await world.orchestrator.commandTask(run, 'each', { type: 'complete', result: 'By hand.' })
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.states('behind').at(-1)).toBe('completed')
    })
  })

  it('as one that is missing in what a person gave is said by its path', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        workflowOf({
          list: { prompt: 'List', output: { type: 'object' }, onFailure: 'escalate', simulate: { failures: 1 } },
          each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.deep.all' },
        }),
      )
      await world.settled(run)
      await world.orchestrator.commandTask(run, 'list', { type: 'complete', result: { deep: { all: 'x' } } })
      expect((await world.settled(run))?.status).toBe('failed')
      expect(reasons(world, run)['each']).toContain('tasks.list.output.deep.all is a string, not a list')
    })
  })
})

describe('conditions', () => {
  const failing = { prompt: 'Fail', simulate: { failures: 1, duration: '1s' } } as const
  const ok = { prompt: 'Work', simulate: { duration: '1s' } } as const

  it('that do not hold skip the task, and what needs it, unless that runs always', async () => {
    await inWorld({}, async (world) => {
      const { run, status, states } = await runOf(world, {
        first: ok,
        no: { prompt: 'No', needs: ['first'], if: 'tasks.first.status == "failed"' },
        behind: { prompt: 'Behind', needs: ['no'] },
        further: { prompt: 'Further', needs: ['behind', 'first'] },
        always: { prompt: 'Always', needs: ['further'], if: 'always' },
        seen: { prompt: 'Seen', needs: ['no'], if: 'tasks.no.status == "skipped"' },
        failed: { prompt: 'Failed', needs: ['no'], if: 'failed' },
      })
      expect([status, states]).toEqual([
        'completed',
        {
          first: 'completed',
          no: 'skipped',
          behind: 'skipped',
          further: 'skipped',
          always: 'completed',
          seen: 'completed',
          failed: 'skipped',
        },
      ])
      expect(reasons(world, run)).toMatchObject({
        no: 'its `if` does not hold',
        behind: 'no was skipped',
        further: 'behind was skipped',
        failed: 'none of its needs failed',
      })
    })
  })

  it.each([
    ['fail', 'failed', { first: 'failed', behind: 'skipped', told: 'completed', aside: 'completed' }],
    ['skip', 'completed', { first: 'skipped', behind: 'skipped', told: 'skipped', aside: 'completed' }],
    ['continue', 'completed', { first: 'failed', behind: 'completed', told: 'completed', aside: 'completed' }],
  ] as const)(
    'a task that fails under %s: the run ends %s, and what is independent goes on',
    async (onFailure, end, expected) => {
      await inWorld({}, async (world) => {
        const { status, states } = await runOf(world, {
          first: { ...failing, onFailure },
          behind: { prompt: 'Behind', needs: ['first'] },
          told: { prompt: 'Told', needs: ['first'], if: 'failed' },
          aside: ok,
        })
        expect([status, states]).toEqual([end, expected])
      })
    },
  )

  it('a task that fails under escalate waits for a person, and the rest goes on', async () => {
    await inWorld({}, async (world) => {
      const { run, status, states } = await runOf(
        world,
        { first: failing, behind: { prompt: 'Behind', needs: ['first'] }, aside: ok },
        'escalate',
      )
      expect([status, states]).toEqual(['running', { first: 'escalated', behind: 'waiting', aside: 'completed' }])
      await world.orchestrator.commandTask(run, 'first', { type: 'retry' })
      expect((await world.settled(run))?.status).toBe('completed')
    })
  })

  it('that compare a text with a number do not hold', async () => {
    await inWorld({}, async (world) => {
      const { run, status, states } = await runOf(world, {
        first: { ...ok, output: { type: 'object' }, simulate: { output: { n: 'text' } } },
        odd: { prompt: 'Odd', needs: ['first'], if: 'tasks.first.output.n > 3' },
      })
      expect([status, states]).toEqual(['completed', { first: 'completed', odd: 'skipped' }])
      expect(reasons(world, run)['odd']).toBe('its `if` does not hold')
    })
  })

  it('of a task with items decide before the list is looked at', async () => {
    await inWorld({}, async (world) => {
      const { status, states } = await runOf(world, {
        list: lists([1, 2, 3]),
        each: {
          prompt: '{{ item }}',
          needs: ['list'],
          if: 'tasks.list.output.all.size > 5',
          forEach: 'tasks.list.output.all',
          maxItems: 1,
        },
        behind: { prompt: 'End', needs: ['each'] },
      })
      expect([status, states]).toEqual(['completed', { list: 'completed', each: 'skipped', behind: 'skipped' }])
    })
  })
})

describe('items across restarts', () => {
  it('are neither lost nor made twice when the process dies while they are carried out', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        workflowOf({
          list: lists([1, 2, 3, 4]),
          each: { prompt: '{{ item }}', needs: ['list'], forEach: 'tasks.list.output.all' },
          last: { prompt: 'End', needs: ['each'], if: 'tasks.each.results.size == 4' },
        }),
      )
      await world.until(({ actor, to }) => actor.id === 'each[2]' && to === 'running')
      world.kill()
      await world.open()
      expect(await world.resumed()).toEqual([run])
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.orchestrator.view(run).tasks.map(({ task, attempt }) => `${task} ${attempt}`)).toEqual([
        ...['list 1', 'each[0] 1', 'each[1] 1', 'each[2] 1', 'each[3] 1', 'last 1'],
      ])
      const plans = (await world.stored(run)).filter(({ type }) => type === 'plan')
      expect(plans.map(({ task, data }) => [task, data])).toEqual([['each', { count: 4 }]])
    })
  })
})
