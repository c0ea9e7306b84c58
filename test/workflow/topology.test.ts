import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dependentsOf, findCircles, longestPaths, topologicalOrder, unreachable } from '../../src/workflow/topology.ts'

const graphs = fc
  .nat(40)
  .chain((size) =>
    fc.array(fc.uniqueArray(fc.nat(Math.max(0, size - 1)), { maxLength: 3 }), { minLength: size, maxLength: size }),
  )

function reachableFrom(needs: readonly (readonly number[])[], node: number): Set<number> {
  const seen = new Set<number>()
  const queue = [node]
  for (const next of queue)
    for (const need of needs[next] ?? []) if (!seen.has(need)) queue.push(need) && seen.add(need)
  return seen
}

describe('any graph', () => {
  it('has an order that leaves out exactly what lies on or behind a circle', () => {
    fc.assert(
      fc.property(graphs, (needs) => {
        const order = topologicalOrder(needs, dependentsOf(needs))
        const place = new Map(order.map((node, at) => [node, at]))
        for (const node of order)
          for (const need of needs[node] ?? []) expect(place.get(need)).toBeLessThan(place.get(node) ?? -1)
        const stuck = [...needs.keys()].filter((node) => !place.has(node))
        const circular = [...needs.keys()].filter((node) =>
          [node, ...reachableFrom(needs, node)].some((each) => reachableFrom(needs, each).has(each)),
        )
        expect(stuck).toEqual(circular)
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  it('has each circle named as nodes of which each needs the next', () => {
    fc.assert(
      fc.property(graphs, (needs) => {
        const circles = findCircles(needs)
        for (const circle of circles) {
          expect(circle.every((node, at) => needs[node]?.includes(circle[(at + 1) % circle.length] ?? -1))).toEqual(
            true,
          )
          expect(circle[0]).toEqual(Math.min(...circle))
        }
        const complete = topologicalOrder(needs, dependentsOf(needs)).length === needs.length
        expect(circles.length === 0).toEqual(complete)
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  it('answers which nodes do not need which, as a search does', () => {
    fc.assert(
      fc.property(graphs, (needs) => {
        const questions = [...needs.keys()].flatMap((reader) => [...needs.keys()].map((target) => ({ reader, target })))
        const order = topologicalOrder(needs, dependentsOf(needs))
        const no = new Set(unreachable(needs, order, questions).map(({ reader, target }) => `${reader} ${target}`))
        const found = questions.filter(({ reader, target }) => !reachableFrom(needs, reader).has(target))
        expect([...no].sort()).toEqual(found.map(({ reader, target }) => `${reader} ${target}`).sort())
      }),
      { numRuns: 100, seed: 7 },
    )
  })
})

it('weighs the heaviest chain behind each node, and none where there is a circle', () => {
  const needs = [[], [0], [0], [1, 2]]
  expect(longestPaths([1, 5, 3, 2], needs, dependentsOf(needs))).toEqual(Float64Array.from([8, 7, 5, 2]))
  expect(longestPaths([1], [[0]], [[0]])).toEqual(undefined)
})
