import { describe, expect, it } from 'vitest'
import { cursorAfter } from '../../src/api/cursor.ts'
import { ApiError, createClient, NoAnswerError, type RunRecord } from '../../src/client/index.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { record } from '../support/fake-orchestrator.ts'
import { serveScript } from '../support/scripted-server.ts'

const RUN = 'run_1'

/** Counts calls, and waits for one. */
function counter<T>() {
  const calls: T[] = []
  const waiters = new Set<() => void>()
  return {
    calls,
    call: (value: T) => {
      calls.push(value)
      for (const wake of waiters) wake()
    },
    until: (count: number) =>
      new Promise<T[]>((resolve) => {
        const wake = () => {
          if (calls.length < count) return
          waiters.delete(wake)
          resolve(calls)
        }
        waiters.add(wake)
        wake()
      }),
  }
}

describe('the connection of a client', () => {
  it('is shared by all that it watches, and closed with the last of them', async () => {
    const server = await serveScript()
    const client = createClient({ url: server.url })
    const one = client.watch({ runs: ['run_1'] })
    const connection = await server.connection(1)
    await connection.until('subscribe')
    const two = client.watch({ runs: ['run_2'] })
    await connection.until('subscribe', 2)
    one.close()
    await connection.until('unsubscribe')
    two.close()
    expect([await connection.closed, server.connections.length]).toEqual([1000, 1])
    expect(connection.said.map(({ type, id }) => `${type} ${id}`)).toEqual([
      'subscribe s1',
      'subscribe s2',
      'unsubscribe s1',
      'unsubscribe s2',
    ])
  })

  it('shows the token in a header, never in the URL', async () => {
    const server = await serveScript()
    const watching = createClient({ url: `${server.url}/`, token: 'secret' }).watch({ runs: '*' })
    const { request } = await server.connection(1)
    expect([request.url, request.headers.authorization]).toEqual(['/v1/stream', 'Bearer secret'])
    watching.close()
  })

  it('is tried again more and more rarely, up to every 15 s, and told of once', async () => {
    const server = await serveScript({ refuse: () => ({ status: 503, code: 'stopping' }) })
    const clock = createVirtualClock()
    const told = counter<number>()
    const delays: number[] = []
    const spied = {
      ...clock,
      setTimeout: (fn: () => void, ms: number) => {
        delays.push(ms)
        tried.call(ms)
        return clock.setTimeout(fn, ms)
      },
    }
    const tried = counter<number>()
    const watching = createClient({ url: server.url, clock: spied }).watch({
      runs: '*',
      onDisconnect: ({ retryInMs }) => told.call(retryInMs),
    })
    // Each try arms one timer for the answer and, refused, one for the next try.
    for (let tries = 1; tries <= 9; tries++) {
      await tried.until(2 * tries)
      await clock.advance(delays.at(-1) ?? 0)
    }
    const backoffs = delays.filter((_, index) => index % 2 === 1).slice(0, 9)
    const due = [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]
    expect(backoffs.map((delay, index) => delay > (due[index] ?? 0) / 2 && delay <= (due[index] ?? 0))).toEqual(
      due.map(() => true),
    )
    expect(told.calls).toEqual([backoffs[0]])
    watching.close()
  })

  it.each([401, 403, 421])('is given up when it is refused for good (%s)', async (status) => {
    const server = await serveScript({ refuse: () => ({ status, code: 'unauthorized' }) })
    const watching = createClient({ url: server.url, token: 'wrong' }).watch({ runs: '*' })
    const error = await watching
      .batches()
      [Symbol.asyncIterator]()
      .next()
      .catch((thrown: unknown) => thrown)
    expect(error).toEqual(new ApiError('unauthorized', 'refused'))
  })

  it.each([
    [1008, new NoAnswerError('URL', { sent: false, why: 'no nonsense' })],
    [1009, new NoAnswerError('URL', { sent: false, why: 'no nonsense' })],
    [4401, new ApiError('unauthorized', 'no nonsense')],
  ])('is given up when it is closed with %s', async (code, expected) => {
    const server = await serveScript()
    const watching = createClient({ url: server.url }).watch({ runs: '*' })
    const { socket } = await server.connection(1)
    socket.close(code, 'no nonsense')
    const error = await watching
      .batches()
      [Symbol.asyncIterator]()
      .next()
      .catch((thrown: unknown) => thrown)
    const words = (thrown: unknown) => (thrown instanceof Error ? thrown.message.replace(server.url, 'URL') : thrown)
    expect([error instanceof expected.constructor, words(error)]).toEqual([true, expected.message])
  })

  it.each([1001, 1006, 1011, 4000, 4008])('is made again when it is closed with %s', async (code) => {
    const server = await serveScript()
    const clock = createVirtualClock()
    const lost = counter<number>()
    const back = counter<true>()
    const watching = createClient({ url: server.url, clock }).watch({
      runs: '*',
      onDisconnect: ({ retryInMs }) => lost.call(retryInMs),
      onReconnect: () => back.call(true),
    })
    const first = await server.connection(1)
    await first.until('subscribe')
    if (code === 1006) first.cut()
    else first.socket.close(code)
    const [delay = 0] = await lost.until(1)
    await clock.advance(delay)
    await (await server.connection(2)).until('subscribe')
    await back.until(1)
    expect([lost.calls.length, back.calls.length]).toEqual([1, 1])
    watching.close()
  })

  it('is given up for another when it is silent although it was asked', async () => {
    const server = await serveScript()
    const clock = createVirtualClock()
    const lost = counter<Error>()
    const watching = createClient({ url: server.url, clock }).watch({
      runs: '*',
      onDisconnect: ({ error }) => lost.call(error),
    })
    const first = await server.connection(1)
    await first.until('subscribe')
    await clock.advance(45_000)
    await first.until('unsubscribe')
    expect(first.said.at(-1)).toEqual({ type: 'unsubscribe', id: 'are-you-there' })
    await clock.advance(15_000)
    const [error] = await lost.until(1)
    expect(error?.message).toBe(`There is no answer from ${server.url}: it was silent for 60000 ms.`)
    watching.close()
  })

  it('lives on when it answers, or is pinged', async () => {
    const server = await serveScript()
    const clock = createVirtualClock()
    const caughtUp = counter<string>()
    const watching = createClient({ url: server.url, clock }).watch({
      runs: '*',
      onCaughtUp: (cursor) => caughtUp.call(cursor),
      onDisconnect: () => caughtUp.call('lost'),
    })
    const iterating = watching.batches()[Symbol.asyncIterator]().next()
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    await clock.advance(45_000)
    await connection.until('unsubscribe')
    const error = { code: 'not-found', message: '', details: {} }
    connection.say({ type: 'reply', id: 'are-you-there', ok: false, error })
    connection.say({ type: 'caught-up', subscription: id, cursor: 'one' })
    await caughtUp.until(1)
    await clock.advance(30_000)
    const ponged = new Promise((resolve) => connection.socket.once('pong', resolve))
    connection.socket.ping()
    await ponged
    await clock.advance(30_000)
    connection.say({ type: 'caught-up', subscription: id, cursor: 'two' })
    expect(await caughtUp.until(2)).toEqual(['one', 'two'])
    watching.close()
    await iterating
  })
})

