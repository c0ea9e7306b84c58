import type { Json, JsonObject } from '../../../src/domain/json.ts'
import type { Conversation } from './conversation.ts'

/** What an agent is answered that asks for a title, a summary or the like: the smallest value that fits its schema, or a word. */
export function sideAnswer({ schema }: Conversation): string {
  return schema === undefined ? 'Work' : JSON.stringify(smallest(schema as JsonObject))
}

function smallest(schema: JsonObject): Json {
  const { type, enum: values, properties } = schema
  if (Array.isArray(values)) return values[0] ?? null
  if (type === 'object') {
    const entries = Object.entries((properties ?? {}) as Readonly<Record<string, JsonObject>>)
    return Object.fromEntries(entries.map(([name, property]) => [name, smallest(property)]))
  }
  if (type === 'array') return []
  if (type === 'boolean') return false
  return type === 'number' || type === 'integer' ? 0 : 'Work'
}
