import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createFailedAttempts } from '../../src/server/failed-attempts.ts'

describe('wrong tokens from one address', () => {
  it('are too many from the eleventh in a minute on, until the minute is over', async () => {
    const clock = createVirtualClock()
    const attempts = createFailedAttempts({ clock })
    const first = Array.from({ length: 10 }, () => attempts.add('10.0.0.1'))
    await clock.advance(20_000)
    expect([first, attempts.add('10.0.0.1'), attempts.add('10.0.0.1')]).toEqual([first.map(() => undefined), 40, 40])
    await clock.advance(40_000)
    expect(attempts.add('10.0.0.1')).toEqual(undefined)
  })

  it('do not count for another address', () => {
    const attempts = createFailedAttempts({ clock: createVirtualClock(), most: 1 })
    attempts.add('10.0.0.1')
    expect([attempts.add('10.0.0.1'), attempts.add('10.0.0.2')]).toEqual([60, undefined])
  })

  it('count together for all addresses that one owner of IPv6 has, and for one address however it is written', () => {
    const attempts = createFailedAttempts({ clock: createVirtualClock(), most: 1 })
    attempts.add('2001:db8:1:2::1')
    attempts.add('::ffff:10.0.0.1')
    expect([
      attempts.add('2001:db8:1:2:ffff:ffff:ffff:ffff'),
      attempts.add('2001:db8:1:3::1'),
      attempts.add('10.0.0.1'),
    ]).toEqual([60, undefined, 60])
  })

  it('are remembered of a bounded number of addresses, and not beyond their time', async () => {
    const clock = createVirtualClock()
    const attempts = createFailedAttempts({ clock, addresses: 100 })
    for (let index = 0; index < 1000; index++) attempts.add(`10.0.${index >> 8}.${index & 255}`)
    const full = attempts.size
    await clock.advance(60_000)
    attempts.add('10.1.0.0')
    expect([full, attempts.size]).toEqual([100, 1])
  })
})
