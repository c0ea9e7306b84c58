/** Where a text stops to be JSON, and what is wrong there. */
export interface JsonMistake {
  /** Counted from 0. */
  readonly at: number
  readonly message: string
}

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or ]' | ', or }' | 'the end'

const WHITE = /[ \t\n\r]*/y
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const WORDS: Readonly<Record<Expected, string>> = {
  value: 'a value is needed here',
  'value or ]': 'a value or ] is needed here',
  key: 'a key in double quotes is needed here',
  'key or }': 'a key in double quotes or } is needed here',
  ':': 'a colon is needed here',
  ', or ]': 'a comma or ] is needed here',
  ', or }': 'a comma or } is needed here',
  'the end': 'the text should end here',
}

/**
 * Finds the first mistake of a text that JSON.parse refused: its own message names no place in some versions of Node, and
 * quotes the text.
 */
export function findJsonMistake(text: string): JsonMistake {
  const open: ('[' | '{')[] = []
  let expected: Expected = 'value'
  const afterValue = (): Expected => {
    const inside = open.at(-1)
    return inside === undefined ? 'the end' : inside === '[' ? ', or ]' : ', or }'
  }
  for (let at = skip(WHITE, text, 0); ; at = skip(WHITE, text, at)) {
    if (at >= text.length) return { at, message: `it ends too early: ${WORDS[expected]}` }
    const char = text.charAt(at)
    const isValue: boolean = expected === 'value' || expected === 'value or ]'
    const isKey: boolean = expected === 'key' || expected === 'key or }'
    if (isValue && (char === '[' || char === '{')) {
      open.push(char)
      expected = char === '[' ? 'value or ]' : 'key or }'
      at++
    } else if ((isValue || isKey) && char === '"') {
      const end = endOfString(text, at)
      if (typeof end !== 'number') return end
      at = end
      expected = isKey ? ':' : afterValue()
    } else if (isValue && skip(SCALAR, text, at) > at) {
      at = skip(SCALAR, text, at)
      expected = afterValue()
    } else if (closes(char, expected)) {
      open.pop()
      expected = afterValue()
      at++
    } else if (char === ':' && expected === ':') {
      expected = 'value'
      at++
    } else if (char === ',' && (expected === ', or ]' || expected === ', or }')) {
      expected = expected === ', or ]' ? 'value' : 'key'
      at++
    } else return { at, message: WORDS[expected] }
  }
}

function closes(char: string, expected: Expected): boolean {
  return (char === ']' || char === '}') && expected.endsWith(`or ${char}`)
}

/** Behind the string that begins at `start`, or what is wrong with it. */
function endOfString(text: string, start: number): number | JsonMistake {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') return at + 1
    if (char < ' ') return { at, message: 'a line break or control character within a string; write it as an escape' }
    if (char !== '\\') continue
    const end = skip(ESCAPE, text, at)
    if (end === at) return { at, message: 'this escape is unknown' }
    at = end - 1
  }
  return { at: text.length, message: 'a string has no end' }
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}
