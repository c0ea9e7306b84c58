import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findJsonMistake } from '../../src/api/json-mistake.ts'
import { parseJsonText } from '../../src/api/json-text.ts'
import { UsageError } from '../../src/domain/errors.ts'

/** Texts of what JSON is made of, most of them wrong. */
const scraps = fc
  .array(
    fc.constantFrom(...'{}[]:,"'.split(''), '"a"', '"\\n"', '\\', '0', '-1.5e3', '01', 'true', 'nul', ' ', '\n', 'é'),
  )
  .map((parts) => parts.join(''))

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

describe('a JSON text', () => {
  it('is read like everywhere', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!text.includes('__proto__'))
        expect(parseJsonText(text, 'It')).toEqual(JSON.parse(text))
      }),
    )
  })

  it('is refused exactly where JSON.parse refuses it, with a place within it', () => {
    fc.assert(
      fc.property(scraps, (text) => {
        const right = parse(text)
        if (right) {
          expect(parseJsonText(text, 'It')).toEqual(right.value)
          return
        }
        expect(() => parseJsonText(text, 'It')).toThrow(UsageError)
        const { at, message } = findJsonMistake(text)
        expect([at >= 0, at <= text.length, message.includes('should end here') && at === text.length]).toEqual([
          true,
          true,
          false,
        ])
      }),
      { numRuns: 2000 },
    )
  })

  it('has no mistake before its end when it is right', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(findJsonMistake(text).at).toBe(text.length)
      }),
    )
  })

  it('may be 256 levels deep, and brackets in its texts do not count', () => {
    const deep = `${'['.repeat(256)}"${'['.repeat(1000)}\\"["${']'.repeat(256)}`
    expect(JSON.stringify(parseJsonText(deep, 'It'))).toBe(deep)
    expect(() => parseJsonText(`[${deep}]`, 'It')).toThrow(
      'It is nested more than 256 levels deep (line 1, column 257).',
    )
  })

  it('says where a key is that would reach a prototype', () => {
    expect(() => parseJsonText('{"a":[0,{"\\u005f_proto__":1}]}', 'It')).toThrow(
      'It has a key __proto__ in the top.a.1; nothing may be called that.',
    )
  })
})
