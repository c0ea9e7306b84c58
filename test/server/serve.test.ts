import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/domain/errors.ts'
import { INSPECT_PATH, INSPECT_PROTOCOL } from '../../src/server/inspector.ts'
import { createLog } from '../../src/server/log.ts'
import { startServer } from '../../src/server/start-server.ts'
import { serve } from '../../src/server.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'
import { COMMAND_TOKEN, openSocket, sendRaw, serving, TOKENS, until, WATCH_TOKEN } from '../support/serving.ts'

const RUN = 'run_06f2r0m5e8q1w7xk3d'
const INSPECT = { path: INSPECT_PATH, protocols: [INSPECT_PROTOCOL] }
const NO_LOG = createLog({ level: 'silent' })
const WORKFLOW = 'name: hello\ntasks:\n  greet: { backend: simulated, prompt: Say hello }\n'
const JSON_TYPE = { 'content-type': 'application/json' }

function startBody(): RequestInit {
  return { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ workflow: WORKFLOW }) }
}

describe('serve', () => {
  it('tells where it listens, and listens there until it is closed; the orchestrator goes on', async () => {
    const orchestrator = new FakeOrchestrator()
    const server = await serve(orchestrator, { port: 0, log: NO_LOG })
    expect(server.url).toEqual(`http://127.0.0.1:${server.port}`)
    expect(await (await fetch(`${server.url}/v1/runs`)).json()).toEqual({ runs: [] })
    await Promise.all([server.close(), server.close()])
    await expect(fetch(`${server.url}/v1/runs`)).rejects.toThrow()
    expect(orchestrator.closed).toEqual(false)
  })

  it('refuses a port that is taken, and a host that is not of this machine', async () => {
    const { port } = await serving()
    const taken = startServer(new FakeOrchestrator(), { port, log: NO_LOG })
    await expect(taken).rejects.toThrow(UsageError)
    await expect(taken).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: another process listens there already. Choose another port (0 takes a free one) or host.`,
    )
    const elsewhere = startServer(new FakeOrchestrator(), { host: '192.0.2.7', port: 0, tokens: TOKENS, log: NO_LOG })
    await expect(elsewhere).rejects.toThrow(/this machine has no such address/)
  })

  it('answers nothing but whether it lives until its runs are restored', async () => {
    let restored: () => void = () => undefined
    const ready = new Promise<void>((resolve) => {
      restored = resolve
    })
    const { ask, port } = await serving({ ready })
    const waiting = ask('/v1/runs')
    const opening = openSocket(port)
    expect((await ask('/healthz')).status).toEqual(200)
    const early = await ask('/readyz')
    expect([early.status, await early.json()]).toMatchObject([503, { status: 'not-ready', restored: false }])
    restored()
    expect((await waiting).status).toEqual(200)
    expect((await opening).open).toEqual(true)
    expect((await ask('/readyz')).status).toEqual(200)
  })

  it('shows its description, its machines and its numbers', async () => {
    const { ask } = await serving()
    const [root, docs, description, machines, metrics] = await Promise.all(
      ['/', '/docs', '/openapi.json', '/machines', '/metrics'].map((path) => ask(path)),
    )
    expect([root?.status, root?.headers.get('location')]).toEqual([302, '/docs'])
    expect([docs?.status, docs?.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await description?.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./) })
    expect(machines?.status).toEqual(200)
    expect(await metrics?.text()).toMatch(/troupe_runs/)
  })

  it('serves the inspector, its page to anybody and its messages to whoever may see runs, only when it is told to', async () => {
    const [without, inspecting] = await Promise.all([serving(), serving({ inspect: true, tokens: TOKENS })])
    expect((await without.ask('/inspect')).status).toEqual(404)
    expect(await openSocket(without.port, INSPECT)).toMatchObject({ open: false, status: 404 })
    expect((await inspecting.ask('/inspect')).status).toEqual(200)
    expect(await openSocket(inspecting.port, INSPECT)).toMatchObject({ open: false, status: 401 })
    const given = await inspecting.ask('/v1/tickets', { method: 'POST', token: WATCH_TOKEN })
    const { ticket } = (await given.json()) as { ticket: string }
    const protocols = [INSPECT_PROTOCOL, `troupe.ticket.${ticket}`]
    const seen = await openSocket(inspecting.port, { ...INSPECT, protocols })
    if (!seen.open) throw new Error('It was refused.')
    expect([seen.protocol, inspecting.orchestrator.inspectors]).toEqual([INSPECT_PROTOCOL, 1])
    const closed = new Promise<number>((resolve) => seen.socket.on('close', resolve))
    inspecting.server.drain()
    expect(await closed).toEqual(1001)
    await until(() => inspecting.orchestrator.inspectors === 0)
  })

  it('lets the receiver of the inspector in, which offers no subprotocol', async () => {
    const { port } = await serving({ inspect: true })
    expect(await openSocket(port, { ...INSPECT, protocols: [] })).toMatchObject({ open: true, protocol: '' })
  })

  it('starts the runs that are posted', async () => {
    const { ask, orchestrator } = await serving()
    const answer = await ask('/v1/runs', startBody())
    expect([answer.status, orchestrator.calls[0]?.slice(0, 2)]).toEqual([201, ['start', 'hello']])
  })

  it('takes a workflow that uses agents of its machine only where it is told to', async () => {
    const workflow = WORKFLOW.replace('simulated', 'command:claude')
    const start = { ...startBody(), body: JSON.stringify({ workflow }) }
    const [careful, trusting] = [await serving(), await serving({ local: true })]
    expect((await careful.ask('/v1/runs', start)).status).toBe(422)
    expect((await trusting.ask('/v1/runs', start)).status).toBe(201)
    expect([careful.orchestrator.calls.length, trusting.orchestrator.calls.length]).toEqual([0, 1])
  })

  it('takes no workflow that somebody says to have checked', async () => {
    const { ask, orchestrator } = await serving()
    const workflow = {
      name: 'x',
      inputs: {},
      concurrency: 1,
      limits: {},
      resources: {},
      budget: {},
      roles: {},
      tasks: [],
    }
    const body = JSON.stringify({ workflow, inputs: {}, settings: {} })
    const answer = await ask('/v1/runs', { method: 'POST', headers: JSON_TYPE, body })
    expect([answer.status, orchestrator.calls]).toEqual([422, []])
  })

  it('puts on every answer that nobody may frame it, guess its type or keep it', async () => {
    const { ask, port } = await serving({ tokens: TOKENS })
    const wanted = {
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    }
    for (const path of [
      '/healthz',
      '/docs',
      '/openapi.json',
      '/machines',
      '/v1/runs',
      '/v1/nothing',
      '/metrics',
      '/nothing',
    ]) {
      for (const token of [COMMAND_TOKEN, undefined]) {
        const { headers } = await ask(path, token === undefined ? {} : { token })
        const {
          'content-security-policy': policy,
          server,
          'x-powered-by': powered,
          ...rest
        } = Object.fromEntries(headers)
        expect([path, rest]).toMatchObject([path, wanted])
        expect([path, policy, server, powered]).toEqual([
          path,
          expect.stringContaining("default-src 'none'"),
          undefined,
          undefined,
        ])
      }
    }
    const broken = await sendRaw(port, 'noise\r\n\r\n')
    expect(broken.headers).toMatchObject(wanted)
  })

  it('says nothing of its inside when that fails, and the log all', async () => {
    const { ask, orchestrator, lines } = await serving()
    orchestrator.runs = () => {
      throw new Error('secret inside at /root/troupe.ts')
    }
    const answer = await ask('/v1/runs')
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { code: 'internal', message: 'Something inside troupe failed.', details: {} },
    ])
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { err: { message: 'secret inside at /root/troupe.ts', stack: expect.stringContaining('serve.test.ts') } },
    ])
  })

  it('counts requests by what they are, not by what they name', async () => {
    const { ask } = await serving()
    for (const path of [`/v1/runs/${RUN}`, '/v1/runs/run_06f2r0m5e8q1w7xk4d', '/some/thing', '/other/thing'])
      await ask(path)
    const text = await (await ask('/metrics')).text()
    const counted = text.split('\n').filter((line) => /^troupe_\w*requests_total\{/.test(line))
    expect(counted.map((line) => line.replace(/^\w+/, ''))).toEqual([
      expect.stringMatching(/route="\/v1\/runs\/\{run\}".* 2$/),
      expect.stringMatching(/route="unknown".* 2$/),
    ])
  })
})

describe('the log of a server', () => {
  it('tells who commanded what, started, deleted or resumed, by which way, and what became of it', async () => {
    const { ask, orchestrator, lines, port } = await serving({ tokens: TOKENS, logLevel: 'info' })
    orchestrator.add(runView({ run: RUN, commands: ['pause'] }))
    const command = (type: string, token: string) =>
      ask(`/v1/runs/${RUN}/commands`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ type }), token })
    await command('pause', COMMAND_TOKEN)
    await command('continue', COMMAND_TOKEN)
    await command('pause', WATCH_TOKEN)
    await command('dance', COMMAND_TOKEN)
    await ask('/v1/runs', { ...startBody(), token: COMMAND_TOKEN })
    await ask(`/v1/runs/${RUN}`, { method: 'DELETE', token: COMMAND_TOKEN })
    const opened = await openSocket(port, { headers: { authorization: `Bearer ${COMMAND_TOKEN}` } })
    if (!opened.open) throw new Error('It was refused.')
    opened.socket.send(JSON.stringify({ type: 'command', id: '1', run: RUN, command: { type: 'pause' } }))
    await until(() => lines.filter(({ audit }) => audit !== undefined).length === 7)
    const told = lines.map(({ audit, who, via, run, command, method, status, outcome, seq }) =>
      Object.fromEntries(
        Object.entries({ audit, who, via, run, command, method, status, outcome, seq }).filter(
          ([, value]) => value !== undefined,
        ),
      ),
    )
    expect(told).toEqual([
      { audit: 'command', who: 'ann', via: 'rest', run: RUN, command: 'pause', outcome: 'taken', seq: 1 },
      { audit: 'command', who: 'ann', via: 'rest', run: RUN, command: 'continue', outcome: 'command-refused' },
      { audit: 'request', who: 'board', run: RUN, method: 'POST', status: 403, outcome: 'refused' },
      { audit: 'request', who: 'ann', run: RUN, method: 'POST', status: 400, outcome: 'refused' },
      { audit: 'request', who: 'ann', run: 'run_00000001', method: 'POST', status: 201, outcome: 'taken' },
      { audit: 'request', who: 'ann', run: RUN, method: 'DELETE', status: expect.any(Number), outcome: 'refused' },
      { audit: 'command', who: 'ann', via: 'stream', run: RUN, command: 'pause', outcome: 'taken', seq: 2 },
    ])
  })

  it('takes no request for granted whose sender had gone before the answer', async () => {
    const { port, lines, server } = await serving({ logLevel: 'info' })
    const socket = connect(port, '127.0.0.1')
    const head = ['POST /v1/runs HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Content-Type: application/json']
    socket.write(`${[...head, 'Content-Length: 500'].join('\r\n')}\r\n\r\n{`)
    await until(() => server.sizes().connections === 1)
    socket.destroy()
    await until(() => lines.length === 1)
    expect(lines).toMatchObject([{ audit: 'request', method: 'POST', status: 499, outcome: 'unanswered' }])
  })

  it('tells of wrong tokens with their address, once for each until they are too many', async () => {
    const { ask, lines } = await serving({ tokens: TOKENS, logLevel: 'info' })
    for (let count = 0; count < 15; count++) await ask('/v1/runs', { token: 'wrong-token-of-some-length' })
    expect(lines.map(({ level, address }) => [level, address])).toEqual(
      Array.from({ length: 10 }, () => ['warn', '127.0.0.1']),
    )
  })

  it('tells of each request when it is asked to', async () => {
    const { ask, lines } = await serving()
    await ask(`/v1/runs/${RUN}?x=1`)
    await until(() => lines.length === 1)
    expect(lines).toMatchObject([{ level: 'debug', method: 'GET', path: `/v1/runs/${RUN}`, status: 404 }])
  })
})

describe('a server that drains', () => {
  it('begins no run, is not ready, sends streams and waiting clients away, and answers whatever else is asked', async () => {
    const { ask, orchestrator, server, port } = await serving()
    orchestrator.add(runView({ run: RUN }))
    const [opened, outcome, events] = await Promise.all([
      openSocket(port),
      ask(`/v1/runs/${RUN}/outcome`).then((answer) => answer.json()),
      ask('/v1/events').then((answer) => answer.text()),
      until(() => server.sizes().streams === 2 && server.sizes().connections === 3).then(() => server.drain()),
    ])
    if (!opened.open) throw new Error('It was refused.')
    const closed = new Promise<number>((resolve) => opened.socket.on('close', resolve))
    expect([outcome, typeof events]).toMatchObject([{ code: 'stopping' }, 'string'])
    expect(await closed).toEqual(1001)
    const [start, ready, seen] = [
      await ask('/v1/runs', startBody()),
      await ask('/readyz'),
      await ask(`/v1/runs/${RUN}`),
    ]
    expect([start.status, await start.json()]).toMatchObject([503, { code: 'stopping' }])
    expect([ready.status, await ready.json(), seen.status]).toMatchObject([503, { draining: true }, 200])
    expect(await openSocket(port)).toMatchObject({ open: false, status: 503, body: { code: 'stopping' } })
    expect(orchestrator.calls).toEqual([])
  })

  it('ends though a client neither reads nor closes, and keeps nothing', async () => {
    const { server, port, ask } = await serving({ drainMs: 50 })
    const opened = await openSocket(port)
    if (!opened.open) throw new Error('It was refused.')
    Reflect.get(opened.socket, '_socket').pause()
    // This connection stays open for a next request.
    await (await ask('/v1/runs')).text()
    expect(server.sizes().connections).toEqual(2)
    await server.close()
    const nothing = { connections: 0, tickets: 0, suspects: 0, streams: 0 }
    await until(() => JSON.stringify(server.sizes()) === JSON.stringify(nothing))
  })

  it('answers what is under way before it ends', async () => {
    const { ask, orchestrator, server } = await serving({ drainMs: 10_000 })
    let go: () => void = () => undefined
    orchestrator.add(runView({ run: RUN }))
    const asked = new Promise<void>((resolve) => {
      orchestrator.beforeRecords = () => {
        resolve()
        return new Promise((done) => {
          go = done
        })
      }
    })
    const answer = ask(`/v1/runs/${RUN}/records`)
    await asked
    const closed = server.close()
    go()
    expect((await answer).status).toEqual(200)
    await closed
  })
})
