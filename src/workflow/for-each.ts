import { UsageError } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { TaskSpec } from '../domain/workflow.ts'
import { isPlainObject } from './json-value.ts'

const SOURCE = /^tasks\.([A-Za-z][A-Za-z0-9_-]{0,63})\.(?:(outputs)|output((?:\.[A-Za-z_][A-Za-z0-9_-]*)*))$/

/** The task and what of it a `forEach` names; undefined when it is neither `tasks.X.output.path` nor `tasks.X.outputs`. */
export function parseForEach(text: string): TaskSpec['forEach'] {
  const match = SOURCE.exec(text.trim())
  if (match === null) return undefined
  const [, task = '', outputs, path = ''] = match
  if (outputs !== undefined) return { task, path: [], outputs: true }
  return { task, path: path.split('.').filter((part) => part !== '') }
}

/** What the task that a `forEach` names has returned: itself, or each of its items in order. Only what completed has an output. */
export type ForEachSource =
  | { readonly output: Json }
  | { readonly items: readonly { readonly id: string; readonly output: Json | undefined }[] }

/**
 * The items a `forEach` task makes of what the upstream task returned. Of an upstream task that has items itself, the lists of
 * those that completed follow one another; `tasks.X.outputs` makes one item of each output. Throws UsageError when the path is
 * missing, is no list, or there are more than `maxItems`.
 */
export function expandForEach(
  spec: Pick<TaskSpec, 'id' | 'forEach' | 'maxItems'>,
  source: ForEachSource,
): { readonly items: readonly Json[] } {
  const { forEach } = spec
  if (forEach === undefined) throw new UsageError(`Task ${spec.id} has no forEach.`)
  const found: Json[] = []
  const parts = 'items' in source ? source.items : [{ id: forEach.task, output: source.output }]
  for (const { id, output } of parts) {
    if (output === undefined) continue
    if (forEach.outputs === true) found.push(output)
    else for (const item of listAt(spec.id, id, output, forEach.path)) found.push(item)
  }
  if (found.length > spec.maxItems) {
    const place = `tasks.${forEach.task}.${forEach.outputs === true ? 'outputs' : ['output', ...forEach.path].join('.')}`
    throw cannotExpand(spec.id, `${place} has ${found.length} items, and maxItems allows ${spec.maxItems}`)
  }
  return { items: found }
}

function listAt(task: string, source: string, output: Json, path: readonly string[]): readonly Json[] {
  let place = `tasks.${source}.output`
  let value: Json | undefined = output
  for (const part of path) {
    const inside: Json | undefined = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined
    place += `.${part}`
    if (inside === undefined) throw cannotExpand(task, `${place} is missing in the result of task ${source}`)
    value = inside
  }
  if (!Array.isArray(value)) throw cannotExpand(task, `${place} is ${nameOf(value)}, not a list`)
  return value
}

/**
 * Whether a JSON Schema rules out that a path holds a list: says why, or undefined when it fits or cannot be known
 * (references, combinations, no properties given).
 */
export function pathIsNoList(schema: JsonObject, path: readonly string[]): string | undefined {
  let inside: unknown = schema
  for (const part of path) {
    if (!isPlainObject(inside) || isOpen(inside)) return undefined
    const mistyped = excludes(inside, 'object')
    if (mistyped !== undefined) return `'${part}' is looked for in a value of type ${mistyped}`
    const { properties } = inside
    if (!isPlainObject(properties)) return undefined
    if (!Object.hasOwn(properties, part)) {
      return `the schema has no property '${part}'; it has: ${Object.keys(properties).join(', ') || 'none'}`
    }
    inside = properties[part]
  }
  if (!isPlainObject(inside) || isOpen(inside)) return undefined
  const type = excludes(inside, 'array')
  return type === undefined ? undefined : `the schema says that it is of type ${type}, not array`
}

function isOpen(schema: Record<string, unknown>): boolean {
  return ['$ref', '$dynamicRef', 'anyOf', 'oneOf', 'allOf', 'if'].some((key) => key in schema)
}

function excludes(schema: Record<string, unknown>, type: string): string | undefined {
  const given = schema['type']
  if (given === undefined || given === type || (Array.isArray(given) && given.includes(type))) return undefined
  return String(given)
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function nameOf(value: Json | undefined): string {
  if (value === null || value === undefined) return 'empty'
  if (isObject(value)) return 'an object'
  return `a ${typeof value}`
}

function cannotExpand(task: string, why: string): UsageError {
  return new UsageError(`Task ${task} cannot be expanded: ${why}.`)
}
