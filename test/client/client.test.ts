import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import {
  CommandRefusedError,
  createClient,
  IdempotencyConflictError,
  NoAnswerError,
  NotFoundError,
  UsageError,
  WorkflowError,
} from '../../src/client/index.ts'
import { realClock } from '../../src/host/clock.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { type ApiServerOptions, serveApi } from '../support/api-server.ts'
import { record, runView, taskView } from '../support/fake-orchestrator.ts'
import { serveScript } from '../support/scripted-server.ts'
import { workflowFile } from '../support/workflow-file.ts'

const RUN = 'run_1'

/** The machine's time, but that waiting for another try is soon over. */
const hasty = {
  ...realClock,
  setTimeout: (fn: () => void, ms: number) => realClock.setTimeout(fn, ms < 15_000 ? ms / 1000 : ms),
}

async function served(options: ApiServerOptions = {}) {
  const server = await serveApi(options)
  server.orchestrator.add(
    runView({
      run: RUN,
      commands: ['pause'],
      tasks: [
        taskView({ task: 'spec', state: 'completed' }),
        taskView({ task: 'execute[0]', state: 'escalated.failed', commands: ['retry', 'skip'] }),
      ],
    }),
  )
  return { ...server, client: createClient({ url: server.url, clock: hasty }) }
}

const thrown = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)

