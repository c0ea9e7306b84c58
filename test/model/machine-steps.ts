/** The real machines, stepped purely. Each state an actor can be in gets a number; a step from a number is taken once. */
import {
  type AnyActorRef,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from 'xstate'
import type { JsonObject } from '../../src/domain/json.ts'
import { isFinalState, publicState } from '../../src/machines/public-state.ts'

/** One state of one actor. */
export interface ActorState {
  readonly number: number
  /** Public name. */
  readonly name: string
  readonly isFinal: boolean
  readonly context: JsonObject
  /** The effect that it owes; the machines owe one at a time. */
  readonly owed: { readonly id: string; readonly src: string; readonly input: JsonObject } | undefined
  /** Events of the timers that are armed. */
  readonly timers: readonly string[]
}

/** A named action with its parameters. */
export interface Act {
  readonly name: string
  readonly params: JsonObject
}

/** What an event does to an actor; undefined where it changes nothing and causes nothing. */
export interface ActorStep {
  readonly next: ActorState
  readonly isChanged: boolean
  /** An effect is started, or started anew. */
  readonly isStarting: boolean
  readonly acts: readonly Act[]
}

interface Known extends ActorState {
  readonly machine: AnyStateMachine
  readonly snapshot: AnyMachineSnapshot
  readonly steps: Map<string, ActorStep | undefined>
}

/** Every action that a step gives; XState's type leaves out the built-in ones that concern timers. */
interface Action {
  readonly type: string
  readonly params?: unknown
}

/** All actor states that were seen. */
export class MachineSteps {
  readonly #known: Known[] = []
  readonly #numbers = new Map<string, number>()

  /** How many states of single actors were seen. */
  get size(): number {
    return this.#known.length
  }

  state(number: number): ActorState {
    return this.#at(number)
  }

  start(machine: AnyStateMachine, input: JsonObject): ActorStep {
    const [snapshot, actions] = initialTransition(machine, input)
    return this.#settled(machine, snapshot, actions, [], true)
  }

  step(number: number, event: AnyEventObject): ActorStep | undefined {
    const known = this.#at(number)
    const name = JSON.stringify(event)
    if (!known.steps.has(name)) known.steps.set(name, this.#take(known, event))
    return known.steps.get(name)
  }

  can(number: number, event: AnyEventObject): boolean {
    return this.#at(number).snapshot.can(event)
  }

  #take({ machine, snapshot, timers }: Known, event: AnyEventObject): ActorStep | undefined {
    const [next, actions] = transition(machine, snapshot, event)
    const isChanged = next.context !== snapshot.context || JSON.stringify(next.value) !== JSON.stringify(snapshot.value)
    if (!isChanged && actions.length === 0) return undefined
    // A timer that goes off is armed no longer.
    const armed = timers.filter((timer) => timer !== event.type)
    return this.#settled(machine, next, actions, armed, isChanged)
  }

  #settled(
    machine: AnyStateMachine,
    snapshot: AnyMachineSnapshot,
    actions: readonly Action[],
    armed: readonly string[],
    isChanged: boolean,
  ): ActorStep {
    const timers = new Set(armed)
    const acts: Act[] = []
    let isStarting = false
    for (const { type, params } of actions) {
      const details = (params ?? {}) as JsonObject & { readonly event?: { readonly type: string } }
      if (type === 'xstate.cancel') timers.delete(String(details['sendId']))
      else if (type === 'xstate.raise' && details.event !== undefined) timers.add(details.event.type)
      else if (type === 'xstate.spawnChild') isStarting = true
      else if (!type.startsWith('xstate.')) acts.push({ name: type, params: details })
    }
    return { next: this.#intern(machine, snapshot, [...timers].sort()), isChanged, isStarting, acts }
  }

  #intern(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, timers: readonly string[]): ActorState {
    const children = snapshot.children as Readonly<Record<string, AnyActorRef | undefined>>
    const owed = Object.values(children).flatMap((child) => {
      if (child === undefined) return []
      const { input } = child.getSnapshot() as { input?: JsonObject }
      return [{ id: child.id, src: String(child.src), input: input ?? {} }]
    })
    if (owed.length > 1) throw new Error(`An actor owes ${owed.length} effects at once`)
    const key = JSON.stringify([machine.id, snapshot.value, snapshot.context, owed, timers])
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#known.length
      this.#numbers.set(key, number)
      const name = publicState(snapshot.value)
      const context = snapshot.context as JsonObject
      const isFinal = isFinalState(name)
      this.#known.push({
        number,
        name,
        isFinal,
        context,
        owed: isFinal ? undefined : owed[0],
        timers: isFinal ? [] : timers,
        machine,
        snapshot,
        steps: new Map(),
      })
    }
    return this.#at(number)
  }

  #at(number: number): Known {
    const known = this.#known[number]
    if (known === undefined) throw new Error(`There is no actor state ${number}`)
    return known
  }
}
