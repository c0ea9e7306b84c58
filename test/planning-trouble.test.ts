import { describe, expect, it } from 'vitest'
import { ask, creations, decisionsOf, delegate, FINISH, planned, turns } from './planning-world.ts'
import { inWorld, type Network, type World } from './simulation/world.ts'

const OPTIONS = { seed: 4, unlimited: true } as const
const task = (id: string, more: object = {}) => ({ id, prompt: `Do ${id}`, ...more })
const COMPLETED = { status: 'completed', exitCode: 0 }
const PERSON = { status: 'running', exitCode: 3, reason: 'A person must decide' }

const say = (world: World, run: string, command: object) =>
  world.clock.runUntil(world.orchestrator.commandTask(run, 'manager', command as never))
const tell = (world: World, run: string, command: object) =>
  world.clock.runUntil(world.orchestrator.command(run, command as never))
const managerIs = (world: World, state: string) =>
  world.until(({ actor, to }) => actor.kind === 'manager' && to === state)

/** Notes every prompt that is sent. */
function listening(prompts: string[]): Network {
  return async (request, deliver) => {
    if (request.method === 'POST') prompts.push(((await request.clone().json()) as { prompt: string }).prompt)
    return deliver(request)
  }
}

describe('a manager that plans and fails', () => {
  it('is followed by one that is told of all that was done, and of what people answered', async () => {
    const prompts: string[] = []
    await inWorld({ ...OPTIONS, network: listening(prompts) }, async (world) => {
      const run = await world.start(planned([delegate(task('research')), ask('Which database?'), { outcome: 'error' }]))
      await world.settled(run)
      await say(world, run, { type: 'answer', text: 'PostgreSQL' })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(creations(world, run)).toMatchObject({ 'manager/1': 1, 'manager/2': 1, 'research/1': 1 })
      expect(Object.values(turns(world, run)).every((count) => count === 1)).toEqual(true)
      const brief = prompts.find((prompt) => prompt.includes(`/manager/2/1]`)) ?? ''
      expect(
        ['Completed batch: research (completed)', 'Which database?', 'PostgreSQL'].filter(
          (part) => !brief.includes(part),
        ),
      ).toEqual([])
    })
  })

  it('is put before a person after its last attempt, who may have it tried again, complete it, or let it fail', async () => {
    for (const [command, status] of [
      [{ type: 'retry' }, COMPLETED],
      [{ type: 'complete', result: 'Enough.' }, COMPLETED],
      [{ type: 'fail' }, { status: 'failed', exitCode: 1, reason: 'The manager has ended the plan as failed' }],
    ] as const) {
      await inWorld(OPTIONS, async (world) => {
        const workflow = planned([], { manager: { prompt: '[simulate:{"failures":3}]' } })
        const run = await world.start(workflow, { yes: true })
        expect(await world.settled(run)).toEqual({ run, ...PERSON })
        expect(world.orchestrator.view(run).manager).toMatchObject({ state: 'escalated', attempt: 3 })
        await say(world, run, command)
        expect(await world.settled(run)).toEqual({ run, ...status })
      })
    }
  })

  it('is watched on when it is silent, and goes on when it decides at last', async () => {
    await inWorld(OPTIONS, async (world) => {
      const slow = { output: { decision: 'finish', summary: 'At last.' }, durationMs: 900_000 }
      const run = await world.start(planned([slow as never]))
      await managerIs(world, 'escalated.overdue')
      expect(world.orchestrator.view(run).manager?.commands).toEqual(['retry', 'wait', 'complete', 'fail'])
      await say(world, run, { type: 'wait', ms: 60_000 })
      await world.clock.advance(61_000)
      expect(world.orchestrator.view(run).manager?.state).toEqual('escalated.overdue')
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
    })
  })

  it('is given up when a person has another take over', async () => {
    await inWorld(OPTIONS, async (world) => {
      const run = await world.start(planned([{ outcome: 'never' }]), { yes: true })
      await managerIs(world, 'escalated.overdue')
      await say(world, run, { type: 'retry' })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(creations(world, run)).toMatchObject({ 'manager/1': 1, 'manager/2': 1 })
    })
  })

  it('is looked for once more by a person’s word when nobody knows whether it was created, and not made again', async () => {
    await inWorld({ ...OPTIONS, faults: { 'answer-lost': 1 } }, async (world) => {
      const run = await world.start(planned([delegate(task('a')), FINISH]))
      await managerIs(world, 'creating.reconciling')
      world.standIn.setFaults({ 'answer-lost': 0, error: 1 })
      expect(await world.settled(run)).toEqual({ run, ...PERSON })
      expect(world.orchestrator.view(run).manager).toMatchObject({
        state: 'escalated.doubtful',
        awaits: 'person',
        commands: ['retry', 'wait', 'complete', 'fail'],
      })
      world.standIn.setFaults({ error: 0 })
      await say(world, run, { type: 'wait' })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(creations(world, run)).toEqual({ 'manager/1': 1, 'a/1': 1 })
    })
  })
})

