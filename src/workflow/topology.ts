// Graph algorithms over integer nodes. All are linear and without recursion: a workflow may be one chain of 50,000 tasks.

/** For each node, the nodes it needs. */
export type Needs = readonly (readonly number[])[]

/** For each node, the nodes that need it. */
export function dependentsOf(needs: Needs): number[][] {
  const dependents: number[][] = needs.map(() => [])
  for (const [node, list] of needs.entries()) for (const need of list) dependents[need]?.push(node)
  return dependents
}

/** All nodes that depend on a node, directly or not. */
export function allBehind(node: number, dependents: Needs): readonly number[] {
  const seen = new Set([node])
  for (const at of seen) for (const next of dependents[at] ?? []) seen.add(next)
  seen.delete(node)
  return [...seen]
}

/** Nodes in an order in which each follows what it needs. Nodes on or behind a circle are left out. */
export function topologicalOrder(needs: Needs, dependents: Needs): number[] {
  const missing = Int32Array.from(needs, (list) => list.length)
  const order: number[] = []
  for (const [node, list] of needs.entries()) if (list.length === 0) order.push(node)
  for (let at = 0; at < order.length; at++) {
    for (const next of dependents[order[at] ?? 0] ?? []) {
      const left = (missing[next] ?? 0) - 1
      missing[next] = left
      if (left === 0) order.push(next)
    }
  }
  return order
}

/** For each node, its weight and that of the heaviest chain of dependents behind it; undefined where there is a circle. */
export function longestPaths(weights: readonly number[], needs: Needs, dependents: Needs): Float64Array | undefined {
  const order = topologicalOrder(needs, dependents)
  if (order.length < needs.length) return undefined
  const paths = new Float64Array(needs.length)
  for (const node of order.reverse()) {
    let longest = 0
    for (const next of dependents[node] ?? []) longest = Math.max(longest, paths[next] ?? 0)
    paths[node] = (weights[node] ?? 0) + longest
  }
  return paths
}

/**
 * One circle of each group of nodes that need each other, as nodes of which each needs the next and the last the first.
 * It begins with the smallest node of those on it.
 */
export function findCircles(needs: Needs): number[][] {
  const group = stronglyConnected(needs)
  const circles: number[][] = []
  const done = new Set<number>()
  for (let node = 0; node < needs.length; node++) {
    const own = group[node] ?? -1
    if (done.has(own)) continue
    const circle = shortestWayBack(needs, group, node)
    if (circle === undefined) continue
    done.add(own)
    circles.push(circle)
  }
  return circles
}

/** Breadth first from `start` through its own group until `start` is needed again. */
function shortestWayBack(needs: Needs, group: Int32Array, start: number): number[] | undefined {
  const from = new Map<number, number>()
  const queue = [start]
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at] ?? start
    for (const need of needs[node] ?? []) {
      if (need === start) {
        const circle = [node]
        for (let back = node; back !== start; ) {
          back = from.get(back) ?? start
          circle.push(back)
        }
        return circle.reverse()
      }
      if (group[need] !== group[start] || from.has(need)) continue
      from.set(need, node)
      queue.push(need)
    }
  }
  return undefined
}

/** Tarjan's algorithm with its own stack: the number of each node's group. */
function stronglyConnected(needs: Needs): Int32Array {
  const size = needs.length
  const index = new Int32Array(size).fill(-1)
  const low = new Int32Array(size)
  const group = new Int32Array(size).fill(-1)
  const edge = new Int32Array(size)
  const open: number[] = []
  const path: number[] = []
  let counter = 0
  const enter = (node: number) => {
    index[node] = counter
    low[node] = counter++
    open.push(node)
    path.push(node)
  }
  for (let root = 0; root < size; root++) {
    if (index[root] !== -1) continue
    enter(root)
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const at = edge[node] ?? 0
      edge[node] = at + 1
      const need = needs[node]?.[at]
      if (need !== undefined) {
        if (index[need] === -1) enter(need)
        else if (group[need] === -1) low[node] = Math.min(low[node] ?? 0, index[need] ?? 0)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) low[parent] = Math.min(low[parent] ?? 0, low[node] ?? 0)
      if (low[node] !== index[node]) continue
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        group[member] = node
        if (member === node) break
      }
    }
  }
  return group
}

/** A question to {@link unreachable}: does `reader` need `target`, by however many steps? */
export interface Reach {
  readonly reader: number
  readonly target: number
}

/**
 * Those questions whose answer is no. Targets are answered 32 at a time, each batch over the stretch of the order between
 * its first target and its last reader, so that neither near nor far questions make it quadratic. Readers on
 * or behind a circle are searched one by one, as long as that is cheap; beyond, they are taken to need it.
 */
export function unreachable<T extends Reach>(needs: Needs, order: readonly number[], questions: readonly T[]): T[] {
  const position = new Int32Array(needs.length).fill(-1)
  for (const [at, node] of order.entries()) position[node] = at
  const place = (node: number) => position[node] ?? -1
  const [answerable, circular] = [true, false].map((ordered) =>
    questions.filter(({ reader }) => (place(reader) !== -1) === ordered),
  )
  const sorted = [...(answerable ?? [])].sort((a, b) => place(a.target) - place(b.target))
  const mask = new Int32Array(needs.length)
  const no: T[] = unreachableBySearch(needs, circular ?? [])
  for (let at = 0; at < sorted.length; ) {
    const bits = new Map<number, number>()
    const batch: T[] = []
    for (; at < sorted.length; at++) {
      const question = sorted[at]
      if (question === undefined || (bits.size === 32 && !bits.has(question.target))) break
      if (!bits.has(question.target)) bits.set(question.target, 1 << bits.size)
      batch.push(question)
    }
    no.push(...unreachableInBatch(needs, order, place, mask, bits, batch))
  }
  return no
}

function unreachableInBatch<T extends Reach>(
  needs: Needs,
  order: readonly number[],
  place: (node: number) => number,
  mask: Int32Array,
  bits: ReadonlyMap<number, number>,
  batch: readonly T[],
): T[] {
  let first = order.length
  let last = -1
  for (const { reader, target } of batch) {
    if (place(target) !== -1) first = Math.min(first, place(target))
    last = Math.max(last, place(reader))
  }
  for (let at = first; at <= last; at++) {
    const node = order[at] ?? 0
    let reached = 0
    for (const need of needs[node] ?? []) {
      if (place(need) >= first) reached |= (mask[need] ?? 0) | (bits.get(need) ?? 0)
    }
    mask[node] = reached
  }
  return batch.filter(({ reader, target }) => {
    const reached = place(reader) >= first && place(target) !== -1 ? (mask[reader] ?? 0) : 0
    return (reached & (bits.get(target) ?? 0)) === 0
  })
}

function unreachableBySearch<T extends Reach>(needs: Needs, questions: readonly T[]): T[] {
  let budget = 1_000_000
  return questions.filter(({ reader, target }) => {
    const seen = new Set([reader])
    const queue = [reader]
    for (let at = 0; at < queue.length; at++) {
      for (const need of needs[queue[at] ?? reader] ?? []) {
        if (need === target || budget-- <= 0) return false
        if (seen.has(need)) continue
        seen.add(need)
        queue.push(need)
      }
    }
    return true
  })
}
