import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createRunId } from '../../src/domain/ids.ts'
import { troupeVersion } from '../../src/version.ts'
import { serveControl } from '../support/control-socket.ts'
import { runView, taskView } from '../support/fake-orchestrator.ts'
import { answers, hasSeq, isCaughtUp, lastCursor, openStream, type Said, seen } from '../support/stream-client.ts'
import { RUN, type StreamFixtureOptions, serveStream } from '../support/stream-server.ts'

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => [RUN, after + 1 + index])

async function connected(options: StreamFixtureOptions = {}) {
  const fixture = await serveStream(options)
  return { ...fixture, client: await fixture.open() }
}

describe('the stream', () => {
  it('begins with a welcome, chooses troupe.v1 among what is offered, and says who serves', async () => {
    const { port } = await serveStream({ server: 'troupe/1.2.3' })
    const client = await openStream(port, ['troupe.ticket.abc', 'troupe.v1', 'chat'])
    expect(client.said).toEqual([{ type: 'welcome', protocol: 'troupe.v1', server: 'troupe/1.2.3' }])
    expect(client.socket.protocol).toBe('troupe.v1')
    expect(client.socket.extensions).toBe('')
  })

  it('lets a client wait until there is something to serve', async () => {
    const { port, attach } = await serveStream({ attached: false })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'troupe.v1')
    const welcome = new Promise((resolve) => socket.on('message', (data) => resolve(JSON.parse(String(data)))))
    attach()
    expect(await welcome).toEqual({ type: 'welcome', protocol: 'troupe.v1', server: `troupe/${troupeVersion()}` })
    socket.terminate()
  })

  it('brings the history of a run, says that it is caught up, and goes on live', async () => {
    const { client, orchestrator } = await connected()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await client.until(isCaughtUp)
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 4))
    expect(client.said.slice(1).map(({ type, subscription }) => [type, subscription])).toEqual([
      ['records', 's'],
      ['caught-up', 's'],
      ['records', 's'],
    ])
    expect(seen(client)).toEqual(upTo(4))
  })

  it('brings a long history page by page', async () => {
    const { client } = await connected({ records: 2500 })
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await client.until(isCaughtUp)
    expect(seen(client)).toEqual(upTo(2500))
    expect(client.said.filter(({ type }) => type === 'records').length).toBeGreaterThan(5)
  })

  it('brings only what comes to a subscriber from now on', async () => {
    const { client, orchestrator } = await connected()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await client.until(isCaughtUp)
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 4))
    expect(seen(client)).toEqual(upTo(4, 3))
  })

  it('filters by task and type, and keeps the place all the same', async () => {
    const { client, orchestrator, open } = await connected({ records: 0 })
    orchestrator.append(RUN, 2, { task: 'execute[0]' })
    orchestrator.append(RUN, 1, { task: 'execute[0]', type: 'progress' })
    orchestrator.append(RUN, 1, { task: 'plan' })
    const filter = { tasks: ['execute.0'], types: ['transition'] }
    client.say({ type: 'subscribe', id: 's', runs: [RUN], filter, after: 'start' })
    const { cursor } = await client.until(isCaughtUp)
    orchestrator.append(RUN, 1, { task: 'execute[0]' })
    await client.until(hasSeq(RUN, 5))
    expect(seen(client)).toEqual([1, 2, 5].map((seq) => [RUN, seq]))
    const again = await open()
    again.say({ type: 'subscribe', id: 's', runs: [RUN], filter, after: cursor })
    await again.until(isCaughtUp)
    expect(seen(again)).toEqual([[RUN, 5]])
  })

  it('shows all runs, also those that begin later, and loses and repeats nothing over reconnections', async () => {
    const { orchestrator, open } = await serveStream({ records: 0 })
    const ids = Array.from({ length: 6 }, (_, n) => createRunId(1_000 + Math.floor(n / 2), () => (5 - n) / 6))
    const collected: (readonly [string, number])[] = []
    let cursor: unknown = 'start'
    for (const [index, run] of ids.entries()) {
      const client = await open()
      client.say({ type: 'subscribe', id: 's', runs: ['*'], after: cursor })
      await client.until(isCaughtUp)
      orchestrator.add(runView({ run }))
      orchestrator.append(run, 2)
      await client.until(hasSeq(run, 2))
      cursor = lastCursor(client)
      collected.push(...seen(client))
      client.socket.terminate()
      // Between two connections: one run goes on, one ends.
      orchestrator.append(run)
      const previous = ids[index - 1]
      if (previous !== undefined) orchestrator.settle(previous, { status: 'completed', exitCode: 0 })
    }
    const last = await open()
    last.say({ type: 'subscribe', id: 's', runs: ['*'], after: cursor })
    await last.until(isCaughtUp)
    collected.push(...seen(last))
    expect([...collected].sort()).toEqual(ids.flatMap((run) => [1, 2, 3].map((seq) => [run, seq])).sort())
  })

  it('gives a client that was cut off exactly the rest, wherever it was cut', async () => {
    const { orchestrator, open } = await serveStream({ records: 0 })
    const collected: (readonly [string, number])[] = []
    let cursor: unknown = 'start'
    for (let cut = 1; cut <= 30; cut++) {
      const client = await open()
      client.say({ type: 'subscribe', id: 's', runs: [RUN], after: cursor })
      for (let group = 0; group < 3; group++) orchestrator.append(RUN, 2)
      await client.until(({ type }) => type === 'records')
      client.socket.terminate()
      collected.push(...seen(client))
      cursor = lastCursor(client)
    }
    const client = await open()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: cursor })
    await client.until(isCaughtUp)
    expect([...collected, ...seen(client)]).toEqual(upTo(180))
  })

  it('goes on where a cursor of another process stands', async () => {
    const first = await connected()
    first.client.say({ type: 'subscribe', id: 's', runs: ['*'], after: 'start' })
    const { cursor } = await first.client.until(isCaughtUp)
    const { client } = await connected({ records: 5 })
    client.say({ type: 'subscribe', id: 's', runs: ['*'], after: cursor })
    await client.until(isCaughtUp)
    expect(seen(client)).toEqual(upTo(5, 3))
  })

  it('knows runs that the orchestrator does not carry', async () => {
    const { client, orchestrator } = await connected()
    orchestrator.forget(RUN)
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await client.until(isCaughtUp)
    expect(seen(client)).toEqual(upTo(3))
  })

  it('keeps subscriptions of one client apart, and stops one when it is told to', async () => {
    const { client, orchestrator } = await connected()
    for (const id of ['a', 'b']) client.say({ type: 'subscribe', id, runs: [RUN], after: 'now' })
    await client.until(({ type, subscription }) => type === 'caught-up' && subscription === 'b')
    client.say({ type: 'unsubscribe', id: 'a' })
    expect(await client.until(answers('a'))).toEqual({ type: 'reply', id: 'a', ok: true, result: null })
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 4))
    expect(client.said.filter(({ type }) => type === 'records').map(({ subscription }) => subscription)).toEqual(['b'])
    client.say({ type: 'unsubscribe', id: 'b' })
    await client.until(answers('b'))
    expect(orchestrator.subscribers).toBe(0)
  })

  it('follows the orchestrator once, however many clients there are, and lets go with the last', async () => {
    const { orchestrator, open, stream } = await serveStream()
    const clients = await Promise.all([open(), open(), open()])
    for (const client of clients) {
      client.say({ type: 'subscribe', id: 's', runs: ['*'], after: 'now' })
      await client.until(isCaughtUp)
    }
    expect([orchestrator.subscribers, stream.stats().subscriptions]).toEqual([1, 3])
    for (const client of clients) client.socket.close()
    await Promise.all(clients.map((client) => client.closed()))
    await expect.poll(() => [orchestrator.subscribers, stream.stats().clients]).toEqual([0, 0])
  })

  it('tells what it costs', async () => {
    const { client, stream, orchestrator } = await connected()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await client.until(isCaughtUp)
    orchestrator.append(RUN, 2)
    await client.until(hasSeq(RUN, 5))
    expect(stream.stats()).toEqual({
      clients: 1,
      subscriptions: 1,
      waitingBytes: 0,
      resyncs: 0,
      recordsSent: 5,
      lagMs: 0,
    })
  })

  it('takes leave of its clients when the process ends, after the last records, and lets nobody in any more', async () => {
    const { client, orchestrator, stream, port, clock } = await connected()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await client.until(isCaughtUp)
    orchestrator.append(RUN)
    stream.close()
    expect(await client.closed()).toEqual({ code: 1001, reason: 'The process that serves this is ending.' })
    expect([seen(client), clock.pending(), stream.stats().clients]).toEqual([upTo(4, 3), 0, 0])
    await expect(openStream(port)).rejects.toThrow(/503/)
  })
})

