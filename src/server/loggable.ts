import { isSecretName, REDACTED, type Scrub } from './scrub.ts'

const DEEPEST = 6
const MOST_ENTRIES = 100

/** A value as a log may hold it: plain, bounded, without secrets. Never throws, whatever it is given. */
function loggable(value: unknown, scrub: Scrub): unknown {
  return read(value, { scrub, above: new Set() })
}

/** Fields as a log may hold them. */
export function loggableFields(fields: object, scrub: Scrub): Record<string, unknown> {
  const plain = loggable(fields, scrub)
  return typeof plain === 'object' && plain !== null && !Array.isArray(plain) ? { ...plain } : { fields: plain }
}

interface Reading {
  readonly scrub: Scrub
  /** What holds the value, and what holds that. */
  readonly above: ReadonlySet<object>
}

function read(value: unknown, reading: Reading): unknown {
  switch (typeof value) {
    case 'string':
      return reading.scrub(value)
    case 'number':
    case 'bigint': {
      // A secret of digits alone may have become a number.
      const text = String(value)
      if (reading.scrub(text) !== text) return REDACTED
      return typeof value === 'bigint' || !Number.isFinite(value) ? text : value
    }
    case 'boolean':
      return value
    case 'object':
      return value === null ? null : readObject(value, reading)
    default:
      return undefined
  }
}

function readObject(value: object, { scrub, above }: Reading): unknown {
  if (above.has(value)) return '[circular]'
  if (above.size >= DEEPEST) return '[too deep]'
  const inside = { scrub, above: new Set(above).add(value) }
  try {
    if (value instanceof Error) return readError(value, inside)
    if (value instanceof Date || value instanceof URL) return read(String(value.toJSON()), inside)
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
    if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams) {
      return readEntries([...value.entries()].slice(0, MOST_ENTRIES + 1), inside)
    }
    if (value instanceof Set) return readList([...value].slice(0, MOST_ENTRIES + 1), inside)
    if (Array.isArray(value)) return readList(value, inside)
    return readEntries(Object.entries(value), inside)
  } catch {
    return '[unreadable]'
  }
}

/** A name in a list, as in raw headers, says what the next entry is. */
function readList(list: readonly unknown[], inside: Reading): unknown[] {
  const plain = list.slice(0, MOST_ENTRIES).map((entry, index) => {
    const before = list[index - 1]
    return index > 0 && typeof before === 'string' && before.length < 100 && isSecretName(before)
      ? REDACTED
      : read(entry, inside)
  })
  if (list.length > MOST_ENTRIES) plain.push(`[${list.length - MOST_ENTRIES} more]`)
  return plain
}

function readEntries(entries: readonly (readonly [unknown, unknown])[], inside: Reading): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [key, value] of entries.slice(0, MOST_ENTRIES)) {
    const name = inside.scrub(String(key))
    const isNothing = value === undefined || value === null || typeof value === 'boolean'
    define(plain, name, isSecretName(name) && !isNothing ? REDACTED : read(value, inside))
  }
  if (entries.length > MOST_ENTRIES) define(plain, '[more]', entries.length - MOST_ENTRIES)
  return plain
}

function readError(error: Error, inside: Reading): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined
  const errors = error instanceof AggregateError ? error.errors : undefined
  const plain: Record<string, unknown> = { name: inside.scrub(String(error.name)) }
  if (typeof code === 'string' || typeof code === 'number') plain['code'] = read(code, inside)
  plain['message'] = inside.scrub(String(error.message))
  if (typeof error.stack === 'string') plain['stack'] = inside.scrub(error.stack)
  if (error.cause !== undefined) plain['cause'] = read(error.cause, inside)
  if (errors !== undefined) plain['errors'] = read(errors, inside)
  return plain
}

/** Also for `__proto__`, which would otherwise be set and not held. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}
