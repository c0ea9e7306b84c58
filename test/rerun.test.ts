import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDataFolderReader } from '../src/data-folder-reader.ts'
import type { RunRecord } from '../src/domain/record.ts'
import type { TaskView } from '../src/domain/views.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { objectiveWorkflow } from '../src/workflow/objective.ts'
import { inWorld, type World } from './simulation/world.ts'

const DEFAULTS = { repository: 'acme/shop', retry: { attempts: 1 } } as const
const ends = (task: string, state: string, attempt: number) => (record: RunRecord) =>
  record.actor.id === task && record.to === state && record.attempt === attempt

/** first -> middle -> last, and aside beside them. */
const chain = defineWorkflow({
  name: 'chain',
  defaults: DEFAULTS,
  tasks: {
    first: { prompt: 'First', simulate: { duration: '10s', result: 'One.' } },
    middle: {
      prompt: 'After {{ tasks.first.result }}',
      needs: ['first'],
      simulate: { duration: '10s', result: 'Two.' },
    },
    last: {
      prompt: 'After {{ tasks.middle.result }}',
      needs: ['middle'],
      simulate: { duration: '10s', result: 'Three.' },
    },
    aside: { prompt: 'Aside', simulate: { duration: '10s', result: 'Four.' } },
  },
})

async function completed(world: World, workflow = chain): Promise<string> {
  const run = await world.start(workflow)
  expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
  return run
}

const rerun = (world: World, run: string, task: string) => world.orchestrator.commandTask(run, task, { type: 'rerun' })

const creations = (run: string, counts: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(counts).map(([key, count]) => [`${run}/${key}`, count]))

const short = ({ task, state, attempt, attempts, commands }: TaskView) => ({
  task,
  state,
  attempt,
  attempts: attempts.map((made) => `${made.attempt} ${made.state}`),
  commands,
})

