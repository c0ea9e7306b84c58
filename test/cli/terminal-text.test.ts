import { describe, expect, it } from 'vitest'
import {
  cutToWidth,
  displayWidth,
  escapeLine,
  escapeText,
  formatElapsed,
  padToWidth,
} from '../../src/cli/terminal-text.ts'

describe('text from agents', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['window titles', '\u001b]0;owned\u0007ok', 'ok'],
    ['cursor movements', 'a\u001b[2Jb\u001b[1;1Hc', 'abc'],
    ['carriage returns that overwrite', 'fine\rEVIL', 'fineEVIL'],
    ['C1 controls', 'a\u009b31mb', 'ab'],
    ['backspaces and bells', 'a\b\u0007b\u007f', 'ab'],
    ['text turned around', 'a\u202egnp.exe', 'agnp.exe'],
    ['isolates', '\u2066x\u2069', 'x'],
  ])('loses %s', (_what, text, safe) => {
    expect(escapeText(text)).toBe(safe)
  })

  it('keeps its lines, tabs and letters of any language', () => {
    expect(escapeText('a\r\n\tb\nçé 漢字 👍')).toBe('a\n\tb\nçé 漢字 👍')
  })

  it('can be put on one line', () => {
    expect(escapeLine('  a\n\n  b\tc ')).toBe('a b c')
  })
})

describe('the width of text', () => {
  it('counts wide letters twice and marks not at all', () => {
    expect(['abc', '漢字', '👍', 'e\u0301', ''].map(displayWidth)).toEqual([3, 4, 2, 1, 0])
  })

  it('is never exceeded by a cut', () => {
    expect([cutToWidth('abcdef', 4), cutToWidth('漢字漢字', 4), cutToWidth('abc', 3), cutToWidth('abc', 0)]).toEqual([
      'abc…',
      '漢…',
      'abc',
      '',
    ])
  })

  it('is reached by a pad', () => {
    expect(padToWidth('漢', 4)).toBe('漢  ')
  })
})

it('tells elapsed time in two units at most', () => {
  const times = [-5, 0, 59_400, 65_000, 3_600_000, 11_220_000, 187_200_000].map(formatElapsed)
  expect(times).toEqual(['0s', '0s', '59s', '1m05s', '1h00m', '3h07m', '2d04h'])
})