describe('a client', () => {
  it('reads everything that there is', async () => {
    const { client, orchestrator } = await served()
    orchestrator.append(RUN, 3)
    orchestrator.entries = [{ at: 5, type: 'output', text: 'hello' }]
    orchestrator.results.set('execute[0]', { task: 'execute[0]', attempt: 1, status: 'completed', result: 'ok' })
    const view = orchestrator.view(RUN)
    expect(await client.health()).toEqual({ status: 'ok' })
    expect(await client.runs()).toEqual(orchestrator.runs())
    expect(await client.runs({ status: ['failed', 'cancelled'], order: 'newest', limit: 5 })).toEqual([])
    expect(await client.run(RUN)).toEqual(view)
    expect(await client.tasks(RUN)).toEqual(view.tasks)
    expect(await client.tasks(RUN, { state: ['completed'] })).toEqual([view.tasks[0]])
    expect(await client.task(RUN, 'execute[0]')).toEqual(view.tasks[1])
    expect(await client.records(RUN)).toEqual([record(RUN, 1), record(RUN, 2), record(RUN, 3)])
    expect(await client.records(RUN, { after: 1, limit: 1 })).toEqual([record(RUN, 2)])
    expect(await client.logs(RUN, 'execute[0]', 10)).toEqual(orchestrator.entries)
    expect(await client.result(RUN, 'execute[0]')).toEqual(orchestrator.results.get('execute[0]'))
    expect(await client.backends()).toEqual({ limits: orchestrator.limits(), backends: {} })
    expect(await client.workflows()).toEqual([])
    expect((await client.openApi())['openapi']).toMatch(/^3\.1/)
  })

  it('commands runs and tasks, and removes what has ended', async () => {
    const { client, orchestrator } = await served()
    expect(await client.command(RUN, { type: 'pause' })).toEqual({ run: RUN, seq: 1, state: 'running' })
    expect(await client.commandTask(RUN, 'execute.0', { type: 'skip' })).toEqual({
      run: RUN,
      task: 'execute[0]',
      seq: 2,
      state: 'escalated.failed',
    })
    orchestrator.settle(RUN, { status: 'completed', exitCode: 0 })
    await client.remove(RUN, 'archive')
    expect([orchestrator.calls.at(-1), await client.runs()]).toEqual([['remove', RUN, 'archive'], []])
  })

  it('waits for an outcome for as long as it takes, and stops when it is told to', async () => {
    const { client, orchestrator } = await served()
    const waiting = client.outcome(RUN)
    orchestrator.settle(RUN, { status: 'failed', exitCode: 1, reason: 'spec failed' })
    expect(await waiting).toEqual({
      outcome: { run: RUN, status: 'failed', exitCode: 1, reason: 'spec failed' },
      view: orchestrator.view(RUN),
    })
    const leave = new AbortController()
    orchestrator.add(runView({ run: 'run_2' }))
    const vain = client.outcome('run_2', leave.signal)
    leave.abort(new Error('left'))
    expect(await thrown(vain)).toEqual(new Error('left'))
  })

  it('asks for an outcome again when there was none for long', async () => {
    const clock = createVirtualClock()
    let asked = 0
    let onAsked: () => void = () => undefined
    const outcome = { outcome: { run: RUN, status: 'completed', exitCode: 0 }, view: runView({ run: RUN }) }
    const { url } = await serveScript({
      onRequest: (_request, response) => {
        asked++
        onAsked()
        if (asked === 2) response.end(JSON.stringify(outcome))
      },
    })
    const firstAsked = new Promise<void>((resolve) => {
      onAsked = resolve
    })
    const waiting = createClient({ url, clock }).outcome(RUN)
    await firstAsked
    await clock.advance(50_000)
    expect([await waiting, asked]).toEqual([outcome, 2])
  })

  it('throws what the server threw, as the same class', async () => {
    const { client } = await served()
    expect(await thrown(client.run('run_2'))).toEqual(
      new NotFoundError('Run run_2', 'troupe runs lists those that do.'),
    )
    expect(await thrown(client.commandTask(RUN, 'execute.0', { type: 'adopt' }))).toEqual(
      new CommandRefusedError(`${RUN} execute[0]`, 'adopt', 'escalated.failed', ['retry', 'skip']),
    )
    expect(await thrown(client.start({ workflow: 'tasks: 3' }))).toBeInstanceOf(WorkflowError)
    expect(await thrown(client.start({ file: '../secret.yaml' }))).toBeInstanceOf(NotFoundError)
    expect(await thrown(client.records(RUN, { after: -1 }))).toBeInstanceOf(UsageError)
  })

  it('says the status of an answer that is none of ours', async () => {
    const { url } = await serveScript({
      onRequest: (_request, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'),
    })
    expect(await thrown(createClient({ url }).run(RUN))).toMatchObject({
      code: 'internal',
      message: 'The server answered 502.',
    })
  })

  it('takes a server below the path of a proxy', async () => {
    const asked: (string | undefined)[] = []
    const { url } = await serveScript({
      onRequest: (request, response) => {
        asked.push(request.url)
        response.end('{"runs":[]}')
      },
    })
    await createClient({ url: `${url}/troupe/` }).runs({ name: 'a b', limit: 2 })
    expect(asked).toEqual(['/troupe/v1/runs?name=a+b&limit=2'])
  })

  it.each(['ftp://host', 'nonsense'])('refuses %s as the URL of a server', (url) => {
    expect(() => createClient({ url })).toThrow(TypeError)
  })
})

describe('starting a run', () => {
  const workflow = { name: 'feature', tasks: { spec: { prompt: 'Specify', repository: 'acme/shop' } } }

  it('takes a workflow as an object, as a text, or a file of the server', async () => {
    const file = await workflowFile()
    const [folder = '', name = ''] = [file.slice(0, file.lastIndexOf('/')), file.slice(file.lastIndexOf('/') + 1)]
    const { client, orchestrator } = await served({ workflows: folder })
    const settings = { speed: 60 }
    expect(await client.workflows()).toEqual([name])
    const runs = [
      await client.start({ workflow }),
      await client.start({ workflow: JSON.stringify(workflow), settings }),
      await client.start({ file: name, inputs: { request: 'x' } }),
    ]
    expect(runs).toEqual(['run_00000001', 'run_00000002', 'run_00000003'])
    expect(orchestrator.calls).toEqual([
      ['start', 'feature', {}, {}],
      ['start', 'feature', {}, settings],
      ['start', 'feature', { request: 'x' }, {}],
    ])
  })

  it('begins one run although the first answer is lost', async () => {
    const { client, orchestrator, cut } = await served()
    orchestrator.onBegun = () => {
      orchestrator.onBegun = () => undefined
      cut()
    }
    expect(await client.start({ workflow })).toBe('run_00000001')
    expect(orchestrator.calls).toEqual([['start', 'feature', {}, {}]])
  })

  it('gives the run that its key began before, and nothing else for that key', async () => {
    const { client, orchestrator } = await served()
    const request = { workflow, idempotencyKey: 'order-7' }
    expect([await client.start(request), await client.start(request)]).toEqual(['run_00000001', 'run_00000001'])
    expect(await thrown(client.start({ ...request, settings: { speed: 2 } }))).toEqual(
      new IdempotencyConflictError('order-7', 'run_00000001'),
    )
    expect(orchestrator.calls.length).toBe(1)
  })
})

describe('a server that does not answer', () => {
  /** Cuts the first `times` requests off. */
  async function cutting(times: number) {
    const asked: string[] = []
    const intercept = (request: IncomingMessage) => {
      asked.push(request.method ?? '')
      if (asked.length > times) return false
      request.socket.destroy()
      return true
    }
    return { asked, ...(await served({ intercept })) }
  }

  it('is asked again for what only reads', async () => {
    const { client, asked, orchestrator } = await cutting(3)
    expect(await client.runs()).toEqual(orchestrator.runs())
    expect(asked).toEqual(['GET', 'GET', 'GET', 'GET'])
  })

  it('is given up after three more tries', async () => {
    const { client, asked, url } = await cutting(9)
    const error = await thrown(client.runs())
    expect([error instanceof NoAnswerError && [error.url, error.sent, error.code], asked.length]).toEqual([
      [url, true, 'no-answer'],
      4,
    ])
  })

  it('is never given a command twice: it may have taken effect', async () => {
    const { client, asked } = await cutting(1)
    const error = await thrown(client.command(RUN, { type: 'pause' }))
    expect([error instanceof NoAnswerError && error.sent, asked]).toEqual([true, ['POST']])
  })

  it('was certainly sent nothing when nobody listens', async () => {
    const { client, kill } = await served()
    await kill()
    const error = await thrown(client.command(RUN, { type: 'pause' }))
    expect([error instanceof NoAnswerError && error.sent]).toEqual([false])
  })

  it('is waited for a minute', async () => {
    const clock = createVirtualClock()
    let onAsked: () => void = () => undefined
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve
    })
    const { url } = await serveScript({ onRequest: () => onAsked() })
    const asking = thrown(createClient({ url, clock }).runs())
    await asked
    await clock.advance(60_000)
    const error = await asking
    expect(error instanceof NoAnswerError && [error.message, error.sent]).toEqual([
      `There is no answer from ${url}: no whole answer within 60000 ms.`,
      true,
    ])
  })
})