describe('a reader that is slower than the server', () => {
  const batch = (run: string, from: number, count: number) =>
    Array.from({ length: count }, (_, index) => record(run, from + index))
  const seqs = (batches: readonly RunRecord[][]) => batches.flat().map(({ seq }) => seq)

  it('makes the server wait when it is alone on its connection', async () => {
    const server = await serveScript({ onRequest: (_request, response) => response.end('{"runs":[]}') })
    const client = createClient({ url: server.url })
    const watching = client.watch({ runs: [RUN], after: 'start', buffer: 10 })
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    // More than the sockets between hold.
    const long = 'x'.repeat(100_000)
    const sent = Array.from({ length: 400 }, (_, index) => [record(RUN, index + 1, { data: { long } })])
    for (const [index, records] of sent.entries()) connection.records(id, cursorAfter(RUN, index + 1), records)
    // Time enough to take everything, if it were taken.
    for (let asked = 0; asked < 100; asked++) await client.runs()
    expect(connection.socket.bufferedAmount).toBeGreaterThan(1_000_000)
    const taken: number[] = []
    for await (const { seq } of watching) {
      taken.push(seq)
      if (seq === sent.length) break
    }
    expect([taken, connection.said.map(({ type }) => type)]).toEqual([sent.map((_, index) => index + 1), ['subscribe']])
  })

  it('leaves the connection to the others and comes back from its cursor when it is not', async () => {
    const server = await serveScript()
    const client = createClient({ url: server.url })
    const slow = client.watch({ runs: ['run_1'], after: 'start', buffer: 8 })
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    const quick = client.watch({ runs: ['run_2'], after: 'start' })
    const other = await connection.until('subscribe', 2)
    connection.records(id, cursorAfter('run_1', 8), batch('run_1', 1, 8))
    connection.records(id, cursorAfter('run_1', 9), batch('run_1', 9, 1))
    await connection.until('unsubscribe')
    connection.records(other.id, cursorAfter('run_2', 2), batch('run_2', 1, 2))
    const quickly = quick.batches()[Symbol.asyncIterator]()
    expect(seqs([[...((await quickly.next()).value ?? [])]])).toEqual([1, 2])

    const slowly = slow.batches()[Symbol.asyncIterator]()
    const first = await slowly.next()
    const again = await connection.until('subscribe', 3)
    expect(again.after).toBe(cursorAfter('run_1', 8))
    connection.records(again.id, cursorAfter('run_1', 10), batch('run_1', 9, 2))
    const second = await slowly.next()
    expect(seqs([[...(first.value ?? [])], [...(second.value ?? [])]])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    slow.close()
    quick.close()
  })
})
