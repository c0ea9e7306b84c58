import type { AnyActorRef, AnyStateMachine, Snapshot, StateValue } from 'xstate'
import type { JsonObject } from '../domain/json.ts'
import type { HostPart } from '../domain/record.ts'

/** A machine's snapshot as the host sees it. */
export interface MachineSnapshot {
  readonly value: StateValue
  readonly context: JsonObject
  readonly status: string
  readonly children: Readonly<Record<string, AnyActorRef | undefined>>
  readonly _nodes: readonly { readonly invoke: readonly { readonly id: string; readonly src: unknown }[] }[]
}

/** The input an invoked actor was started with. */
export function inputOf(child: AnyActorRef): unknown {
  return (child.getSnapshot() as { input?: unknown }).input ?? null
}

/** The form in which `createActor` takes a snapshot whose owed effects are to start again. */
export function reviveSnapshot(host: HostPart, supplied: JsonObject, machine: AnyStateMachine): Snapshot<unknown> {
  const children = Object.fromEntries(
    Object.entries(host.owed ?? {}).map(([id, [src, input]]) => [
      id,
      { src, snapshot: { status: 'active', input, output: undefined, error: undefined } },
    ]),
  )
  const { value, context } = (host.snapshot ?? {}) as { value?: StateValue; context?: JsonObject }
  return {
    status: 'active',
    output: undefined,
    error: undefined,
    value: value === undefined ? value : wholeValue(machine, value),
    context: { ...structuredClone(context), ...supplied },
    children,
    historyValue: {},
  } as unknown as Snapshot<unknown>
}

/** A state that had no sub-states when it was recorded is where those begin. */
function wholeValue(machine: AnyStateMachine, value: StateValue): StateValue {
  return machine.resolveState({ value, context: {} }).value as StateValue
}

/** XState leaves out what it does not find: such an actor would wait for ever for an effect that nobody started. */
export function assertWhole(host: HostPart, revived: MachineSnapshot): void {
  if (host.snapshot?.['context'] === undefined) throw new Error('The record holds no context')
  const owed = revived._nodes.flatMap(({ invoke }) => invoke)
  const lost = owed.find(({ id }) => revived.children[id] === undefined)
  if (lost !== undefined) throw new Error(`The record does not hold what its state owes: ${lost.src}`)
}

/** Whether two state values are the same state. */
export function sameValue(a: StateValue, b: StateValue | undefined): boolean {
  if (a === b) return true
  if (typeof a === 'string' || typeof b !== 'object') return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => sameValue(a[key] ?? '', b[key]))
}