describe('a command over the stream', () => {
  const retry = { type: 'command', id: 'c1', run: RUN, task: 'spec', command: { type: 'retry' } }

  it('is carried out and answered with what it caused', async () => {
    const { client } = await connected()
    client.say(retry)
    client.say({ type: 'command', id: 'c2', run: RUN, command: { type: 'continue' } })
    expect(await client.until(answers('c1'))).toEqual({
      type: 'reply',
      id: 'c1',
      ok: true,
      result: { run: RUN, task: 'spec', seq: 4, state: 'running' },
    })
    expect(await client.until(answers('c2'))).toEqual({
      type: 'reply',
      id: 'c2',
      ok: false,
      error: {
        code: 'command-refused',
        message: `${RUN} is running and cannot take 'continue'. It takes: cancel.`,
        details: { subject: RUN, command: 'continue', state: 'running', legal: ['cancel'] },
      },
    })
  })

  it('names the task in either spelling', async () => {
    const { client, orchestrator } = await connected()
    const item = taskView({ task: 'execute[0]', state: 'running', commands: ['retry'] })
    orchestrator.change(RUN, { tasks: [item] })
    client.say({ ...retry, task: 'execute.0' })
    await client.until(answers('c1'))
    expect(orchestrator.calls).toEqual([['commandTask', RUN, 'execute[0]', { type: 'retry' }, { via: 'control' }]])
  })

  it('says who gave it, by the name of the token', async () => {
    const { client, orchestrator } = await connected({ access: { may: 'command', via: 'rest', who: 'ci' } })
    client.say(retry)
    await client.until(answers('c1'))
    client.say({ type: 'command', id: 'c2', run: RUN, command: { type: 'cancel' } })
    await client.until(answers('c2'))
    const by = { via: 'stream', who: 'ci' }
    expect(orchestrator.calls).toEqual([
      ['commandTask', RUN, 'spec', { type: 'retry' }, by],
      ['command', RUN, { type: 'cancel' }, by],
    ])
  })

  it('is forbidden to who may only watch', async () => {
    const { client, orchestrator } = await connected({ access: { may: 'watch', via: 'rest', who: 'page' } })
    client.say(retry)
    expect(await client.until(answers('c1'))).toEqual({
      type: 'reply',
      id: 'c1',
      ok: false,
      error: { code: 'forbidden', message: expect.stringContaining("'page' may only read"), details: {} },
    })
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await client.until(isCaughtUp)
    expect(orchestrator.calls).toEqual([])
  })
})

