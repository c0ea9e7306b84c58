import type { Carrier } from '../../src/api/outlet.ts'
import type { Said } from './stream-client.ts'

/** A carrier whose other end takes what was written when the test says so. */
export class FakeCarrier implements Carrier {
  #parts: { readonly part: Buffer; readonly whole: boolean; readonly left: (() => void) | undefined }[] = []
  #begun: Buffer[] = []
  /** Whole frames that arrived. */
  readonly arrived: Buffer[] = []
  /** Takes everything at once. */
  open = true

  buffered(): number {
    return this.#parts.reduce((sum, { part }) => sum + part.length, 0)
  }

  write(part: Buffer, whole: boolean, left?: () => void): void {
    this.#parts.push({ part, whole, left })
    if (this.open) this.#take(this.#parts.length)
  }

  /** Lets the other end take the next parts; all that there are without a number. */
  take(count = Number.POSITIVE_INFINITY): void {
    this.#take(count)
  }

  /** What arrived since it was asked last, as messages of a WebSocket. */
  said(): Said[] {
    return this.arrived.splice(0).map((frame) => JSON.parse(String(frame)))
  }

  #take(count: number): void {
    for (const { part, whole, left } of this.#parts.splice(0, count)) {
      this.#begun.push(part)
      if (whole) this.arrived.push(Buffer.concat(this.#begun.splice(0)))
      // As a socket does: never while it is written to.
      if (left) queueMicrotask(left)
    }
  }
}

/** Lets everything happen that needs no time. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