describe('watching a server', () => {
  it('yields every record exactly once, wherever the connection is cut', async () => {
    const { client, orchestrator, cut } = await served()
    orchestrator.add(runView({ run: 'run_2' }))
    const total = 3000
    const seen: string[] = []
    const random = seeded(7)
    let losses = 0
    let appended = 0
    const produce = () => {
      // Not far ahead of the reader, so that every cut falls among records that are still to come.
      while (appended < total && appended < seen.length + 30) {
        appended += orchestrator.append(random() < 0.5 ? RUN : 'run_2', 1 + Math.floor(random() * 5)).length
      }
    }
    produce()
    let nextCut = 10
    for await (const { run, seq } of client.watch({ runs: '*', after: 'start', onDisconnect: () => losses++ })) {
      seen.push(`${run} ${seq}`)
      produce()
      if (seen.length === appended) break
      if (seen.length < nextCut) continue
      cut()
      nextCut += 1 + Math.floor(random() * 80)
    }
    const of = (name: string) => seen.filter((record) => record.startsWith(`${name} `))
    const all = (name: string) =>
      Array.from({ length: orchestrator.view(name).seq }, (_, index) => `${name} ${index + 1}`)
    expect([of(RUN), of('run_2')]).toEqual([all(RUN), all('run_2')])
    expect(losses).toBeGreaterThan(10)
  })

  it('goes on in a new client from the cursor of an old one', async () => {
    const { client, orchestrator, url } = await served()
    orchestrator.append(RUN, 5)
    const first = client.watch({ runs: [RUN], after: 'start' })
    for await (const { seq } of first) if (seq === 3) break
    orchestrator.append(RUN, 1)
    const seen: number[] = []
    const second = createClient({ url }).watch({ runs: [RUN], after: first.cursor })
    for await (const { seq } of second) {
      seen.push(seq)
      if (seq === 6) break
    }
    expect(seen).toEqual([4, 5, 6])
  })

  it('loses nothing when the server leaves records out because it is slow', async () => {
    const { client, orchestrator, stream } = await served({ stream: { maxWaitingBytes: 64 * 1024, maxBehind: 50 } })
    let onCaughtUp: () => void = () => undefined
    const caughtUp = new Promise<void>((resolve) => {
      onCaughtUp = resolve
    })
    const watching = client.watch({ runs: [RUN], after: 'start', buffer: 20, onCaughtUp })
    const text = 'x'.repeat(20_000)
    const total = 1500
    const iterator = watching[Symbol.asyncIterator]()
    const first = iterator.next()
    await caughtUp
    orchestrator.append(RUN, 1)
    const seen: (number | undefined)[] = [(await first).value?.seq]
    // More than the sockets between hold, while nobody reads.
    for (let appended = 1; appended < total; appended += 1) {
      orchestrator.append(RUN, 1, { data: { text } })
      if (appended % 10 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    while (seen.length < total) seen.push((await iterator.next()).value?.seq)
    watching.close()
    expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1))
    expect(stream.stats().resyncs).toBeGreaterThan(0)
  })

  it('brings the same to callbacks, in order, waiting for each', async () => {
    const { client, orchestrator } = await served()
    orchestrator.append(RUN, 2)
    const told: unknown[] = []
    const { subscription, caughtUp } = subscribed()
    await caughtUp
    expect(told).toEqual([[1, 2], 'caught up'])
    subscription.close()
    await subscription.ended

    function subscribed() {
      let onCaughtUp: () => void = () => undefined
      const caughtUp = new Promise<void>((resolve) => {
        onCaughtUp = resolve
      })
      const subscription = client.subscribe(
        { runs: [RUN], after: 'start' },
        {
          onRecords: async (records) => {
            await new Promise<void>((resolve) => setImmediate(resolve))
            told.push(records.map(({ seq }) => seq))
          },
          onCaughtUp: () => {
            told.push('caught up')
            onCaughtUp()
          },
        },
      )
      return { subscription, caughtUp }
    }
  })

  it('tells the callbacks what the server refuses', async () => {
    const { client } = await served()
    const told: unknown[] = []
    const { ended } = client.subscribe(
      { runs: ['run_9'] },
      { onRecords: () => undefined, onError: (error) => told.push(error) },
    )
    const error = await thrown(ended)
    expect([error instanceof NotFoundError, told]).toEqual([true, [error]])
  })

  it('outlives a server that ends and begins again', async () => {
    const { client, orchestrator, kill, again } = await served()
    orchestrator.append(RUN, 2)
    const watching = client.watch({ runs: [RUN], after: 'start', onDisconnect: () => void again() })
    const seen: number[] = []
    for await (const { seq } of watching) {
      seen.push(seq)
      if (seq === 2) {
        await kill()
        orchestrator.append(RUN, 2)
      }
      if (seq === 4) break
    }
    expect(seen).toEqual([1, 2, 3, 4])
  })
})

/** Chance that is the same in every run of the test. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}
