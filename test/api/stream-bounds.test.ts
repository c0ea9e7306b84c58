import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { CommandReply } from '../../src/domain/command.ts'
import { settle } from '../support/fake-carrier.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { answers, hasSeq, isCaughtUp, type Said, type StreamClient, seen } from '../support/stream-client.ts'
import { RUN, type StreamFixture, type StreamFixtureOptions, serveStream } from '../support/stream-server.ts'

const SECOND = 1000
const KILOBYTE = 1024
const BOUND = 256 * KILOBYTE
const isResync = ({ type }: Said) => type === 'resync'

async function connected(options: StreamFixtureOptions = {}) {
  const fixture = await serveStream(options)
  return { ...fixture, client: await fixture.open() }
}

async function follow(client: StreamClient, id = 's', runs: readonly string[] = [RUN]): Promise<void> {
  client.say({ type: 'subscribe', id, runs, after: 'now' })
  await client.until(({ type, subscription }) => type === 'caught-up' && subscription === id)
}

/** Makes so much durable that no buffer of the system holds it. */
async function appendMuch({ orchestrator }: Pick<StreamFixture, 'orchestrator'>, count = 100): Promise<void> {
  const data = { text: 'x'.repeat(200 * KILOBYTE) }
  for (let n = 0; n < count; n++) {
    orchestrator.append(RUN, 1, { data })
    await settle(1)
  }
}

describe('a client that reads slowly', () => {
  it('costs bounded memory, gets the state instead of what it missed, and goes on live without a gap', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    const { client, orchestrator, stream } = fixture
    await follow(client)
    client.socket.pause()
    await appendMuch(fixture)
    expect(stream.stats().waitingBytes).toBeLessThanOrEqual(BOUND)
    client.socket.resume()
    const { reason, cursor, state } = await client.until(isResync)
    expect([reason, cursor, state]).toEqual([
      'Records came faster than they were read; they are left out.',
      'c1,,run_1:103',
      { runs: [orchestrator.view(RUN)] },
    ])
    orchestrator.append(RUN, 2)
    await client.until(hasSeq(RUN, 105))
    const seqs = seen(client).map(([, seq]) => seq)
    const before = seqs.length - 2
    expect(seqs).toEqual([...Array.from({ length: before }, (_, index) => 4 + index), 104, 105])
    expect([client.said.filter(isCaughtUp).length, stream.stats().resyncs]).toEqual([1, 1])
  })

  it('gets a state for each of its subscriptions; that of all runs holds those that have not ended', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    const { client, orchestrator } = fixture
    orchestrator.add(runView({ run: 'run_2', status: 'completed' }))
    await follow(client, 'one')
    await follow(client, 'all', ['*'])
    client.socket.pause()
    await appendMuch(fixture)
    client.socket.resume()
    for (const id of ['one', 'all']) {
      const resync = await client.until((message) => isResync(message) && message['subscription'] === id)
      expect(resync['state']).toEqual({ runs: [orchestrator.view(RUN)] })
    }
  })

  it('gets what it missed from the disk when that is not much', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND })
    const { client, orchestrator, stream } = fixture
    await follow(client)
    client.socket.pause()
    await appendMuch(fixture)
    client.socket.resume()
    await client.until(hasSeq(RUN, 103))
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 104))
    expect(seen(client)).toEqual(Array.from({ length: 101 }, (_, index) => [RUN, 4 + index]))
    expect([client.said.filter(isCaughtUp).length, stream.stats().resyncs]).toEqual([1, 0])
  })

  it('holds nobody else up', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    const quick = await fixture.open()
    await follow(fixture.client)
    await follow(quick)
    fixture.client.socket.pause()
    await appendMuch(fixture)
    await quick.until(hasSeq(RUN, 103))
    expect(seen(quick)).toEqual(Array.from({ length: 100 }, (_, index) => [RUN, 4 + index]))
  })

  it('is given history only as fast as it reads', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    await appendMuch(fixture, 60)
    let pages = 0
    fixture.orchestrator.beforeRecords = async () => void pages++
    fixture.client.socket.pause()
    fixture.client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    // The first page is as large as it is; from then on one holds a single record of this size.
    await expect.poll(() => fixture.stream.stats().waitingBytes).toBeGreaterThan(0)
    await settle(20)
    expect(pages).toBe(1)
    fixture.client.socket.resume()
    await fixture.client.until(isCaughtUp)
    expect(seen(fixture.client).length).toBe(63)
  })

  it('is closed when it takes nothing at all for 30 s', async () => {
    const fixture = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    const { client, clock, stream, orchestrator } = fixture
    await follow(client)
    client.socket.pause()
    await appendMuch(fixture)
    await clock.advance(29 * SECOND)
    expect([stream.stats().clients, stream.stats().lagMs > 0]).toEqual([1, true])
    await clock.advance(SECOND)
    expect([stream.stats(), orchestrator.subscribers]).toEqual([
      { ...stream.stats(), clients: 0, subscriptions: 0, waitingBytes: 0 },
      0,
    ])
    client.socket.resume()
    expect(await client.closed()).toEqual({ code: 4008, reason: 'Too slow: subscribe again with the last cursor.' })
  })
})

