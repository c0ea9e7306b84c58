import type { AnyActorRef, InspectionEvent, Subscription } from 'xstate'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { InspectedSnapshot, Inspection } from '../domain/inspection.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ActorKind } from '../domain/record.ts'
import type { MachineSnapshot } from './actor-snapshot.ts'

type InspectedEvent = { readonly type: string } & JsonObject

/** An actor of a run, as an inspector is shown it when it began or when the inspector came. */
export function inspectedActor(run: string, actor: AnyActorRef): Inspection {
  return {
    type: 'actor',
    run,
    actor: actor.id,
    kind: kindOf(actor.id),
    snapshot: inspectedSnapshot(actor.getSnapshot()),
  }
}

/** Who is shown what happens in the actors of `run`. */
export interface Inspector {
  readonly run: string
  readonly show: (inspection: Inspection) => void
}

/** XState's inspection of one system of actors; it costs nothing while nobody is shown it. */
export class SystemInspection {
  #system: AnyActorRef['system'] | undefined
  #inspector: Inspector | undefined
  #subscription: Subscription | undefined

  /** The system whose actors are shown, once there is one. */
  adopt(system: AnyActorRef['system']): void {
    this.#system = system
    this.show(this.#inspector)
  }

  /** From now on `inspector` is shown what happens, and nobody else; undefined for nobody. */
  show(inspector: Inspector | undefined): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.#inspector = inspector
    if (inspector === undefined || this.#system === undefined) return
    this.#subscription = this.#system.inspect((told) => {
      const inspection = inspectionOf(inspector.run, told)
      if (inspection !== undefined) inspector.show(inspection)
    })
  }

  /** An actor is about to start. */
  began(actor: AnyActorRef): void {
    if (this.#inspector !== undefined) this.#inspector.show(inspectedActor(this.#inspector.run, actor))
  }
}

/**
 * What XState tells, as an inspector is shown it; undefined for what is not shown: an actor's beginning, which XState tells before
 * there is a snapshot; the actors of effects; microsteps and actions.
 */
function inspectionOf(run: string, told: InspectionEvent): Inspection | undefined {
  if (told.type !== '@xstate.event' && told.type !== '@xstate.snapshot') return undefined
  const id = machineId(told.actorRef)
  if (id === undefined) return undefined
  const about = { run, actor: id, kind: kindOf(id), event: plainEvent(told.event) }
  if (told.type === '@xstate.snapshot') {
    return { type: 'snapshot', ...about, snapshot: inspectedSnapshot(told.snapshot) }
  }
  const source = told.sourceRef === undefined ? undefined : machineId(told.sourceRef)
  return { type: 'event', ...about, ...(source === undefined ? {} : { source }) }
}

/** The id of a run's own actor. What it invokes, its effects, is known by a name: its `src` is a text. */
function machineId(ref: unknown): string | undefined {
  const { id, src } = ref as AnyActorRef
  return typeof src === 'string' ? undefined : id
}

function kindOf(id: string): ActorKind {
  if (id === SUPERVISOR) return 'supervisor'
  return id === MANAGER ? 'manager' : 'agent'
}

function inspectedSnapshot(snapshot: unknown): InspectedSnapshot {
  const { status, value, context, tags } = snapshot as MachineSnapshot & { readonly tags?: ReadonlySet<string> }
  return { status, value, context, ...(tags === undefined || tags.size === 0 ? {} : { tags: [...tags] }) }
}

/** An error says nothing as JSON. */
function plainEvent(event: { readonly type: string; readonly error?: unknown }): InspectedEvent {
  if (!(event.error instanceof Error)) return event as InspectedEvent
  return { ...event, error: { name: event.error.name, message: event.error.message } }
}
