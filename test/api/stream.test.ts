import { describe, expect, it } from 'vitest'
import { createRunId } from '../../src/domain/ids.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { serveControl } from '../support/control-socket.ts'
import { runView, taskView } from '../support/fake-orchestrator.ts'
import { openStream, type Said, type StreamClient } from '../support/stream-client.ts'

const RUN = 'run_1'

async function withRun(records = 3) {
  const fixture = await serveControl()
  const spec = taskView({ task: 'spec', state: 'running', commands: ['retry'] })
  fixture.orchestrator.add(runView({ run: RUN, tasks: [spec], commands: ['cancel'] }))
  if (records > 0) fixture.orchestrator.append(RUN, records)
  return { ...fixture, stream: await openStream(fixture.socketPath) }
}

const isCaughtUp = ({ type }: Said) => type === 'caught-up'
const hasSeq = (run: string, seq: number) => (message: Said) =>
  recordsOf(message).some((r) => r.run === run && r.seq === seq)

function recordsOf(message: Said): readonly RunRecord[] {
  return message.type === 'records' ? (message['records'] as RunRecord[]) : []
}

function seen({ said }: StreamClient): readonly (readonly [string, number])[] {
  return said.flatMap(recordsOf).map(({ run, seq }) => [run, seq] as const)
}

function lastCursor({ said }: StreamClient): unknown {
  return said.findLast(({ cursor }) => cursor !== undefined)?.['cursor']
}

