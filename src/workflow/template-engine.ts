import { type Context, type Emitter, Liquid, LiquidError, type Output } from 'liquidjs'
import type { TextPlace } from './problems.ts'
import { quoteValue } from './quote.ts'

/** Tags a template may use. Nothing that opens files, and nothing that prints past the quoting of {@link printAs}. */
const TAGS = ['assign', 'break', 'capture', 'case', 'comment', 'continue', 'for', 'if', 'raw', 'unless', '#']

/** Tags that are parsed only to be refused, each at its place and without hiding what else is wrong. */
export const REFUSED_TAGS: readonly string[] = [
  'include',
  'render',
  'layout',
  'cycle',
  'echo',
  'increment',
  'decrement',
]

// Filters that read the clock, roll dice, evaluate text as an expression, or lift the quoting.
const WITHHELD = [
  'date',
  'date_to_xmlschema',
  'date_to_rfc822',
  'date_to_string',
  'date_to_long_string',
  'sample',
  'shuffle',
  'where_exp',
  'reject_exp',
  'group_by_exp',
  'has_exp',
  'find_exp',
  'find_index_exp',
  'raw',
]

const MAX_TEMPLATE = 200_000

/** The one Liquid engine: bounded, without files, without time and chance. */
export const engine = createEngine()

function createEngine(): Liquid {
  const liquid = new Liquid({
    strictFilters: true,
    strictVariables: false,
    ownPropertyOnly: true,
    // `templates` replaces the file system.
    templates: {},
    parseLimit: MAX_TEMPLATE,
    memoryLimit: 5_000_000,
    renderLimit: 3000,
  })
  for (const name of Object.keys(liquid.tags)) if (!TAGS.includes(name)) delete liquid.tags[name]
  for (const name of REFUSED_TAGS) liquid.registerTag(name, { render: () => undefined })
  for (const name of WITHHELD) liquid.unregisterFilter(name)
  return liquid
}

/** How an output is printed: as it is, or as text of an agent (in a line where it is short, or always in a block). */
export type PrintStyle = 'plain' | 'quoted' | 'block'

/** Makes an output print its value in a style; lists and objects print as JSON in each. */
export function printAs(output: Output, style: PrintStyle): void {
  output.render = function* (context: Context, emitter: Emitter) {
    const text = print(yield output.value.value(context, false), style)
    // The engine counts what filters make, not what is printed.
    context.memoryLimit.use(text.length)
    emitter.write(text)
  }
}

function print(value: unknown, style: PrintStyle): string {
  if (value === undefined || value === null) return ''
  const plain = typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value
  if (style !== 'plain') return quoteValue(plain, { block: style === 'block' })
  return typeof plain === 'object' ? JSON.stringify(plain) : String(plain)
}

/** A mistake within a template. */
export interface TemplateMistake {
  readonly message: string
  readonly at: TextPlace
}

/** What is wrong with a template's text, in our words. */
export function explainParseError(error: unknown): TemplateMistake {
  const [row = 1, column = 1] = error instanceof LiquidError ? error.token.getPosition() : []
  return { message: explain(error), at: { row, column } }
}

/** Why a tag is refused. */
export function refusedTag(name: string): string {
  return `the tag {% ${name} %} is not allowed; there is: ${TAGS.slice(0, -1).join(', ')}`
}

function explain(error: unknown): string {
  if (error instanceof RangeError) return 'its tags are nested too deeply'
  const message = (error instanceof Error ? error.message : String(error)).replace(
    /(?:, file:\S+)?, line:\d+, col:\d+$/,
    '',
  )
  const tag = /^tag "([^"]*)" not found$/.exec(message)?.[1]
  if (tag !== undefined) return refusedTag(tag)
  const filter = /^undefined filter: (.*)$/.exec(message)?.[1]
  if (filter !== undefined) return `there is no filter '${filter}'`
  if (message.includes('parse length')) return `is too long: a template may have at most ${MAX_TEMPLATE} characters`
  return `is not valid Liquid: ${message}; text that holds {{ or {% itself goes between {% raw %} and {% endraw %}`
}
