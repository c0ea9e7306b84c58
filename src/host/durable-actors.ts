import { type AnyActorRef, type AnyStateMachine, createActor, fromPromise, type StateValue } from 'xstate'
import type { Clock } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { toFailure } from '../domain/errors.ts'
import type { Inspection } from '../domain/inspection.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ActorKind, HostPart } from '../domain/record.ts'
import { failureOf } from '../machines/effects.ts'
import { isFinalState, publicState } from '../machines/public-state.ts'
import { assertWhole, inputOf, type MachineSnapshot, reviveSnapshot, sameValue } from './actor-snapshot.ts'
import { type Inspector, inspectedActor, SystemInspection } from './system-inspection.ts'
import { TimerScheduler } from './timer-scheduler.ts'

/** One settled transition of one actor: what becomes one record. */
export interface SettledTransition {
  readonly kind: ActorKind
  readonly id: string
  readonly event: { readonly type: string } & JsonObject
  /** Absent on an actor's first transition. */
  readonly from?: string
  readonly to: string
  readonly context: JsonObject
  readonly host: HostPart
}

/** An effect as the composition root provides it. */
export interface ProvidedEffect {
  readonly run: Effect<never, unknown>
  /** It writes to the outside: it starts only after the record that owes it is durable (I3). */
  readonly writes: boolean
}

export interface DurableActorsOptions {
  readonly clock: Clock
  /** Makes the record; called synchronously, once a settled transition. */
  readonly onTransition: (transition: SettledTransition) => void
  /** Resolves once the actor's last record is durable; never while the journal has failed. */
  readonly durable: (actorId: string) => Promise<void>
  /** No effect starts before this resolves. */
  readonly gate: Promise<void>
  /** Keys of context that are not journaled: whoever restores supplies them from where they came. */
  readonly supplied?: readonly string[]
}

/** The state that an actor's first record leaves, and the event that caused it. */
interface Begun {
  readonly from?: string
  readonly event: string
}

const NOTHING_BEFORE: Begun = { event: 'start' }

interface Entry {
  readonly kind: ActorKind
  readonly actor: AnyActorRef
  n: number
  value: StateValue | undefined
  context: JsonObject | undefined
  state: string | undefined
  event: { type: string }
}

/** The parts of XState's system that the host replaces or calls; see reference xstate.md 2.6. */
interface OpenSystem {
  scheduler: unknown
  _relay(source: unknown, target: unknown, event: unknown): void
}

/** One of its own each time: a promise that all share would keep alive whatever ever waited for it. */
const never = () => new Promise<never>(() => {})

/**
 * Gives real XState actors durability and time: one record a settled transition, timers on the host's clock, effects that wait for
 * the commit, and restore. Children lie in a map beside the supervisor's snapshot, so no cost grows with their number.
 */
export class DurableActors {
  readonly #options: DurableActorsOptions
  readonly #entries = new Map<string, Entry>()
  #scheduler: TimerScheduler | undefined
  #root: AnyActorRef | undefined
  readonly #inspection = new SystemInspection()
  #restoring = false
  #closed = false

  constructor(options: DurableActorsOptions) {
    this.#options = options
  }

