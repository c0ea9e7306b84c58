import type { WebSocket } from 'ws'
import type { Clock, TimerHandle } from '../domain/clock.ts'
import type { Inspection } from '../domain/inspection.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { InspectorBoard } from './inspector-board.ts'
import { actorMessage, eventMessage, type InspectedActor, sessionOf, snapshotMessage } from './inspector-messages.ts'
import { type InspectorFilter, InspectorViewer, type ViewerHost } from './inspector-viewer.ts'

const PING_EVERY_MS = 15_000
/** The event of a snapshot that is sent because somebody came, not because anything happened. */
const NOTHING_HAPPENED = { type: 'xstate.init' }

/** Tells viewers what happens in actors: each message is made once, however many viewers there are, and only if there is one. */
export class InspectorHub implements ViewerHost {
  readonly clock: Clock
  readonly #orchestrator: Pick<Orchestrator, 'inspect' | 'actors'>
  readonly #board = new InspectorBoard()
  readonly #viewers = new Set<InspectorViewer>()
  #stop: (() => void) | undefined
  #ping: TimerHandle | undefined

  constructor(orchestrator: Pick<Orchestrator, 'inspect' | 'actors'>, clock: Clock) {
    this.#orchestrator = orchestrator
    this.clock = clock
  }

  /** How many watch. */
  get size(): number {
    return this.#viewers.size
  }

  /** Shows it what is there and, from this moment on, what happens. */
  add(client: WebSocket, filter: InspectorFilter): void {
    this.#listen()
    const viewer = new InspectorViewer(client, filter, this)
    this.#viewers.add(viewer)
    viewer.begin(this.#sessionsFor(viewer, false))
  }

  introduce(session: string): readonly string[] {
    const seen = this.#board.get(session)
    if (seen === undefined) return []
    const now = this.clock.now()
    return [actorMessage(seen, seen.snapshot, now), snapshotMessage(seen, NOTHING_HAPPENED, seen.snapshot, now)]
  }

  missed(viewer: InspectorViewer): Iterable<string> {
    return this.#sessionsFor(viewer, true)
  }

  gone(viewer: InspectorViewer): void {
    this.#viewers.delete(viewer)
    if (this.#viewers.size === 0) this.#rest()
  }

  /** Takes leave of everybody. */
  close(code: number, reason: string): void {
    for (const viewer of this.#viewers) viewer.close(code, reason)
  }

  *#sessionsFor(viewer: InspectorViewer, withEnded: boolean): IterableIterator<string> {
    for (const [session, actor] of this.#board.sessions(withEnded)) if (viewer.wants(actor)) yield session
  }

  #listen(): void {
    if (this.#stop !== undefined) return
    // Nothing can happen in between: both are of one moment.
    this.#stop = this.#orchestrator.inspect((inspection) => this.#hear(inspection))
    for (const actor of this.#orchestrator.actors()) this.#board.note(actor)
    this.#beatLater()
  }

  #rest(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#board.clear()
    if (this.#ping !== undefined) this.clock.clearTimeout(this.#ping)
    this.#ping = undefined
  }

  #hear(inspection: Inspection): void {
    const isNew = this.#board.note(inspection)
    const viewers = [...this.#viewers].filter((viewer) => viewer.wants(inspection))
    if (viewers.length === 0) return
    const session = sessionOf(inspection)
    for (const text of this.#messagesOf(inspection, isNew)) {
      const message = Buffer.from(text)
      for (const viewer of viewers) viewer.tell(session, message)
    }
  }

  #messagesOf(inspection: Inspection, isNew: boolean): readonly string[] {
    const now = this.clock.now()
    if (inspection.type === 'event') return [eventMessage(inspection, now)]
    const about: InspectedActor = inspection
    const actor = isNew || inspection.type === 'actor' ? [actorMessage(about, inspection.snapshot, now)] : []
    if (inspection.type === 'actor') return actor
    return [...actor, snapshotMessage(about, inspection.event, inspection.snapshot, now)]
  }

  #beatLater(): void {
    this.#ping = this.clock.setTimeout(() => {
      for (const viewer of this.#viewers) viewer.beat()
      this.#beatLater()
    }, PING_EVERY_MS)
  }
}
