import { describe, expect, it } from 'vitest'
import { DurableActors, type ProvidedEffect } from '../../src/host/durable-actors.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { type AgentState, agentEvents, agentInput, agentPaths } from '../machines/agent-events.ts'
import { managerInput, managerPaths } from '../machines/manager-events.ts'
import {
  type ActorCase,
  latch,
  reach,
  ScriptedActor,
  type ScriptedActorOptions,
  settled,
} from '../machines/scripted-actors.ts'

const AGENT = { kind: 'agent', id: 'a', machine: agentMachine } as const
const MANAGER = { kind: 'manager', id: 'manager', machine: managerMachine } as const

const RUNNING = { actor: AGENT, input: agentInput(), events: agentPaths['running.watching'].events } as const
const runningAgent = (options: Partial<ScriptedActorOptions> = {}) => reach(RUNNING, options)

describe('records', () => {
  it('are one a settled transition, counted per actor, the first without a state before', async () => {
    const agent = await runningAgent()
    const seen = agent.records.map(({ event, from, to, host }) => [host.n, event.type, from, to])
    expect(seen).toEqual([
      [1, 'start', undefined, 'pending'],
      [2, 'xstate.done.actor.slots', 'pending', 'creating'],
      [3, 'xstate.done.actor.create', 'creating', 'running'],
    ])
  })

  it('count on after a restore', async () => {
    const { last, clock } = await runningAgent()
    const restored = new ScriptedActor({ ...AGENT, clock })
    await restored.restore(last.host)
    await restored.apply(agentEvents.watch.complete)
    expect([restored.last.from, restored.last.to, restored.last.host.n]).toEqual(['running', 'reporting', 4])
  })

  it('are not made of an event that changes nothing', async () => {
    const agent = await runningAgent()
    const before = agent.records.length
    await agent.apply(agentEvents.commands.adopt)
    await agent.apply({ type: 'something.else' })
    expect(agent.records.length).toBe(before)
  })

  it('hold what the state owes: its snapshot, effects and timers', async () => {
    const { last, clock } = await runningAgent()
    expect(last.host).toEqual({
      v: 1,
      n: 3,
      snapshot: { value: { live: { running: 'watching' } }, context: last.context },
      owed: {
        watch: [
          'watchAgentRun',
          {
            task: 'a',
            attempt: 1,
            ref: agentEvents.create.done.output,
            turn: 1,
            expect: 'active',
            intentAt: Date.UTC(2026, 0, 1),
          },
        ],
      },
      timers: [
        [
          'xstate.after.deadline.agent.live.running',
          { type: 'xstate.after.deadline.agent.live.running' },
          clock.now() + 3_600_000,
        ],
      ],
    })
  })

  it('leave out what whoever restores supplies', async () => {
    const agent = await runningAgent({ supplied: ['policy'] })
    const { policy: _policy, ...journaled } = agent.context
    expect(agent.last.host.snapshot?.['context']).toEqual(journaled)
    const restored = new ScriptedActor({ ...AGENT, clock: agent.clock, supplied: ['policy'] })
    const policy = { ...agentInput({ onFailure: 'fail' }).policy }
    await restored.restore(agent.last.host, { policy })
    expect(restored.actors.context('a')?.['policy']).toEqual(policy)
  })

  it('hold nothing more once the actor has ended, and it is forgotten', async () => {
    const agent = await reach({ ...RUNNING, events: agentPaths.completed.events })
    expect(agent.last.host).toEqual({ v: 1, n: 5 })
    expect([agent.actors.has('a'), [...agent.actors.ids()], agent.actors.hostPart('a')]).toEqual([false, [], undefined])
  })
})

