import type { Clock } from '../domain/clock.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Limiter, SlotRequest, WaitingFor } from '../domain/limiter.ts'
import type { RateLimit } from '../domain/workflow.ts'
import type { CircuitChange } from './account-circuit.ts'
import { Bucket } from './bucket.ts'
import { Cap } from './cap.ts'
import type { Circuits } from './circuits.ts'
import type { Door } from './door.ts'
import { GateRegister } from './gate-register.ts'
import { Holdings, type Taken } from './holdings.ts'
import type { LimitNotebook } from './limit-notebook.ts'
import { viewLimits } from './limit-view.ts'
import { RateCalls } from './rate-calls.ts'
import { type SlotNeeds, slotNeeds } from './slot-needs.ts'
import { SlotQueue } from './slot-queue.ts'
import { type Gate, Waiter } from './waiting-queue.ts'
import { WakeLoop } from './wake-loop.ts'

/** What a limiter is made of. */
export interface LimiterOptions {
  readonly clock: Clock
  /** Without it nothing survives a restart. Closed with the limiter. */
  readonly notebook?: LimitNotebook
  /** Holds back the creations of accounts in trouble. Default: nothing does. */
  readonly circuits?: Circuits
}

/** One limiter for all runs of a data folder; goes on from what its notebook says of earlier calls. */
export function createLimiter(options: LimiterOptions): Limiter {
  return new SharedLimiter(options)
}

class SharedLimiter implements Limiter {
  readonly #register: GateRegister
  readonly #loop: WakeLoop
  readonly #holdings: Holdings
  readonly #queue: SlotQueue
  readonly #calls: RateCalls
  readonly #notebook: LimitNotebook | undefined
  #arrivals = 0
  #grants = 0
  #closed = false

