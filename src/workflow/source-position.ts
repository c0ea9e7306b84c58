import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import { createPlaces, type Places } from './places.ts'
import type { Locate, TextPlace } from './problems.ts'

/** Finds where a path lies. Each mapping is indexed once, when it is first asked for. */
export function createLocator(root: Node, targets: ReadonlyMap<Alias, Node>, text: string): Locate {
  const place = createPlaces(text)
  const indices = new WeakMap<YAMLMap, Map<string, Pair>>()
  const entry = (map: YAMLMap, key: string): Pair | undefined => {
    let index = indices.get(map)
    if (index === undefined) {
      index = indexOf(map)
      indices.set(map, index)
    }
    return index.get(key)
  }
  return (path, spot) => {
    let node: unknown = root
    let offset = offsetOf(root)
    for (const [depth, part] of path.entries()) {
      const inside = isAlias(node) ? targets.get(node) : node
      const last = depth === path.length - 1
      if (isMap(inside)) {
        const pair = entry(inside, String(part))
        if (pair === undefined) break
        const atKey = (last && spot === 'key') || !hasPlace(pair.value)
        offset = offsetOf(atKey ? pair.key : pair.value)
        // The value of a mapping begins at its first key; what is missing in it is said at its own key.
        if (!last && (isMap(pair.value) || isSeq(pair.value))) offset = offsetOf(pair.key)
        node = pair.value
      } else if (isSeq(inside) && typeof part === 'number' && part < inside.items.length) {
        node = inside.items[part]
        offset = offsetOf(node)
      } else break
    }
    return typeof spot === 'object' ? placeWithin(node, spot, text, place) : place(offset)
  }
}

/** Where a row and column of a text lie in the file: exact for `|` blocks and for one line without escapes. */
function placeWithin(node: unknown, at: TextPlace, text: string, place: Places): ReturnType<Places> {
  const start = offsetOf(node)
  if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return place(start)
  if (node.type === 'BLOCK_LITERAL') {
    const [, first = ''] = text.slice(start, node.range[1]).split('\n', 2)
    const indent = first.length - first.trimStart().length
    return { line: place(start).line + at.row, column: indent + at.column }
  }
  const quotes = node.type === 'PLAIN' ? 0 : 2
  const exact = at.row === 1 && node.range[1] - start - quotes === node.value.length
  return place(exact ? start + quotes / 2 + at.column - 1 : start)
}

function indexOf(map: YAMLMap): Map<string, Pair> {
  const index = new Map<string, Pair>()
  for (const pair of map.items) {
    if (!isScalar(pair.key)) continue
    const key = typeof pair.key.value === 'string' ? pair.key.value : String(pair.key.source ?? pair.key.value)
    if (!index.has(key)) index.set(key, pair)
  }
  return index
}

/** An empty value (`needs:` with nothing behind) lies where the line ends; its key says more. */
function hasPlace(value: unknown): boolean {
  return isAlias(value) || isMap(value) || isSeq(value) || (isScalar(value) && value.source !== '')
}

function offsetOf(node: unknown): number {
  if (!isAlias(node) && !isMap(node) && !isSeq(node) && !isScalar(node)) return 0
  return node.range?.[0] ?? 0
}
