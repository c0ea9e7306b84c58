import { describe, expect, it } from 'vitest'
import { cursorAfter } from '../../src/api/cursor.ts'
import { createClient, NotFoundError, type WatchOptions } from '../../src/client/index.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { record, runView } from '../support/fake-orchestrator.ts'
import { type Script, serveScript } from '../support/scripted-server.ts'

const RUN = 'run_1'

const records = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => record(RUN, from + index))

/** A watching of a server that says what the test tells it to, and what it has handed out so far. */
async function watched(options: Partial<WatchOptions> = {}, script: Script = {}) {
  const server = await serveScript(script)
  const clock = createVirtualClock()
  const client = createClient({ url: server.url, clock })
  const lost: number[] = []
  let onLost: () => void = () => undefined
  const watching = client.watch({
    runs: [RUN],
    after: 'start',
    ...options,
    onDisconnect: ({ retryInMs }) => {
      lost.push(retryInMs)
      onLost()
    },
  })
  const iterator = watching[Symbol.asyncIterator]()
  const take = async (count: number) => {
    const taken: RunRecord[] = []
    while (taken.length < count) {
      const { value, done } = await iterator.next()
      if (done) break
      taken.push(value)
    }
    return taken.map(({ seq }) => seq)
  }
  /** Lets the time go by until the client connects again. */
  const reconnected = async (nth: number) => {
    if (lost.length < nth - 1) {
      await new Promise<void>((resolve) => {
        onLost = resolve
      })
    }
    await clock.advance(250)
    return server.connection(nth)
  }
  return { server, clock, client, watching, iterator, take, lost, reconnected }
}

