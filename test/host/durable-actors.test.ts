import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import type { HostPart } from '../../src/domain/record.ts'
import { DurableActors, type ProvidedEffect } from '../../src/host/durable-actors.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { type AgentState, agentEvents, agentInput, agentPaths } from '../machines/agent-events.ts'
import { managerEvents, managerInput, managerPaths } from '../machines/manager-events.ts'
import { latch, ScriptedActor, type ScriptedActorOptions, settled } from '../machines/scripted-actors.ts'
import { supervisorPaths } from '../machines/supervisor-events.ts'

const AGENT = { kind: 'agent', id: 'a', machine: agentMachine } as const
const MANAGER = { kind: 'manager', id: 'manager', machine: managerMachine } as const
const SUPERVISOR = { kind: 'supervisor', id: 'supervisor', machine: supervisorMachine } as const

interface Case {
  readonly actor: ScriptedActorOptions
  readonly input: object
  readonly events: readonly AnyEventObject[]
}
const FINAL = /^(completed|failed|cancelled|skipped)$/
const cases: (readonly [string, Case])[] = [
  ...Object.entries(agentPaths).map(
    ([state, { policy, events }]) =>
      [`an agent in ${state}`, { actor: AGENT, input: agentInput(policy), events }] as const,
  ),
  ...Object.entries(managerPaths).map(
    ([state, events]) => [`the manager in ${state}`, { actor: MANAGER, input: managerInput(), events }] as const,
  ),
  ...Object.entries(supervisorPaths).map(
    ([state, events]) =>
      [`the supervisor in ${state}`, { actor: SUPERVISOR, input: { run: 'run_1' }, events }] as const,
  ),
].filter(([name]) => !FINAL.test(name.replace(/.* /, '')))

async function reach(
  { actor, input, events }: Case,
  options: Partial<ScriptedActorOptions> = {},
): Promise<ScriptedActor> {
  const scripted = new ScriptedActor({ ...actor, ...options })
  await scripted.start(input)
  for (const event of events) await scripted.apply(event)
  return scripted
}

/** What each effect answers on the way to a good end. */
const answers: Readonly<Record<string, AnyEventObject>> = {
  acquireSlots: agentEvents.slots.done,
  createAgentRun: agentEvents.create.done,
  reconcileAgentRun: agentEvents.reconcile.found,
  watchAgentRun: agentEvents.watch.complete,
  readReport: agentEvents.report.done,
  diagnoseFailure: agentEvents.diagnose.retryable,
  awaitNews: managerEvents.news.last,
  promptAgentRun: managerEvents.prompt.done,
}
const commands: readonly AnyEventObject[] = [
  { type: 'task.complete', result: 'Done by hand' },
  { type: 'run.begin' },
  { type: 'run.continue' },
  { type: 'graph.settled', outcome: 'completed' },
  { type: 'run.idle' },
]

/** Brings an actor to its end; what it records on the way, and when it ends. */
async function finish(scripted: ScriptedActor, id: string): Promise<{ records: unknown[]; endedAt: number }> {
  const before = scripted.records.length
  while (scripted.actors.has(id)) await scripted.apply(nextEvent(scripted, id))
  const records = scripted.records.slice(before).map(({ host: _host, ...record }) => record)
  return { records, endedAt: scripted.clock.now() }
}

function nextEvent(scripted: ScriptedActor, id: string): AnyEventObject {
  const owed = scripted.open().at(-1)
  const [timer] = scripted.actors.hostPart(id)?.timers ?? []
  if (owed === undefined) {
    const command = timer === undefined ? commands.find((one) => scripted.actors.can(id, one)) : undefined
    return command ?? { type: String(timer?.[1]['type']) }
  }
  if (owed.src !== 'settleAgentRun') return answers[owed.src] ?? { type: '' }
  return scripted.actors.state(id) === 'cancelling' ? agentEvents.settle.stopped : agentEvents.stop.stopped
}

const owedBy = (scripted: ScriptedActor) => scripted.open().map(({ src, input }) => ({ src, input }))