  constructor({ clock, notebook, circuits }: LimiterOptions) {
    this.#register = new GateRegister(circuits)
    circuits?.onChange((change) => this.#circuitChanged(change))
    this.#notebook = notebook
    this.#loop = new WakeLoop(clock, {
      drain: (gate, now) => this.#drain(gate, now),
      tell: (now) => this.#queue.tell(now),
      wakeAt: (now) => this.#wakeAt(now),
      wake: (now) => this.#wake(now),
      rewind: (now, byMs) => this.#rewind(now, byMs),
    })
    this.#holdings = new Holdings((gate) => this.#freed(gate))
    this.#queue = new SlotQueue((gate) => this.#loop.touch(gate))
    const onClosed = (bucket: Bucket, now: number) => this.#queue.reasonChanged(bucket, now)
    this.#calls = new RateCalls(this.#loop, this.#holdings, notebook, onClosed)
    const now = clock.now()
    for (const past of notebook?.past ?? []) {
      const bucket = this.#register.bucket(past.bucket)
      bucket.windows.restore(past.answers, past.keepMs)
      if (past.closure !== undefined) bucket.restoreClosure(past.closure, now)
    }
  }

  setCap(name: string, capacity: number): void {
    const cap = this.#register.cap(name)
    cap.capacity = capacity
    this.#register.forgetCap(cap)
    this.#loop.touch(cap)
    this.#settle()
  }

  setBucket(name: string, owner: string, limit: RateLimit): void {
    const bucket = this.#register.bucket(name)
    bucket.windows.set(owner, limit)
    this.#loop.touch(bucket)
    this.#settle()
  }

  setHeadroom(name: string, places: number): void {
    this.#register.bucket(name).headroom = places
  }

  dropOwner(owner: string): void {
    for (const bucket of this.#register.buckets.values()) {
      bucket.windows.set(owner, 'none')
      this.#loop.touch(bucket)
    }
    this.#register.forgetRun(owner)
    this.#settle()
  }

  async acquire(request: SlotRequest, signal: AbortSignal, onWait?: (waiting: WaitingFor) => void): Promise<void> {
    this.#refuseIfOver(signal)
    const now = this.#loop.now()
    const needs = slotNeeds(request, this.#register, this.#holdings)
    const free = !((request.notBefore ?? 0) > now) && needs.gates.every((gate) => gate.passes(now) && gate.idle)
    const taken = free ? this.#take(request.holder, needs, now) : this.#wait(request, needs, signal, onWait, now)
    // Whoever was aborted in the tick of the grant does not look at it any more: it must not keep what it got.
    const got = await taken
    if (!signal.aborted) return
    this.#holdings.giveBack(got)
    this.#register.releaseProbe(request.holder, this.#loop.now())
    this.#settle()
    throw signal.reason
  }

  adopt(holder: string, caps: readonly string[]): void {
    this.#holdings.take(
      holder,
      caps.map((name) => this.#register.cap(name)),
      [],
    )
  }

  release(holder: string, caps?: readonly string[]): void {
    if (!this.#holdings.has(holder)) return
    if (caps === undefined) this.#register.releaseProbe(holder, this.#loop.now())
    this.#holdings.release(holder, caps === undefined ? undefined : (cap) => caps.includes(cap.name))
    if (this.#someoneWaits) this.#settle()
  }

  async call<T>(names: readonly string[], send: () => Promise<T>, signal: AbortSignal, holder?: string): Promise<T> {
    this.#refuseIfOver(signal)
    if (names.length === 0) return send()
    const buckets = [...new Set(names)].map((name) => this.#register.bucket(name))
    return this.#calls.send(buckets, send, signal, holder)
  }

  /** `free` is Infinity for a bucket without limit; `nextAt` is null when it depends on answers still to come. */
  room(name: string): { readonly free: number; readonly nextAt: number | null } {
    const bucket = this.#register.buckets.get(name)
    if (bucket === undefined) return { free: Number.POSITIVE_INFINITY, nextAt: null }
    const now = this.#loop.now()
    const free = bucket.isOpen(now) ? bucket.windows.room(now) : 0
    return { free, nextAt: free === Number.POSITIVE_INFINITY ? null : bucket.placesAt(free + 1, now) }
  }

  pauseRun(run: string, waiting: Pick<WaitingFor, 'kind' | 'name' | 'detail'>): void {
    this.#shut(this.#register.run(run), waiting)
  }

  continueRun(run: string): void {
    this.#open(this.#register.runs.get(run))
  }

  closeAccount(account: string, kind: 'quota' | 'auth', detail: string): void {
    this.#shut(this.#register.account(account), { kind, name: account, detail })
  }

  openAccount(account: string): void {
    this.#open(this.#register.accounts.get(account))
  }

  isTroubled(account: string): boolean {
    return this.#register.circuits?.isTroubled(account) ?? false
  }

  waiting(holder: string): WaitingFor | undefined {
    const now = this.#loop.now()
    return this.#queue.waiting(holder, now) ?? this.#calls.waiting(holder, now)
  }

  view(): JsonObject {
    return viewLimits(this.#register, this.#loop.now())
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#loop.close()
    this.#queue.refuseAll(closedError())
    this.#calls.refuseAll(closedError())
    this.#notebook?.close()
  }

  get #someoneWaits(): boolean {
    return this.#queue.size > 0 || this.#calls.size > 0
  }

  #settle(): void {
    this.#loop.settle(this.#loop.now())
  }

  #refuseIfOver(signal: AbortSignal): void {
    if (this.#closed) throw closedError()
    signal.throwIfAborted()
  }

  #take(holder: string, { account, run, caps, buckets }: SlotNeeds, now: number): Taken {
    run.turn = ++this.#grants
    const taken = this.#holdings.take(holder, caps, buckets)
    account.circuit?.granted(holder, now)
    return taken
  }

  #wait(
    request: SlotRequest,
    needs: SlotNeeds,
    signal: AbortSignal,
    onWait: ((waiting: WaitingFor) => void) | undefined,
    now: number,
  ): Promise<Taken> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        waiter.fate.refuse(signal.reason)
        this.#settle()
      }
      const leave = () => {
        signal.removeEventListener('abort', onAbort)
        this.#queue.remove(waiter)
      }
      const waiter = new Waiter(request, needs, ++this.#arrivals, now, {
        onWait,
        grant: () => {
          leave()
          resolve(this.#take(request.holder, needs, this.#loop.now()))
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      })
      signal.addEventListener('abort', onAbort)
      this.#queue.add(waiter, now)
      this.#loop.settle(now)
    })
  }

  #shut(door: Door, reason: Pick<WaitingFor, 'kind' | 'name' | 'detail'>): void {
    door.shut = reason
    const now = this.#loop.now()
    this.#queue.gather(door, now)
    this.#loop.settle(now)
  }

  #open(door: Door | undefined): void {
    if (door?.shut === undefined) return
    door.shut = undefined
    this.#loop.touch(door)
    this.#settle()
  }

  /** One that has just opened says so to all who wait for that account, wherever they do. */
  #circuitChanged({ account, before, after }: CircuitChange): void {
    const door = this.#register.accounts.get(account)
    if (door === undefined) return
    const now = this.#loop.now()
    if (before.state === 'closed' && after.state === 'open') this.#queue.gather(door, now)
    else this.#loop.touch(door)
    this.#loop.settle(now)
  }

  #freed(gate: Gate): void {
    if (gate instanceof Cap) this.#register.forgetCap(gate)
    if (this.#someoneWaits) this.#loop.touch(gate)
  }

  #drain(gate: Gate, now: number): void {
    this.#queue.promote(now)
    if (gate instanceof Bucket) this.#drainBucket(gate, now)
    else {
      for (let group = gate.line.peek(); group !== undefined && gate.passes(now); group = gate.line.peek()) {
        this.#queue.serve(gate, group, now)
      }
    }
  }

  #drainBucket(bucket: Bucket, now: number): void {
    while (bucket.isOpen(now)) {
      const call = bucket.owed.peek()
      if (call === undefined) break
      this.#calls.serve(call, now)
    }
    for (;;) {
      const call = bucket.takesCall(now) ? bucket.calls.peek() : undefined
      const group = bucket.passes(now) ? bucket.line.peek() : undefined
      if (call !== undefined && (bucket.callsTurn || group === undefined)) {
        bucket.callsTurn = false
        this.#calls.serve(call, now)
      } else if (group !== undefined) {
        bucket.callsTurn = true
        this.#queue.serve(bucket, group, now)
      } else return
    }
  }

  #wakeAt(now: number): number | null {
    if (!this.#someoneWaits) return null
    let next = this.#queue.wakeAt()
    for (const gate of this.#register.timed()) {
      const at = gate.wakeAt(now)
      if (at !== null && (next === null || at < next)) next = at
    }
    return next
  }

  #wake(now: number): void {
    for (const gate of this.#register.timed()) if (gate.isDue(now)) this.#loop.touch(gate)
    this.#queue.wake(now)
  }

  #rewind(now: number, byMs: number): void {
    for (const bucket of this.#register.buckets.values()) bucket.rewind(now)
    for (const { circuit } of this.#register.accounts.values()) circuit?.rewind(byMs)
    this.#queue.rewind(now, byMs)
  }
}

function closedError(): Error {
  return new DOMException('The limiter was closed.', 'AbortError')
}
