import { describe, expect, it } from 'vitest'
import type { AnyStateMachine } from 'xstate'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'

const managers: readonly AnyStateMachine[] = [managerMachine, planningMachine]
/** Each machine, and those that it shares what it declares with. */
const machines: readonly (readonly [string, AnyStateMachine, readonly AnyStateMachine[]])[] = [
  ['agent', agentMachine, [agentMachine]],
  ['manager', managerMachine, managers],
  ['planning manager', planningMachine, managers],
  ['supervisor', supervisorMachine, [supervisorMachine]],
]
type Node = AnyStateMachine['root']
type Transition = Node['transitions'] extends Map<string, (infer T)[]> ? T : never

function nodes(machine: AnyStateMachine): Node[] {
  const all: Node[] = []
  const visit = (node: Node) => {
    all.push(node)
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(machine.root)
  return all
}

const transitions = (machine: AnyStateMachine): Transition[] =>
  nodes(machine).flatMap((node) => [...node.transitions.values()].flat())
const invokes = (machine: AnyStateMachine) => nodes(machine).flatMap((node) => node.invoke)

/** The name of an action or guard as it is written; a function has none, except XState's own `assign`. */
function nameOf(written: unknown): string {
  if (typeof written === 'string') return written
  if (typeof written === 'object' && written !== null && 'type' in written) return String(written.type)
  if (typeof written === 'function' && 'type' in written) return String(written.type)
  return `unnamed ${typeof written}`
}

describe.each(machines)('the %s machine', (name, machine, sharing) => {
  it('names every effect, and declares no other', () => {
    const used = new Set(sharing.flatMap(invokes).map(({ src }) => src))
    expect(used).toEqual(new Set(Object.keys(machine.implementations.actors)))
  })

  it('names every action, and declares no other', () => {
    const written = [
      ...sharing.flatMap(nodes).flatMap((node) => [...node.entry, ...node.exit]),
      ...sharing.flatMap(transitions).flatMap(({ actions }) => actions),
      ...sharing.flatMap(nodes).flatMap((node) => (node.initial.actions as readonly unknown[]) ?? []),
    ]
    // `assign` keeps the context and does nothing; what is done for a timer is XState's own.
    const used = new Set(written.map(nameOf).filter((name) => !name.startsWith('xstate.')))
    expect(used).toEqual(new Set(Object.keys(machine.implementations.actions)))
  })

  it('names every guard, and declares no other', () => {
    const all = [...sharing.flatMap(transitions), ...sharing.flatMap(nodes).flatMap((node) => node.always ?? [])]
    const used = new Set(all.flatMap(({ guard }) => (guard === undefined ? [] : [nameOf(guard)])))
    expect(used).toEqual(new Set(Object.keys(machine.implementations.guards)))
  })

  it('names every delay, and declares no other', () => {
    const used = sharing.flatMap(nodes).flatMap((node) => node.after.map(({ delay }) => delay))
    expect(new Set(used)).toEqual(new Set(Object.keys(machine.implementations.delays)))
  })

  it('names every effect once within the states that owe it, so that a record says what is owed', () => {
    for (const { id, src } of invokes(machine)) expect([typeof id, typeof src]).toEqual(['string', 'string'])
  })

  it('passes through no state but the initial one, so a record needs no `via`', () => {
    const passing = nodes(machine).filter((node) => (node.always?.length ?? 0) > 0)
    const initial: Readonly<Record<string, readonly string[]>> = { manager: [], supervisor: ['starting'] }
    expect(passing.map((node) => node.key)).toEqual(initial[name] ?? ['admitting'])
  })

  it('remembers no history, runs no states side by side and delays no event but by `after`', () => {
    expect(new Set(nodes(machine).map(({ type }) => type))).toEqual(new Set(['compound', 'atomic', 'final']))
  })

  it('spawns and sends nothing itself: a message is a named action that the host carries out', () => {
    const written = [
      ...nodes(machine).flatMap((node) => node.entry),
      ...transitions(machine).flatMap(({ actions }) => actions),
    ]
    const builtIn = written.map(nameOf).filter((name) => name.startsWith('xstate.') && name !== 'xstate.assign')
    expect(new Set(builtIn)).toEqual(new Set(name === 'supervisor' ? [] : ['xstate.raise']))
  })
})

describe('an effect that nobody provided', () => {
  it.each(
    machines.flatMap(([, machine]) =>
      Object.entries(machine.implementations.actors).map(([name, logic]) => [name, logic] as const),
    ),
  )('fails with its own name: %s', async (name, logic) => {
    const { config } = logic as { config: (args: { input: object }) => Promise<unknown> }
    await expect(config({ input: {} })).rejects.toThrow(
      `The effect '${name}' was not provided. Provide it where the machine is started.`,
    )
  })
})
