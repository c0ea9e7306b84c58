import type { StateValue } from 'xstate'
import {
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  getInitialSnapshot,
  transition,
} from 'xstate'

/** Name of the innermost state: `creating.calling`. `live` only groups and is left out. */
export function leafName(value: StateValue): string {
  if (typeof value === 'string') return value
  const [key = '', inner = ''] = Object.entries(value)[0] ?? []
  const rest = leafName(inner ?? '')
  return key === 'live' ? rest : `${key}.${rest}`
}

/** Names of all innermost states of a machine, as {@link leafName} gives them. */
export function leafNames(machine: AnyStateMachine): string[] {
  const names: string[] = []
  const visit = (node: AnyStateMachine['root']) => {
    const inner = Object.values(node.states)
    if (inner.length === 0) names.push(node.path.filter((key) => key !== 'live').join('.'))
    for (const child of inner) visit(child)
  }
  visit(machine.root)
  return names
}

/** The snapshot after `events`, reached without running anything. Throws when an event on the way is refused. */
export function walk(machine: AnyStateMachine, input: object, events: readonly AnyEventObject[]): AnyMachineSnapshot {
  let snapshot: AnyMachineSnapshot = getInitialSnapshot(machine, input)
  for (const event of events) {
    if (!snapshot.can(event)) throw new Error(`${leafName(snapshot.value)} refuses ${event.type}`)
    snapshot = step(machine, snapshot, event)
  }
  return snapshot
}

/** The snapshot after one event. */
export function step(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
): AnyMachineSnapshot {
  return transition(machine, snapshot, event)[0]
}

/** What the effect invoked as `id` was given; undefined when the state owes no such effect. */
export function inputOf(snapshot: AnyMachineSnapshot, id: string): unknown {
  const child = snapshot.children[id]
  return child === undefined ? undefined : (child.getSnapshot() as { readonly input?: unknown }).input
}

/** The named actions that an event causes, with their parameters, in order. */
export function actionsOf(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
): [name: string, params: unknown][] {
  const [, actions] = transition(machine, snapshot, event)
  return actions.filter(({ type }) => !type.startsWith('xstate.')).map(({ type, params }) => [type, params])
}
