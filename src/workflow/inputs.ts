import { UsageError } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { InputSpec, InputType, Workflow } from '../domain/workflow.ts'
import { isJsonObject } from './json-value.ts'
import { suggest } from './suggestion.ts'

/**
 * The inputs of a run by their declared types: texts (as they come from a command line) are parsed, other values checked,
 * defaults filled in. Throws UsageError that lists everything that is missing, unknown or of another type.
 */
export function parseInputs(
  workflow: Pick<Workflow, 'name' | 'inputs'>,
  given: Readonly<Record<string, string | Json>>,
): JsonObject {
  const wrong: string[] = []
  const declared = Object.keys(workflow.inputs)
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(workflow.inputs, name)) {
      wrong.push(
        `${name}: the workflow has no such input${declared.length === 0 ? '; it takes none' : suggest(name, declared)}`,
      )
    }
  }
  const inputs: Record<string, Json> = {}
  for (const [name, spec] of Object.entries(workflow.inputs)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    const parsed = value === undefined ? fallback(spec) : parseInput(spec.type, value)
    if ('value' in parsed) inputs[name] = parsed.value
    else if (parsed.wrong !== undefined) wrong.push(`${name}: ${parsed.wrong}`)
  }
  if (wrong.length > 0)
    throw new UsageError(`Inputs of ${workflow.name}:\n${wrong.map((line) => `  ${line}`).join('\n')}`)
  return inputs
}

/** What does not fit an input's type, or undefined. */
export function checkInputValue(type: InputType, value: Json): string | undefined {
  return fits(type, value) ? undefined : `must be ${EXPECTED[type]}, not ${shorten(JSON.stringify(value))}`
}

type Parsed = { readonly value: Json } | { readonly wrong?: string }

const EXPECTED: Readonly<Record<InputType, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a JSON object such as {"a": 1}',
  array: 'a JSON list such as ["a", "b"]',
}

function fallback(spec: InputSpec): Parsed {
  if (spec.default !== undefined) return { value: spec.default }
  if (!spec.required) return {}
  return { wrong: `is missing; it must be ${EXPECTED[spec.type]}${spec.description ? ` (${spec.description})` : ''}` }
}

function parseInput(type: InputType, given: Json): Parsed {
  const value = typeof given === 'string' && type !== 'string' ? parseText(given) : given
  if (value !== undefined && fits(type, value)) return { value }
  return {
    wrong: `must be ${EXPECTED[type]}, not ${shorten(typeof given === 'string' ? given : JSON.stringify(given))}`,
  }
}

function parseText(text: string): Json | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function fits(type: InputType, value: Json): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isJsonObject(value)
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'number') return Number.isFinite(value)
  return typeof value === type
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
