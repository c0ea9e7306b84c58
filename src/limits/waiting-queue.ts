import type { SlotRequest, WaitingFor } from '../domain/limiter.ts'
import type { Priority } from '../domain/workflow.ts'
import { type HeapItem, IndexedHeap } from './indexed-heap.ts'

/** What a gate says of itself to whoever it holds back. */
export type WaitReason = Omit<WaitingFor, 'since'>

/** Something that can hold a request back: a cap, a bucket, a paused run, a closed account. */
export interface Gate {
  /** Small and unique in its limiter. */
  readonly id: number
  /** The groups that wait here. */
  readonly line: WaitingLine
  /** Whether it has room for one more at this time. */
  passes(now: number): boolean
  /** Whether nobody waits here whom a new request would overtake. */
  readonly idle: boolean
  reason(now: number): WaitReason
  /** It may have room for its line, and is going to be looked at. */
  dirty: boolean
  /** How many requests wait, here or elsewhere, that need it: while there are any it must not be forgotten. */
  interested: number
}

/** Whose turn it is: the number of the last grant to the run, 0 before the first. */
export interface RunTurn {
  turn: number
}

/** 0 waited long, 1 high, 2 normal, 3 low. */
type Rank = 0 | 1 | 2 | 3

const RANKS: Readonly<Record<Priority, Rank>> = { high: 1, normal: 2, low: 3 }

/** What becomes of a request. */
interface WaiterFate {
  readonly onWait: ((waiting: WaitingFor) => void) | undefined
  /** Takes what it needs, which is free. */
  grant(): void
  refuse(error: unknown): void
}

/** A request that waits. */
export class Waiter implements HeapItem {
  heapIndex = -1
  readonly holder: string
  readonly run: RunTurn
  /** All that it needs, in the order in which it is looked at. */
  readonly gates: readonly Gate[]
  readonly remaining: number
  /** Order of arrival. */
  readonly seq: number
  readonly fate: WaiterFate
  rank: Rank
  since: number
  notBefore: number
  /** Its group; undefined before its time has come, and when it waits no more. */
  group: WaitingGroup | undefined
  /** Neighbours in the list of arrivals. */
  older: Waiter | undefined
  newer: Waiter | undefined
  /** Kind and name of the reason it was told last. */
  told = ''

  constructor(
    request: SlotRequest,
    needs: { readonly run: RunTurn; readonly gates: readonly Gate[] },
    seq: number,
    now: number,
    fate: WaiterFate,
  ) {
    this.holder = request.holder
    this.run = needs.run
    this.gates = needs.gates
    this.remaining = request.remaining
    this.seq = seq
    this.fate = fate
    this.rank = RANKS[request.priority]
    this.since = now
    this.notBefore = request.notBefore ?? 0
  }
}

/** Requests of one run with the same needs and rank: what holds one of them back holds all of them back. */
export class WaitingGroup implements HeapItem {
  heapIndex = -1
  readonly key: string
  readonly rank: Rank
  readonly run: RunTurn
  /** All that its members need, in the order in which they are looked at. */
  readonly gates: readonly Gate[]
  readonly waiters: IndexedHeap<Waiter>
  /** Where it waits. */
  gate: Gate | undefined
  /** Its members are told of a new reason no sooner than this, ms. */
  tellAfter = 0
  tellEveryMs = 0

  constructor(key: string, rank: Rank, run: RunTurn, gates: readonly Gate[]) {
    this.key = key
    this.rank = rank
    this.run = run
    this.gates = gates
    this.waiters = new IndexedHeap<Waiter>(rank === 0 ? arrivedBefore : goesBefore)
  }
}

/**
 * The groups that wait at one gate. First those that waited long, in order of arrival; then by priority, then the run
 * whose last grant is longest ago, then the longest remaining path, then order of arrival.
 *
 * A heap of runs, each a heap of groups: a grant changes the rank of one run, not of its groups. A run's turn only grows,
 * so a run is put back to where it belongs when it comes up with an old turn.
 */
export class WaitingLine {
  readonly #runs = new IndexedHeap<RunLine>(runGoesBefore)
  readonly #byRun = new Map<RunTurn, RunLine>()

  get empty(): boolean {
    return this.#runs.size === 0
  }

  /** Number of requests, O(groups). */
  get waiting(): number {
    let count = 0
    for (const group of this.groups()) count += group.waiters.size
    return count
  }

  add(group: WaitingGroup): void {
    const known = this.#byRun.get(group.run)
    if (known !== undefined) {
      known.groups.push(group)
      this.#runs.update(known)
      return
    }
    const line = new RunLine(group.run)
    line.groups.push(group)
    this.#byRun.set(group.run, line)
    this.#runs.push(line)
  }

  remove(group: WaitingGroup): void {
    const line = this.#byRun.get(group.run)
    if (line === undefined) return
    if (line.groups.size > 1) {
      line.groups.remove(group)
      this.#runs.update(line)
    } else if (line.groups.peek() === group) {
      // Out of the outer heap first: its order looks at the line's first group.
      this.#runs.remove(line)
      line.groups.remove(group)
      this.#byRun.delete(group.run)
    }
  }

  /** The first member of a group has changed. */
  update(group: WaitingGroup): void {
    const line = this.#byRun.get(group.run)
    if (line === undefined) return
    line.groups.update(group)
    this.#runs.update(line)
  }

  /** The group whose first member is next. */
  peek(): WaitingGroup | undefined {
    for (;;) {
      const line = this.#runs.peek()
      if (line === undefined) return undefined
      if (line.turn === line.run.turn) return line.groups.peek()
      line.turn = line.run.turn
      this.#runs.update(line)
    }
  }

  *groups(): Generator<WaitingGroup> {
    for (const line of this.#runs) yield* line.groups
  }
}

class RunLine implements HeapItem {
  heapIndex = -1
  readonly run: RunTurn
  turn: number
  readonly groups = new IndexedHeap<WaitingGroup>(groupGoesBefore)

  constructor(run: RunTurn) {
    this.run = run
    this.turn = run.turn
  }
}

function arrivedBefore(a: Waiter, b: Waiter): boolean {
  return a.seq < b.seq
}

function goesBefore(a: Waiter, b: Waiter): boolean {
  return a.remaining === b.remaining ? a.seq < b.seq : a.remaining > b.remaining
}

function groupGoesBefore(a: WaitingGroup, b: WaitingGroup): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank
  const first = a.waiters.peek()
  const second = b.waiters.peek()
  if (first === undefined || second === undefined) return first !== undefined
  return a.rank === 0 ? arrivedBefore(first, second) : goesBefore(first, second)
}

function runGoesBefore(a: RunLine, b: RunLine): boolean {
  const first = a.groups.peek()
  const second = b.groups.peek()
  if (first === undefined || second === undefined) return first !== undefined
  if (first.rank !== second.rank || first.rank === 0 || a.turn === b.turn) return groupGoesBefore(first, second)
  return a.turn < b.turn
}
