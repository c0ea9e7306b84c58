import { describe, expect, it } from 'vitest'
import { Outlet } from '../../src/api/outlet.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { FakeCarrier, settle } from '../support/fake-carrier.ts'

const KILOBYTE = 1024
const STUCK_AFTER = 30_000

function setUp(maxWaiting = 100 * KILOBYTE) {
  const clock = createVirtualClock()
  const carrier = new FakeCarrier()
  const stuck: number[] = []
  const began = clock.now()
  const onStuck = () => void stuck.push(clock.now() - began)
  const outlet = new Outlet({ carrier, clock, maxWaiting, stuckAfter: STUCK_AFTER, onStuck })
  return { clock, carrier, outlet, stuck }
}

const frame = (name: string, size: number) => Buffer.from(name.padEnd(size, '.'))
const names = (frames: readonly Buffer[]) => frames.map((each) => String(each).replace(/\.+$/, ''))

describe('an outlet', () => {
  it('passes frames on at once while the client takes them', () => {
    const { outlet, carrier } = setUp()
    expect([outlet.offer(frame('a', 10)), outlet.offer(frame('b', 10)), outlet.waiting, outlet.lag]).toEqual([
      true,
      true,
      0,
      0,
    ])
    expect(names(carrier.arrived)).toEqual(['a', 'b'])
  })

  it('gives a slow client no more than it can be seen to take, and keeps the rest in order', async () => {
    const { outlet, carrier } = setUp()
    carrier.open = false
    for (let index = 0; index < 9; index++) outlet.offer(frame(`${index}`, 10 * KILOBYTE))
    expect([carrier.buffered(), outlet.waiting]).toEqual([30 * KILOBYTE, 90 * KILOBYTE])
    carrier.open = true
    carrier.take()
    await settle()
    expect(names(carrier.arrived)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8'])
    expect(outlet.waiting).toBe(0)
  })

  it('takes no more than its bound for a client that does not read', () => {
    const { outlet, carrier } = setUp()
    carrier.open = false
    const taken = Array.from({ length: 12 }, (_, index) => outlet.offer(frame(`${index}`, 10 * KILOBYTE)))
    expect(taken).toEqual([...Array(10).fill(true), false, false])
    expect(outlet.waiting).toBe(100 * KILOBYTE)
  })

  it('says what has to be said beyond the bound, and what is larger than the bound to a client that reads', async () => {
    const { outlet, carrier } = setUp()
    expect(outlet.offer(frame('large', 300 * KILOBYTE))).toBe(true)
    await settle(20)
    expect(names(carrier.arrived)).toEqual(['large'])
    carrier.open = false
    outlet.push(frame('a', 90 * KILOBYTE))
    outlet.push(frame('b', 90 * KILOBYTE))
    expect(outlet.waiting).toBe(180 * KILOBYTE)
  })

  it('sends what is large in parts, so that a slow client is seen to take them', async () => {
    const { outlet, carrier, clock, stuck } = setUp()
    carrier.open = false
    outlet.push(frame('large', 150 * KILOBYTE))
    for (let part = 0; part < 5; part++) {
      expect(carrier.buffered()).toBe(25 * KILOBYTE)
      await clock.advance(STUCK_AFTER - 1)
      carrier.take()
      await settle()
    }
    expect([carrier.arrived.length, stuck]).toEqual([0, []])
    carrier.take()
    await settle()
    expect(carrier.arrived).toEqual([frame('large', 150 * KILOBYTE)])
  })

  it('tells once of a client that takes nothing for too long', async () => {
    const { outlet, carrier, clock, stuck } = setUp()
    carrier.open = false
    outlet.push(frame('a', 30 * KILOBYTE))
    outlet.push(frame('b', 30 * KILOBYTE))
    await clock.advance(20_000)
    carrier.take(1)
    await settle()
    await clock.advance(STUCK_AFTER - 1)
    expect([stuck, outlet.lag]).toEqual([[], 49_999])
    await clock.advance(1)
    expect(stuck).toEqual([50_000])
    await clock.advance(10 * STUCK_AFTER)
    expect([stuck, clock.pending()]).toEqual([[50_000], 0])
  })

  it('says nothing of a client that has nothing to take', async () => {
    const { outlet, carrier, clock, stuck } = setUp()
    outlet.push(frame('a', 30 * KILOBYTE))
    await settle()
    carrier.open = false
    outlet.push(frame('b', 10))
    await clock.advance(2 * STUCK_AFTER)
    expect([stuck, clock.pending()]).toEqual([[], 0])
  })

  it('does one piece of work after the other, each once all before has left', async () => {
    const { outlet, carrier } = setUp()
    carrier.open = false
    const done: string[] = []
    for (const name of ['a', 'b']) {
      void outlet.inTurn(async () => {
        done.push(name)
        outlet.push(frame(name, 50 * KILOBYTE))
      })
    }
    const failing = outlet.inTurn(() => Promise.reject(new Error('no')))
    await settle()
    expect(done).toEqual(['a'])
    carrier.open = true
    carrier.take()
    await expect(failing).rejects.toThrow('no')
    expect([done, names(carrier.arrived)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  it('keeps nothing and does nothing once the client has gone', async () => {
    const { outlet, carrier, clock } = setUp()
    carrier.open = false
    outlet.push(frame('a', 90 * KILOBYTE))
    const done: string[] = []
    const turn = outlet.inTurn(async () => void done.push('done'))
    const drained = outlet.drained()
    outlet.close()
    await Promise.all([turn, drained])
    outlet.push(frame('b', 10))
    carrier.take()
    await settle()
    expect([done, outlet.waiting, outlet.closed, carrier.arrived, clock.pending()]).toEqual([[], 0, true, [], 0])
  })
})
