import { describe, expect, it } from 'vitest'
import type { CarriedRun } from '../../src/carried-run.ts'
import type { CommandReply } from '../../src/domain/command.ts'
import { CommandRefusedError, DataFolderError } from '../../src/domain/errors.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { createMemoryJournal } from '../../src/host/memory-journal.ts'
import { agentActions, type SupervisedRun, supervisorActions } from '../../src/host/run-actions.ts'
import { RunHost } from '../../src/host/run-host.ts'
import type { RunPorts } from '../../src/host/run-ports.ts'
import { RunProjection } from '../../src/host/run-projection.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { HeldJournal } from '../actors/held-journal.ts'
import { beginRun, type ProcessOptions, readLines } from '../actors/process.ts'
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
const seconds = (n: number) => n * 1_000

describe('what leaves the process', () => {
  /** The record that owes a write, as `create run_1/a/1` names it. */
  const owes = (write: string) => (record: JournalRecord) => {
    const [verb, key = ''] = write.split(' ')
    const [, task, attempt, turn] = key.split('/')
    const states = { create: /^creating$/, prompt: /^running\.prompting$/, cancel: /^(cancelling|running\.stopping)$/ }
    const isIts =
      record.task === task && record.attempt === Number(attempt) && states[verb as 'create'].test(record.to ?? '')
    return isIts && (turn === undefined || record.data?.['turn'] === Number(turn))
  }

  it('leaves only after the record that owes it is durable, however slow the disk (I3)', async () => {
    const journal = new HeldJournal()
    const early: string[] = []
    const writes: string[] = []
    const onWrite = (write: string) => {
      writes.push(write)
      if (!journal.records.some(owes(write))) early.push(write)
    }
    const workflow = two({ manager: { prompt: 'Look after it', reportEvery: '1s' } })
    const { world, run } = begin(workflow, { onWrite }, { journal })
    const commitSoon = () => {
      journal.commit()
      if (!run.host.ended) world.clock.setTimeout(commitSoon, 700)
    }
    commitSoon()
    await world.clock.runUntil(() => run.host.ended)
    expect(early).toEqual([])
    expect(new Set(writes)).toEqual(
      new Set(
        ['manager', 'a', 'b', 'other']
          .map((task) => `create run_1/${task}/1`)
          .concat(['prompt run_1/manager/1/2', 'prompt run_1/manager/1/3']),
      ),
    )
  })

  it('does not leave while nothing becomes durable', async () => {
    const journal = new HeldJournal()
    const { world } = begin(two(), {}, { journal })
    await world.clock.advance(seconds(3_600))
    expect(world.creations).toEqual(new Map())
    journal.commit()
    await world.clock.advance(seconds(1))
    expect(world.creations).toEqual(
      new Map([
        ['run_1/a/1', 1],
        ['run_1/other/1', 1],
      ]),
    )
  })

  it('never leaves when the journal has failed, and leaves once after it was repaired', async () => {
    const journal = new HeldJournal()
    const { world, run } = begin(two(), {}, { journal })
    await world.clock.advance(0)
    journal.fail(new DataFolderError('full', 'somewhere', 'The disk is full.'))
    await world.clock.advance(seconds(3_600))
    expect(world.creations).toEqual(new Map())
    await journal.retry()
    run.host.repaired()
    await world.clock.advance(seconds(1))
    expect([...world.creations.values()]).toEqual([1, 1])
  })
})

