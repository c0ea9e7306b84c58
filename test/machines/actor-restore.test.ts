import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import type { HostPart } from '../../src/domain/record.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { agentEvents, agentInput, agentPaths } from './agent-events.ts'
import { managerEvents, managerInput, managerPaths } from './manager-events.ts'
import { planningEvents, planningInput, planningPaths } from './planning-events.ts'
import { type ActorCase, reach, ScriptedActor } from './scripted-actors.ts'
import { supervisorPaths } from './supervisor-events.ts'

const AGENT = { kind: 'agent', id: 'a', machine: agentMachine } as const
const MANAGER = { kind: 'manager', id: 'manager', machine: managerMachine } as const
const PLANNER = { kind: 'manager', id: 'manager', machine: planningMachine } as const
const SUPERVISOR = { kind: 'supervisor', id: 'supervisor', machine: supervisorMachine } as const

const FINAL = /^(completed|failed|cancelled|skipped)$/
const cases: (readonly [string, ActorCase])[] = [
  ...Object.entries(agentPaths).map(
    ([state, { policy, events }]) =>
      [`an agent in ${state}`, { actor: AGENT, input: agentInput(policy), events }] as const,
  ),
  ...Object.entries(managerPaths).map(
    ([state, events]) => [`the manager in ${state}`, { actor: MANAGER, input: managerInput(), events }] as const,
  ),
  ...Object.entries(planningPaths).map(
    ([state, events]) =>
      [`a planning manager in ${state}`, { actor: PLANNER, input: planningInput(), events }] as const,
  ),
  ...Object.entries(supervisorPaths).map(
    ([state, events]) =>
      [`the supervisor in ${state}`, { actor: SUPERVISOR, input: { run: 'run_1' }, events }] as const,
  ),
].filter(([name]) => !FINAL.test(name.replace(/.* /, '')))

/** What each effect answers on the way to a good end. */
const answers: Readonly<Record<string, AnyEventObject>> = {
  acquireSlots: agentEvents.slots.done,
  createAgentRun: agentEvents.create.done,
  reconcileAgentRun: agentEvents.reconcile.found,
  watchAgentRun: agentEvents.watch.complete,
  checkWork: agentEvents.check.passed,
  readReport: agentEvents.report.done,
  readDecision: planningEvents.decision.finish,
  diagnoseFailure: agentEvents.diagnose.retryable,
  awaitNews: managerEvents.news.last,
  promptAgentRun: agentEvents.prompt.done,
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

const runningAgent = () => reach({ actor: AGENT, input: agentInput(), events: agentPaths['running.watching'].events })

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

describe('a record of a version in which a state had no sub-states', () => {
  it.each([
    ['pending.waiting', 'pending'],
    ['reporting.reading', 'reporting'],
  ] as const)('is where those begin: %s', async (state, value) => {
    const { policy, events } = agentPaths[state]
    const { last, clock } = await reach({ actor: AGENT, input: agentInput(policy), events })
    const restored = new ScriptedActor({ ...AGENT, clock })
    const snapshot = { ...last.host.snapshot, value: { live: value } }
    await restored.restore({ ...last.host, snapshot })
    expect([restored.actors.state('a'), restored.calls.length, restored.records]).toEqual([value, 1, []])
    expect(JSON.stringify(restored.actors.hostPart('a'))).toBe(JSON.stringify(last.host))
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
