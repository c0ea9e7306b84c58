import type { LineMatch, LinePath, LineValue } from '../../domain/agent-description.ts'
import { asAmount, asObject } from './json-line.ts'

const MOST_VALUES = 1_000

/** All that is at a path; several where it holds `*`. Nothing where there is nothing, or null. */
export function valuesAt(line: unknown, path: LinePath): readonly unknown[] {
  let found: readonly unknown[] = [line]
  for (const step of path.split('.')) found = found.flatMap((value) => next(value, step)).slice(0, MOST_VALUES)
  return found.filter((value) => value !== undefined && value !== null)
}

function next(value: unknown, step: string): readonly unknown[] {
  if (Array.isArray(value)) {
    if (step === '*') return value
    return /^\d+$/.test(step) ? [value[Number(step)]] : []
  }
  const object = asObject(value)
  if (!object) return []
  if (step === '*') return Object.values(object)
  return Object.hasOwn(object, step) ? [object[step]] : []
}

/** The text at a path: what there is several times is put together; numbers and yes or no count as they are written. */
export function textAt(line: unknown, path: LinePath): string | undefined {
  const parts = valuesAt(line, path).filter((value) => typeof value !== 'object')
  return parts.length > 0 ? parts.map(String).join('') : undefined
}

/** The sum of the numbers at some paths; undefined where there is none. */
export function sumAt(line: unknown, paths: readonly LinePath[]): number | undefined {
  const numbers = paths.flatMap((path) => valuesAt(line, path)).map(asAmount)
  const known = numbers.filter((number) => number !== undefined)
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) : undefined
}

/** Whether a line has what a rule wants of it. */
export function fits(line: unknown, when: Readonly<Record<LinePath, LineMatch>>): boolean {
  return Object.entries(when).every(([path, match]) => matches(valuesAt(line, path), match))
}

function matches(values: readonly unknown[], match: LineMatch): boolean {
  if (isPresence(match)) return values.length > 0 === match.present
  const wanted: readonly LineValue[] = isList(match) ? match : [match]
  return values.length === 0 ? wanted.includes(null) : values.some((value) => wanted.some((one) => one === value))
}

function isPresence(match: LineMatch): match is { readonly present: boolean } {
  return typeof match === 'object' && match !== null && !Array.isArray(match)
}

function isList(match: LineMatch): match is readonly LineValue[] {
  return Array.isArray(match)
}
