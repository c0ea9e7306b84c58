/** What an {@link IndexedHeap} needs of its items: one heap at a time holds an item. */
export interface HeapItem {
  /** Place in the heap that holds it, -1 when none does. Written by the heap alone. */
  heapIndex: number
}

/**
 * A binary heap that can also take out or re-place any of its items in O(log n). `before(a, b)`: a comes out before b;
 * whoever changes what it depends on calls {@link IndexedHeap.update}.
 */
export class IndexedHeap<T extends HeapItem> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    item.heapIndex = this.#items.length
    this.#items.push(item)
    this.#up(item)
  }

  /** Takes the item out; nothing when it is not in this heap. */
  remove(item: T): void {
    const at = item.heapIndex
    if (at < 0 || this.#items[at] !== item) return
    item.heapIndex = -1
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    this.#place(last, at)
    this.update(last)
  }

  /** Puts an item whose rank has changed where it belongs. */
  update(item: T): void {
    this.#up(item)
    this.#down(item)
  }

  /** In no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]()
  }

  #place(item: T, at: number): void {
    this.#items[at] = item
    item.heapIndex = at
  }

  #up(item: T): void {
    let at = item.heapIndex
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !this.#before(item, parent)) break
      this.#place(parent, at)
      at = above
    }
    this.#place(item, at)
  }

  #down(item: T): void {
    let at = item.heapIndex
    for (;;) {
      const left = this.#items[2 * at + 1]
      const right = this.#items[2 * at + 2]
      if (left === undefined) break
      const first = right !== undefined && this.#before(right, left) ? right : left
      if (!this.#before(first, item)) break
      const below = first.heapIndex
      this.#place(first, at)
      at = below
    }
    this.#place(item, at)
  }
}
