import { describe, expect, it } from 'vitest'
import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { getShortestPaths, getSimplePaths } from 'xstate/graph'
import type { ActorKind } from '../../src/domain/record.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { agentEvents, agentInput } from './agent-events.ts'
import { managerEvents, managerInput } from './manager-events.ts'
import { planningEvents, planningInput } from './planning-events.ts'
import { leafName, leafNames, step, walk } from './pure-steps.ts'
import { ScriptedActor } from './scripted-actors.ts'
import type { EventFamilies } from './state-event-table.ts'
import { supervisorEvents } from './supervisor-events.ts'

interface Model {
  readonly kind: ActorKind
  readonly id: string
  readonly machine: AnyStateMachine
  readonly input: object
  readonly events: readonly AnyEventObject[]
  /** States that this model cannot reach. */
  readonly unreachable?: readonly string[]
  /** States that are reached only by visiting others twice. */
  readonly onlyAgain?: readonly string[]
}
interface Path {
  readonly steps: readonly { readonly event: AnyEventObject; readonly state: AnyMachineSnapshot }[]
}

const flat = (families: EventFamilies) => Object.values(families).flatMap((family) => Object.values(family))
const agent = { kind: 'agent', id: 'a', machine: agentMachine, events: flat(agentEvents) } as const
/** Without a check, and where nobody is asked. */
const UNCHECKED = ['reporting.checking', 'reporting.mending', 'escalated.conflict']
const models: readonly (readonly [string, Model])[] = [
  [
    'an agent whose work is checked',
    { ...agent, input: agentInput({ check: 1 }), unreachable: ['running.stopping', 'pending.approval'] },
  ],
  [
    'an agent whose backend can stop it',
    { ...agent, input: agentInput({ canCancel: true, onFailure: 'skip', approval: 'ask' }), unreachable: UNCHECKED },
  ],
  [
    'an agent that may run beside another',
    {
      ...agent,
      input: agentInput({ onTimeout: true, onFailure: 'fail' }),
      unreachable: ['running.stopping', 'pending.approval', ...UNCHECKED],
    },
  ],
  [
    'the manager',
    { kind: 'manager', id: 'manager', machine: managerMachine, input: managerInput(), events: flat(managerEvents) },
  ],
  [
    'a manager that plans',
    {
      kind: 'manager',
      id: 'manager',
      machine: planningMachine,
      input: planningInput(),
      events: flat(planningEvents),
      // Decisions that are refused lead there, one after the other.
      onlyAgain: ['escalated.undecided'],
    },
  ],
  [
    'the supervisor',
    {
      kind: 'supervisor',
      id: 'supervisor',
      machine: supervisorMachine,
      input: { run: 'run_1' },
      // Children are actors of their own: nothing of theirs changes the state.
      events: flat({ ...supervisorEvents, children: {} }),
    },
  ],
]

const nameOf = ({ value, context }: AnyMachineSnapshot) => `${leafName(value)}/${context['outcome'] ?? ''}`

/** Shortest ways to each state of each attempt; the events are all of the machine's. */
function shortestPaths({ machine, input, events }: Model): readonly Path[] {
  return getShortestPaths(machine, {
    input,
    events,
    filterEvents: (snapshot: AnyMachineSnapshot, event: AnyEventObject) => snapshot.can(event),
    serializeState: (snapshot: AnyMachineSnapshot) =>
      `${nameOf(snapshot)}/${snapshot.context['attempt']}/${snapshot.context['tries']}/${snapshot.context['repairs']}`,
    stopWhen: (snapshot: AnyMachineSnapshot) => Number(snapshot.context['attempt'] ?? 0) > 2,
  })
}

/** Every way that visits no state twice, by one event for each pair of states. */
function simplePaths({ machine, input, events }: Model): readonly Path[] {
  const oneForEachTarget = (snapshot: AnyMachineSnapshot) => {
    const byTarget = new Map<string, AnyEventObject>()
    for (const event of events.filter((one) => snapshot.can(one)))
      byTarget.set(nameOf(step(machine, snapshot, event)), event)
    return [...byTarget.values()]
  }
  return longest(getSimplePaths(machine, { input, events: oneForEachTarget, serializeState: nameOf }))
}

/** The ways that are not the beginning of another. */
function longest(paths: readonly Path[]): readonly Path[] {
  const keyOf = (steps: Path['steps']) => JSON.stringify(steps.map(({ event }) => event))
  const beginnings = new Set(paths.map(({ steps }) => keyOf(steps.slice(0, -1))))
  return paths.filter(({ steps }) => !beginnings.has(keyOf(steps)))
}

/** Compares what the machine says of a way with what the real actor makes of it; the states on the way. */
async function drive(model: Model, path: Path): Promise<string[]> {
  const actor = new ScriptedActor(model)
  await actor.start(model.input)
  const expected: unknown[] = []
  const seen: unknown[] = []
  let snapshot = walk(model.machine, model.input, [])
  const reached = [leafName(snapshot.value)]
  for (const { event } of path.steps) {
    // The ways are found by the names of states alone; where the context closes one it ends.
    if (event.type === 'xstate.init' || !snapshot.can(event)) continue
    snapshot = step(model.machine, snapshot, event)
    await actor.apply(event)
    expected.push([event.type, leafName(snapshot.value), JSON.parse(JSON.stringify(snapshot.context))])
    seen.push([actor.last.event.type, actor.state, actor.context])
    reached.push(leafName(snapshot.value))
  }
  expect(seen).toEqual(expected)
  actor.close()
  return reached
}

async function driveAll(model: Model, paths: readonly Path[]): Promise<Set<string>> {
  const reached = new Set<string>()
  for (const path of paths) for (const state of await drive(model, path)) reached.add(state)
  return reached
}

describe.each(models)('%s', (_, model) => {
  it('behaves as its machine on the shortest way to every state', async () => {
    const reached = await driveAll(model, shortestPaths(model))
    const passing = ['admitting', ...(model.unreachable ?? [])]
    expect(reached).toEqual(new Set(leafNames(model.machine).filter((name) => !passing.includes(name))))
  })
})

describe.each(models.slice(1).filter(([name]) => !name.includes('beside')))('%s', (_, model) => {
  it('behaves as its machine on every way that visits no state twice', async () => {
    const paths = simplePaths(model)
    const reached = await driveAll(model, paths)
    const passing = ['admitting', ...(model.onlyAgain ?? []), ...(model.unreachable ?? [])]
    expect(reached).toEqual(new Set(leafNames(model.machine).filter((name) => !passing.includes(name))))
  })
})