describe('a rerun of a run that has ended', () => {
  it('carries out the task and all that depends on it, counts attempts on, and ends the run again', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      const before = world.records.length
      const reply = await rerun(world, run, 'middle')
      expect(reply).toEqual({ run, task: 'middle', seq: before + 2, state: 'creating' })
      expect(world.orchestrator.runs().map(({ status, endedAt }) => [status, endedAt])).toEqual([
        ['running', undefined],
      ])
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual(
        creations(run, { 'first/1': 1, 'aside/1': 1, 'middle/1': 1, 'last/1': 1, 'middle/2': 1, 'last/2': 1 }),
      )
      const stored = await world.stored(run)
      expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, at) => at + 1))
      expect(
        stored
          .slice(before, before + 4)
          .map(({ type, actor, event, from, to, data }) => [type, actor.id, event, from, to, data]),
      ).toEqual([
        ['command', 'middle', undefined, undefined, undefined, { command: 'rerun' }],
        [
          'plan',
          'supervisor',
          undefined,
          undefined,
          undefined,
          {
            rerun: [
              { task: 'middle', attempt: 1 },
              { task: 'last', attempt: 1 },
            ],
          },
        ],
        ['transition', 'supervisor', 'run.reopen', 'completed', 'running', undefined],
        ['transition', 'middle', 'start', undefined, 'pending', undefined],
      ])
    })
  })

  it('shows what is repeated as waiting, with its attempts of before, and once it has ended again offers the same', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      await rerun(world, run, 'first')
      await world.until(ends('first', 'running', 2))
      expect(world.orchestrator.view(run).tasks.map(short)).toEqual([
        {
          task: 'first',
          state: 'running',
          attempt: 2,
          attempts: ['1 completed', '2 running'],
          commands: expect.any(Array),
        },
        { task: 'middle', state: 'waiting', attempt: 1, attempts: ['1 completed'], commands: [] },
        { task: 'last', state: 'waiting', attempt: 1, attempts: ['1 completed'], commands: [] },
        { task: 'aside', state: 'completed', attempt: 1, attempts: ['1 completed'], commands: ['rerun'] },
      ])
      expect(world.orchestrator.view(run).counts).toEqual({ running: 1, waiting: 2, completed: 1 })
      await world.settled(run)
      expect(world.orchestrator.view(run).tasks.map(short)).toEqual([
        {
          task: 'first',
          state: 'completed',
          attempt: 2,
          attempts: ['1 completed', '2 completed'],
          commands: ['rerun'],
        },
        {
          task: 'middle',
          state: 'completed',
          attempt: 2,
          attempts: ['1 completed', '2 completed'],
          commands: ['rerun'],
        },
        { task: 'last', state: 'completed', attempt: 2, attempts: ['1 completed', '2 completed'], commands: ['rerun'] },
        { task: 'aside', state: 'completed', attempt: 1, attempts: ['1 completed'], commands: ['rerun'] },
      ])
    })
  })

  it('works in a process that did not carry the run, and again and again', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      for (const attempt of [2, 3]) {
        world.leave()
        await world.open()
        await rerun(world, run, 'last')
        expect((await world.settled(run))?.status).toBe('completed')
        expect(world.standIn.creations()[`${run}/last/${attempt}`]).toBe(1)
      }
      expect(await world.orchestrator.result(run, 'last')).toEqual({
        task: 'last',
        attempt: 3,
        status: 'completed',
        result: 'Three.',
        output: { summary: 'Three.' },
      })
    })
  })

  it('of a failed run completes it, and of a cancelled one takes what was cancelled up again', async () => {
    await inWorld({}, async (world) => {
      const once = defineWorkflow({
        name: 'once',
        defaults: { ...DEFAULTS, onFailure: 'fail' },
        tasks: {
          shaky: { prompt: 'Try', simulate: { duration: '10s', failures: 1 } },
          after: { prompt: 'Go on', needs: ['shaky'], simulate: { duration: '10s' } },
        },
      })
      const run = await world.start(once)
      expect((await world.settled(run))?.status).toBe('failed')
      await rerun(world, run, 'shaky')
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.standIn.creations()).toEqual(creations(run, { 'shaky/1': 1, 'shaky/2': 1, 'after/2': 1 }))

      const stopped = await world.start(chain)
      await world.until(({ run: of, to, actor }) => of === stopped && actor.id === 'first' && to === 'running')
      await world.orchestrator.command(stopped, { type: 'cancel' })
      expect((await world.settled(stopped))?.status).toBe('cancelled')
      await rerun(world, stopped, 'first')
      expect((await world.settled(stopped))?.status).toBe('cancelled')
      await rerun(world, stopped, 'aside')
      expect((await world.settled(stopped))?.status).toBe('completed')
    })
  })

  it('gives a manager a new attempt, which is told of what settled', async () => {
    await inWorld({}, async (world) => {
      const managed = defineWorkflow({
        ...{ name: 'managed', defaults: DEFAULTS },
        manager: { prompt: 'Watch', reportEvery: '1s' },
        tasks: { only: { prompt: 'Work', simulate: { duration: '10s', result: 'Done.' } } },
      })
      const run = await completed(world, managed)
      await rerun(world, run, 'only')
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.standIn.creations()).toEqual(
        creations(run, { 'only/1': 1, 'only/2': 1, 'manager/1': 1, 'manager/2': 1 }),
      )
      expect(world.orchestrator.view(run).manager?.attempts.map(({ attempt, state }) => [attempt, state])).toEqual([
        [1, 'completed'],
        [2, 'completed'],
      ])
    })
  })

  it('is refused where there is no such task, and leaves the run as it was', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      const { length } = await world.stored(run)
      await expect(rerun(world, run, 'nobody')).rejects.toThrow('Task nobody does not exist.')
      await expect(rerun(world, run, 'manager')).rejects.toThrow(
        `${run} manager is settled and cannot take 'rerun'. Only tasks are repeated.`,
      )
      await expect(rerun(world, 'run_0', 'first')).rejects.toThrow('Run run_0 does not exist')
      expect(world.orchestrator.runs().map(({ status }) => status)).toEqual(['completed'])
      expect((await world.stored(run)).length).toBe(length)
      await world.orchestrator.remove(run, 'delete')
      await expect(rerun(world, run, 'first')).rejects.toThrow(`Run ${run} does not exist`)
    })
  })
})

