import type { WaitingFor } from '../domain/limiter.ts'
import { Door } from './door.ts'
import { IndexedHeap } from './indexed-heap.ts'
import { type Gate, type Waiter, WaitingGroup, type WaitReason } from './waiting-queue.ts'

/** Whoever waited so long goes first. */
const LONG_WAIT_MS = 10 * 60_000

/** How soon, and at most how late, a group is told that it now waits for something else. */
const TELL_EVERY_MS = 5_000
const TELL_AT_LAST_MS = 10 * 60_000

/**
 * Requests that wait for all that they need at once.
 *
 * Requests of one run with the same needs and rank form a group; a group waits at the first gate that holds it back, in that
 * gate's line. When a gate gets room, the first group of its line is looked at: if nothing else holds it back, its first
 * member is granted, else the group as a whole moves to the line of what does; and so on while the gate has room. So
 * a decision costs O(log n) and moves groups, never members: 50,000 requests behind one cap are one group. A group that
 * cannot go on has left the line, so it starves nobody behind it. Between two events each group waits at a gate that has
 * no room, and getting room is an event: of a release, an answer, a command or the clock.
 *
 * Groups may move between a full cap and a full bucket many times a minute. Their members are told at once the first time
 * and of what a person should know, else with growing delays; asking always gives the present reason.
 *
 * Nothing is kept empty for a request that waited long: it goes first wherever it waits, but not before all it needs is free.
 */
export class SlotQueue {
  readonly #groups = new Map<string, WaitingGroup>()
  readonly #byHolder = new Map<string, Waiter>()
  /** Those whose time has not come. */
  readonly #early = new IndexedHeap<Waiter>((a, b) => a.notBefore < b.notBefore)
  #oldest: Waiter | undefined
  #newest: Waiter | undefined
  /** Whom to tell when all is settled. */
  #tells: Waiter[] = []
  /** Groups that were not told of their present gate. */
  readonly #stale = new Set<WaitingGroup>()
  #tellAt: number | null = null
  readonly #touch: (gate: Gate) => void
  size = 0

  /** `touch` is called with each gate that may have room for its line. */
  constructor(touch: (gate: Gate) => void) {
    this.#touch = touch
  }

