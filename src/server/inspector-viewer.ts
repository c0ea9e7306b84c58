import { type RawData, WebSocket } from 'ws'
import type { Clock, TimerHandle } from '../domain/clock.ts'

/** Close codes of the inspector's WebSocket, beside those of the protocol itself. */
export const INSPECT_CLOSED = {
  ending: 1001,
  /** A viewer has nothing to say. */
  spoke: 1008,
  tooMany: 1013,
  /** The query asks for what is not there. */
  unknown: 4004,
  tooSlow: 4008,
} as const

/** Who of all actors a viewer is shown. */
export interface InspectorFilter {
  readonly run?: string
  readonly actor?: string
}

/** A message as it is sent: JSON, whose bytes were made once for all viewers where there may be several. */
export type Message = string | Buffer

/** What a viewer asks of whoever shows it actors. */
export interface ViewerHost {
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>
  /** The messages that make an actor known as it stands now; none for one that is forgotten. */
  introduce(session: string): readonly Message[]
  /** Every actor that the viewer has to be told of anew, after it fell behind. */
  missed(viewer: InspectorViewer): Iterable<string>
  gone(viewer: InspectorViewer): void
}

/** More bytes than this do not wait for a viewer: it is sent everything anew when they have left. */
export const MAX_WAITING_BYTES = 1024 * 1024
/** How long they may take for that. */
export const STUCK_AFTER_MS = 30_000
/** Messages that make actors known, at a time: they leave before the next come. */
const TOLD_AT_ONCE = 32

/**
 * One viewer. Actors are made known a few at a time, each as it stands at that moment; what happens in an actor before that is not
 * sent, what happens after it is. So there is neither a gap nor a repetition, however many actors there are.
 */
export class InspectorViewer {
  readonly filter: InspectorFilter
  readonly #client: WebSocket
  readonly #host: ViewerHost
  /** Not made known yet. */
  readonly #owed = new Set<string>()
  #introducing = false
  #behind: TimerHandle | undefined
  #answered = true

  constructor(client: WebSocket, filter: InspectorFilter, host: ViewerHost) {
    this.#client = client
    this.filter = filter
    this.#host = host
    client.on('message', (_data: RawData) => client.close(INSPECT_CLOSED.spoke, 'A viewer has nothing to say here.'))
    client.on('pong', () => {
      this.#answered = true
    })
    client.on('close', () => this.#leave())
    // A broken connection is followed by 'close'; nothing else is to be done about it.
    client.on('error', () => undefined)
  }

  wants({ run, actor }: { readonly run: string; readonly actor: string }): boolean {
    return (
      (this.filter.run === undefined || this.filter.run === run) &&
      (this.filter.actor === undefined || this.filter.actor === actor)
    )
  }

  /** Makes these actors known. */
  begin(sessions: Iterable<string>): void {
    for (const session of sessions) this.#owed.add(session)
    if (!this.#introducing) this.#introduceSome()
  }

  /** Tells what happened in an actor, unless it is still to be made known. */
  tell(session: string, message: Message): void {
    if (!this.#owed.has(session)) this.#send(message)
  }

  /** Asks whether the viewer is there; one that did not answer since the last time is dropped. */
  beat(): void {
    if (!this.#answered) return void this.#client.terminate()
    this.#answered = false
    this.#client.ping()
  }

  close(code: number, reason: string): void {
    this.#client.close(code, reason)
  }

  #introduceSome(): void {
    const messages: Message[] = []
    for (const session of this.#owed) {
      this.#owed.delete(session)
      messages.push(...this.#host.introduce(session))
      if (messages.length >= TOLD_AT_ONCE) break
    }
    const last = messages.pop()
    this.#introducing = last !== undefined
    for (const message of messages) this.#send(message)
    if (last !== undefined) this.#send(last, () => this.#goOn())
  }

  #goOn(): void {
    this.#introducing = false
    if (this.#owed.size > 0) this.#introduceSome()
  }

  #send(message: Message, left?: () => void): void {
    if (this.#client.readyState !== WebSocket.OPEN || this.#behind !== undefined) return
    this.#client.send(message, { binary: false }, () => {
      left?.()
      this.#left()
    })
    if (this.#client.bufferedAmount > MAX_WAITING_BYTES) this.#fallBehind()
  }

  #fallBehind(): void {
    this.#owed.clear()
    this.#introducing = false
    this.#behind = this.#host.clock.setTimeout(
      () => this.close(INSPECT_CLOSED.tooSlow, 'Too slow: nothing was taken for 30 s.'),
      STUCK_AFTER_MS,
    )
  }

  /** Something left for the network; once all has, a viewer that fell behind is told everything anew. */
  #left(): void {
    if (this.#behind === undefined || this.#client.bufferedAmount > 0) return
    this.#catchUp()
    if (this.#client.readyState === WebSocket.OPEN) this.begin(this.#host.missed(this))
  }

  #catchUp(): void {
    if (this.#behind !== undefined) this.#host.clock.clearTimeout(this.#behind)
    this.#behind = undefined
  }

  #leave(): void {
    this.#catchUp()
    this.#owed.clear()
    this.#host.gone(this)
  }
}
