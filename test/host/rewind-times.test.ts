import { describe, expect, it } from 'vitest'
import { rewindTimes } from '../../src/host/rewind-times.ts'

const AT = '2026-01-01T10:00:00.000Z'
const MADE = Date.parse(AT)
const HOUR_MS = 3_600_000
const host = (ahead: number) =>
  ({
    v: 1,
    n: 3,
    snapshot: { value: 'pending', context: { attempt: 2, intentAt: MADE, notBefore: MADE + 2_000 - ahead } },
    owed: { slots: ['acquireSlots', { attempt: 2, notBefore: MADE + 2_000 - ahead }], other: ['wait', null] },
    timers: [['retry', { type: 'after' }, MADE + 5_000 - ahead]],
  }) as const

describe('times to come that a record names', () => {
  it('stay where they are while the clock goes on', () => {
    const last = { at: AT, host: host(0) }
    expect(rewindTimes(last, MADE + 1)).toBe(last.host)
    expect(rewindTimes({ host: last.host }, 0)).toBe(last.host)
  })

  it('are as far away as when it was made, once the clock has been set back', () => {
    expect(rewindTimes({ at: AT, host: host(0) }, MADE - HOUR_MS)).toEqual({
      ...host(HOUR_MS),
      // What has been is searched for as of then.
      snapshot: { value: 'pending', context: { attempt: 2, intentAt: MADE, notBefore: MADE + 2_000 - HOUR_MS } },
    })
  })
})
