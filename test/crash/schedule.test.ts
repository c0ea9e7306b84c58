import { describe, expect, it } from 'vitest'
import { allPoints, pointText } from './crash-points.ts'
import { Scheduler } from './schedule.ts'

describe('schedules of kills', () => {
  it('are the same for the same seed', () => {
    expect(new Scheduler(7).next(10)).toEqual(new Scheduler(7).next(10))
  })

  it('come to every point within one round', () => {
    const scheduler = new Scheduler(1)
    for (let runs = 0; runs < 60; runs++) {
      const schedule = scheduler.next(12)
      scheduler.settle(schedule, new Set(schedule.kills.map(({ at }) => at)))
    }
    expect([...scheduler.reached].sort()).toEqual(allPoints().map(pointText).sort())
  })

  it('begin with what matters most', () => {
    const [first] = new Scheduler(1).next(20).kills
    expect(first).toEqual({ at: 'create.answered:1' })
  })

  it('try a point again that no process came to, and name it when that is in vain', () => {
    const scheduler = new Scheduler(1)
    for (let runs = 0; runs < 400; runs++) {
      const schedule = scheduler.next(12)
      const reached = schedule.kills.map(({ at }) => at).filter((at) => at !== 'read.sending:1')
      scheduler.settle(schedule, new Set(reached))
    }
    expect(scheduler.missed()).toEqual(['read.sending:1'])
  })
})
