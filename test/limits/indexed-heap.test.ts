import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HeapItem, IndexedHeap } from '../../src/limits/indexed-heap.ts'

interface Numbered extends HeapItem {
  value: number
}

describe('indexed heap', () => {
  it('gives its items in order whatever was added, taken out and changed before', () => {
    const step = fc.tuple(fc.constantFrom('push', 'remove', 'change'), fc.nat(1000), fc.nat(1000))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new IndexedHeap<Numbered>((a, b) => a.value < b.value)
        const model: Numbered[] = []
        for (const [kind, which, value] of steps) {
          const chosen = model[which % Math.max(1, model.length)]
          if (kind === 'push') {
            const item = { heapIndex: -1, value }
            model.push(item)
            heap.push(item)
          } else if (chosen !== undefined && kind === 'remove') {
            heap.remove(chosen)
            model.splice(model.indexOf(chosen), 1)
          } else if (chosen !== undefined) {
            chosen.value = value
            heap.update(chosen)
          }
          expect(heap.peek()?.value).toEqual(
            model.length === 0 ? undefined : Math.min(...model.map((item) => item.value)),
          )
        }
        const drained: number[] = []
        for (let item = heap.peek(); item !== undefined; item = heap.peek()) {
          drained.push(item.value)
          heap.remove(item)
        }
        expect(drained).toEqual(model.map((item) => item.value).sort((a, b) => a - b))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('ignores the removal of an item that is in no heap or in another one', () => {
    const heap = new IndexedHeap<Numbered>((a, b) => a.value < b.value)
    const other = new IndexedHeap<Numbered>((a, b) => a.value < b.value)
    const inside = { heapIndex: -1, value: 1 }
    const elsewhere = { heapIndex: -1, value: 2 }
    heap.push(inside)
    other.push(elsewhere)
    heap.remove(elsewhere)
    heap.remove({ heapIndex: -1, value: 3 })
    expect([...heap]).toEqual([inside])
    expect([...other]).toEqual([elsewhere])
  })
})