  add(waiter: Waiter, now: number): void {
    this.size++
    for (const gate of waiter.gates) gate.interested++
    this.#byHolder.set(waiter.holder, waiter)
    waiter.older = this.#newest
    if (this.#newest === undefined) this.#oldest = waiter
    else this.#newest.newer = waiter
    this.#newest = waiter
    this.#tells.push(waiter)
    if (waiter.notBefore > now) this.#early.push(waiter)
    else this.#enter(waiter, now)
  }

  /** Takes a request out, because it was granted or gave up. */
  remove(waiter: Waiter): void {
    this.size--
    for (const gate of waiter.gates) gate.interested--
    if (this.#byHolder.get(waiter.holder) === waiter) this.#byHolder.delete(waiter.holder)
    this.#unlink(waiter)
    this.#early.remove(waiter)
    this.#leaveGroup(waiter)
  }

  /** Looks at the first group of the line of a gate that has room. */
  serve(gate: Gate, group: WaitingGroup, now: number): void {
    const blocker = group.gates.find((other) => !other.passes(now))
    if (blocker === undefined) group.waiters.peek()?.fate.grant()
    else if (blocker !== gate) this.#move(group, blocker, now)
  }

  /** A door was shut: all that have to pass it wait there from now on. */
  gather(door: Door, now: number): void {
    for (const group of door.groups) {
      if (group.gate === door) this.#reasonChanged(group, now)
      else this.#move(group, door, now)
    }
  }

  /** What a gate says of itself has changed. */
  reasonChanged(gate: Gate, now: number): void {
    for (const group of gate.line.groups()) this.#reasonChanged(group, now)
  }

  /** Lets those that waited long go first. */
  promote(now: number): void {
    for (let waiter = this.#oldest; waiter !== undefined && now - waiter.since >= LONG_WAIT_MS; waiter = this.#oldest) {
      this.#unlink(waiter)
      const gate = waiter.group?.gate
      this.#leaveGroup(waiter)
      waiter.rank = 0
      if (gate === undefined) continue
      this.#join(waiter, gate)
      this.#tells.push(waiter)
    }
  }

  /** The next time at which {@link SlotQueue.wake} has something to do. */
  wakeAt(): number | null {
    const early = this.#early.peek()?.notBefore ?? null
    if (early === null || this.#tellAt === null) return early ?? this.#tellAt
    return Math.min(early, this.#tellAt)
  }

  wake(now: number): void {
    for (
      let waiter = this.#early.peek();
      waiter !== undefined && waiter.notBefore <= now;
      waiter = this.#early.peek()
    ) {
      this.#early.remove(waiter)
      this.#enter(waiter, now)
      if (waiter.group !== undefined) this.#tells.push(waiter)
    }
    if (this.#tellAt !== null && this.#tellAt <= now) this.#tellStale(now)
  }

  /** Tells whoever has a new reason to wait. True when there was somebody. */
  tell(now: number): boolean {
    if (this.#tells.length === 0) return false
    const waiters = this.#tells
    this.#tells = []
    let gate: Gate | undefined
    let reason: WaitReason | undefined
    let words = ''
    for (const waiter of waiters) {
      if (waiter.fate.onWait === undefined || waiter.heapIndex < 0) continue
      // A gate's words are made once for all members of a group.
      if (reason === undefined || gate === undefined || waiter.group?.gate !== gate) {
        gate = waiter.group?.gate
        reason = this.#reason(waiter, now)
        words = `${reason.kind} ${reason.name}`
      }
      if (words !== waiter.told) this.#tellOne(waiter, words, reason)
    }
    return true
  }

  waiting(holder: string, now: number): WaitingFor | undefined {
    const waiter = this.#byHolder.get(holder)
    return waiter === undefined ? undefined : { ...this.#reason(waiter, now), since: waiter.since }
  }

  /** The clock went back to `now` by `byMs`. */
  rewind(now: number, byMs: number): void {
    for (const waiter of this.#early) waiter.notBefore -= byMs
    for (let waiter = this.#oldest; waiter !== undefined; waiter = waiter.newer)
      waiter.since = Math.min(waiter.since, now)
    for (const group of this.#groups.values()) group.tellAfter -= byMs
    if (this.#tellAt !== null) this.#tellAt -= byMs
  }

  refuseAll(error: unknown): void {
    for (const waiter of [...this.#byHolder.values()]) waiter.fate.refuse(error)
    for (let waiter = this.#oldest; waiter !== undefined; waiter = this.#oldest) waiter.fate.refuse(error)
  }

  /** Waits where it is held back, or where others were before it; is granted when there is neither. */
  #enter(waiter: Waiter, now: number): void {
    const gate = waiter.gates.find((other) => !other.passes(now) || !other.idle)
    if (gate === undefined) waiter.fate.grant()
    else {
      const joined = this.#join(waiter, gate)
      if (joined.passes(now)) this.#touch(joined)
    }
  }

  /** Joins its group wherever that waits; a new group waits at `gate`. Gives the gate. */
  #join(waiter: Waiter, gate: Gate): Gate {
    const key = `${waiter.rank}:${waiter.gates.map((other) => other.id).join()}`
    const known = this.#groups.get(key)
    if (known?.gate !== undefined) {
      known.waiters.push(waiter)
      waiter.group = known
      known.gate.line.update(known)
      return known.gate
    }
    const group = new WaitingGroup(key, waiter.rank, waiter.run, waiter.gates)
    this.#groups.set(key, group)
    for (const other of group.gates) if (other instanceof Door) other.groups.add(group)
    group.waiters.push(waiter)
    waiter.group = group
    group.gate = gate
    gate.line.add(group)
    return gate
  }

  #leaveGroup(waiter: Waiter): void {
    const group = waiter.group
    if (group === undefined) return
    waiter.group = undefined
    if (group.waiters.size > 1) {
      group.waiters.remove(waiter)
      group.gate?.line.update(group)
      return
    }
    group.gate?.line.remove(group)
    group.gate = undefined
    group.waiters.remove(waiter)
    this.#groups.delete(group.key)
    this.#stale.delete(group)
    for (const gate of group.gates) if (gate instanceof Door) gate.groups.delete(group)
  }

  #move(group: WaitingGroup, gate: Gate, now: number): void {
    group.gate?.line.remove(group)
    group.gate = gate
    gate.line.add(group)
    this.#reasonChanged(group, now)
  }

  #unlink(waiter: Waiter): void {
    if (waiter.older !== undefined) waiter.older.newer = waiter.newer
    else if (this.#oldest === waiter) this.#oldest = waiter.newer
    if (waiter.newer !== undefined) waiter.newer.older = waiter.older
    else if (this.#newest === waiter) this.#newest = waiter.older
    waiter.older = undefined
    waiter.newer = undefined
  }

  #reasonChanged(group: WaitingGroup, now: number): void {
    if (group.gate instanceof Door || now >= group.tellAfter) {
      this.#tellGroup(group, now)
      return
    }
    this.#stale.add(group)
    this.#tellAt ??= group.tellAfter
  }

  #tellGroup(group: WaitingGroup, now: number): void {
    this.#stale.delete(group)
    group.tellEveryMs = Math.min(TELL_AT_LAST_MS, Math.max(TELL_EVERY_MS, group.tellEveryMs * 2))
    group.tellAfter = now + group.tellEveryMs
    for (const waiter of group.waiters) this.#tells.push(waiter)
  }

  #tellStale(now: number): void {
    let next: number | null = null
    for (const group of [...this.#stale]) {
      if (group.tellAfter <= now) this.#tellGroup(group, now)
      else next = Math.min(next ?? group.tellAfter, group.tellAfter)
    }
    this.#tellAt = next === null ? null : Math.max(next, now + TELL_EVERY_MS)
  }

  #tellOne(waiter: Waiter, words: string, reason: WaitReason): void {
    waiter.told = words
    try {
      waiter.fate.onWait?.({ ...reason, since: waiter.since })
    } catch (error) {
      waiter.fate.refuse(error)
    }
  }

  #reason(waiter: Waiter, now: number): WaitReason {
    if (waiter.group?.gate !== undefined) return waiter.group.gate.reason(now)
    const shut = waiter.gates.find((gate) => gate instanceof Door && !gate.passes(now))
    if (shut !== undefined) return shut.reason(now)
    const name = waiter.gates.at(-1)?.reason(now).name ?? ''
    return { kind: 'closed', name, until: waiter.notBefore, detail: 'was asked to wait before it tries again' }
  }
}
