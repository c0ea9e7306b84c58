import { UsageError } from '../domain/errors.ts'
import { findJsonMistake } from './json-mistake.ts'

/** As deep as a workflow file may be, and what surrounds it. */
const MAX_DEPTH = 256
const MAX_PATH = 10

/**
 * Parses a text from outside. Throws UsageError that names the place where it is no JSON, is nested too deeply (what is deep
 * breaks whoever walks it) or has a key `__proto__`. `what` is the subject of the message.
 */
export function parseJsonText(text: string, what: string): unknown {
  const deep = tooDeepAt(text)
  if (deep !== undefined) throw refusal(what, text, deep, `is nested more than ${MAX_DEPTH} levels deep`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const mistake = findJsonMistake(text)
    throw refusal(what, text, mistake.at, `is no JSON: ${mistake.message}`, cause)
  }
  // Few texts have such a word; only they are walked.
  const odd = /__proto__|\\u00/.test(text) ? protoKeyIn(value) : undefined
  if (odd !== undefined) throw new UsageError(`${what} has a key __proto__ in ${odd}; nothing may be called that.`)
  return value
}

function refusal(what: string, text: string, at: number, why: string, cause?: unknown): UsageError {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  return new UsageError(`${what} ${why} (line ${line}, column ${column}).`, { cause })
}

const QUOTE = 34
const BACKSLASH = 92

/** Where the text is too deep, by its brackets alone. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case 91:
      case 123:
        if (++depth > MAX_DEPTH) return at
        break
      case 93:
      case 125:
        depth--
    }
  }
  return undefined
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at++
  }
  return text.length
}

/** Where in a value a key `__proto__` is. */
function protoKeyIn(root: unknown): string | undefined {
  const open: { readonly value: object; readonly path: readonly string[] }[] = []
  const enter = (value: unknown, path: readonly string[]) => {
    if (typeof value === 'object' && value !== null) open.push({ value, path })
  }
  enter(root, ['the top'])
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next
    if (Object.hasOwn(value, '__proto__')) return path.join('.')
    for (const [key, inner] of Object.entries(value)) {
      enter(inner, path.length < MAX_PATH ? [...path, key.slice(0, 50)] : path)
    }
  }
  return undefined
}
