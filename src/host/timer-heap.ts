/** A timer of the virtual clock; without `fn` it is dead: fired or cleared. */
export interface VirtualTimer {
  readonly due: number
  /** Order of arming: decides between timers of one instant. */
  readonly order: number
  fn: (() => void) | undefined
}

/** Below this the dead are left where they are. */
const COMPACT_FROM = 1024

/** Timers by (due, order). Clearing costs nothing at once: the dead are dropped when met, or when they outnumber the living. */
export class TimerHeap {
  private heap: VirtualTimer[] = []
  private live = 0

  /** How many timers are neither fired nor cleared. */
  get size(): number {
    return this.live
  }

  push(timer: VirtualTimer): void {
    this.heap.push(timer)
    this.live++
    this.siftUp(this.heap.length - 1)
  }

  /** Forgets a timer; false when it has fired or was cleared before. */
  clear(timer: VirtualTimer): boolean {
    if (timer.fn === undefined) return false
    timer.fn = undefined
    this.live--
    if (this.heap.length > COMPACT_FROM && this.live * 2 < this.heap.length) this.compact()
    return true
  }

  /** When the next timer is due; undefined when there is none that ever will be. */
  nextDue(): number | undefined {
    const next = this.peek()
    return next === undefined || next.due === Infinity ? undefined : next.due
  }

  /** Whether a timer that was armed before number `armedBefore` is due at `time` or before. */
  hasDue(time: number, armedBefore: number): boolean {
    const next = this.peek()
    return next !== undefined && next.due <= time && next.order < armedBefore
  }

  /** Takes out the next of those that {@link hasDue} asks for, and gives what it is to call. */
  takeDue(time: number, armedBefore: number): (() => void) | undefined {
    const next = this.peek()
    if (next === undefined || next.due > time || next.order >= armedBefore) return undefined
    const fn = next.fn
    next.fn = undefined
    this.live--
    this.removeFirst()
    return fn
  }

  private peek(): VirtualTimer | undefined {
    let first = this.heap[0]
    while (first !== undefined && first.fn === undefined) {
      this.removeFirst()
      first = this.heap[0]
    }
    return first
  }

  private removeFirst(): void {
    const last = this.heap.pop()
    if (last === undefined || this.heap.length === 0) return
    this.heap[0] = last
    this.siftDown(0)
  }

  private compact(): void {
    this.heap = this.heap.filter((timer) => timer.fn !== undefined)
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.siftDown(i)
  }

  private siftUp(start: number): void {
    const { heap } = this
    let at = start
    const timer = heap[at]
    while (timer !== undefined && at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || isBefore(parent, timer)) break
      heap[at] = parent
      heap[parentAt] = timer
      at = parentAt
    }
  }

  private siftDown(start: number): void {
    const { heap } = this
    let at = start
    const timer = heap[at]
    while (timer !== undefined) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      const right = heap[childAt + 1]
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right
        childAt++
      }
      if (child === undefined || isBefore(timer, child)) break
      heap[at] = child
      heap[childAt] = timer
      at = childAt
    }
  }
}

function isBefore(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
