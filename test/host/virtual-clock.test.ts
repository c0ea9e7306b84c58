import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/domain/clock.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('advance', () => {
  it('fires timers by time and those of one instant in the order armed', async () => {
    const clock = createVirtualClock(0)
    const fired: string[] = []
    for (const [name, ms] of [
      ['c', 20],
      ['a', 10],
      ['b', 10],
      ['d', 21],
      ['now', 0],
    ] as const) {
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), ms)
    }
    await clock.advance(20)
    expect(fired).toEqual(['now@0', 'a@10', 'b@10', 'c@20'])
    expect(clock.now()).toBe(20)
    expect(clock.pending()).toBe(1)
  })

  it('fires a timer that a timer armed, when it is still in reach', async () => {
    const clock = createVirtualClock(0)
    const fired: number[] = []
    clock.setTimeout(() => clock.setTimeout(() => fired.push(clock.now()), 500), 1000)
    await clock.advance(1500)
    expect(fired).toEqual([1500])
  })

  it('does not fire what another timer of the same instant has cleared', async () => {
    const clock = createVirtualClock(0)
    const fired: string[] = []
    clock.setTimeout(() => clock.clearTimeout(second), 10)
    const second = clock.setTimeout(() => fired.push('second'), 10)
    await clock.advance(10)
    expect(fired).toEqual([])
    expect(clock.pending()).toBe(0)
  })

  it('lets promises settle between two timers of one instant', async () => {
    const clock = createVirtualClock(0)
    const seen: string[] = []
    clock.setTimeout(() => void Promise.resolve().then(() => seen.push('promise')), 10)
    clock.setTimeout(() => seen.push('timer'), 10)
    await clock.advance(10)
    expect(seen).toEqual(['promise', 'timer'])
  })

  it('stands still while a real operation is under way, and while what follows from it begins another', async () => {
    const clock = createVirtualClock(0)
    const seen: string[] = []
    const work = async () => {
      for (let i = 0; i < 3; i++) {
        await clock.operation(readFile(new URL(import.meta.url)))
        await turn()
      }
      seen.push(`read@${clock.now()}`)
    }
    clock.setTimeout(() => void work(), 10)
    clock.setTimeout(() => seen.push(`timer@${clock.now()}`), 11)
    await clock.advance(1000)
    expect(seen).toEqual(['read@10', 'timer@11'])
  })

  it('goes on after an operation that failed', async () => {
    const clock = createVirtualClock(0)
    const failed = clock.operation(readFile('/does/not/exist')).catch(() => clock.now())
    await clock.advance(5)
    expect(await failed).toBe(0)
    expect(clock.now()).toBe(5)
  })

  it('rejects with what a timer throws and keeps the others', async () => {
    const clock = createVirtualClock(0)
    const fired: string[] = []
    clock.setTimeout(() => {
      throw new Error('broken timer')
    }, 1)
    clock.setTimeout(() => fired.push('other'), 1)
    await expect(clock.advance(1)).rejects.toThrow('broken timer')
    await clock.advance(1)
    expect(fired).toEqual(['other'])
  })

  it('refuses two that move the time at once', async () => {
    const clock = createVirtualClock(0)
    const first = clock.advance(10)
    await expect(clock.advance(10)).rejects.toThrow('already being advanced')
    await first
  })

  it('says so when timers of 0 ms are armed for ever', async () => {
    const clock = createVirtualClock(0)
    const again = () => {
      clock.setTimeout(again, 0)
    }
    again()
    await expect(clock.advance(1)).rejects.toThrow('without time passing')
  })

  it('takes NaN as 0 and never fires a timer of Infinity', async () => {
    const clock = createVirtualClock(0)
    const fired: number[] = []
    clock.setTimeout(() => fired.push(clock.now()), Number.NaN)
    clock.setTimeout(() => fired.push(clock.now()), Number.POSITIVE_INFINITY)
    await clock.advance(1_000)
    expect(fired).toEqual([0])
  })
})

describe('runUntil', () => {
  it('stops at the first instant at which the condition holds', async () => {
    const clock = createVirtualClock(0)
    let count = 0
    const tick = () => {
      count++
      clock.setTimeout(tick, 10)
    }
    clock.setTimeout(tick, 10)
    await clock.runUntil(() => count === 5)
    expect(clock.now()).toBe(50)
  })

  it('waits for a promise, and passes its rejection on', async () => {
    const clock = createVirtualClock(0)
    await clock.runUntil(sleep(clock, 3_600_000))
    expect(clock.now()).toBe(3_600_000)
    const failing = sleep(clock, 10).then(() => Promise.reject(new Error('it failed')))
    await expect(clock.runUntil(failing)).rejects.toThrow('it failed')
  })

  it('throws when nothing is left to run', async () => {
    const clock = createVirtualClock()
    clock.setTimeout(() => {}, 1_000)
    await expect(clock.runUntil(() => false)).rejects.toThrow(
      'The virtual clock waits in vain: nothing is left to run. It is 2026-01-01T00:00:01.000Z, 1000 ms after the start of ' +
        'the wait; 0 timers are pending, 0 operations under way.',
    )
  })

  it('throws when the limit of virtual time has passed, with the number of pending timers', async () => {
    const clock = createVirtualClock()
    const tick = () => {
      clock.setTimeout(tick, 60_000)
    }
    tick()
    clock.setTimeout(() => {}, 1e12)
    await expect(clock.runUntil(() => false, 3_600_000)).rejects.toThrow(
      'the limit of 3600000 ms has passed. It is 2026-01-01T01:00:00.000Z, 3600000 ms after the start of the wait; 2 timers are pending',
    )
  })
})

describe('cost', () => {
  it('runs 10,000 chained timers in linear time', async () => {
    const clock = createVirtualClock(0)
    let count = 0
    const next = () => {
      if (++count < 10_000) clock.setTimeout(next, 7)
    }
    clock.setTimeout(next, 7)
    await clock.runUntil(() => count === 10_000)
    expect(clock.now()).toBe(70_000)
  })

  it('keeps the order through 20,000 timers of which most are cleared', async () => {
    const clock = createVirtualClock(0)
    const fired: number[] = []
    const handles = Array.from({ length: 20_000 }, (_, i) => {
      const due = (i * 7_919) % 10_007
      return clock.setTimeout(() => fired.push(due), due)
    })
    for (const [i, handle] of handles.entries()) if (i % 10 !== 0) clock.clearTimeout(handle)
    expect(clock.pending()).toBe(2_000)
    await clock.advance(10_007)
    expect(fired.length).toBe(2_000)
    expect(fired).toEqual([...fired].sort((a, b) => a - b))
  })
})