  /** The machine with its effects, made to note the causing event of each transition. Make it once per kind of actor. */
  provide(
    machine: AnyStateMachine,
    effects: Readonly<Record<string, ProvidedEffect>>,
    actions: object,
  ): AnyStateMachine {
    const actors = Object.fromEntries(
      Object.keys(machine.implementations.actors).map((name) => [name, this.#effectLogic(name, effects[name])]),
    )
    const base = machine.provide({ actors, actions } as Parameters<AnyStateMachine['provide']>[0])
    const entries = this.#entries
    const logic: AnyStateMachine = Object.create(base)
    logic.transition = (snapshot, event, scope) => {
      const entry = entries.get(scope.self.id)
      if (entry !== undefined) entry.event = event
      return base.transition(snapshot, event, scope)
    }
    return logic
  }

  /** Starts a new actor. The first one is the root of the system. `begun`: what its first record says, of one that goes on with another's work. */
  start(kind: ActorKind, id: string, logic: AnyStateMachine, input: unknown, begun: Begun = NOTHING_BEFORE): void {
    this.#run(kind, id, createActor(logic, { id, input, ...this.#family() }), undefined, begun)
  }

  /** Builds an actor from its last record; nothing is broadcast because of it (I12). Throws when the record does not fit the machine. */
  restore(kind: ActorKind, id: string, logic: AnyStateMachine, host: HostPart, supplied: JsonObject = {}): void {
    const snapshot = reviveSnapshot(host, supplied, logic)
    const actor = createActor(logic, { id, input: undefined, snapshot, ...this.#family() })
    const revived = actor.getSnapshot() as unknown as MachineSnapshot & { error?: unknown }
    if (revived.status === 'error') throw revived.error ?? new Error('The snapshot does not fit the machine')
    assertWhole(host, revived)
    this.#run(kind, id, actor, host)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** How many actors have not ended, the root included. */
  get size(): number {
    return this.#entries.size
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** Ids of all actors that have not ended. */
  ids(): Iterable<string> {
    return this.#entries.keys()
  }

  state(id: string): string | undefined {
    return this.#entries.get(id)?.state
  }

  context(id: string): JsonObject | undefined {
    return this.#entries.get(id)?.context
  }

  /** Whether the actor would take the event now. */
  can(id: string, event: { type: string }): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined) return false
    return (entry.actor.getSnapshot() as unknown as { can(event: { type: string }): boolean }).can(event)
  }

  send(id: string, event: { type: string }): void {
    if (!this.#closed) this.#entries.get(id)?.actor.send(event)
  }

  /** The host's part of an actor's present state, for a checkpoint. */
  hostPart(id: string): HostPart | undefined {
    const entry = this.#entries.get(id)
    return entry === undefined
      ? undefined
      : this.#hostPart(entry, entry.actor.getSnapshot() as unknown as MachineSnapshot)
  }

  /** Shows what happens in the actors from now on, also in those that begin later; undefined ends it. */
  inspect(inspector: Inspector | undefined): void {
    this.#inspection.show(inspector)
  }

  /** The actors that have not ended, as inspectors are shown them. */
  inspected(run: string): Inspection[] {
    return [...this.#entries.values()].map(({ actor }) => inspectedActor(run, actor))
  }

  /** Drops an actor that broke, so that another can take its id. */
  forget(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#scheduler?.cancelAll(entry.actor)
    // XState leaves the effects of an actor that broke running.
    const { children } = entry.actor.getSnapshot() as unknown as MachineSnapshot
    for (const child of Object.values(children)) {
      if (child?.getSnapshot().status === 'active') child.send({ type: 'xstate.stop' })
    }
  }

  /** Stops every actor and effect without a record: as if the process had ended. */
  close(): void {
    this.#closed = true
    // That its actors are stopped here is no event in the life of the run.
    this.#inspection.show(undefined)
    this.#scheduler?.clear()
    for (const { actor } of this.#entries.values()) actor.send({ type: 'xstate.stop' })
    this.#entries.clear()
  }

  #family(): object {
    return this.#root === undefined ? {} : { parent: this.#root }
  }

  #run(kind: ActorKind, id: string, actor: AnyActorRef, host: HostPart | undefined, begun = NOTHING_BEFORE): void {
    if (this.#root === undefined) this.#adoptRoot(actor)
    const entry: Entry = {
      kind,
      actor,
      n: host?.n ?? 0,
      value: undefined,
      context: undefined,
      state: begun.from,
      event: { type: begun.event },
    }
    this.#entries.set(id, entry)
    if (host !== undefined) this.#remember(entry, actor.getSnapshot() as unknown as MachineSnapshot)
    actor.subscribe({
      next: (snapshot) => this.#settled(id, entry, snapshot as unknown as MachineSnapshot),
      // The supervisor hears of it by xstate.error.actor.*; without an observer XState would throw it into the process.
      error: () => {},
    })
    const nested = this.#restoring
    this.#restoring = host !== undefined
    try {
      this.#inspection.began(actor)
      actor.start()
      for (const timer of host?.timers ?? []) this.#scheduler?.restore(actor, timer)
    } finally {
      this.#restoring = nested
    }
  }

  #adoptRoot(actor: AnyActorRef): void {
    this.#root = actor
    const system = actor.system as unknown as OpenSystem
    this.#scheduler = new TimerScheduler(this.#options.clock, (source, target, event) =>
      system._relay(source, target, event),
    )
    system.scheduler = this.#scheduler
    this.#inspection.adopt(actor.system)
  }

  #settled(id: string, entry: Entry, snapshot: MachineSnapshot): void {
    if (this.#closed || this.#restoring || snapshot.status === 'stopped' || snapshot.status === 'error') return
    if (snapshot.context === entry.context && sameValue(snapshot.value, entry.value)) return
    const from = entry.state
    this.#remember(entry, snapshot)
    entry.n++
    const to = entry.state ?? ''
    const transition: SettledTransition = {
      kind: entry.kind,
      id,
      event: entry.event as SettledTransition['event'],
      ...(from === undefined ? {} : { from }),
      to,
      context: snapshot.context,
      host: this.#hostPart(entry, snapshot),
    }
    if (isFinalState(to)) this.#entries.delete(id)
    this.#options.onTransition(transition)
  }

  #remember(entry: Entry, snapshot: MachineSnapshot): void {
    entry.value = snapshot.value
    entry.context = snapshot.context
    entry.state = publicState(snapshot.value)
  }

  #hostPart(entry: Entry, snapshot: MachineSnapshot): HostPart {
    if (snapshot.status === 'done') return { v: 1, n: entry.n }
    const owed: Record<string, readonly [string, unknown]> = {}
    for (const child of Object.values(snapshot.children)) {
      if (child !== undefined && typeof child.src === 'string') owed[child.id] = [child.src, inputOf(child)]
    }
    const timers = this.#scheduler?.pending(entry.actor)
    return {
      v: 1,
      n: entry.n,
      snapshot: { value: snapshot.value as JsonObject, context: this.#journaled(snapshot.context) },
      ...(Object.keys(owed).length === 0 ? {} : { owed }),
      ...(timers === undefined ? {} : { timers }),
    }
  }

  #journaled(context: JsonObject): JsonObject {
    const { supplied } = this.#options
    if (supplied === undefined) return context
    const own: Record<string, JsonObject[string]> = {}
    for (const key of Object.keys(context)) {
      if (context[key] !== undefined && !supplied.includes(key)) own[key] = context[key]
    }
    return own
  }

  #effectLogic(name: string, effect: ProvidedEffect | undefined) {
    if (effect === undefined) throw new Error(`The effect '${name}' is declared by a machine but was not provided`)
    const run = effect.run as Effect<unknown, unknown>
    return fromPromise(async ({ input, signal }) => {
      const restarted = this.#restoring
      try {
        // XState starts invokes before the record of their state exists; one turn later it is appended.
        await this.#options.gate
        if (effect.writes) await this.#options.durable((input as { task: string }).task)
        if (this.#closed) return never()
        signal.throwIfAborted()
        const output = await run(input, { signal, restarted })
        return this.#closed ? never() : output
      } catch (error) {
        if (this.#closed || signal.aborted) return never()
        // A plain failure says all there is to say; toFailure reads errors alone.
        throw error instanceof Error ? toFailure(error) : failureOf(error)
      }
    })
  }
}
