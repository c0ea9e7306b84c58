import { describe, expect, it } from 'vitest'
import { LastOutput, plainText } from '../../../src/backends/local/last-output.ts'

describe('LastOutput', () => {
  it('gives back what fits', () => {
    const output = new LastOutput(100)
    for (const part of ['one\n', 'tw', 'o\n']) output.add(Buffer.from(part))
    expect(output.text()).toBe('one\ntwo\n')
  })

  it('keeps the last lines as a whole and says how much went before', () => {
    const output = new LastOutput(20)
    for (let i = 1; i <= 1_000; i++) output.add(Buffer.from(`line ${i}\n`))
    expect(output.text()).toBe('[the beginning is cut, about 9 KB]\nline 999\nline 1000\n')
  })

  it('cuts a single long line between two characters', () => {
    const output = new LastOutput(10)
    output.add(Buffer.from('€'.repeat(20)))
    expect(output.text()).toBe('[the beginning is cut, about 50 bytes]\n€€€')
  })

  it('may be read again and again while more comes', () => {
    const output = new LastOutput(100)
    output.add(Buffer.from('a'))
    expect(output.text()).toBe('a')
    output.add(Buffer.from('b'))
    expect(output.text()).toBe('ab')
  })
})

describe('plainText', () => {
  it('leaves what a person would see', () => {
    expect(plainText('\u001b[1;31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007 \u001b(Bend')).toBe(
      'red link end',
    )
    expect(plainText('10%\r50%\r100%\ndone\r\nnext')).toBe('100%\ndone\nnext')
    expect(plainText('a\u0000b\u0008c\td\u202ee\u009bf')).toBe('abc\tdef')
  })
})