describe('a resync', () => {
  it('stands for records that were removed with their run', async () => {
    const { client, orchestrator, open } = await connected()
    const ended = runView({ run: 'run_2', status: 'completed' })
    orchestrator.add(ended)
    orchestrator.append('run_2')
    client.say({ type: 'subscribe', id: 's', runs: [RUN, 'run_2'], after: 'start' })
    const { cursor } = await client.until(isCaughtUp)
    client.socket.terminate()
    await expect.poll(() => orchestrator.subscribers).toBe(0)
    orchestrator.append('run_2')
    await orchestrator.remove('run_2', 'delete')
    orchestrator.append(RUN)
    const again = await open()
    again.say({ type: 'subscribe', id: 's', runs: [RUN, 'run_2'], after: cursor })
    await again.until(isCaughtUp)
    expect(again.said.slice(1)).toEqual([
      {
        type: 'records',
        subscription: 's',
        cursor: 'c1,,run_1:4,run_2:1',
        records: [expect.objectContaining({ seq: 4 })],
      },
      {
        type: 'resync',
        subscription: 's',
        reason: 'run_2 was removed.',
        cursor: 'c1,,run_1:4',
        state: { runs: [orchestrator.view(RUN)] },
      },
      { type: 'caught-up', subscription: 's', cursor: 'c1,,run_1:4' },
    ])
    orchestrator.append(RUN)
    await again.until(hasSeq(RUN, 5))
    again.socket.terminate()
    const last = await open()
    last.say({ type: 'subscribe', id: 's', runs: [RUN, 'run_2'], after: lastCursor(again) })
    await last.until(isCaughtUp)
    expect(last.said.slice(1).map(({ type }) => type)).toEqual(['caught-up'])
  })

  it('stands for records that cannot be read, and what is live goes on', async () => {
    const { client, orchestrator } = await connected()
    orchestrator.beforeRecords = () => Promise.reject(new Error('damaged'))
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    expect(await client.until(({ type }) => type === 'resync')).toEqual({
      type: 'resync',
      subscription: 's',
      reason: `${RUN} cannot be read: something inside troupe failed.`,
      cursor: 'c1,,run_1:3',
      state: { runs: [orchestrator.view(RUN)] },
    })
    orchestrator.append(RUN)
    await client.until(hasSeq(RUN, 4))
    expect(seen(client)).toEqual(upTo(4, 3))
  })

  it('says so when what was announced cannot be read back', async () => {
    const { client, orchestrator } = await connected()
    orchestrator.records = async () => []
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    const { reason } = await client.until(({ type }) => type === 'resync')
    expect(reason).toBe(`${RUN} has no records 1.. on disk any more.`)
  })

  it('stands for a cursor beyond what is stored', async () => {
    const { client } = await connected()
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'c1,,run_1:9' })
    const { reason, cursor } = await client.until(({ type }) => type === 'resync')
    expect([reason, cursor]).toEqual([`${RUN} has no record 9 any more.`, 'c1,,run_1:3'])
  })

  it('is no answer for one run that is gone: that is not found', async () => {
    const { client, orchestrator, stream } = await connected()
    orchestrator.change(RUN, { status: 'completed' })
    await orchestrator.remove(RUN, 'delete')
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'c1,,run_1:2' })
    const reply = await client.until(answers('s'))
    expect([reply['ok'], codeOf(reply), stream.stats().subscriptions]).toEqual([false, 'not-found', 0])
  })

  it('ends a subscription whose only run is removed while its history is read', async () => {
    const { client, orchestrator, stream } = await connected()
    orchestrator.change(RUN, { status: 'completed' })
    orchestrator.beforeRecords = () => orchestrator.remove(RUN, 'delete')
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    const reply = await client.until(answers('s'))
    expect([codeOf(reply), stream.stats().subscriptions, orchestrator.subscribers]).toEqual(['not-found', 0, 0])
  })
})

describe('the stream of the control socket', () => {
  it('is served to the owner of the folder, who may send a large message', async () => {
    const { orchestrator, socketPath } = await serveControl()
    const spec = taskView({ task: 'spec', state: 'running', commands: ['complete'] })
    orchestrator.add(runView({ run: RUN, tasks: [spec] }))
    const client = await openStream(socketPath)
    const result = 'x'.repeat(2 * 1024 * 1024)
    client.say({ type: 'command', id: 'c', run: RUN, task: 'spec', command: { type: 'complete', result } })
    expect(await client.until(answers('c'))).toMatchObject({ ok: true })
    expect(orchestrator.calls.map(([, , , , by]) => by)).toEqual([{ via: 'control' }])
  })

  it('takes leave of its clients when the holder ends, after the last records', async () => {
    const { orchestrator, control, socketPath } = await serveControl()
    orchestrator.add(runView({ run: RUN }))
    const client = await openStream(socketPath)
    client.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await client.until(isCaughtUp)
    orchestrator.append(RUN)
    control.farewell()
    expect((await client.closed()).code).toBe(1001)
    expect(seen(client)).toEqual([[RUN, 1]])
  })
})

function codeOf(reply: Said): unknown {
  return (reply['error'] as { code: string }).code
}
