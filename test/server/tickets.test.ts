import { describe, expect, it } from 'vitest'
import type { Access } from '../../src/api/access.ts'
import { ApiError } from '../../src/api/errors.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createTickets } from '../../src/server/tickets.ts'

const ANN: Access = { who: 'ann', may: 'command', via: 'rest' }
const BOB: Access = { who: 'bob', may: 'watch', via: 'rest' }

describe('a ticket', () => {
  it('lets its owner in once, with what the token that asked for it may do', () => {
    const tickets = createTickets({ clock: createVirtualClock() })
    const [ann, bob] = [tickets.issue(ANN), tickets.issue(BOB)]
    expect([ann, bob].map(({ ticket }) => /^[\w-]{43}$/.test(ticket))).toEqual([true, true])
    expect([ann.ticket, bob.ticket, ann.ticket].map((ticket) => tickets.redeem(ticket))).toEqual([ANN, BOB, undefined])
    expect(tickets.size).toEqual(0)
  })

  it('is good for 30 s', async () => {
    const clock = createVirtualClock(Date.parse('2026-01-02T12:00:00Z'))
    const tickets = createTickets({ clock })
    const [early, late] = [tickets.issue(ANN), tickets.issue(ANN)]
    expect(early.expiresAt).toEqual('2026-01-02T12:00:30.000Z')
    await clock.advance(29_999)
    expect(tickets.redeem(early.ticket)).toEqual(ANN)
    await clock.advance(1)
    expect(tickets.redeem(late.ticket)).toEqual(undefined)
  })

  it('is not given out while a thousand are unused, and their memory is kept no longer than they are good', async () => {
    const clock = createVirtualClock()
    const tickets = createTickets({ clock })
    for (let count = 0; count < 1000; count++) tickets.issue(ANN)
    expect(() => tickets.issue(ANN)).toThrow(ApiError)
    expect(tickets.size).toEqual(1000)
    await clock.advance(30_000)
    tickets.issue(ANN)
    expect(tickets.size).toEqual(1)
  })
})
