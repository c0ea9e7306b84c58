import type { InspectedSnapshot, Inspection } from '../domain/inspection.ts'
import { type InspectedActor, sessionOf } from './inspector-messages.ts'

/** An actor and how it stands now. */
export interface SeenActor extends InspectedActor {
  readonly snapshot: InspectedSnapshot
}

/** So many of those that ended are remembered, for viewers who were there but too slow to be told. */
const MOST_ENDED = 1000

/** How every actor stands, while somebody watches. */
export class InspectorBoard {
  readonly #live = new Map<string, SeenActor>()
  readonly #ended = new Map<string, SeenActor>()

  /** Takes in what happened. True when it made an actor known. */
  note(inspection: Inspection): boolean {
    const session = sessionOf(inspection)
    const isNew = !this.#live.has(session)
    if (inspection.type === 'event') return false
    const { run, actor, kind, snapshot } = inspection
    const seen = { run, actor, kind, snapshot }
    if (snapshot.status === 'active') {
      this.#live.set(session, seen)
      this.#ended.delete(session)
      return isNew || inspection.type === 'actor'
    }
    this.#live.delete(session)
    this.#ended.set(session, seen)
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > MOST_ENDED && oldest !== undefined) this.#ended.delete(oldest)
    return false
  }

  get(session: string): SeenActor | undefined {
    return this.#live.get(session) ?? this.#ended.get(session)
  }

  /** Everybody who is there, parents first; with those who have ended, where asked for. */
  *sessions(withEnded: boolean): IterableIterator<[session: string, actor: SeenActor]> {
    yield* this.#live
    if (withEnded) yield* this.#ended
  }

  clear(): void {
    this.#live.clear()
    this.#ended.clear()
  }
}
