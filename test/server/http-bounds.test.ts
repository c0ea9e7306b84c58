import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBoundedServer, HTTP_BOUNDS } from '../../src/server/http-server.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { rawRequest, rawUpgrade, sendRaw, serving, until } from '../support/serving.ts'

/** The two cores are shared with the rest of the suite. */
const PATIENT = { timeout: 120_000 }
const RUN = 'run_06f2r0m5e8q1w7xk3d'

/** A connection whose bytes a test writes; told when the server ended it. */
async function open(port: number, options: { readonly allowHalfOpen?: boolean } = {}) {
  const socket: Socket = connect({ port, host: '127.0.0.1', ...options })
  onTestFinished(() => void socket.destroy())
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(said)))
  return { socket, closed, said: () => said }
}

describe('what is no request', () => {
  it.each([
    ['noise', '\u0000\u0001\u0002\r\n\r\n', 400],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 400],
    ['the beginning of TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', 400],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n', 400],
    ['a length that is no number', 'POST /v1/runs HTTP/1.1\r\nContent-Length: -5\r\n\r\n', 400],
    [
      'two ways to say how long it is',
      'POST /v1/runs HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['two lengths', 'POST /v1/runs HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde', 400],
    ['headers without an end', `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a path without an end', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, 431],
  ])('is answered and ended: %s', async (_what, bytes, status) => {
    const { port, ask } = await serving()
    const answer = await sendRaw(port, bytes)
    expect([answer.status, answer.headers['connection'], answer.headers['content-type']]).toEqual([
      status,
      'close',
      'application/json',
    ])
    expect(JSON.parse(answer.body)).toEqual({ code: expect.any(String), message: expect.any(String), details: {} })
    expect((await ask('/v1/runs')).status).toEqual(200)
  })

  it('is a request with more headers than anybody needs', async () => {
    const { port } = await serving()
    const headers = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: 1`)
    const statuses = [
      await sendRaw(port, rawRequest(port, 'GET /v1/runs HTTP/1.1', headers(98))),
      await sendRaw(port, rawRequest(port, 'GET /v1/runs HTTP/1.1', headers(99))),
      await sendRaw(port, rawRequest(port, 'GET /v1/runs HTTP/1.1', headers(500))),
    ]
    expect(statuses.map(({ status }) => status)).toEqual([200, 413, 413])
  })

  it.each([
    ['an absolute form', (port: number) => `GET http://127.0.0.1:${port}/v1/runs HTTP/1.1`],
    ['another host in the path', () => 'GET //evil.example/v1/runs HTTP/1.1'],
    ['the way out of a folder', () => 'GET /machines/../../../../etc/passwd HTTP/1.1'],
    ['the way out of a folder, encoded', () => 'GET /machines/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1'],
    ['a NUL', () => 'GET /machines/agent%00.js HTTP/1.1'],
    ['the whole server', () => 'OPTIONS * HTTP/1.1'],
  ])('is refused by its path: %s', async (_what, line) => {
    const { port } = await serving()
    const { status, body } = await sendRaw(port, rawRequest(port, line(port)))
    expect([status, JSON.parse(body)]).toMatchObject([400, { code: 'usage' }])
  })

  it('is a tunnel through this server', async () => {
    const { port, ask } = await serving()
    const { text } = await sendRaw(port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')
    expect([text, (await ask('/v1/runs')).status]).toEqual(['', 200])
  })

  it('does not garble the answer that is under way on its connection', async () => {
    const { port, server } = await serving()
    const { socket, closed, said } = await open(port)
    socket.write(rawRequest(port, 'GET /v1/events HTTP/1.1').replace('close', 'keep-alive'))
    await until(() => said().includes('text/event-stream'))
    socket.write('\u0000 noise\r\n\r\n')
    expect(await closed).not.toContain('400')
    await until(() => server.sizes().streams === 0)
  })
})

describe('requests that are sent one behind the other', () => {
  const polls = (port: number, count: number) =>
    rawRequest(port, `GET /v1/runs/${RUN}/outcome HTTP/1.1`).replace('close', 'keep-alive').repeat(count)

  it('are all given up with their connection, also those whose turn had not come', async () => {
    const { port, orchestrator, lines, server } = await serving()
    orchestrator.add(runView({ run: RUN }))
    const { socket } = await open(port)
    const events = rawRequest(port, 'GET /v1/events HTTP/1.1').replace('close', 'keep-alive')
    socket.write(polls(port, 20) + events.repeat(5))
    await until(() => server.sizes().streams === 5)
    socket.destroy()
    await until(() => lines.length === 25 && server.sizes().streams === 0)
    expect(orchestrator.waiting).toEqual(0)
  })

  it('end the connection when a hundred of them wait', async () => {
    const { port, orchestrator, lines, ask } = await serving()
    orchestrator.add(runView({ run: RUN }))
    const { socket, closed } = await open(port)
    socket.write(polls(port, 1000))
    expect(await closed).toEqual('')
    await until(() => lines.length === 100)
    expect([orchestrator.waiting, (await ask('/v1/runs')).status]).toEqual([0, 200])
  })

  it('are answered in their order', async () => {
    const { port } = await serving()
    const line = (path: string) => rawRequest(port, `GET ${path} HTTP/1.1`).replace('close', 'keep-alive')
    const { text } = await sendRaw(
      port,
      `${line('/v1/runs')}${line('/nowhere')}${rawRequest(port, 'GET /docs HTTP/1.1')}`,
    )
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200'])
  })
})

describe('a request that wants more than HTTP/1.1', () => {
  it.each(['h2c', 'TLS/1.2, HTTP/1.1'])(
    'offers %s: that is ignored, and its body is read all the same',
    async (name) => {
      const { port, orchestrator } = await serving()
      orchestrator.add(runView({ run: RUN, commands: ['pause'] }))
      const offer = ['Connection: Upgrade, HTTP2-Settings', `Upgrade: ${name}`, 'HTTP2-Settings: AAMAAABkAAQAAP__']
      const ask = (line: string, headers: readonly string[] = []) =>
        `${[line, `Host: 127.0.0.1:${port}`, ...offer, ...headers].join('\r\n')}\r\n\r\n`
      const json = ['Content-Type: application/json', 'Content-Length: 16']
      const answers = [
        await sendRaw(port, ask('GET /v1/runs HTTP/1.1')),
        await sendRaw(port, `${ask(`POST /v1/runs/${RUN}/commands HTTP/1.1`, json)}{"type":"pause"}`),
        await sendRaw(port, ask('GET /v1/runs HTTP/1.1', ['Origin: http://evil.example'])),
      ]
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 403])
      expect(orchestrator.calls).toEqual([['command', RUN, { type: 'pause' }, { via: 'rest' }]])
    },
  )

  it('expects something of the answer: that is ignored too', async () => {
    const { port } = await serving()
    const { status, headers, body } = await sendRaw(
      port,
      rawRequest(port, 'GET /nowhere HTTP/1.1', ['Expect: wonders']),
    )
    expect([status, headers['x-content-type-options'], JSON.parse(body).code]).toEqual([404, 'nosniff', 'not-found'])
  })
})

