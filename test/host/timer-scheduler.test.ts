import { describe, expect, it } from 'vitest'
import { TimerScheduler } from '../../src/host/timer-scheduler.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'

const A = { id: 'a' }
const B = { id: 'b' }
const DUE = { type: 'due' }

function scheduler() {
  const clock = createVirtualClock(0)
  const relayed: string[] = []
  const timers = new TimerScheduler(clock, (source, target, event) =>
    relayed.push(`${clock.now()}: ${source.id} -> ${target.id} ${event.type}`),
  )
  return { clock, relayed, timers }
}

describe('the timers of actors', () => {
  it('relay their event when they are due, and are forgotten then', async () => {
    const { clock, relayed, timers } = scheduler()
    timers.schedule(A, B, DUE, 100, 'one')
    expect(timers.pending(A)).toEqual([['one', DUE, 100]])
    await clock.advance(100)
    expect(relayed).toEqual(['100: a -> b due'])
    expect([timers.pending(A), clock.pending()]).toEqual([undefined, 0])
  })

  it('are cancelled one by one', async () => {
    const { clock, relayed, timers } = scheduler()
    timers.schedule(A, A, DUE, 100, 'one')
    timers.schedule(A, A, DUE, 200, 'two')
    timers.cancel(A, 'one')
    timers.cancel(A, 'never set')
    timers.cancel(B, 'two')
    await clock.advance(300)
    expect(relayed).toEqual(['200: a -> a due'])
  })

  it('of an actor end with it, those of others stay, even of one that bears the same id', async () => {
    const { clock, relayed, timers } = scheduler()
    const child = { id: 'a' }
    timers.schedule(A, A, DUE, 100, 'one')
    timers.schedule(A, A, DUE, 100, 'two')
    timers.schedule(child, child, DUE, 150, 'one')
    timers.schedule(B, B, DUE, 200, 'one')
    timers.cancelAll(A)
    timers.cancelAll(A)
    expect([timers.pending(A), timers.pending(child), clock.pending()]).toEqual([undefined, [['one', DUE, 150]], 2])
    await clock.advance(300)
    expect(relayed).toEqual(['150: a -> a due', '200: b -> b due'])
  })

  it('that are set again under one id fire once, at the later time', async () => {
    const { clock, relayed, timers } = scheduler()
    timers.schedule(A, A, DUE, 100, 'one')
    await clock.advance(50)
    timers.schedule(A, A, DUE, 100, 'one')
    await clock.advance(300)
    expect(relayed).toEqual(['150: a -> a due'])
  })

  it('without an id stand beside each other', async () => {
    const { clock, relayed, timers } = scheduler()
    timers.schedule(A, A, DUE, 100)
    timers.schedule(A, A, DUE, 100)
    await clock.advance(100)
    expect(relayed.length).toBe(2)
  })

  it('end all at once', async () => {
    const { clock, relayed, timers } = scheduler()
    timers.schedule(A, A, DUE, 100, 'one')
    timers.schedule(B, B, DUE, 100, 'one')
    timers.clear()
    await clock.advance(300)
    expect([relayed, clock.pending()]).toEqual([[], 0])
  })

  it('may set and cancel others when they fire', async () => {
    const clock = createVirtualClock(0)
    const fired: number[] = []
    const timers: TimerScheduler = new TimerScheduler(clock, () => {
      fired.push(clock.now())
      timers.cancel(A, 'two')
      if (fired.length < 3) timers.schedule(A, A, DUE, 10, 'one')
    })
    timers.schedule(A, A, DUE, 10, 'one')
    timers.schedule(A, A, DUE, 10, 'two')
    await clock.advance(100)
    expect([fired, timers.pending(A)]).toEqual([[10, 20, 30], undefined])
  })
})

describe('a journaled timer', () => {
  it('fires after the time that remains, from and to its actor', async () => {
    const { clock, relayed, timers } = scheduler()
    await clock.advance(400)
    timers.restore(A, ['one', DUE, 1_000])
    await clock.advance(599)
    expect(relayed).toEqual([])
    await clock.advance(1)
    expect(relayed).toEqual(['1000: a -> a due'])
  })

  it('fires at once when it fell due meanwhile, but never while it is being restored', async () => {
    const { clock, relayed, timers } = scheduler()
    await clock.advance(5_000)
    timers.restore(A, ['one', DUE, 1_000])
    expect(relayed).toEqual([])
    await clock.advance(0)
    expect(relayed).toEqual(['5000: a -> a due'])
  })

  it('is journaled again as it was', async () => {
    const { clock, timers } = scheduler()
    await clock.advance(400)
    timers.restore(A, ['one', DUE, 1_000])
    expect(timers.pending(A)).toEqual([['one', DUE, 1_000]])
  })
})
