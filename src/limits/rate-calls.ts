import { BackendError } from '../domain/errors.ts'
import type { WaitingFor } from '../domain/limiter.ts'
import type { Bucket, WaitingCall } from './bucket.ts'
import type { Holdings } from './holdings.ts'
import type { LimitNotebook } from './limit-notebook.ts'
import { IN_TRANSIT_MS } from './rate-window.ts'
import type { WakeLoop } from './wake-loop.ts'

/** A call that has its places. */
interface PlacedCall {
  readonly buckets: readonly Bucket[]
  /** Orders calls and closures. */
  readonly seq: number
}

/**
 * Calls to a provider: each waits for a place in all its buckets, is noted before it is sent, and its answer after. A call whose
 * holder has a place reserved waits only while the bucket is closed.
 */
export class RateCalls {
  readonly #loop: WakeLoop
  readonly #holdings: Holdings
  readonly #notebook: LimitNotebook | undefined
  readonly #onClosed: (bucket: Bucket, now: number) => void
  readonly #byHolder = new Map<string, WaitingCall>()
  readonly #waiting = new Set<WaitingCall>()
  #seq = 0

  constructor(
    loop: WakeLoop,
    holdings: Holdings,
    notebook: LimitNotebook | undefined,
    onClosed: (bucket: Bucket, now: number) => void,
  ) {
    this.#loop = loop
    this.#holdings = holdings
    this.#notebook = notebook
    this.#onClosed = onClosed
  }

  get size(): number {
    return this.#waiting.size
  }

  async send<T>(buckets: readonly Bucket[], send: () => Promise<T>, signal: AbortSignal, holder?: string): Promise<T> {
    const now = this.#loop.now()
    const held = buckets.find((bucket) => this.#holdsBack(bucket, holder, now) || this.#overtakes(bucket, holder))
    if (held === undefined) this.#place(buckets, holder)
    else {
      await this.#wait(buckets, held, signal, holder)
      if (signal.aborted) {
        this.#unplace(buckets)
        throw signal.reason
      }
    }
    const call: PlacedCall = { buckets, seq: ++this.#seq }
    const note = this.#note(buckets)
    try {
      const answer = await send()
      this.#answered(call, note, true)
      return answer
    } catch (error) {
      this.#answered(call, note, false, error)
      throw error
    }
  }

  /** Lets a waiting call pass, or sends it to where it is held back now. */
  serve(call: WaitingCall, now: number): void {
    const held = call.buckets.find((bucket) => this.#holdsBack(bucket, call.holder, now))
    if (held === undefined) {
      call.grant()
      return
    }
    this.#leave(call)
    this.#enter(call, held)
  }

  waiting(holder: string, now: number): WaitingFor | undefined {
    const call = this.#byHolder.get(holder)
    return call?.bucket === undefined ? undefined : { ...call.bucket.reason(now), since: call.since }
  }

  refuseAll(error: unknown): void {
    for (const call of [...this.#waiting]) call.refuse(error)
  }

  #isReserved(bucket: Bucket, holder: string | undefined): boolean {
    return holder !== undefined && this.#holdings.holds(holder, bucket)
  }

  #holdsBack(bucket: Bucket, holder: string | undefined, now: number): boolean {
    return this.#isReserved(bucket, holder) ? !bucket.isOpen(now) : !bucket.takesCall(now)
  }

  /** Whether going now would be unfair to those who wait for a place that has just become free. */
  #overtakes(bucket: Bucket, holder: string | undefined): boolean {
    if (bucket.idle || this.#isReserved(bucket, holder)) return false
    this.#loop.touch(bucket)
    return true
  }

  #wait(buckets: readonly Bucket[], at: Bucket, signal: AbortSignal, holder: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', onAbort)
        this.#leave(call)
        this.#waiting.delete(call)
        if (holder !== undefined && this.#byHolder.get(holder) === call) this.#byHolder.delete(holder)
      }
      const call: WaitingCall = {
        heapIndex: -1,
        seq: ++this.#seq,
        since: this.#loop.now(),
        holder,
        buckets,
        bucket: undefined,
        grant: () => {
          leave()
          this.#place(buckets, holder)
          resolve()
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      const onAbort = () => {
        call.refuse(signal.reason)
        this.#loop.settle(this.#loop.now())
      }
      signal.addEventListener('abort', onAbort)
      this.#waiting.add(call)
      if (holder !== undefined) this.#byHolder.set(holder, call)
      this.#enter(call, at)
      this.#loop.settle(call.since)
    })
  }

  #enter(call: WaitingCall, bucket: Bucket): void {
    call.bucket = bucket
    const queue = this.#isReserved(bucket, call.holder) ? bucket.owed : bucket.calls
    queue.push(call)
  }

  #leave(call: WaitingCall): void {
    call.bucket?.owed.remove(call)
    call.bucket?.calls.remove(call)
    call.bucket = undefined
  }

  #place(buckets: readonly Bucket[], holder: string | undefined): void {
    for (const bucket of buckets) {
      if (holder !== undefined) this.#holdings.useReservation(holder, bucket)
      bucket.windows.inFlight++
    }
  }

  /** The call was never sent. */
  #unplace(buckets: readonly Bucket[]): void {
    for (const bucket of buckets) {
      bucket.windows.inFlight--
      this.#loop.touch(bucket)
    }
    this.#loop.settle(this.#loop.now())
  }

  /** Throws BackendError, and gives the places back, when the call cannot be noted: then it is not sent, and may be later. */
  #note(buckets: readonly Bucket[]): number | undefined {
    const limited = buckets.filter((bucket) => bucket.windows.limited)
    if (this.#notebook === undefined || limited.length === 0) return undefined
    const names = limited.map((bucket) => bucket.name)
    const keepMs = Math.max(...limited.map((bucket) => bucket.windows.keepMs))
    try {
      return this.#notebook.sent(names, this.#loop.now(), keepMs)
    } catch (cause) {
      this.#unplace(buckets)
      // A full disk is no verdict on an agent: nothing has left.
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new BackendError(message, { kind: 'unreachable', retryable: true, certain: true, cause })
    }
  }

  #answered(call: PlacedCall, note: number | undefined, ok: boolean, error?: unknown): void {
    const now = this.#loop.now()
    const at = ok || wasHeard(error) ? now : now + IN_TRANSIT_MS
    if (note !== undefined) this.#notebook?.answered(note, at)
    const refused = error instanceof BackendError && error.kind === 'limit'
    for (const bucket of call.buckets) {
      bucket.windows.answered(now, at)
      this.#loop.touch(bucket)
      if (refused) {
        const closure = bucket.close(now, error.notBefore, call.seq, ++this.#seq)
        this.#notebook?.closed(bucket.name, closure)
        this.#onClosed(bucket, now)
      } else if (ok) bucket.succeeded(call.seq)
    }
    this.#loop.settle(now)
  }
}

/** Whether the provider has answered. An aborted call, a broken connection and a time-out leave open when it sees the call. */
function wasHeard(error: unknown): boolean {
  return error instanceof BackendError && error.status !== undefined
}
