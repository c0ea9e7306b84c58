import type { Bucket } from './bucket.ts'
import type { Cap } from './cap.ts'
import type { Gate } from './waiting-queue.ts'

/** What one grant took: less than was asked for when the holder had some of it already. */
export interface Taken {
  readonly holder: string
  readonly caps: readonly Cap[]
  readonly buckets: readonly Bucket[]
  readonly token: number
}

interface Holding {
  readonly caps: Cap[]
  /** Where it has a place reserved. */
  readonly buckets: Bucket[]
  /** Names the last grant. */
  token: number
}

/** Who holds what. Nothing is ever held without a holder, and all of a holder is given up by its name alone. */
export class Holdings {
  readonly #byHolder = new Map<string, Holding>()
  readonly #onFree: (gate: Gate) => void
  #token = 0

  constructor(onFree: (gate: Gate) => void) {
    this.#onFree = onFree
  }

  has(holder: string): boolean {
    return this.#byHolder.has(holder)
  }

  holds(holder: string, gate: Cap | Bucket): boolean {
    const holding = this.#byHolder.get(holder)
    return holding !== undefined && (contains(holding.caps, gate) || contains(holding.buckets, gate))
  }

  /** Takes what the holder does not have yet, whether there is room or not. */
  take(holder: string, caps: readonly Cap[], buckets: readonly Bucket[]): Taken {
    let holding = this.#byHolder.get(holder)
    if (holding === undefined) {
      holding = { caps: [], buckets: [], token: 0 }
      this.#byHolder.set(holder, holding)
    }
    const { caps: heldCaps, buckets: heldBuckets } = holding
    const newCaps = caps.filter((cap) => !contains(heldCaps, cap))
    const newBuckets = buckets.filter((bucket) => !contains(heldBuckets, bucket))
    for (const cap of newCaps) {
      cap.used++
      heldCaps.push(cap)
    }
    for (const bucket of newBuckets) {
      bucket.windows.reserved++
      heldBuckets.push(bucket)
    }
    holding.token = ++this.#token
    return { holder, caps: newCaps, buckets: newBuckets, token: holding.token }
  }

  /** Undoes a grant that nobody took delivery of; nothing when the holder was granted something since. */
  giveBack(taken: Taken): void {
    const holding = this.#byHolder.get(taken.holder)
    if (holding?.token !== taken.token) return
    for (const cap of taken.caps) this.#freeCap(holding, cap)
    for (const bucket of taken.buckets) this.#freeBucket(holding, bucket)
    this.#forgetIfEmpty(taken.holder, holding)
  }

  /** Gives up all of a holder, or only the caps that `which` chooses. */
  release(holder: string, which?: (cap: Cap) => boolean): void {
    const holding = this.#byHolder.get(holder)
    if (holding === undefined) return
    if (which !== undefined) {
      for (const cap of holding.caps.filter(which)) this.#freeCap(holding, cap)
      this.#forgetIfEmpty(holder, holding)
      return
    }
    this.#byHolder.delete(holder)
    for (const cap of holding.caps) {
      cap.used--
      this.#onFree(cap)
    }
    for (const bucket of holding.buckets) {
      bucket.windows.reserved--
      this.#onFree(bucket)
    }
  }

  /** The reserved place becomes that of a call in flight; false when there is none. */
  useReservation(holder: string, bucket: Bucket): boolean {
    const holding = this.#byHolder.get(holder)
    const at = holding?.buckets.indexOf(bucket) ?? -1
    if (holding === undefined || at < 0) return false
    holding.buckets.splice(at, 1)
    bucket.windows.reserved--
    this.#forgetIfEmpty(holder, holding)
    return true
  }

  #freeCap(holding: Holding, cap: Cap): void {
    const at = holding.caps.indexOf(cap)
    if (at < 0) return
    holding.caps.splice(at, 1)
    cap.used--
    this.#onFree(cap)
  }

  #freeBucket(holding: Holding, bucket: Bucket): void {
    const at = holding.buckets.indexOf(bucket)
    if (at < 0) return
    holding.buckets.splice(at, 1)
    bucket.windows.reserved--
    this.#onFree(bucket)
  }

  #forgetIfEmpty(holder: string, holding: Holding): void {
    if (holding.caps.length === 0 && holding.buckets.length === 0) this.#byHolder.delete(holder)
  }
}

function contains(held: readonly Gate[], gate: Gate): boolean {
  return held.includes(gate)
}