describe('the stream', () => {
  it('begins with a welcome and speaks only troupe.v1', async () => {
    const { stream, socketPath } = await withRun()
    expect(stream.said).toEqual([{ type: 'welcome', protocol: 'troupe.v1', server: 'troupe' }])
    await expect(openStream(socketPath, 'chat')).rejects.toThrow(/400/)
  })

  it('brings the history of a run, says that it is caught up, and goes on live', async () => {
    const { stream, orchestrator } = await withRun()
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await stream.until(isCaughtUp)
    orchestrator.append(RUN)
    await stream.until(hasSeq(RUN, 4))
    const [, history, caughtUp, live] = stream.said
    expect([history, caughtUp, live].map((message) => [message?.type, message?.['subscription']])).toEqual([
      ['records', 's'],
      ['caught-up', 's'],
      ['records', 's'],
    ])
    expect(seen(stream)).toEqual([1, 2, 3, 4].map((seq) => [RUN, seq]))
  })

  it('brings only what comes to a subscriber from now on', async () => {
    const { stream, orchestrator } = await withRun()
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await stream.until(isCaughtUp)
    orchestrator.append(RUN)
    await stream.until(hasSeq(RUN, 4))
    expect(seen(stream)).toEqual([[RUN, 4]])
  })

  it('filters by task and type, and keeps the place all the same', async () => {
    const { stream, orchestrator, socketPath } = await withRun(0)
    orchestrator.append(RUN, 2, { task: 'spec' })
    orchestrator.append(RUN, 1, { task: 'spec', type: 'progress' })
    orchestrator.append(RUN, 1, { task: 'plan' })
    const filter = { tasks: ['spec'], types: ['transition'] }
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], filter, after: 'start' })
    const { cursor } = await stream.until(isCaughtUp)
    expect(seen(stream)).toEqual([
      [RUN, 1],
      [RUN, 2],
    ])
    orchestrator.append(RUN, 1, { task: 'spec' })
    const again = await openStream(socketPath)
    again.say({ type: 'subscribe', id: 's', runs: [RUN], filter, after: cursor })
    await again.until(isCaughtUp)
    expect(seen(again)).toEqual([[RUN, 5]])
  })

  it('shows all runs, also those that begin later, and loses and repeats nothing over reconnections', async () => {
    const { orchestrator, socketPath } = await withRun(0)
    const ids = Array.from({ length: 6 }, (_, n) => createRunId(1_000 + Math.floor(n / 2), () => (5 - n) / 6))
    const collected: (readonly [string, number])[] = []
    let cursor: unknown = 'start'
    for (const [index, run] of ids.entries()) {
      const stream = await openStream(socketPath)
      stream.say({ type: 'subscribe', id: 's', runs: ['*'], after: cursor })
      await stream.until(isCaughtUp)
      orchestrator.add(runView({ run }))
      orchestrator.append(run, 2)
      await stream.until(hasSeq(run, 2))
      cursor = lastCursor(stream)
      collected.push(...seen(stream))
      stream.socket.terminate()
      // Between two connections: one run goes on, one ends and is put aside.
      orchestrator.append(run)
      const previous = ids[index - 1]
      if (previous !== undefined) orchestrator.settle(previous, { status: 'completed', exitCode: 0 })
    }
    const last = await openStream(socketPath)
    last.say({ type: 'subscribe', id: 's', runs: ['*'], after: cursor })
    await last.until(isCaughtUp)
    collected.push(...seen(last))
    expect([...collected].sort()).toEqual(ids.flatMap((run) => [1, 2, 3].map((seq) => [run, seq])).sort())
  })

  it('knows runs that the orchestrator does not carry', async () => {
    const { stream, orchestrator } = await withRun()
    orchestrator.forget(RUN)
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'start' })
    await stream.until(isCaughtUp)
    expect(seen(stream)).toEqual([1, 2, 3].map((seq) => [RUN, seq]))
  })

  it('stops when it is told to', async () => {
    const { stream, orchestrator } = await withRun()
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await stream.until(isCaughtUp)
    stream.say({ type: 'unsubscribe', id: 's' })
    await stream.until(({ type, ok }) => type === 'reply' && ok === true)
    orchestrator.append(RUN)
    expect([seen(stream), orchestrator.subscribers]).toEqual([[], 0])
  })

  it('carries commands out and replies with what they caused', async () => {
    const { stream } = await withRun()
    stream.say({ type: 'command', id: 'c1', run: RUN, task: 'spec', command: { type: 'retry' } })
    stream.say({ type: 'command', id: 'c2', run: RUN, command: { type: 'continue' } })
    expect(await stream.until(({ id }) => id === 'c1')).toEqual({
      type: 'reply',
      id: 'c1',
      ok: true,
      result: { run: RUN, task: 'spec', seq: 4, state: 'running' },
    })
    expect(await stream.until(({ id }) => id === 'c2')).toEqual({
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

  it.each([
    ['no JSON', 'usage'],
    [{ type: 'dance', id: 'x' }, 'usage'],
    [{ type: 'subscribe', id: 'x', runs: [], after: 'start' }, 'usage'],
    [{ type: 'subscribe', id: 'x', runs: [RUN], after: 'yesterday' }, 'usage'],
    [{ type: 'subscribe', id: 'x', runs: ['run_none'], after: 'start' }, 'not-found'],
    [{ type: 'unsubscribe', id: 'x' }, 'not-found'],
    [{ type: 'command', id: 'x', run: RUN, task: '../x', command: { type: 'retry' } }, 'not-found'],
    [{ type: 'command', id: 'x', run: RUN, command: { type: 'retry' } }, 'usage'],
  ])('answers what it cannot do with a code and goes on (%#)', async (message, code) => {
    const { stream } = await withRun()
    if (typeof message === 'string') stream.socket.send(message)
    else stream.say(message)
    const reply = await stream.until(({ type }) => type === 'reply')
    expect([reply['ok'], (reply['error'] as { code: string }).code]).toEqual([false, code])
    stream.say({ type: 'subscribe', id: 'y', runs: [RUN], after: 'start' })
    await stream.until(isCaughtUp)
  })

  it('closes a client that reads too slowly, with the reason', async () => {
    const { stream, orchestrator } = await withRun()
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await stream.until(isCaughtUp)
    stream.socket.pause()
    const data = { text: 'x'.repeat(1024 * 1024) }
    for (let group = 0; group < 24; group++) orchestrator.append(RUN, 1, { data })
    stream.socket.resume()
    expect(await stream.closed()).toEqual({ code: 4008, reason: 'Too slow: subscribe again with the last cursor.' })
    expect(orchestrator.subscribers).toBe(0)
  })

  it('takes leave of its clients when the holder ends, after the last records', async () => {
    const { stream, orchestrator, control } = await withRun()
    stream.say({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })
    await stream.until(isCaughtUp)
    orchestrator.append(RUN)
    control.farewell()
    expect((await stream.closed()).code).toBe(1001)
    expect(seen(stream)).toEqual([[RUN, 4]])
  })
})
