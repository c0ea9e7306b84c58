import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settle } from '../support/fake-carrier.ts'
import { CheckingClient, StreamWorld } from '../support/stream-world.ts'

const CLIENTS = 5
const index = fc.nat(7)
const client = fc.nat(CLIENTS - 1)

/** What may happen, in any order. */
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('append' as const), index, count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('begin' as const, 'begin' as const, 'restart' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'reopen' as const, 'remove' as const), index }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'read' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 10, 25, 60) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'take' as const, 'go' as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reconnect' as const), client }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

async function perform(world: StreamWorld, clients: readonly CheckingClient[], step: Action): Promise<void> {
  const chosen = 'client' in step ? clients[step.client] : undefined
  if (step.do === 'append') world.append(step.index, step.count)
  else if (step.do === 'begin') world.begin()
  else if (step.do === 'end') world.end(step.index)
  else if (step.do === 'reopen') world.reopen(step.index)
  else if (step.do === 'remove') world.remove(step.index)
  else if (step.do === 'hold') world.reading = false
  else if (step.do === 'read') world.reads.shift()?.()
  else if (step.do === 'pass') await world.clock.advance(step.ms)
  else if (step.do === 'restart') {
    for (const each of clients) each.disconnect()
    world.sleep()
    for (const each of clients) each.connect()
  } else if (step.do === 'settle') await settle(1)
  else if (step.do === 'take') chosen?.carrier.take(1)
  else if (step.do === 'stop' && chosen) chosen.carrier.open = false
  else if (step.do === 'go' && chosen) {
    chosen.carrier.open = true
    chosen.carrier.take()
  } else if (step.do === 'reconnect') {
    chosen?.disconnect()
    chosen?.connect()
  }
  for (const each of clients) each.hear()
}

async function check(before: number, steps: readonly Action[]): Promise<void> {
  const world = new StreamWorld()
  for (let n = 0; n < 3; n++) {
    world.begin()
    world.append(n, before)
  }
  const [first = '', second = ''] = world.runs
  const clients = [
    new CheckingClient(world, ['*'], 'start'),
    new CheckingClient(world, ['*'], 'now'),
    new CheckingClient(world, [first], 'start'),
    new CheckingClient(world, [first, second], 'now'),
    new CheckingClient(world, ['*'], 'start', { types: ['alert'] }),
  ]
  for (const each of clients) each.connect()
  for (const step of steps) await perform(world, clients, step)
  for (const each of clients) {
    each.carrier.open = true
    each.carrier.take()
  }
  await world.rest()
  for (const each of clients) each.checkWhole()
  for (const each of clients) each.disconnect()
  expect([world.orchestrator.subscribers, world.clock.pending()]).toEqual([0, 0])
}

describe('subscriptions', () => {
  it('miss and repeat nothing, however history, gathering, slow reading, resyncs and reconnections interleave (I9)', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(8), fc.array(action, { maxLength: 80, size: 'max' }), check), {
      numRuns: 150,
    })
  }, 60_000)
})
