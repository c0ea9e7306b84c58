import { describe, expect, it } from 'vitest'
import { acquireSlots } from '../../src/actors/acquire-slots.ts'
import type { RunContext } from '../../src/actors/run-context.ts'
import type { Limiter, SlotRequest, WaitingFor } from '../../src/domain/limiter.ts'
import type { AcquireInput } from '../../src/machines/effects.ts'
import { createPassThroughLimiter } from '../support/pass-through-limiter.ts'
import { scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const INPUT: AcquireInput = { task: 'a', attempt: 2, refusals: 0 }
const REQUEST: SlotRequest = {
  holder: 'run_1/a/2',
  run: 'run_1',
  caps: ['run:run_1'],
  account: 'scripted',
  buckets: ['scripted.create'],
  priority: 'normal',
  remaining: 0,
}

/** A limiter that grants when it is told to. */
function heldLimiter() {
  const requests: SlotRequest[] = []
  const released: string[] = []
  const grants: (() => void)[] = []
  const waits: ((waiting: WaitingFor) => void)[] = []
  const limiter: Limiter = {
    ...createPassThroughLimiter(),
    acquire: (request, signal, onWait) =>
      new Promise((resolve, reject) => {
        requests.push(request)
        grants.push(resolve)
        if (onWait !== undefined) waits.push(onWait)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
    release: (holder) => void released.push(holder),
  }
  return { limiter, requests, released, grants, waits }
}

function acquire(input: Partial<AcquireInput> = {}, rest: Partial<Omit<RunContext, 'clock'>> = {}) {
  const held = heldLimiter()
  const run = scriptedContext(scriptedBackend(), { limiter: held.limiter, ...rest })
  return { ...held, run, acquiring: start(acquireSlots(run), { ...INPUT, ...input }) }
}

describe('waiting for slots', () => {
  it('ends when all is held, and notes when: the intent of the create', async () => {
    const { run, requests, grants, acquiring } = acquire()
    await run.clock.advance(5_000)
    grants[0]?.()
    await run.clock.advance(0)
    expect([acquiring.outcome(), requests]).toEqual([{ output: { at: 5_000 } }, [REQUEST]])
  })

  it('does not begin before the provider allows it', async () => {
    const { run, requests } = acquire({ refusals: 3, notBefore: 90_000 })
    await run.clock.advance(0)
    expect(requests).toEqual([{ ...REQUEST, notBefore: 90_000 }])
  })

  it('is spaced further and further after refusals, up to a minute', async () => {
    const spaced = [1, 2, 3, 20].map((refusals) => acquire({ refusals }).requests[0]?.notBefore ?? 0)
    const within = spaced.map(
      (ms, i) => ms >= ([500, 1_000, 2_000, 30_000][i] ?? 0) && ms <= ([1_000, 2_000, 4_000, 60_000][i] ?? 0),
    )
    expect(within).toEqual([true, true, true, true])
  })

  it('is spaced all the same when what the provider asked for has passed', async () => {
    const { limiter, requests } = heldLimiter()
    const run = scriptedContext(scriptedBackend(), { limiter })
    await run.clock.advance(60_000)
    start(acquireSlots(run), { ...INPUT, refusals: 0, notBefore: 60_000 })
    start(acquireSlots(run), { ...INPUT, refusals: 1, notBefore: 60_000 })
    expect(requests.map(({ notBefore }) => notBefore)).toEqual([undefined, expect.any(Number)])
    expect(requests[1]?.notBefore ?? 0).toBeGreaterThanOrEqual(60_500)
  })

  it('is said when it lasts, once for each reason', async () => {
    const { run, waits } = acquire()
    await run.clock.advance(0)
    const rate: WaitingFor = { kind: 'rate', name: 'scripted.create', since: 0, until: 60_000 }
    waits[0]?.(rate)
    await run.clock.advance(1_999)
    expect(run.said).toEqual([])
    await run.clock.advance(1)
    waits[0]?.({ ...rate, until: 70_000 })
    await run.clock.advance(10_000)
    const paused: WaitingFor = { kind: 'paused', name: 'run_1', since: 12_000 }
    waits[0]?.(paused)
    await run.clock.advance(2_000)
    expect(run.said).toEqual([{ waitingFor: rate }, { waitingFor: paused }])
  })

  it('is not said when it was short', async () => {
    const { run, waits, grants } = acquire()
    await run.clock.advance(0)
    waits[0]?.({ kind: 'concurrency', name: 'run:run_1', since: 0 })
    grants[0]?.()
    await run.clock.advance(10_000)
    expect([run.said, run.clock.pending()]).toEqual([[], 0])
  })

  it('ends when its state is left', async () => {
    const { run, acquiring } = acquire()
    acquiring.abort()
    await run.clock.advance(0)
    expect(acquiring.outcome()).toEqual({ error: new Error('The state was left') })
  })
})

describe('a budget that is used up', () => {
  it('pauses the run, gives the slots back and waits to be granted again', async () => {
    const verdicts = ['The budget of 3 agent runs is used up', undefined]
    const pauses: string[] = []
    const { run, requests, released, grants, acquiring } = acquire(
      {},
      {
        reserveBudget: () => verdicts.shift(),
        pauseForBudget: (reason) => {
          pauses.push(reason)
          return true
        },
      },
    )
    grants[0]?.()
    await run.clock.advance(0)
    expect([pauses, released, requests.length]).toEqual([['The budget of 3 agent runs is used up'], ['run_1/a/2'], 2])
    grants[1]?.()
    await run.clock.advance(0)
    expect(acquiring.outcome()).toEqual({ output: { at: 0 } })
  })

  it('fails the attempt when the run is ending and cannot be paused any more', async () => {
    const message = 'The budget of 3 agent runs is used up'
    const { run, grants, acquiring } = acquire({}, { reserveBudget: () => message, pauseForBudget: () => false })
    grants[0]?.()
    await run.clock.advance(0)
    expect(acquiring.outcome()).toEqual({ error: { kind: 'refused', message, retryable: false, certain: true } })
  })
})