describe('a run whose manager plans', () => {
  it('is cancelled while it asks', async () => {
    await inWorld(OPTIONS, async (world) => {
      const run = await world.start(planned([delegate(task('a')), ask('Go on?')]))
      await world.settled(run)
      await tell(world, run, { type: 'cancel' })
      expect(await world.settled(run)).toEqual({ run, status: 'cancelled', exitCode: 1 })
      expect(world.states('manager').slice(-2)).toEqual(['cancelling', 'cancelled'])
    })
  })

  it('sends no turn while it is paused, neither news nor an answer, and every one afterwards', async () => {
    await inWorld(OPTIONS, async (world) => {
      const run = await world.start(planned([delegate(task('a')), ask('Go on?'), delegate(task('b')), FINISH]))
      await managerIs(world, 'running.idle')
      await tell(world, run, { type: 'pause' })
      expect(await world.settled(run)).toMatchObject({ status: 'paused', exitCode: 3 })
      expect(turns(world, run)['manager/1/2']).toEqual(undefined)
      await tell(world, run, { type: 'continue' })
      await managerIs(world, 'running.asking')
      await tell(world, run, { type: 'pause' })
      await say(world, run, { type: 'answer', text: 'yes' })
      await world.clock.advance(3_600_000)
      expect([world.orchestrator.view(run).manager?.state, turns(world, run)['manager/1/3']]).toEqual([
        'running.idle',
        undefined,
      ])
      await tell(world, run, { type: 'continue' })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(Object.values(turns(world, run)).every((count) => count === 1)).toEqual(true)
    })
  })

  it('is paused before a turn that its budget does not hold, whatever that turn would say, and goes on with more (I10)', async () => {
    await inWorld(OPTIONS, async (world) => {
      const bad = delegate(task('x', { needs: ['nothing'] }))
      const run = await world.start(
        planned([bad, ask('Go on?'), delegate(task('a')), FINISH], { budget: { managerTurns: 1 } }),
      )
      const used = () => Object.keys(turns(world, run)).filter((key) => key.startsWith('manager/')).length
      const paused = { run, status: 'paused', exitCode: 3, reason: 'The budget of 1 manager turns is used up' }
      expect([await world.settled(run), used()]).toEqual([paused, 1])
      await tell(world, run, { type: 'continue', budget: { managerTurns: 1 } })
      expect(await world.settled(run)).toEqual({ run, ...PERSON })
      await say(world, run, { type: 'answer', text: 'yes' })
      expect([await world.settled(run), used()]).toEqual([
        { ...paused, reason: 'The budget of 2 manager turns is used up' },
        2,
      ])
      world.kill()
      await world.open()
      await world.resumed()
      expect([await world.settled(run), used()]).toEqual([
        { ...paused, reason: 'The budget of 2 manager turns is used up' },
        2,
      ])
      await tell(world, run, { type: 'continue', budget: { managerTurns: 5 } })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(used()).toEqual(4)
    })
  })

  it('creates no other manager beyond its budget of turns', async () => {
    await inWorld(OPTIONS, async (world) => {
      const workflow = planned([], { manager: { prompt: '[simulate:{"failures":1}]' }, budget: { managerTurns: 1 } })
      const run = await world.start(workflow, { yes: true })
      expect(await world.settled(run)).toMatchObject({ status: 'paused', exitCode: 3 })
      expect(creations(world, run)).toEqual({ 'manager/1': 1 })
      await tell(world, run, { type: 'continue', budget: { managerTurns: 10 } })
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
    })
  })

  it('has what its manager asks answered by whoever resumes it with `--yes`', async () => {
    await inWorld(OPTIONS, async (world) => {
      const run = await world.start(planned([ask('Go on?'), ask('Really?'), FINISH]))
      await world.settled(run)
      world.kill()
      const next = await world.open()
      await world.clock.runUntil(next.resume(run, { yes: true }))
      expect(await world.settled(run)).toEqual({ run, ...COMPLETED })
      expect(decisionsOf(next.view(run)).map(([kind]) => kind)).toEqual(['ask', 'ask', 'finish'])
    })
  })
})
