import { once } from 'node:events'
import { get } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type EventReader, openEvents, recordsIn, type ServerEvent } from '../support/event-reader.ts'
import { settle } from '../support/fake-carrier.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { RUN, serveStream } from '../support/stream-server.ts'

const KILOBYTE = 1024
const SECOND = 1000
const BOUND = 256 * KILOBYTE

const is =
  (name: string) =>
  ({ event }: ServerEvent) =>
    event === name
const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => [RUN, after + 1 + index])
const has = (reader: EventReader, seq: number) => () => recordsIn(reader.events).some(([, each]) => each === seq)

async function refused(port: number, query: string) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/events${query}`)
  const body = (await response.json()) as { code: string }
  return [response.status, body.code]
}

describe('server-sent events', () => {
  it('are the records of a run, what was and what comes, each with the cursor to go on from', async () => {
    const { port, orchestrator } = await serveStream()
    const reader = await openEvents(port, `?run=${RUN}&after=start`)
    await reader.until(is('caught-up'))
    orchestrator.append(RUN)
    await reader.until(has(reader, 4))
    expect(reader.retry()).toBe(2000)
    expect(reader.events).toEqual([
      { event: 'records', id: 'c1,,run_1:3', data: [1, 2, 3].map((seq) => expect.objectContaining({ seq })) },
      { event: 'caught-up', id: 'c1,,run_1:3', data: { cursor: 'c1,,run_1:3' } },
      { event: 'records', id: 'c1,,run_1:4', data: [expect.objectContaining({ run: RUN, seq: 4 })] },
    ])
  })

  it('are neither kept nor gathered on their way', async () => {
    const { port } = await serveStream()
    const { response } = await openEvents(port)
    expect(['content-type', 'cache-control', 'x-accel-buffering'].map((name) => response.headers.get(name))).toEqual([
      'text/event-stream',
      'no-store',
      'no',
    ])
  })

  it('are of all runs from now on unless something else is asked for', async () => {
    const { port, orchestrator } = await serveStream()
    const reader = await openEvents(port)
    await reader.until(is('caught-up'))
    orchestrator.add(runView({ run: 'run_2' }))
    orchestrator.append('run_2')
    await reader.until(is('records'))
    expect(recordsIn(reader.events)).toEqual([['run_2', 1]])
  })

  it('are of the runs, tasks and types that are asked for', async () => {
    const { port, orchestrator } = await serveStream({ records: 0 })
    for (const run of ['run_2', 'run_3']) orchestrator.add(runView({ run }))
    for (const run of [RUN, 'run_2', 'run_3']) {
      orchestrator.append(run, 1, { type: 'alert', task: 'execute[1]' })
      orchestrator.append(run, 1, { type: 'progress', task: 'execute[1]' })
      orchestrator.append(run, 1, { type: 'alert', task: 'spec' })
    }
    const reader = await openEvents(port, `?run=${RUN}&run=run_2&task=execute&task=plan&type=alert&after=start`)
    await reader.until(is('caught-up'))
    expect(recordsIn(reader.events)).toEqual([
      [RUN, 1],
      ['run_2', 1],
    ])
  })

  it('go on after the last id, which a browser sends with the query it began with', async () => {
    const { port, orchestrator } = await serveStream()
    const reader = await openEvents(port, `?run=${RUN}&after=start`)
    const { id = '' } = await reader.until(is('caught-up'))
    reader.close()
    orchestrator.append(RUN, 2)
    const again = await openEvents(port, `?run=${RUN}&after=start`, { 'last-event-id': id })
    await again.until(is('caught-up'))
    const other = await openEvents(port, `?run=${RUN}&after=${id}`)
    await other.until(is('caught-up'))
    expect([recordsIn(again.events), recordsIn(other.events)]).toEqual([upTo(5, 3), upTo(5, 3)])
  })

  it('share the serialisation with everybody else', async () => {
    const { port, orchestrator } = await serveStream()
    const readers = [await openEvents(port), await openEvents(port), await openEvents(port, `?run=${RUN}`)]
    for (const reader of readers) await reader.until(is('caught-up'))
    let serialised = 0
    orchestrator.append(RUN, 1, {
      data: {
        get text() {
          serialised++
          return 'x'
        },
      },
    })
    for (const reader of readers) await reader.until(is('records'))
    expect(serialised).toBe(1)
  })

  it.each([
    ['?run=run_none', 404, 'not-found'],
    [`?run=${RUN}&after=yesterday`, 400, 'usage'],
    ['?type=gossip', 400, 'usage'],
    ['?task=../x', 400, 'usage'],
    [`?run=${'x'.repeat(200)}`, 400, 'usage'],
  ])('are refused with a code before they begin: %s', async (query, status, code) => {
    const { port, stream, orchestrator } = await serveStream()
    expect(await refused(port, query)).toEqual([status, code])
    expect([stream.stats().clients, orchestrator.subscribers]).toEqual([0, 0])
  })

  it('are interspersed with a sign of life every 15 s', async () => {
    const { port, clock } = await serveStream()
    const reader = await openEvents(port)
    await reader.until(is('caught-up'))
    await clock.advance(15 * SECOND)
    await reader.until(is('comment'))
    await clock.advance(15 * SECOND)
    await reader.until(() => reader.events.filter(is('comment')).length === 2)
  })

  it('end when the client goes', async () => {
    const { port, stream, orchestrator, clock } = await serveStream()
    const reader = await openEvents(port)
    await reader.until(is('caught-up'))
    expect(stream.stats()).toMatchObject({ clients: 1, subscriptions: 1 })
    reader.close()
    await expect.poll(() => [stream.stats().clients, orchestrator.subscribers, clock.pending()]).toEqual([0, 0, 0])
  })

  it('end when the process ends, after the last records, and begin no more', async () => {
    const { port, stream, orchestrator } = await serveStream()
    const reader = await openEvents(port)
    await reader.until(is('caught-up'))
    orchestrator.append(RUN)
    stream.close()
    await reader.ended()
    expect(reader.events.slice(1)).toEqual([
      { event: 'records', id: 'c1,run_1,run_1:4', data: [expect.objectContaining({ seq: 4 })] },
      { event: 'ending', data: { reason: 'The process that serves this is ending.' } },
    ])
    expect([await refused(port, ''), stream.stats().clients]).toEqual([[503, 'stopping'], 0])
  })

  it('end with what went wrong when their only run is removed', async () => {
    const { port, orchestrator } = await serveStream()
    orchestrator.change(RUN, { status: 'completed' })
    orchestrator.beforeRecords = () => orchestrator.remove(RUN, 'delete')
    const reader = await openEvents(port, `?run=${RUN}&after=start`)
    await reader.ended()
    expect(reader.events).toEqual([{ event: 'failed', data: expect.objectContaining({ code: 'not-found' }) }])
  })

  it('give a client that reads slowly the state instead of what it missed', async () => {
    const { port, orchestrator, stream } = await serveStream({ maxWaitingBytes: BOUND, maxBehind: 10 })
    const reader = await openEvents(port, `?run=${RUN}`)
    await reader.until(is('caught-up'))
    reader.pause()
    const data = { text: 'x'.repeat(200 * KILOBYTE) }
    for (let n = 0; n < 100; n++) {
      orchestrator.append(RUN, 1, { data })
      await settle(1)
    }
    expect(stream.stats().waitingBytes).toBeLessThanOrEqual(BOUND)
    reader.resume()
    expect(await reader.until(is('resync'))).toEqual({
      event: 'resync',
      id: 'c1,,run_1:103',
      data: {
        reason: 'Records came faster than they were read; they are left out.',
        cursor: 'c1,,run_1:103',
        state: { runs: [orchestrator.view(RUN)] },
      },
    })
    orchestrator.append(RUN)
    await reader.until(has(reader, 104))
  })

  it('are ended for a client that takes nothing at all for 30 s', async () => {
    const { port, orchestrator, stream, clock } = await serveStream({ maxWaitingBytes: BOUND })
    const asking = get({ port, path: `/v1/events?run=${RUN}` })
    onTestFinished(() => void asking.destroy())
    const [response] = await once(asking, 'response')
    response.pause()
    await expect.poll(() => orchestrator.subscribers).toBe(1)
    const data = { text: 'x'.repeat(200 * KILOBYTE) }
    for (let n = 0; n < 100; n++) {
      orchestrator.append(RUN, 1, { data })
      await settle(1)
    }
    await clock.advance(30 * SECOND)
    expect(stream.stats()).toMatchObject({ clients: 0, waitingBytes: 0 })
    response.resume()
    await once(response, 'end')
  })
})
