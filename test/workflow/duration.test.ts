import { describe, expect, it } from 'vitest'
import { parseDuration, parseRateLimit } from '../../src/workflow/duration.ts'

describe('durations', () => {
  it('reads each unit in ms', () => {
    expect(['250ms', '2s', '45m', '4h', '1d', '1.5s', '0s'].map(parseDuration)).toEqual([
      250, 2000, 2_700_000, 14_400_000, 86_400_000, 1500, 0,
    ])
  })

  it('refuses everything else, and what is longer than a year', () => {
    const texts = ['', '5', '5 m', 's', '-1s', '1e3s', '5min', '1h30m', '366d', '999999999d', ' 2s', '.5s']
    expect(texts.map(parseDuration)).toEqual(texts.map(() => undefined))
  })
})

describe('rate limits', () => {
  it('reads calls per window, and none', () => {
    expect(['10/1m', '600/30s', 'none'].map(parseRateLimit)).toEqual([
      { max: 10, windowMs: 60_000 },
      { max: 600, windowMs: 30_000 },
      'none',
    ])
  })

  it('refuses no calls, no window and other words', () => {
    const texts = ['0/1m', '10', '10/', '/1m', '10/0s', '10/m', '-1/1m', 'unlimited', '10 / 1m']
    expect(texts.map(parseRateLimit)).toEqual(texts.map(() => undefined))
  })
})
