import { describe, expect, it } from 'vitest'
import { limitEnd } from '../../../src/backends/command/limit-end.ts'

/** This machine's clock, whatever its zone is. */
const NOW = new Date(2026, 10, 23, 13, 5, 30).getTime()

describe('the end of a limit that a sentence tells', () => {
  it.each([
    ['Try again at 8:49 PM.', new Date(2026, 10, 23, 20, 50)],
    ['or try again at 8:49 AM.', new Date(2026, 10, 24, 8, 50)],
    ['try again at 12:00 AM', new Date(2026, 10, 24, 0, 1)],
    ['try again at 1:05 PM', new Date(2026, 10, 23, 13, 6)],
    ['try again at 1:04 PM', new Date(2026, 10, 24, 13, 5)],
    ['try again at Nov 25th, 2026 9:46 AM.', new Date(2026, 10, 25, 9, 47)],
    ['Please try again in 1.5s.', new Date(NOW + 1_500)],
    ['Please try again in 20 ms.', new Date(NOW + 20)],
    ['try again in 2 days 3 hours 4 minutes', new Date(NOW + ((2 * 24 + 3) * 60 + 4) * 60_000)],
  ])('%s', (message, end) => {
    expect(limitEnd(message, NOW)).toBe(end.getTime())
  })

  it.each([
    'exceeded retry limit, last status: 429 Too Many Requests',
    'Try again later.',
    'try again at Nov 25th, 2036 9:46 AM.',
    'try again at Nov 22nd, 2026 9:46 AM.',
    'try again at Foo 25th, 2026 9:46 AM.',
    'try again in 900000 hours',
  ])('is not known from: %s', (message) => {
    expect(limitEnd(message, NOW)).toBeUndefined()
  })
})
