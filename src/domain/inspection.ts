import type { JsonObject } from './json.ts'
import type { ActorKind } from './record.ts'

/** An actor's snapshot as an inspector is shown it. */
export interface InspectedSnapshot {
  readonly status: string
  readonly value: unknown
  readonly context: JsonObject
  readonly tags?: readonly string[]
}

/** What happens inside a run's actors, as the Stately Inspector tells it: an actor began, an event came, a state was reached. */
export type Inspection =
  | {
      readonly type: 'actor'
      readonly run: string
      readonly actor: string
      readonly kind: ActorKind
      readonly snapshot: InspectedSnapshot
    }
  | {
      readonly type: 'event'
      readonly run: string
      readonly actor: string
      readonly kind: ActorKind
      readonly event: { readonly type: string } & JsonObject
      /** The actor that sent it; absent when it came from outside. */
      readonly source?: string
    }
  | {
      readonly type: 'snapshot'
      readonly run: string
      readonly actor: string
      readonly kind: ActorKind
      readonly event: { readonly type: string } & JsonObject
      readonly snapshot: InspectedSnapshot
    }
