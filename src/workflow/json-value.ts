import type { Json, JsonObject } from '../domain/json.ts'

const DEEPEST = 200

/** Whether a value survives JSON unchanged: plain objects and arrays, finite numbers, at most 200 levels deep. */
export function isJson(value: unknown): value is Json {
  return isJsonAt(value, 0)
}

/** Whether a value is a plain object that JSON can hold. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isPlainObject(value) && isJson(value)
}

/** Whether a value is an object made by `{}`; arrays, instances and null are not. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isJsonAt(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (depth > DEEPEST) return false
  if (Array.isArray(value)) return value.every((item) => isJsonAt(item, depth + 1))
  return isPlainObject(value) && Object.values(value).every((item) => item === undefined || isJsonAt(item, depth + 1))
}