describe('effects', () => {
  const owing = (state: AgentState) => ({ ...RUNNING, events: agentPaths[state].events })
  const pastTheWrite: readonly (readonly [string, ActorCase])[] = [
    ['createAgentRun', owing('creating.calling')],
    ['settleAgentRun', owing('cancelling')],
    ['promptAgentRun', { actor: MANAGER, input: managerInput(), events: managerPaths['running.prompting'] }],
  ]

  it.each(pastTheWrite)(
    'that write start only once the record that owes them is durable (I3): %s',
    async (src, one) => {
      const committing = latch()
      let held = false
      const durable = () => (held ? committing.opened : Promise.resolve())
      const scripted = new ScriptedActor({ ...one.actor, durable })
      await scripted.start(one.input)
      for (const event of one.events.slice(0, -1)) await scripted.apply(event)
      held = true
      await scripted.apply(one.events.at(-1) ?? { type: '' })
      await scripted.clock.advance(60_000)
      expect(scripted.calls.filter((call) => call.src === src)).toEqual([])
      committing.open()
      await settled()
      expect(scripted.open().map((call) => call.src)).toEqual([src])
    },
  )

  it('that write never start when their state was left before its record was durable', async () => {
    const [creating, cancelling] = [latch(), latch()]
    const commits = [creating, cancelling]
    const durable = () => commits.shift()?.opened ?? Promise.resolve()
    const agent = await reach(owing('creating.calling'), { durable })
    await agent.apply(agentEvents.commands.cancel)
    creating.open()
    await settled()
    expect(agent.calls.map(({ src }) => src)).toEqual([])
    cancelling.open()
    await settled()
    expect(agent.calls.map(({ src }) => src)).toEqual(['settleAgentRun'])
  })

  it('that only read or wait need no commit', async () => {
    const agent = new ScriptedActor({ ...AGENT, durable: () => new Promise(() => {}) })
    await agent.start(agentInput())
    expect(agent.calls.map(({ src }) => src)).toEqual(['acquireSlots'])
  })

  it('do not start before the gate opens', async () => {
    const gate = latch()
    const agent = new ScriptedActor({ ...AGENT, gate: gate.opened })
    await agent.start(agentInput())
    expect(agent.calls).toEqual([])
    gate.open()
    await settled()
    expect(agent.calls.map(({ src }) => src)).toEqual(['acquireSlots'])
  })

  it('are aborted when their state is left, and answer in vain afterwards', async () => {
    const agent = await runningAgent()
    const [watch] = agent.open()
    await agent.apply(agentEvents.commands.skip)
    expect(watch?.signal.aborted).toBe(true)
    watch?.reject(new Error('late'))
    await settled()
    expect(agent.records.map(({ to }) => to)).toEqual(['pending', 'creating', 'running', 'skipped'])
  })

  it('answer in vain after a close', async () => {
    const agent = await runningAgent()
    const [watch] = agent.open()
    agent.close()
    watch?.resolve(agentEvents.watch.complete.output)
    await settled()
    expect(agent.last.to).toBe('running')
    expect(agent.clock.pending()).toBe(0)
  })

  it('are told that they were restarted only by a restore', async () => {
    const { last, clock } = await runningAgent()
    const restored = new ScriptedActor({ ...AGENT, clock })
    await restored.restore(last.host)
    const { restarted } = restored.calls[0] ?? {}
    await restored.apply(agentEvents.watch.complete)
    expect([restarted, restored.calls.at(-1)?.restarted]).toEqual([true, false])
  })

  it('reject with a plain failure or with an error', async () => {
    const plain = await runningAgent()
    await plain.apply(agentEvents.watch.error)
    expect(plain.context['failure']).toEqual(agentEvents.watch.error.error)
    const thrown = await runningAgent()
    thrown.open()[0]?.reject(new Error('the disk is gone'))
    await settled()
    const failure = { kind: 'internal', message: 'the disk is gone', retryable: false, certain: true }
    expect(thrown.context['failure']).toEqual(failure)
  })

  it('that were forgotten are refused by name when the machine is provided', () => {
    const actors = new DurableActors({
      clock: createVirtualClock(),
      onTransition: () => {},
      durable: () => Promise.resolve(),
      gate: Promise.resolve(),
    })
    const effect: ProvidedEffect = { run: () => Promise.resolve(null), writes: false }
    const names = Object.keys(managerMachine.implementations.actors)
    for (const forgotten of names) {
      const rest = Object.fromEntries(names.filter((name) => name !== forgotten).map((name) => [name, effect]))
      expect(() => actors.provide(managerMachine, rest, {})).toThrow(
        `The effect '${forgotten}' is declared by a machine but was not provided`,
      )
    }
  })
})