describe('a rerun in a run that goes on', () => {
  it('repeats what has settled, and is refused while something behind it is live', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(chain)
      await world.until(ends('middle', 'running', 1))
      await expect(rerun(world, run, 'first')).rejects.toThrow(
        `${run} first is completed and cannot take 'rerun'. What depends on it has not settled: cancel middle first.`,
      )
      await expect(rerun(world, run, 'middle')).rejects.toThrow(
        `${run} middle is running and cannot take 'rerun'. Only what has settled is repeated.`,
      )
      await expect(rerun(world, run, 'last')).rejects.toThrow('Only what has settled is repeated.')
      const commands = world.orchestrator.view(run).tasks.map((task) => [task.task, task.commands.includes('rerun')])
      expect(commands).toEqual([
        ['first', false],
        ['middle', false],
        ['last', false],
        ['aside', true],
      ])
      await rerun(world, run, 'aside')
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.standIn.creations()).toEqual(
        creations(run, { 'first/1': 1, 'aside/1': 1, 'aside/2': 1, 'middle/1': 1, 'last/1': 1 }),
      )
    })
  })

  it('waits with the rest while the run is paused', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(chain)
      await world.until(ends('aside', 'completed', 1))
      await world.orchestrator.command(run, { type: 'pause' })
      expect((await rerun(world, run, 'aside')).state).toBe('pending')
      await world.settled(run)
      expect(world.standIn.creations()[`${run}/aside/2`]).toBe(undefined)
      await world.orchestrator.command(run, { type: 'continue' })
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.standIn.creations()[`${run}/aside/2`]).toBe(1)
    })
  })
})

describe('a rerun of tasks with items', () => {
  const lists = [
    ['a', 'b'],
    ['c', 'd', 'e'],
  ]
  const fanOut = defineWorkflow({
    name: 'fan-out',
    defaults: DEFAULTS,
    tasks: {
      list: {
        prompt: 'List',
        output: { type: 'object' },
        simulate: { duration: '1s', output: { all: lists[0] } },
      },
      each: {
        prompt: 'Do {{ item }}',
        needs: ['list'],
        forEach: 'tasks.list.output.all',
        simulate: { duration: '5s' },
      },
      last: { prompt: 'Sum up {{ tasks.each.results }}', needs: ['each'], simulate: { duration: '5s' } },
    },
  })

  it('of one item leaves the others, and repeats what comes behind', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world, fanOut)
      await rerun(world, run, 'each[1]')
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.standIn.creations()).toEqual(
        creations(run, { 'list/1': 1, 'each[0]/1': 1, 'each[1]/1': 1, 'last/1': 1, 'each[1]/2': 1, 'last/2': 1 }),
      )
    })
  })

  it.each(['each', 'list'])('of %s makes the items anew, with numbers that were never used', async (task) => {
    await inWorld({}, async (world) => {
      const run = await completed(world, fanOut)
      await rerun(world, run, task)
      await world.until(({ type, data }) => type === 'plan' && data?.['rerun'] !== undefined)
      expect((await world.settled(run))?.status).toBe('completed')
      const of = (attempt: number) => ({ [`each[0]/${attempt}`]: 1, [`each[1]/${attempt}`]: 1, [`last/${attempt}`]: 1 })
      const list = task === 'list' ? { 'list/2': 1 } : {}
      expect(world.standIn.creations()).toEqual(creations(run, { 'list/1': 1, ...of(1), ...list, ...of(2) }))
    })
  })

  it('of a list uses the items of the new generation', async () => {
    await inWorld({}, async (world) => {
      const run = await world.start(
        defineWorkflow({
          name: 'by hand',
          defaults: { ...DEFAULTS, onFailure: 'escalate' },
          tasks: {
            list: {
              prompt: 'List',
              output: { type: 'object' },
              simulate: { outcome: 'error', failures: 9, duration: '1s' },
            },
            each: {
              prompt: 'Do {{ item }}',
              needs: ['list'],
              forEach: 'tasks.list.output.all',
              simulate: { duration: '1s' },
            },
          },
        }),
      )
      for (const all of lists) {
        await world.settled(run)
        await world.orchestrator.commandTask(run, 'list', { type: 'complete', result: { all } })
        expect((await world.settled(run))?.status).toBe('completed')
        const items = world.orchestrator.view(run).tasks.filter(({ task }) => task !== 'list')
        expect(items.map(({ task, state }) => [task, state])).toEqual(all.map((_, at) => [`each[${at}]`, 'completed']))
        if (all === lists[0]) await rerun(world, run, 'list')
      }
    })
  })
})

/** Cuts the newest segment of a run's journal behind its record of this type: nothing later became durable. */
async function cutAfter(folder: string, type: string): Promise<void> {
  const segments = (await readdir(folder)).filter((name) => name.startsWith('journal.'))
  const newest = segments.sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).at(-1) ?? ''
  const lines = (await readFile(join(folder, newest), 'utf8')).split('\n')
  const end = lines.findIndex((line) => line.includes(`"type":"${type}"`)) + 1
  await writeFile(join(folder, newest), `${lines.slice(0, end).join('\n')}\n`)
}