describe('a client that takes its time', () => {
  it('has 10 s for headers, 30 s for a request, 5 s between requests and a minute for an answer', () => {
    const ignore = { request: () => undefined, upgrade: () => undefined }
    const { server } = createBoundedServer(ignore, HTTP_BOUNDS)
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections, maxHeadersCount } = server
    expect({ headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections, maxHeadersCount }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 5000,
      timeout: 60_000,
      maxConnections: 12_000,
      maxHeadersCount: 101,
    })
  })

  it.each([
    ['sends nothing at all', () => ''],
    ['never ends its headers', () => 'GET /v1/runs HTTP/1.1\r\nX-One: 1\r\n'],
    ['never ends its first line', () => 'GET /v1'],
    [
      'never ends its body',
      (port: number) =>
        rawRequest(port, 'POST /v1/runs HTTP/1.1', ['Content-Type: application/json', 'Content-Length: 100']),
    ],
  ])('is cut off when it %s', async (_what, bytes) => {
    const { port, server } = await serving({ bounds: { headersTimeout: 40, requestTimeout: 60, checkInterval: 10 } })
    const { socket, closed } = await open(port)
    socket.write(bytes(port))
    const said = await closed
    expect(said === '' || said.startsWith('HTTP/1.1 408 ')).toEqual(true)
    await until(() => server.sizes().connections === 0)
  })

  it('is cut off when it drips one header after the other', async () => {
    const { port } = await serving({ bounds: { headersTimeout: 40, requestTimeout: 60, checkInterval: 10 } })
    const { socket, closed } = await open(port)
    socket.write('GET /v1/runs HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('X-Drip: 1\r\n'), 5)
    expect(await closed.finally(() => clearInterval(drip))).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('is cut off when it asks for much and takes nothing', async () => {
    const { port, orchestrator, server } = await serving({ bounds: { answerTimeout: 500 } })
    orchestrator.add(runView({ run: RUN }))
    orchestrator.append(RUN, 5000, { data: { text: 'x'.repeat(5000) } })
    const { socket } = await open(port)
    socket.pause()
    socket.write(rawRequest(port, `GET /v1/runs/${RUN}/records?limit=5000 HTTP/1.1`))
    await until(() => server.sizes().connections === 1)
    await until(() => server.sizes().connections === 0)
    expect(socket.destroyed).toEqual(false)
  })

  it('may wait for an outcome longer than any of that', async () => {
    const bounds = {
      headersTimeout: 40,
      requestTimeout: 60,
      checkInterval: 10,
      answerTimeout: 80,
      keepAliveTimeout: 50,
    }
    const { port, orchestrator } = await serving({ bounds })
    orchestrator.add(runView({ run: RUN }))
    const { socket, closed } = await open(port)
    socket.write(rawRequest(port, `GET /v1/runs/${RUN}/outcome HTTP/1.1`))
    // Two clients that came later and do nothing, one after the other: by then all of these times have passed twice.
    for (let count = 0; count < 2; count++) await (await open(port)).closed
    orchestrator.settle(RUN, { status: 'completed', exitCode: 0 })
    expect(await closed).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('a connection that is half open', () => {
  it('ends when its other half has nothing more to say', async () => {
    const { port, server } = await serving()
    const { socket } = await open(port, { allowHalfOpen: true })
    socket.end('GET /v1/runs HTTP/1.1\r\n')
    await until(() => server.sizes().connections === 0)
  })

  it.each([
    ['broken request', () => 'noise\r\n\r\n'],
    ['refused WebSocket', (port: number) => rawUpgrade(port, [], '/elsewhere')],
    ['refused subprotocol', (port: number) => rawUpgrade(port, ['Sec-WebSocket-Protocol: other'])],
  ])('is not kept after a %s, though its other half never ends', async (_what, bytes) => {
    const { port, server } = await serving()
    const { socket, said } = await open(port, { allowHalfOpen: true })
    socket.write(bytes(port))
    await until(() => said().includes('\r\n\r\n'))
    await until(() => server.sizes().connections === 0)
    expect(said()).toMatch(/^HTTP\/1\.1 4\d\d /)
  })
})

describe('many connections', () => {
  it('are taken up to a number; further ones are dropped, and nobody else notices', async () => {
    const { port, ask, server } = await serving({ maxConnections: 3 })
    const opened = await Promise.all([open(port), open(port), open(port)])
    await until(() => server.sizes().connections === 3)
    const { closed } = await open(port)
    expect(await closed).toEqual('')
    for (const { socket } of opened) socket.destroy()
    await until(() => server.sizes().connections === 0)
    expect((await ask('/v1/runs')).status).toEqual(200)
  })

  it('that are opened and dropped, ten thousand of them at every stage, leave nothing behind', PATIENT, async () => {
    const { port, ask, server, orchestrator } = await serving({ logLevel: 'error' })
    orchestrator.add(runView({ run: RUN }))
    const stages = [
      '',
      'GET /v1/runs HTTP/1.1\r\n',
      rawRequest(port, 'GET /v1/runs HTTP/1.1'),
      rawRequest(port, `GET /v1/runs/${RUN}/outcome HTTP/1.1`),
      rawRequest(port, 'GET /v1/events HTTP/1.1'),
      rawRequest(port, 'POST /v1/runs HTTP/1.1', ['Content-Type: application/json', 'Content-Length: 100']),
      rawUpgrade(port).slice(0, -20),
      rawUpgrade(port),
      'noise\r\n\r\n',
    ]
    const drop = (bytes: string, gracefully: boolean) =>
      new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          if (bytes === '') return void (gracefully ? socket.end() : socket.resetAndDestroy())
          socket.write(bytes, () => void (gracefully ? socket.destroy() : socket.resetAndDestroy()))
        })
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
      })
    for (let batch = 0; batch < 40; batch++) {
      const all = Array.from({ length: 250 }, (_, index) => drop(stages[index % stages.length] ?? '', index % 2 === 0))
      await Promise.all(all)
    }
    const nothing = { connections: 0, tickets: 0, suspects: 0, streams: 0 }
    await until(() => JSON.stringify(server.sizes()) === JSON.stringify(nothing))
    expect(server.sizes()).toEqual(nothing)
    expect((await ask('/v1/runs')).status).toEqual(200)
  })
})
