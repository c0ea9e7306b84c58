import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { leafName, step } from './pure-steps.ts'

/** Events by family and name. */
export type EventFamilies = Readonly<Record<string, Readonly<Record<string, AnyEventObject>>>>

/**
 * What an event does: the state after it; `=` where it changes nothing; `!` where XState breaks the actor, as it does on an error
 * that a state does not handle. No effect can send one there: it ends when its state is left.
 */
export type Cell<State extends string> = State | '=' | '!'

/** What each event does in each state. A hole does not compile. */
export type StateEventTable<State extends string, Families extends EventFamilies> = {
  readonly [Family in keyof Families]: Readonly<Record<State, Readonly<Record<keyof Families[Family], Cell<State>>>>>
}

/** The rows of one family of events as the machine is, in the form of {@link StateEventTable}. */
export function readRows(
  machine: AnyStateMachine,
  events: EventFamilies[string],
  states: Readonly<Record<string, AnyMachineSnapshot>>,
  name: (snapshot: AnyMachineSnapshot) => string = ({ value }) => leafName(value),
): Record<string, Record<string, string>> {
  return mapValues(states, (snapshot) => mapValues(events, (event) => cell(machine, snapshot, event, name)))
}

/** Types of all events in `families`. */
export function typesOf(families: EventFamilies): Set<string> {
  return new Set(Object.values(families).flatMap((events) => Object.values(events).map(({ type }) => type)))
}

function cell(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
  name: (snapshot: AnyMachineSnapshot) => string,
): string {
  const next = step(machine, snapshot, event)
  if (snapshot.can(event)) return name(next)
  if (next === snapshot) return '='
  return next.status === 'error' ? '!' : `changed although refused: ${leafName(next.value)}`
}

function mapValues<From, To>(from: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, map(value)]))
}
