import { UsageError } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { TaskSpec } from '../domain/workflow.ts'
import { isPlainObject } from './json-value.ts'

const SOURCE = /^tasks\.([A-Za-z][A-Za-z0-9_-]{0,63})\.output((?:\.[A-Za-z_][A-Za-z0-9_-]*)*)$/

/** The task and path that a `forEach` names; undefined when it has another form than `tasks.X.output.path`. */
export function parseForEach(text: string): { task: string; path: readonly string[] } | undefined {
  const match = SOURCE.exec(text.trim())
  if (match === null) return undefined
  return { task: match[1] ?? '', path: (match[2] ?? '').split('.').filter((part) => part !== '') }
}

/**
 * The items a `forEach` task makes of the upstream task's output. Throws UsageError when the path is missing, is no list,
 * or has more than `maxItems`.
 */
export function expandForEach(
  spec: Pick<TaskSpec, 'id' | 'forEach' | 'maxItems'>,
  output: Json,
): { readonly items: readonly Json[] } {
  const { forEach } = spec
  if (forEach === undefined) throw new UsageError(`Task ${spec.id} has no forEach.`)
  let place = `tasks.${forEach.task}.output`
  let value: Json | undefined = output
  for (const part of forEach.path) {
    const inside: Json | undefined = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined
    place += `.${part}`
    if (inside === undefined) throw cannotExpand(spec.id, `${place} is missing in the result of task ${forEach.task}`)
    value = inside
  }
  if (!Array.isArray(value)) throw cannotExpand(spec.id, `${place} is ${nameOf(value)}, not a list`)
  if (value.length > spec.maxItems) {
    throw cannotExpand(spec.id, `${place} has ${value.length} items, and maxItems allows ${spec.maxItems}`)
  }
  return { items: value }
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
