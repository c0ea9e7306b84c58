import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Problem } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'

const MAX_DEPTH = 200
// What aliases may add, counted in values and characters: a file of 4 MB cannot need more, a bomb exceeds it at once.
const MAX_ALIAS_WEIGHT = 8_000_000

/** What {@link readNode} found. `targets` says what each alias stands for. */
export interface NodeValue {
  readonly value: Json
  readonly problems: readonly Problem[]
  readonly targets: ReadonlyMap<Alias, Node>
  /** The aliases unfold without bound: the value is not to be walked. */
  readonly unbounded: boolean
}

/** The plain value of a parsed YAML node. Linear; duplicate keys, bad keys and alias bombs become problems. */
export function readNode(root: Node, problemAt: (offset: number, message: string) => Problem): NodeValue {
  const reader = new NodeReader(problemAt)
  const value = reader.read(root, 0)
  return { value, problems: reader.problems, targets: reader.targets, unbounded: reader.unbounded }
}

interface Anchored {
  readonly node: Node
  readonly value: Json
  /** Values and characters within, aliases counted as often as they are used. */
  readonly weight: number
  readonly height: number
}

class NodeReader {
  readonly problems: Problem[] = []
  readonly targets = new Map<Alias, Node>()
  unbounded = false
  readonly #anchors = new Map<string, Anchored | 'open'>()
  readonly #problemAt: (offset: number, message: string) => Problem
  #weight = 0
  #aliasWeight = 0
  #deepest = 0

  constructor(problemAt: (offset: number, message: string) => Problem) {
    this.#problemAt = problemAt
  }

  read(node: unknown, depth: number): Json {
    this.#deepest = Math.max(this.#deepest, depth)
    this.#weight += 1
    if (isAlias(node)) return this.#alias(node, depth)
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null
    const anchor = node.anchor
    if (anchor === undefined) return this.#content(node, depth)
    this.#anchors.set(anchor, 'open')
    const before = { weight: this.#weight, deepest: this.#deepest }
    this.#deepest = depth
    const value = this.#content(node, depth)
    const height = this.#deepest - depth
    this.#deepest = Math.max(this.#deepest, before.deepest)
    this.#anchors.set(anchor, { node, value, weight: this.#weight - before.weight + 1, height })
    return value
  }

  #content(node: Node, depth: number): Json {
    if (isMap(node)) return this.#map(node, depth)
    if (isSeq(node)) return this.#list(node, depth)
    if (!isScalar(node)) return null
    const { value } = node
    if (typeof value === 'string') this.#weight += value.length
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    if (typeof value === 'number' && Number.isFinite(value)) return value
    this.#add(node, `${String(node.source ?? value)} is not a value that JSON can hold; put it in quotes if it is text`)
    return null
  }

  #alias(node: Alias, depth: number): Json {
    const target = this.#anchors.get(node.source)
    if (this.unbounded) return null
    if (target === undefined || target === 'open') {
      const what = target === 'open' ? 'stands inside what it refers to' : 'refers to an anchor that is not above it'
      this.#add(node, `the alias *${node.source} ${what}`)
      return null
    }
    this.#weight += target.weight
    this.#aliasWeight += target.weight
    this.#deepest = Math.max(this.#deepest, depth + target.height)
    if (this.#aliasWeight > MAX_ALIAS_WEIGHT || depth + target.height > MAX_DEPTH) {
      this.unbounded = true
      this.#add(node, `the aliases of this file unfold into too much; write less with *${node.source}, or use defaults`)
      return null
    }
    this.targets.set(node, target.node)
    return target.value
  }

  #list(node: YAMLSeq, depth: number): Json {
    const items: Json[] = []
    for (const item of node.items) items.push(this.read(item, depth + 1))
    return items
  }

  #map(node: YAMLMap, depth: number): Json {
    const result: Record<string, Json> = {}
    const seen = new Set<string>()
    for (const pair of node.items) {
      const key = this.#key(pair, node)
      const value = this.read(pair.value, depth + 1)
      if (key === undefined) continue
      if (seen.has(key)) {
        this.#add(isNode(pair.key) ? pair.key : node, `the key '${key}' is there twice; keep one of them`)
        continue
      }
      seen.add(key)
      result[key] = value
    }
    return result
  }

  #key(pair: Pair, map: YAMLMap): string | undefined {
    const { key } = pair
    const at = isNode(key) ? key : map
    if (!isScalar(key) || key.value === null) {
      this.#add(at, 'a key must be plain text')
      return undefined
    }
    const name = typeof key.value === 'string' ? key.value : String(key.source ?? key.value)
    if (name === '<<') {
      this.#add(at, 'merge keys (<<) are not supported; use defaults for what tasks have in common')
      return undefined
    }
    if (name === '__proto__') {
      this.#add(at, `'__proto__' cannot be a key`)
      return undefined
    }
    return name
  }

  #add(node: Node, message: string): void {
    this.problems.push(this.#problemAt(node.range?.[0] ?? 0, message))
  }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}
