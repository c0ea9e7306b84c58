import type { AnyEventObject, AnyStateMachine, StateValue } from 'xstate'
import type { JsonObject } from '../../src/domain/json.ts'
import type { ActorKind, HostPart } from '../../src/domain/record.ts'
import { DurableActors, type ProvidedEffect, type SettledTransition } from '../../src/host/durable-actors.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import type { EffectEvent } from './effect-events.ts'
import { leafName } from './pure-steps.ts'

/** An effect that the actor has started. */
export interface EffectCall {
  readonly src: string
  readonly input: unknown
  readonly restarted: boolean
  readonly signal: AbortSignal
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Settings of {@link ScriptedActor}. */
export interface ScriptedActorOptions {
  readonly kind: ActorKind
  readonly id: string
  readonly machine: AnyStateMachine
  readonly clock?: VirtualClock
  /** Resolves once the actor's last record is durable. Default: at once. */
  readonly durable?: (id: string) => Promise<void>
  readonly gate?: Promise<void>
  readonly supplied?: readonly string[]
}

/** The effects that write to the outside. */
const WRITES = new Set(['createAgentRun', 'settleAgentRun', 'promptAgentRun'])

/** One real actor under {@link DurableActors} in virtual time, whose effects do nothing until they are answered. */
export class ScriptedActor {
  readonly clock: VirtualClock
  readonly actors: DurableActors
  readonly records: SettledTransition[] = []
  readonly calls: EffectCall[] = []
  /** Named actions as they were carried out. */
  readonly actions: [name: string, params: unknown][] = []
  readonly #options: ScriptedActorOptions
  readonly #logic: AnyStateMachine
  readonly #sources: ReadonlyMap<string, string>

  constructor(options: ScriptedActorOptions) {
    this.#options = options
    this.clock = options.clock ?? createVirtualClock()
    this.actors = new DurableActors({
      clock: this.clock,
      onTransition: (transition) => this.records.push(transition),
      durable: options.durable ?? (() => Promise.resolve()),
      gate: options.gate ?? Promise.resolve(),
      ...(options.supplied === undefined ? {} : { supplied: options.supplied }),
    })
    const { actors, actions } = options.machine.implementations
    const said = Object.keys(actions).map((name) => [
      name,
      (_: unknown, params: unknown) => void this.actions.push([name, params]),
    ])
    const effects = Object.keys(actors).map((src) => [src, this.#effect(src)])
    this.#logic = this.actors.provide(options.machine, Object.fromEntries(effects), Object.fromEntries(said))
    this.#sources = sourcesOf(options.machine)
  }

  async start(input: object): Promise<void> {
    this.actors.start(this.#options.kind, this.#options.id, this.#logic, input)
    await settled()
  }

  /** Builds the actor from the host's part of its last record, as a journal would give it back. */
  async restore(host: HostPart, supplied: JsonObject = {}): Promise<void> {
    const read = JSON.parse(JSON.stringify(host)) as HostPart
    this.actors.restore(this.#options.kind, this.#options.id, this.#logic, read, supplied)
    await settled()
  }

  /** Makes an event happen as it would: answers the effect, lets time pass, or sends the command. */
  async apply(event: AnyEventObject): Promise<void> {
    const { type } = event
    if (type.startsWith('xstate.after.')) await this.#letFire(type)
    else if ('actorId' in event) this.#answer(event as unknown as EffectEvent)
    else this.actors.send(this.#options.id, event)
    await settled()
  }

  /** The last record; throws when there is none. */
  get last(): SettledTransition {
    const record = this.records.at(-1)
    if (record === undefined) throw new Error('Nothing was recorded')
    return record
  }

  /** The innermost state of the last record. */
  get state(): string {
    const value = this.last.host.snapshot?.['value']
    return value === undefined ? this.last.to : leafName(value as StateValue)
  }

  /** The context of the last record as the journal holds it. */
  get context(): JsonObject {
    return JSON.parse(JSON.stringify(this.last.context)) as JsonObject
  }

  /** What was started and is neither answered nor aborted. */
  open(): EffectCall[] {
    return this.calls.filter(({ signal }) => !signal.aborted)
  }

  close(): void {
    this.actors.close()
  }

  async #letFire(type: string): Promise<void> {
    const { id } = this.#options
    const timer = this.actors.hostPart(id)?.timers?.find(([, event]) => event['type'] === type)
    if (timer === undefined) throw new Error(`${this.actors.state(id)} has no timer ${type}`)
    await this.clock.advance(Math.max(0, timer[2] - this.clock.now()))
  }

  #answer(event: EffectEvent): void {
    const src = this.#sources.get(event.actorId)
    const call = this.open().findLast((one) => one.src === src)
    if (call === undefined) throw new Error(`${this.actors.state(this.#options.id)} owes no ${src}`)
    this.calls.splice(this.calls.indexOf(call), 1)
    if (event.type.startsWith('xstate.done.')) call.resolve(event.output)
    else call.reject(event.error)
  }

  #effect(src: string): ProvidedEffect {
    return {
      writes: WRITES.has(src),
      run: (input, { signal, restarted }) =>
        new Promise((resolve, reject) => {
          this.calls.push({ src, input, restarted, signal, resolve, reject })
        }),
    }
  }
}

/** An actor and the events that bring it to a state. */
export interface ActorCase {
  readonly actor: ScriptedActorOptions
  readonly input: object
  readonly events: readonly AnyEventObject[]
}

/** The actor after its events. */
export async function reach(
  { actor, input, events }: ActorCase,
  options: Partial<ScriptedActorOptions> = {},
): Promise<ScriptedActor> {
  const scripted = new ScriptedActor({ ...actor, ...options })
  await scripted.start(input)
  for (const event of events) await scripted.apply(event)
  return scripted
}

/** Something that holds others back until it is opened. */
export interface Latch {
  readonly opened: Promise<void>
  open(): void
}

/** A closed latch. */
export function latch(): Latch {
  const opening = new AbortController()
  const opened = new Promise<void>((resolve) => {
    opening.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return { opened, open: () => opening.abort() }
}

/** Resolves when all that can happen without time has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Effects by the id under which the states of a machine invoke them. */
function sourcesOf(machine: AnyStateMachine): ReadonlyMap<string, string> {
  const sources = new Map<string, string>()
  const visit = (node: AnyStateMachine['root']) => {
    for (const { id, src } of node.invoke) sources.set(id, String(src))
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(machine.root)
  return sources
}