describe('a client that floods', () => {
  it('has a bounded number of its commands under way, and every one is answered', async () => {
    const { client, orchestrator } = await connected()
    const waiting: (() => void)[] = []
    let most = 0
    orchestrator.command = (run) =>
      new Promise<CommandReply>((resolve) => {
        waiting.push(() => resolve({ run, seq: 1, state: 'running' }))
        most = Math.max(most, waiting.length)
      })
    for (let n = 0; n < 500; n++) {
      client.say({ type: 'command', id: `c${n}`, run: RUN, command: { type: 'cancel' } })
    }
    await expect.poll(() => waiting.length).toBe(32)
    await settle(20)
    for (let answered = 0; answered < 500; ) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0)
      for (const resolve of waiting.splice(0)) {
        resolve()
        answered++
      }
    }
    await client.until(answers('c499'))
    expect([most, client.said.filter(({ ok }) => ok === true).length]).toEqual([32, 500])
  })

  it('is not read any further while it does not take the answers', async () => {
    const { client, stream, sockets } = await connected({ maxWaitingBytes: BOUND, maxBehind: 10 })
    client.socket.pause()
    // The answer repeats most of it.
    const message = {
      type: 'command',
      id: 'x'.repeat(100),
      run: RUN,
      task: '?'.repeat(200),
      command: { type: 'retry' },
    }
    const text = JSON.stringify(message)
    for (let n = 0; n < 15_000; n++) client.socket.send(text)
    const isPaused = () => [...sockets].some((socket) => socket.isPaused())
    await expect.poll(isPaused, { timeout: 20_000 }).toBe(true)
    expect(stream.stats().waitingBytes).toBeLessThan(BOUND + 100 * KILOBYTE)
    client.socket.resume()
    await expect.poll(() => client.said.length, { timeout: 20_000 }).toBe(15_001)
  }, 60_000)

  it('that subscribes and unsubscribes without end leaves nothing behind', async () => {
    const { client, stream, orchestrator } = await connected()
    let reading = 0
    let most = 0
    orchestrator.beforeRecords = async () => {
      most = Math.max(most, ++reading)
      await settle(1)
      reading--
    }
    for (let n = 0; n < 2000; n++) {
      client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
      client.say({ type: 'unsubscribe', id: 's' })
    }
    client.say({ type: 'unsubscribe', id: 'last' })
    await client.until(answers('last'))
    await expect.poll(() => [stream.stats().subscriptions, orchestrator.subscribers, reading]).toEqual([0, 0, 0])
    expect(most).toBeLessThanOrEqual(1)
  })

  it('by opening and dropping sockets leaves nothing behind, and nobody else notices', async () => {
    const { client, port, stream, sockets, orchestrator } = await connected()
    await follow(client)
    for (let round = 0; round < 10; round++) {
      const dropped = Array.from({ length: 50 }, () => new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'troupe.v1'))
      await Promise.all(
        dropped.map(async (socket, index) => {
          socket.on('error', () => undefined)
          // Some before the handshake is done, some after, some in the middle of a subscription.
          if (index % 3 > 0) await once(socket, 'open')
          if (index % 3 > 1) socket.send(JSON.stringify({ type: 'subscribe', id: 's', runs: ['*'], after: 'start' }))
          socket.terminate()
        }),
      )
    }
    await expect.poll(() => [stream.stats().clients, stream.stats().subscriptions, sockets.size]).toEqual([1, 1, 1])
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 4))
  })
})

describe('a client that says nothing', () => {
  it('is pinged every 15 s and stays as long as it answers', async () => {
    const { client, clock, stream, sockets } = await connected()
    await follow(client)
    const [socket] = sockets
    for (let n = 0; n < 4; n++) {
      const read = socket?.bytesRead ?? 0
      const pinged = once(client.socket, 'ping')
      await clock.advance(15 * SECOND)
      await pinged
      await expect.poll(() => socket?.bytesRead ?? 0).toBeGreaterThan(read)
    }
    expect(stream.stats().clients).toBe(1)
  })

  it('is dropped when it has not answered by the next ping', async () => {
    const { port, clock, stream } = await serveStream()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'troupe.v1', { autoPong: false })
    onTestFinished(() => socket.terminate())
    const closed = once(socket, 'close')
    await once(socket, 'message')
    await clock.advance(15 * SECOND)
    expect(stream.stats().clients).toBe(1)
    await clock.advance(15 * SECOND)
    expect((await closed)[0]).toBe(1006)
    await expect.poll(() => stream.stats().clients).toBe(0)
    expect(clock.pending()).toBe(0)
  })

  it('is closed after 5 minutes without a subscription, and kept with one', async () => {
    const { client, open, clock } = await connected({ pingEveryMs: 60 * SECOND })
    const idle = await open()
    await follow(client)
    for (let minute = 0; minute < 5; minute++) {
      const pinged = minute < 4 ? Promise.all([client, idle].map(({ socket }) => once(socket, 'pong'))) : undefined
      await clock.advance(60 * SECOND)
      // An answer to our own ping comes after the answer to the server's.
      for (const { socket } of [client, idle]) if (minute < 4) socket.ping()
      await pinged
    }
    expect(await idle.closed()).toEqual({
      code: 4000,
      reason: 'Nothing was subscribed to and nothing said for a long time.',
    })
    expect(client.socket.readyState).toBe(WebSocket.OPEN)
  })
})