describe('a rerun whose process dies', () => {
  const points: readonly [string, (record: RunRecord) => boolean][] = [
    ['after the command', ({ type, data }) => type === 'command' && data?.['command'] === 'rerun'],
    ['after the plan', ({ type, data }) => type === 'plan' && data?.['rerun'] !== undefined],
    ['after the run was opened', ({ event }) => event === 'run.reopen'],
    ['after the first agent began', ends('first', 'pending', 2)],
    ['while an agent is created', ends('first', 'creating', 2)],
    ['while an agent works', ends('middle', 'running', 2)],
  ]

  it.each(points)('%s goes on right, and nothing is created twice', async (_, at) => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      world.onRecord = (record) => {
        if (at(record)) world.kill()
      }
      void rerun(world, run, 'first').catch(() => {})
      await world.clock.runUntil(() => !world.isHeld)
      world.onRecord = () => {}
      await world.open()
      expect(await world.resumed()).toEqual([run])
      expect((await world.settled(run))?.status).toBe('completed')
      expect(world.standIn.creations()).toEqual(
        creations(run, {
          'first/1': 1,
          'aside/1': 1,
          'middle/1': 1,
          'last/1': 1,
          'first/2': 1,
          'middle/2': 1,
          'last/2': 1,
        }),
      )
      const stored = await world.stored(run)
      expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_record, place) => place + 1))
    })
  })

  it.each(['command', 'plan'])('with no record durable after the %s goes on right from there', async (last) => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      const { dataDir } = world.orchestrator
      void rerun(world, run, 'first').catch(() => {})
      await world.until(({ event }) => event === 'run.reopen')
      world.kill()
      await cutAfter(join(dataDir, 'runs', run), last)
      await world.open()
      const goesOn = last === 'plan'
      expect(await world.resumed()).toEqual(goesOn ? [run] : [])
      expect((await world.settled(run))?.status).toBe('completed')
      const { tasks } = await openDataFolderReader(dataDir).view(run)
      expect(tasks.map(({ task, attempt }) => [task, attempt])).toEqual([
        ['first', goesOn ? 2 : 1],
        ['middle', goesOn ? 2 : 1],
        ['last', goesOn ? 2 : 1],
        ['aside', 1],
      ])
      const reopened = (await world.stored(run)).filter(({ event }) => event === 'run.reopen')
      expect(reopened.map(({ from, to }) => [from, to])).toEqual(goesOn ? [['completed', 'running']] : [])
      expect(world.orchestrator.runs().map(({ status }) => status)).toEqual(['completed'])
    })
  })

  it('before anything was recorded leaves the run as it had ended', async () => {
    await inWorld({}, async (world) => {
      const run = await completed(world)
      void rerun(world, run, 'first').catch(() => {})
      world.kill()
      await world.open()
      expect(await world.resumed()).toEqual([])
      expect(world.orchestrator.runs().map(({ status }) => status)).toEqual(['completed'])
    })
  })
})

describe('a rerun of what a manager planned', () => {
  it('repeats the task, and a new manager, told of all that was done, ends the work', async () => {
    await inWorld({}, async (world) => {
      const { workflow, inputs } = objectiveWorkflow({ objective: 'Add login', repository: 'acme/shop' })
      const run = await world.orchestrator.start(workflow, inputs, { yes: true })
      expect((await world.settled(run))?.status).toBe('completed')
      const before = world.orchestrator.view(run).tasks.map(({ task }) => task)
      world.leave()
      await world.open()
      await rerun(world, run, 'execute[1]')
      expect((await world.settled(run))?.status).toBe('completed')
      const { tasks, manager } = world.orchestrator.view(run)
      expect(tasks.map(({ task }) => task)).toEqual(before)
      expect(tasks.flatMap(({ task, attempt }) => (attempt === 2 ? [task] : []))).toEqual(['execute[1]', 'review'])
      expect(manager?.attempts.map(({ attempt, state }) => [attempt, state])).toEqual([
        [1, 'completed'],
        [2, 'completed'],
      ])
      expect(Object.values(world.standIn.creations())).toEqual(Object.values(world.standIn.creations()).map(() => 1))
    })
  })
})
