import type { Clock } from '../domain/clock.ts'

/** Where an outlet puts its frames: a socket, or the body of an answer. */
export interface Carrier {
  /** Bytes that were written to it and did not leave yet. */
  buffered(): number
  /**
   * Writes a frame, or a part of one; `whole` with its last part. `left` is called, later on, when it and all before left for
   * the network, and maybe never once the client is gone.
   */
  write(part: Buffer, whole: boolean, left?: () => void): void
}

/** What an outlet is made of. Sizes are bytes, times ms. */
export interface OutletOptions {
  readonly carrier: Carrier
  readonly clock: Clock
  /** More than this does not wait for a client, but for what it must be told whatever comes. */
  readonly maxWaiting: number
  /** How long what waits may stay as much as it is. */
  readonly stuckAfter: number
  /** Called once, when nothing left for that long. */
  readonly onStuck: () => void
}

/** So little is given to the carrier at once that a slow client is seen to take it. */
const WINDOW = 64 * 1024

/** What waits for one client: bounded, in order, and seen to leave or not. */
export class Outlet {
  readonly #options: OutletOptions
  // Looked at for each frame.
  readonly #carrier: Carrier
  readonly #window: number
  #queue: Buffer[] = []
  #queued = 0
  /** How much of the first of the queue was written. */
  #offset = 0
  /** Something was written that is waited for; what comes now is queued behind it. */
  #pumping = false
  #since = 0
  #progress = 0
  #timer: ReturnType<Clock['setTimeout']> | undefined
  #closed = false
  #idle: (() => void)[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: OutletOptions) {
    this.#options = options
    this.#carrier = options.carrier
    this.#window = Math.min(WINDOW, Math.floor(options.maxWaiting / 4))
  }

  /** Bytes that wait for the client. */
  get waiting(): number {
    return this.#closed ? 0 : this.#queued + this.#carrier.buffered()
  }

  /** Whether anything waits that cannot leave at once. */
  get congested(): boolean {
    return this.#pumping
  }

  get closed(): boolean {
    return this.#closed
  }

  /** How long something has been waiting without a break, ms. */
  get lag(): number {
    return this.#pumping ? this.#options.clock.now() - this.#since : 0
  }

  /** Sends a frame unless too much waits already: then false, and nothing of it is sent. */
  offer(frame: Buffer): boolean {
    if (this.#pumping && this.waiting + frame.length > this.#options.maxWaiting) return false
    this.push(frame)
    return true
  }

  /** Sends a frame however much waits. */
  push(frame: Buffer): void {
    if (this.#closed) return
    if (!this.#pumping && this.#carrier.buffered() + frame.length < this.#window) {
      return void this.#carrier.write(frame, true)
    }
    this.#queue.push(frame)
    this.#queued += frame.length
    if (!this.#pumping) this.#pump()
  }

  /** Resolves when next to nothing waits any more, or the client has gone. */
  drained(): Promise<void> {
    return this.#pumping ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  /** Does one piece of work at a time, each when what the one before had sent has left; none once the client is gone. */
  inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(() => this.drained()).then(() => (this.#closed ? undefined : work()))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** The client has gone: nothing is sent or kept any more. */
  close(): void {
    this.#closed = true
    this.#options.clock.clearTimeout(this.#timer ?? 0)
    this.#rest()
    this.#queue = []
    this.#queued = 0
  }

  #pump(): void {
    const { clock, stuckAfter } = this.#options
    this.#pumping = true
    this.#since = clock.now()
    this.#timer ??= clock.setTimeout(this.#look, stuckAfter)
    this.#left()
  }

  /** What was waited for has left: gives the carrier as much again. */
  readonly #left = (): void => {
    if (this.#closed) return
    this.#progress = this.#options.clock.now()
    for (let frame = this.#queue[0]; frame; frame = this.#queue[0]) {
      const part = frame.subarray(this.#offset, this.#offset + this.#window)
      this.#offset += part.length
      this.#queued -= part.length
      const whole = this.#offset >= frame.length
      if (whole) {
        this.#queue.shift()
        this.#offset = 0
      }
      const enough = this.#queue.length === 0 || this.#carrier.buffered() + part.length >= this.#window
      this.#carrier.write(part, whole, enough ? this.#left : undefined)
      if (enough) return
    }
    this.#rest()
  }

  #rest(): void {
    this.#pumping = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  readonly #look = (): void => {
    this.#timer = undefined
    if (!this.#pumping || this.#closed) return
    const { clock, stuckAfter, onStuck } = this.#options
    const left = this.#progress + stuckAfter - clock.now()
    if (left > 0) this.#timer = clock.setTimeout(this.#look, left)
    else onStuck()
  }
}