describe('commands', () => {
  it('are refused with what is legal', async () => {
    const { world, run } = begin()
    await world.clock.advance(seconds(1))
    const refused = [
      run.host.command({ type: 'continue' }),
      run.host.commandTask('a', { type: 'adopt' }),
      run.host.commandTask('b', { type: 'skip' }),
      run.host.commandTask('nobody', { type: 'skip' }),
    ]
    const messages = await Promise.all(refused.map((command) => command.then(String, (error: unknown) => error)))
    expect(messages).toEqual([
      new CommandRefusedError('run_1', 'continue', 'running', ['pause', 'cancel']),
      new CommandRefusedError('run_1 a', 'adopt', 'running', [
        ...['retry', 'complete', 'skip', 'fail', 'wait', 'steer', 'pause', 'cancel'],
      ]),
      new CommandRefusedError('run_1 b', 'skip', 'waiting', []),
      new CommandRefusedError('run_1 nobody', 'skip', 'waiting', []),
    ])
  })

  it('answer with the record that they caused, once it is durable', async () => {
    const journal = new HeldJournal()
    const { world, run } = begin(two(), {}, { journal })
    for (let ms = 0; ms <= 1_000; ms += 100) {
      journal.commit()
      await world.clock.advance(100)
    }
    const replies: CommandReply[] = []
    const commanding = run.host.commandTask('other', { type: 'skip' }).then((reply) => void replies.push(reply))
    await world.clock.advance(seconds(60))
    expect(replies).toEqual([])
    journal.commit()
    await commanding
    const { seq } = journal.records.find(({ to }) => to === 'skipped') ?? { seq: 0 }
    expect(replies).toEqual([{ run: 'run_1', task: 'other', seq, state: 'skipped' }])
  })

  it('are refused to a task whose create may be under way', async () => {
    const { world, run } = begin()
    await world.clock.advance(0)
    await expect(run.host.commandTask('a', { type: 'skip' })).rejects.toThrow(CommandRefusedError)
  })

  it('complete a task by hand: what needs it starts', async () => {
    const { world, run, lines } = begin()
    await world.clock.advance(seconds(1))
    const reply = await run.host.commandTask('a', { type: 'complete', result: { by: 'hand' } })
    expect(reply).toEqual({ run: 'run_1', task: 'a', seq: reply.seq, state: 'completed' })
    expect(readLines(lines).find(({ seq }) => seq === reply.seq)?.data).toEqual({
      gaveUp: {
        task: 'a',
        attempt: 1,
        ref: { backend: 'world', id: 'run_1/a/1#1', url: 'https://agents.invalid/run_1/a/1' },
      },
      outcome: { result: '{"by":"hand"}', output: { by: 'hand' }, pullRequests: [] },
    })
    await world.clock.runUntil(() => run.host.ended)
    expect([run.host.status, stateOf(run, 'b')]).toEqual(['completed', 'completed'])
  })

  it('pause: what runs ends, nothing new is created until the run goes on', async () => {
    const { world, run } = begin()
    await world.clock.advance(seconds(1))
    expect(await run.host.command({ type: 'pause' })).toEqual({ run: 'run_1', seq: 11, state: 'paused' })
    await world.clock.advance(seconds(3_600))
    expect([stateOf(run, 'a'), stateOf(run, 'b'), world.creations.has('run_1/b/1')]).toEqual([
      'completed',
      'pending',
      false,
    ])
    await run.host.command({ type: 'continue' })
    await world.clock.runUntil(() => run.host.ended)
    expect(run.host.status).toBe('completed')
  })

  it('cancel: stops what runs and starts nothing more, not even what always runs', async () => {
    const workflow = two({
      tasks: {
        a: { prompt: 'Do a' },
        cleanUp: { prompt: 'Clean up', needs: ['a'], if: 'always' },
        checked: { prompt: 'Check', needs: ['a'], if: "tasks.a.status == 'cancelled'" },
      },
    })
    const { world, run } = begin(workflow)
    await world.clock.advance(seconds(1))
    await run.host.command({ type: 'cancel' })
    await world.clock.runUntil(() => run.host.ended)
    await world.clock.advance(seconds(3_600))
    expect([run.host.status, stateOf(run, 'a'), [...world.creations.keys()]]).toEqual([
      'cancelled',
      'cancelled',
      ['run_1/a/1'],
    ])
  })

  it('cancel: settles a create that is under way first', async () => {
    const { world, run } = begin()
    await world.clock.advance(50)
    await run.host.command({ type: 'cancel' })
    await world.clock.runUntil(() => run.host.ended)
    expect([...world.creations.values()]).toEqual([1, 1])
    expect(run.host.projection.settled.get('a')?.reason).toBe('Stopped https://agents.invalid/run_1/a/1')
  })
})

describe('a budget', () => {
  it('is not exceeded by what is granted at one instant (I10)', async () => {
    const tasks = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((id) => [id, { prompt: `Do ${id}` }]))
    const { world, run } = begin(two({ budget: { agentRuns: 2 }, tasks }))
    await world.clock.advance(seconds(60))
    expect([world.creations.size, run.host.status, run.host.reason?.message]).toEqual([
      2,
      'paused',
      'The budget of 2 agent runs is used up',
    ])
    await run.host.command({ type: 'continue', budget: { agentRuns: 3 } })
    await world.clock.runUntil(() => run.host.ended)
    expect([world.creations.size, run.host.status]).toEqual([5, 'completed'])
  })
})

describe('the host of a run', () => {
  it('provides every action that the machines name', () => {
    const { agent, manager, supervisor } = {
      agent: agentMachine,
      manager: managerMachine,
      supervisor: supervisorMachine,
    }
    const shared = Object.keys(agentActions({} as RunPorts, () => ({ data: {}, alerts: [] }), new RunProjection()))
    const named = [agent, manager].flatMap((machine) => Object.keys(machine.implementations.actions))
    expect(new Set(named)).toEqual(new Set(shared))
    const own = Object.keys(supervisorActions({} as RunPorts, {} as SupervisedRun))
    expect(new Set(Object.keys(supervisor.implementations.actions))).toEqual(new Set(own))
  })

  it('refuses to carry a run without an effect that a machine owes', () => {
    const { journal, projection } = { journal: new HeldJournal(), projection: new RunProjection() }
    const ports = { effects: {}, gate: Promise.resolve() } as unknown as RunPorts
    const make = () =>
      new RunHost({ run: 'run_1', workflow: two(), clock: createVirtualClock(), journal, projection, ports })
    expect(make).toThrow(/The effect '\w+' is declared by a machine but was not provided/)
  })
})
