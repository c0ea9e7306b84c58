import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../src/workflow/define.ts'
import { creations, decisionsOf, delegate, FINISH, planned, recordedDecisions, short, turns } from './planning-world.ts'
import { inWorld } from './simulation/world.ts'

const PLANNED = defineWorkflow({
  name: 'objective',
  defaults: { repository: 'acme/shop' },
  manager: { plan: true, objective: 'Add login', timeout: '5m' },
})

const DECIDED = [
  ['delegate', 'research', 'spec', 'plan'],
  [
    'refused',
    "task execute: needs 'planning', and there is no such task",
    "task execute: forEach reads 'plan': add it to needs",
  ],
  ['delegate', 'execute'],
  ['ask'],
  ['delegate', 'review'],
  ['finish', 'completed'],
]

const task = (id: string, more: object = {}) => ({ id, prompt: `Do ${id}`, ...more })
const LIST = { type: 'object', properties: { items: { type: 'array', items: { type: 'string' } } } }
const COMPLETED = { status: 'completed', exitCode: 0 }

describe('a manager that plans', () => {
  it('has the objective carried out by decisions of its own, and ends the run', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const run = await world.start(PLANNED, { yes: true })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const view = world.orchestrator.view(run)
      expect(view.decisions?.map(short)).toEqual(DECIDED)
      const made = creations(world, run)
      expect(Object.values(made).every((count) => count === 1)).toEqual(true)
      expect(view.tasks.map(({ task, state }) => [task, state])).toEqual(
        Object.keys(made)
          .filter((key) => !key.startsWith('manager/'))
          .map((key) => [key.slice(0, -2), 'completed']),
      )
    })
  })

  it('asks a person, who may be away for days', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const run = await world.start(PLANNED)
      expect(await world.settled(run)).toEqual({ run, status: 'running', exitCode: 3, reason: 'A person must decide' })
      expect(world.orchestrator.view(run).manager).toMatchObject({
        state: 'running.asking',
        asks: 'The tasks are done. Shall the changes be reviewed before the work ends?',
        commands: ['answer', 'complete', 'fail'],
      })
      await world.clock.advance(3 * 86_400_000)
      world.kill()
      const next = await world.open()
      await world.clock.runUntil(next.resume())
      await world.clock.runUntil(next.commandTask(run, 'manager', { type: 'answer', text: 'no' }))
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(next.view(run).decisions?.map(short)).toEqual([...DECIDED.slice(0, 4), ['finish', 'completed']])
    })
  })
})

describe('the tasks of a plan', () => {
  it('may stand in any order in a decision, and run as they need each other', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const tasks = [task('c', { needs: ['b'] }), task('b', { needs: ['a'] }), task('a')]
      const run = await world.start(planned([delegate(...tasks), delegate(task('d', { needs: ['c', 'a'] })), FINISH]))
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(Object.keys(creations(world, run))).toEqual(['manager/1', 'a/1', 'b/1', 'c/1', 'd/1'])
    })
  })

  it('go on where a list has no items: the manager is asked although no record tells of it', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const first = task('list', { output: LIST })
      const each = task('each', { needs: ['list'], forEach: 'tasks.list.output.items' })
      const run = await world.start(planned([delegate(first), delegate(each), FINISH]))
      await world.until(({ to, actor }) => actor.id === 'list' && to === 'running')
      await world.clock.runUntil(
        world.orchestrator.commandTask(run, 'list', { type: 'complete', result: { items: [] } }),
      )
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(decisionsOf(world.orchestrator.view(run))).toEqual([
        ['delegate', 'list'],
        ['delegate', 'each'],
        ['finish', 'completed'],
      ])
    })
  })

  it.each([
    ['fail', { status: 'failed', exitCode: 1, reason: 'Failed: a' }, 'skipped'],
    ['skip', COMPLETED, 'skipped'],
    ['continue', COMPLETED, 'completed'],
  ] as const)('do what they were told where one fails: %s', async (onFailure, end, next) => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const tasks = [task('a', { onFailure }), task('b', { needs: ['a'] })]
      const run = await world.start(planned([delegate(...tasks), FINISH]))
      await world.until(({ to, actor }) => actor.id === 'a' && to === 'running')
      await world.clock.runUntil(world.orchestrator.commandTask(run, 'a', { type: 'fail', reason: 'No.' }))
      expect(await world.settled(run)).toEqual({ run, ...end })
      expect(world.states('b').at(-1)).toEqual(next)
      expect(await recordedDecisions(world, run)).toEqual([
        ['delegate', 'a', 'b'],
        ['finish', 'completed'],
      ])
    })
  })

  it('wait for a person where the manager wants one to agree, and so does the manager', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const run = await world.start(planned([delegate(task('a', { approval: true })), FINISH]))
      expect(await world.settled(run)).toEqual({ run, status: 'running', exitCode: 3, reason: 'A person must decide' })
      expect([world.states('a').at(-1), world.states('manager').at(-1)]).toEqual(['pending.approval', 'running.idle'])
      await world.clock.runUntil(world.orchestrator.commandTask(run, 'a', { type: 'approve' }))
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
    })
  })

  it('stand beside those of the file, which the manager may build on', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const tasks = { given: { prompt: 'Do what is given' } }
      const run = await world.start(planned([delegate(task('a', { needs: ['given'] })), FINISH], { tasks }))
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(creations(world, run)).toEqual({ 'given/1': 1, 'manager/1': 1, 'a/1': 1 })
      expect(world.orchestrator.view(run).tasks.map(({ task: id, state }) => [id, state])).toEqual([
        ['given', 'completed'],
        ['a', 'completed'],
      ])
    })
  })

  it('of the file are carried out although the manager finishes before they do', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const slow = { prompt: 'Slow', simulate: { duration: '10m' } }
      const run = await world.start(planned([FINISH], { tasks: { slow } }))
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(turns(world, run)).toEqual({ 'manager/1/1': 1, 'slow/1/1': 1 })
    })
  })

  it('fail the run where the manager says that the objective was not reached', async () => {
    await inWorld({ seed: 4, unlimited: true }, async (world) => {
      const gaveUp = { output: { decision: 'finish', summary: 'It cannot be done.', outcome: 'failed' } }
      const run = await world.start(planned([delegate(task('a')), gaveUp]))
      const reason = 'The manager has ended the plan as failed'
      expect(await world.settled(run)).toEqual({ run, status: 'failed', exitCode: 1, reason })
    })
  })
})