describe('a watching', () => {
  it('asks for what was wanted, and hands out each record once and in order', async () => {
    const { server, take, watching } = await watched({
      runs: '*',
      tasks: ['spec'],
      types: ['alert'],
      after: 'c1,,run_1:4',
    })
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    expect(connection.said).toEqual([
      { type: 'subscribe', id, runs: ['*'], filter: { tasks: ['spec'], types: ['alert'] }, after: 'c1,,run_1:4' },
    ])
    connection.records(id, cursorAfter(RUN, 7), [record(RUN, 4), record(RUN, 5), record(RUN, 7)])
    expect(await take(2)).toEqual([5, 7])
    watching.close()
  })

  it('goes on from its last cursor when the connection breaks, and takes nothing twice that is said again', async () => {
    const { server, take, reconnected, watching } = await watched()
    const first = await server.connection(1)
    first.records((await first.until('subscribe')).id, cursorAfter(RUN, 3), records(1, 3))
    expect(await take(3)).toEqual([1, 2, 3])
    first.cut()
    const second = await reconnected(2)
    const { id, after } = await second.until('subscribe')
    expect(after).toBe(cursorAfter(RUN, 3))
    second.records(id, cursorAfter(RUN, 5), records(2, 5))
    expect(await take(2)).toEqual([4, 5])
    watching.close()
  })

  it('subscribes again from its own cursor when records are missing', async () => {
    const { server, take, watching } = await watched()
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    connection.records(id, cursorAfter(RUN, 2), records(1, 2))
    connection.records(id, cursorAfter(RUN, 6), records(5, 6))
    const again = await connection.until('subscribe', 2)
    expect([(await connection.until('unsubscribe')).id, again.after]).toEqual([id, cursorAfter(RUN, 2)])
    connection.records(id, cursorAfter(RUN, 7), records(7, 7))
    connection.records(again.id, cursorAfter(RUN, 6), records(3, 6))
    expect(await take(6)).toEqual([1, 2, 3, 4, 5, 6])
    watching.close()
  })

  it('takes a hole that is there again for damage on the disk of the server, and goes on behind it', async () => {
    const { server, take, watching } = await watched()
    const connection = await server.connection(1)
    connection.records((await connection.until('subscribe')).id, cursorAfter(RUN, 4), records(3, 4))
    connection.records((await connection.until('subscribe', 2)).id, cursorAfter(RUN, 4), records(3, 4))
    expect(await take(2)).toEqual([3, 4])
    watching.close()
  })

  it('reads what the server left out for it from the history', async () => {
    const { server, take, watching } = await watched()
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    connection.records(id, cursorAfter(RUN, 1), records(1, 1))
    connection.say({ type: 'caught-up', subscription: id, cursor: cursorAfter(RUN, 1) })
    connection.say({
      type: 'resync',
      subscription: id,
      reason: 'slow',
      cursor: cursorAfter(RUN, 9),
      state: { runs: [] },
    })
    const again = await connection.until('subscribe', 2)
    expect(again.after).toBe(cursorAfter(RUN, 1))
    connection.records(again.id, cursorAfter(RUN, 9), records(2, 9))
    expect(await take(9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    watching.close()
  })

  it('takes the state instead of what was left out when that is wanted', async () => {
    const told: unknown[] = []
    const { server, take, watching } = await watched({
      onGap: 'state',
      onResync: (resync) => told.push(resync),
      onCaughtUp: (cursor) => told.push(cursor),
    })
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    const resync = { reason: 'slow', cursor: cursorAfter(RUN, 9), state: { runs: [runView({ run: RUN, seq: 9 })] } }
    connection.records(id, cursorAfter(RUN, 1), records(1, 1))
    connection.say({ type: 'resync', subscription: id, ...resync })
    connection.say({ type: 'caught-up', subscription: id, cursor: cursorAfter(RUN, 9) })
    connection.records(id, cursorAfter(RUN, 10), records(10, 10))
    expect(await take(2)).toEqual([1, 10])
    expect(told).toEqual([resync, cursorAfter(RUN, 9)])
    watching.close()
  })

  it('takes the state for what cannot be read from the history either', async () => {
    const told: unknown[] = []
    const { server, take, watching } = await watched({ onResync: ({ reason }) => told.push(reason) })
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    const resync = { reason: 'removed', cursor: cursorAfter(RUN, 9), state: { runs: [] } }
    connection.say({ type: 'resync', subscription: id, ...resync })
    connection.records(id, cursorAfter(RUN, 10), records(10, 10))
    expect([await take(1), told, connection.said.length]).toEqual([[10], ['removed'], 1])
    watching.close()
  })

  it('has a cursor behind exactly what was handed out, also in the middle of a batch', async () => {
    const { server, take, watching } = await watched({ runs: '*' })
    const connection = await server.connection(1)
    const batch = [record(RUN, 1), record('run_2', 1), record(RUN, 2), record('run_2', 2)]
    const { id } = await connection.until('subscribe')
    connection.records(id, 'c1,run_2,run_1:2,run_2:2', batch)
    const cursors = [watching.cursor]
    for (let seen = 0; seen < batch.length; seen++) {
      await take(1)
      cursors.push(watching.cursor)
    }
    expect(cursors).toEqual([
      'start',
      'c1,run_2,run_1:1,run_2:0',
      'c1,run_2,run_1:1,run_2:1',
      'c1,run_2,run_1:2,run_2:1',
      'c1,run_2,run_1:2,run_2:2',
    ])
    watching.close()
  })

  it('throws what the server refuses it for, after what came before', async () => {
    const { server, take } = await watched()
    const connection = await server.connection(1)
    const { id } = await connection.until('subscribe')
    connection.records(id, cursorAfter(RUN, 1), records(1, 1))
    const error = { code: 'not-found', message: '', details: { subject: 'Run run_1', hint: 'Look.' } }
    connection.say({ type: 'reply', id, ok: false, error })
    expect(await take(1)).toEqual([1])
    await expect(take(1)).rejects.toEqual(new NotFoundError('Run run_1', 'Look.'))
    expect(await connection.closed).toBe(1000)
  })

  it.each(['close', 'abort'] as const)('ends when it is told to (%s), and takes the connection along', async (how) => {
    const leave = new AbortController()
    const { server, take, watching } = await watched({ signal: leave.signal })
    const connection = await server.connection(1)
    connection.records((await connection.until('subscribe')).id, cursorAfter(RUN, 3), records(1, 3))
    expect(await take(2)).toEqual([1, 2])
    if (how === 'close') watching.close()
    else leave.abort()
    expect([await take(5), watching.cursor]).toEqual([[], cursorAfter(RUN, 2)])
    expect(await connection.closed).toBe(1000)
  })

  it('ends when its loop is left', async () => {
    const { server, watching } = await watched()
    const connection = await server.connection(1)
    connection.records((await connection.until('subscribe')).id, cursorAfter(RUN, 3), records(1, 3))
    for await (const { seq } of watching) if (seq === 2) break
    expect(await connection.closed).toBe(1000)
  })

  it('can be iterated once only', async () => {
    const { watching, iterator } = await watched()
    void iterator.next()
    await expect(watching.batches()[Symbol.asyncIterator]().next()).rejects.toThrow('once only')
    watching.close()
  })
})
