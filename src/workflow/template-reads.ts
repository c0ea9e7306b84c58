import {
  type Arguments,
  Output,
  Tag,
  type Template,
  type Token,
  TypeGuards,
  toValueSync,
  Value,
  type ValueToken,
} from 'liquidjs'
import { createPlaces } from './places.ts'
import type { TextPlace } from './problems.ts'
import { type PrintStyle, printAs, REFUSED_TAGS, refusedTag, type TemplateMistake } from './template-engine.ts'

/** One use of a name in a template or condition. */
export interface Read {
  readonly root: string
  /** Names and indices after the root; null where one is computed. */
  readonly path: readonly (string | number | null)[]
  readonly at: TextPlace
}

/** Text under these is troupe's own; under any other property of a task it is an agent's. */
const OWN_WORDS: readonly unknown[] = ['status', 'failed']

/**
 * The names a parsed template takes from outside, and makes each of its outputs print as it must: what stems from an agent
 * (also by way of `assign` and `for`) is quoted.
 */
export function prepareTemplate(
  templates: readonly Template[],
  text: string,
): { reads: Read[]; mistakes: TemplateMistake[] } {
  const walk = new Walk(placesIn(text))
  walk.visit(templates)
  const tainted = walk.taintedLocals()
  for (const [output, reads] of walk.outputs) printAs(output, styleOf(reads, tainted))
  return { reads: walk.globals, mistakes: walk.mistakes }
}

interface Use extends Read {
  /** Whether a local name of the template hides the outer one. */
  readonly local: boolean
}

class Walk {
  readonly globals: Read[] = []
  readonly mistakes: TemplateMistake[] = []
  readonly outputs: [Output, Use[]][] = []
  readonly #definitions: { readonly names: readonly string[]; readonly from: readonly Use[] }[] = []
  readonly #assigned = new Set<string>()
  readonly #blocks: (readonly string[])[] = []
  readonly #placeOf: TokenPlaces

  constructor(placeOf: TokenPlaces) {
    this.#placeOf = placeOf
  }

  visit(templates: readonly Template[]): void {
    for (const template of templates) {
      const uses = template.arguments ? this.#usesOf(template.arguments()) : []
      this.#note(template, uses)
      const assigned = [...(template.localScope?.() ?? [])].map((token) => token.content)
      for (const name of assigned) this.#assigned.add(name)
      const block = [...(template.blockScope?.() ?? [])]
      if (assigned.length + block.length > 0) this.#definitions.push({ names: [...assigned, ...block], from: uses })
      if (template.children === undefined) continue
      const children = toValueSync(template.children(false, true))
      this.#blocks.push(block)
      this.visit(Array.isArray(children) ? children : [])
      this.#blocks.pop()
    }
  }

  #note(template: Template, uses: Use[]): void {
    if (template instanceof Output) this.outputs.push([template, uses])
    if (template instanceof Tag && REFUSED_TAGS.includes(template.name)) {
      this.mistakes.push({ message: refusedTag(template.name), at: this.#placeOf(template.token) })
    }
  }

  /** Local names that may hold text of an agent. By name only: better one quoted too many. */
  taintedLocals(): ReadonlySet<string> {
    const tainted = new Set<string>()
    for (let before = -1; before !== tainted.size; ) {
      before = tainted.size
      for (const { names, from } of this.#definitions) {
        if (from.some((use) => isTainted(use, tainted)))
          for (const name of names) if (name !== 'forloop') tainted.add(name)
      }
    }
    return tainted
  }

  #usesOf(args: Arguments): Use[] {
    const uses: Use[] = []
    for (const read of readsOf(args, this.#placeOf)) {
      const local = this.#assigned.has(read.root) || this.#blocks.some((names) => names.includes(read.root))
      if (!local) this.globals.push(read)
      uses.push({ ...read, local })
    }
    return uses
  }
}

function isTainted(use: Use, tainted: ReadonlySet<string>): boolean {
  if (use.local) return tainted.has(use.root)
  if (use.root === 'tasks') return !OWN_WORDS.includes(use.path[1])
  return use.root === 'item'
}

function styleOf(uses: readonly Use[], tainted: ReadonlySet<string>): PrintStyle {
  if (!uses.some((use) => isTainted(use, tainted))) return 'plain'
  const whole = uses.some((use) => !use.local && use.root === 'tasks' && /^results?$/.test(String(use.path[1])))
  return whole ? 'block' : 'quoted'
}

/** Every name in the arguments of a tag or output, those within computed segments too. */
function* readsOf(args: Arguments, placeOf: TokenPlaces): Generator<Read> {
  for (const arg of args) {
    if (!(arg instanceof Value)) {
      yield* readsOfToken(arg, placeOf)
      continue
    }
    for (const token of arg.initial.postfix) if (TypeGuards.isValueToken(token)) yield* readsOfToken(token, placeOf)
    for (const filter of arg.filters) {
      for (const part of filter.args) {
        const token = Array.isArray(part) ? part[1] : part
        if (token !== undefined) yield* readsOfToken(token, placeOf)
      }
    }
  }
}

/** Every name in one operand. */
export function* readsOfToken(token: ValueToken, placeOf: TokenPlaces): Generator<Read> {
  if (TypeGuards.isRangeToken(token)) {
    yield* readsOfToken(token.lhs, placeOf)
    yield* readsOfToken(token.rhs, placeOf)
  }
  if (!TypeGuards.isPropertyAccessToken(token)) return
  const path: (string | number | null)[] = []
  for (const prop of token.props) {
    if (TypeGuards.isWordToken(prop) || TypeGuards.isQuotedToken(prop)) path.push(prop.content)
    else if (TypeGuards.isNumberToken(prop)) path.push(prop.content)
    else {
      path.push(null)
      if (TypeGuards.isValueToken(prop)) yield* readsOfToken(prop, placeOf)
    }
  }
  if (token.variable !== undefined) return
  const [root, ...rest] = path
  yield { root: typeof root === 'string' ? root : '[…]', path: rest, at: placeOf(token) }
}

/** Where a token begins in its text. */
export type TokenPlaces = (token: Token) => TextPlace

/** Indexes the lines of a text: a token's own `getPosition` counts from the beginning each time. */
export function placesIn(text: string): TokenPlaces {
  const places = createPlaces(text)
  return (token) => {
    const { line, column } = places(token.begin)
    return { row: line, column }
  }
}