describe.each(cases)('%s', (_, one) => {
  const { id } = one.actor

  it('reaches the same end after a stop and a restore', async () => {
    const control = await reach(one)
    await control.clock.advance(1_200)
    const expected = await finish(control, id)

    const stopped = await reach(one)
    await stopped.clock.advance(700)
    const { clock, last } = stopped
    stopped.close()
    const restored = new ScriptedActor({ ...one.actor, clock })
    await restored.restore(last.host)
    await clock.advance(500)
    expect(await finish(restored, id)).toEqual(expected)
  })

  it('owes after a restore what it owed before, and records nothing because of it (I12)', async () => {
    const stopped = await reach(one)
    const { last, clock } = stopped
    const owed = owedBy(stopped)
    stopped.close()
    const restored = new ScriptedActor({ ...one.actor, clock })
    await restored.restore(last.host)
    expect(restored.records).toEqual([])
    expect(restored.actions).toEqual([])
    expect(restored.calls.map(({ src, input, restarted }) => ({ src, input, restarted }))).toEqual(
      owed.map((effect) => ({ ...effect, restarted: true })),
    )
    expect(restored.actors.state(id)).toBe(last.to)
    expect(JSON.stringify(restored.actors.hostPart(id))).toBe(JSON.stringify(last.host))
  })
})

const RUNNING = { actor: AGENT, input: agentInput(), events: agentPaths['running.watching'].events } as const
const runningAgent = (options: Partial<ScriptedActorOptions> = {}) => reach(RUNNING, options)

describe('timers of a restored actor', () => {
  async function restoreAfter(downtime: number): Promise<ScriptedActor> {
    const stopped = await runningAgent()
    const { clock, last } = stopped
    stopped.close()
    await clock.advance(downtime)
    const restored = new ScriptedActor({ ...AGENT, clock })
    await restored.restore(last.host)
    return restored
  }

  it('fire after the time that remains, not after the whole', async () => {
    const restored = await restoreAfter(3_000_000)
    await restored.clock.advance(599_999)
    expect(restored.records).toEqual([])
    await restored.clock.advance(1)
    expect(restored.last.to).toBe('escalated.overdue')
  })

  it('fire at once when they fell due in between', async () => {
    const restored = await restoreAfter(9_000_000)
    await restored.clock.advance(0)
    expect(restored.last.to).toBe('escalated.overdue')
  })

  it('end with the state that armed them', async () => {
    const restored = await restoreAfter(1_000)
    await restored.apply(agentEvents.watch.complete)
    expect(restored.clock.pending()).toBe(0)
  })
})

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
          { task: 'a', attempt: 1, ref: agentEvents.create.done.output, turn: 1, expect: 'active' },
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
  const pastTheWrite: readonly (readonly [string, Case])[] = [
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

describe('a record that does not fit', () => {
  const restore = async (change: (host: HostPart) => object) => {
    const { last, clock } = await runningAgent()
    const restored = new ScriptedActor({ ...AGENT, clock })
    return restored.restore(change(last.host) as HostPart).then(
      () => restored,
      (error: unknown) => error,
    )
  }

  it.each([
    [
      'whose state does not exist any more',
      (host: HostPart) => ({ ...host, snapshot: { ...host.snapshot, value: 'sleeping' } }),
    ],
    ['without a snapshot', ({ v, n }: HostPart) => ({ v, n })],
    ['without a context', (host: HostPart) => ({ ...host, snapshot: { value: host.snapshot?.['value'] } })],
    ['whose effect does not exist any more', (host: HostPart) => ({ ...host, owed: { watch: ['watchTheSky', {}] } })],
    ['that does not name what its state owes', ({ owed: _owed, ...host }: HostPart) => host],
  ])('is refused: %s', async (_, change) => {
    expect(await restore(change)).toBeInstanceOf(Error)
  })

  it('leaves the id free for another actor', async () => {
    const { last, clock } = await runningAgent()
    const actor = new ScriptedActor({ ...AGENT, clock })
    await expect(actor.restore({ ...last.host, snapshot: { value: 'sleeping', context: {} } })).rejects.toThrow()
    actor.actors.forget('a')
    await actor.start(agentInput({}, { quarantined: { reason: 'unreadable', attempt: 1 } }))
    expect(actor.records.map(({ to }) => to)).toEqual(['escalated'])
  })
})