describe('an actor that breaks', () => {
  /** A supervisor and an agent whose effects answer with `outputs`, by name. */
  async function beside(outputs: Readonly<Record<string, unknown>>, actions: object = {}) {
    const records: string[] = []
    const quarantined: unknown[] = []
    const aborted: string[] = []
    const actors = new DurableActors({
      clock: createVirtualClock(),
      onTransition: ({ id, to }) => records.push(`${id}: ${to}`),
      durable: () => Promise.resolve(),
      gate: Promise.resolve(),
    })
    const effect = (name: string): ProvidedEffect => ({
      writes: false,
      run: (_input, { signal }) => {
        signal.addEventListener('abort', () => aborted.push(name))
        const output = outputs[name]
        if (output instanceof Error || failureLike(output)) return Promise.reject(output)
        return name in outputs ? Promise.resolve(output) : new Promise(() => {})
      },
    })
    const quarantine = (_: unknown, params: unknown) => quarantined.push(params)
    const supervisor = actors.provide(supervisorMachine, {}, { quarantine })
    const names = Object.keys(agentMachine.implementations.actors)
    const agent = actors.provide(agentMachine, Object.fromEntries(names.map((name) => [name, effect(name)])), actions)
    actors.start('supervisor', 'supervisor', supervisor, { run: 'run_1' })
    actors.start('agent', 'a', agent, agentInput())
    actors.start('agent', 'b', agent, agentInput({}, { task: 'b' }))
    await settled()
    return { actors, records, quarantined, aborted }
  }
  const failureLike = (value: unknown) => typeof value === 'object' && value !== null && 'retryable' in value

  it('in a guard takes neither the supervisor nor its siblings down', async () => {
    const { create, slots } = agentEvents
    const outputs = {
      acquireSlots: slots.done.output,
      createAgentRun: create.uncertain.error,
      reconcileAgentRun: undefined,
    }
    const { actors, quarantined, records } = await beside(outputs)
    expect(quarantined.map((params) => (params as { actor: string }).actor)).toEqual(['a', 'b'])
    expect(actors.state('supervisor')).toBe('starting')
    expect(records.filter((record) => record.startsWith('a'))).toEqual([
      'a: pending',
      'a: creating',
      'a: creating.reconciling',
    ])
  })

  it('in an action is told to the supervisor with its error, and makes no record', async () => {
    const broken = new Error('the limiter is broken')
    const releaseSlots = (_: unknown, { task }: { task: string }) => {
      if (task === 'a') throw broken
    }
    const { actors, quarantined, records } = await beside({}, { releaseSlots })
    for (const task of ['a', 'b']) actors.send(task, { type: 'task.skip' })
    expect(quarantined).toEqual([{ actor: 'a', error: broken }])
    expect(records).toEqual(['supervisor: starting', 'a: pending', 'b: pending', 'b: skipped'])
  })

  it('has its effects stopped when it is forgotten, and leaves its id to another', async () => {
    const releaseSlots = () => {
      throw new Error('the limiter is broken')
    }
    const { actors, aborted } = await beside(
      { acquireSlots: agentEvents.slots.done.output, createAgentRun: agentEvents.create.done.output },
      { releaseSlots },
    )
    actors.send('a', { type: 'task.skip' })
    actors.forget('a')
    expect([actors.has('a'), aborted.filter((name) => name === 'watchAgentRun')]).toEqual([false, ['watchAgentRun']])
  })
})
