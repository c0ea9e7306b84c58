import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/domain/errors.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { startServer } from '../../src/server/start-server.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'
import {
  COMMAND_TOKEN,
  openSocket,
  rawRequest,
  sendRaw,
  serving,
  TOKENS,
  until,
  WATCH_TOKEN,
} from '../support/serving.ts'

const RUN = 'run_06f2r0m5e8q1w7xk3d'
const WRONG = 'wrong-token-of-some-length'
const PAUSE = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"type":"pause"}' }

async function servingRun(options: Parameters<typeof serving>[0] = { tokens: TOKENS }) {
  const served = await serving(options)
  served.orchestrator.add(runView({ run: RUN, commands: ['pause'] }))
  return served
}

async function ticketOf(served: Awaited<ReturnType<typeof servingRun>>, token: string): Promise<string> {
  const answer = await served.ask('/v1/tickets', { method: 'POST', token })
  const { ticket } = (await answer.json()) as { ticket: string }
  return ticket
}

describe('a server without tokens', () => {
  it('is open to whoever is on this machine', async () => {
    const { ask, orchestrator } = await servingRun({})
    expect((await ask(`/v1/runs/${RUN}/commands`, PAUSE)).status).toEqual(200)
    expect(orchestrator.calls).toEqual([['command', RUN, { type: 'pause' }, { via: 'rest' }]])
  })

  it.each(['0.0.0.0', '::', '192.0.2.7'])(
    'does not begin beyond loopback, on %s, and says what to do',
    async (host) => {
      const began = startServer(new FakeOrchestrator(), { host, port: 0 })
      await expect(began).rejects.toThrow(UsageError)
      await expect(began).rejects.toThrow(
        / is reached from other machines, .* Set TROUPE_TOKEN .* or listen on 127\.0\.0\.1\.$/,
      )
    },
  )

  it('begins on every way to name loopback', async () => {
    for (const host of ['127.0.0.1', 'localhost', '127.0.0.2']) {
      const { url } = await serving({ host })
      expect((await fetch(`${url}/v1/runs`)).status).toEqual(200)
    }
  })

  it('refuses a host that has no address', async () => {
    const began = startServer(new FakeOrchestrator(), { host: 'no-such-host.invalid', port: 0 })
    await expect(began).rejects.toThrow(/^The host 'no-such-host\.invalid' has no address here\./)
  })
})

describe('a server with tokens', () => {
  it('may listen beyond loopback', async () => {
    const { port } = await serving({ host: '0.0.0.0', tokens: TOKENS })
    const headers = { authorization: `Bearer ${WATCH_TOKEN}` }
    expect((await fetch(`http://127.0.0.1:${port}/v1/runs`, { headers })).status).toEqual(200)
  })

  it.each(['/v1/runs', '/v1/backends', '/v1/events', '/v1/nothing', '/metrics', '/elsewhere'])(
    'answers %s with 401 and how to ask when no token comes with it',
    async (path) => {
      const { ask } = await servingRun()
      const answer = await ask(path)
      expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toEqual([
        401,
        'Bearer realm="troupe"',
        {
          code: 'unauthorized',
          message: 'A token is needed: send the header Authorization: Bearer TOKEN.',
          details: {},
        },
      ])
    },
  )

  it.each(['/healthz', '/readyz', '/openapi.json', '/docs', '/machines'])('shows %s to anybody', async (path) => {
    const { ask } = await servingRun()
    expect((await ask(path)).status).toEqual(200)
  })

  it('answers who asks for its health by HEAD, with a token or without one', async () => {
    const { ask, orchestrator } = await servingRun()
    const statuses = async () => {
      const asked = ['/healthz', '/readyz'].flatMap((path) => [
        ask(path, { method: 'HEAD' }),
        ask(path, { method: 'HEAD', token: WATCH_TOKEN }),
      ])
      return (await Promise.all(asked)).map(({ status }) => status)
    }
    expect(await statuses()).toEqual([200, 200, 200, 200])
    orchestrator.healthy = { writable: false, problem: 'The disk is full.', backends: {} }
    expect(await statuses()).toEqual([200, 200, 503, 503])
  })

  it('changes nothing of its health, and says which methods there are', async () => {
    const { ask } = await servingRun()
    for (const token of [{}, { token: COMMAND_TOKEN }]) {
      const answer = await ask('/healthz', { method: 'POST', ...token })
      expect([answer.status, answer.headers.get('allow'), await answer.json()]).toEqual([
        405,
        'GET, HEAD',
        {
          code: 'method-not-allowed',
          message: '/healthz takes GET, HEAD, not POST.',
          details: { allow: ['GET', 'HEAD'] },
        },
      ])
    }
  })

  it('tells more of its health only to whoever has a token', async () => {
    const { ask, orchestrator } = await servingRun()
    orchestrator.healthy = { writable: false, problem: 'The disk is full.', backends: {} }
    const [plain, full] = await Promise.all([ask('/readyz'), ask('/readyz', { token: WATCH_TOKEN })])
    expect([plain.status, await plain.json()]).toEqual([503, { status: 'not-ready' }])
    expect([full.status, await full.json()]).toMatchObject([503, { status: 'not-ready', problem: 'The disk is full.' }])
  })

  it('lets a token command, or only watch', async () => {
    const { ask, orchestrator } = await servingRun()
    const path = `/v1/runs/${RUN}/commands`
    const [seen, watch, command] = [
      await ask('/v1/runs', { token: WATCH_TOKEN }),
      await ask(path, { ...PAUSE, token: WATCH_TOKEN }),
      await ask(path, { ...PAUSE, token: COMMAND_TOKEN }),
    ]
    expect([seen.status, watch.status, command.status]).toEqual([200, 403, 200])
    expect(await watch.json()).toMatchObject({ code: 'forbidden', message: expect.stringContaining("'board'") })
    expect(orchestrator.calls).toEqual([['command', RUN, { type: 'pause' }, { via: 'rest', who: 'ann' }]])
  })

  it('lets a token that may only watch start, delete and resume nothing', async () => {
    const { ask, orchestrator } = await servingRun()
    const asked = await Promise.all([
      ask('/v1/runs', { method: 'POST', token: WATCH_TOKEN, body: '{}' }),
      ask('/v1/runs/resume', { method: 'POST', token: WATCH_TOKEN, body: '{}' }),
      ask(`/v1/runs/${RUN}`, { method: 'DELETE', token: WATCH_TOKEN }),
      ask(`/v1/runs/${RUN}`, { method: 'PUT', token: WATCH_TOKEN, body: '{}' }),
    ])
    expect(asked.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    expect(orchestrator.calls).toEqual([])
  })

  it('takes no token out of a URL, and says where it belongs', async () => {
    const { ask } = await servingRun()
    const answer = await ask(`/v1/runs?token=${COMMAND_TOKEN}`)
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { code: 'usage', message: expect.stringContaining('Authorization: Bearer TOKEN') },
    ])
  })

  it.each([
    'Basic YW5uOmFubg==',
    'Bearer',
    `Bearer ${COMMAND_TOKEN} ${COMMAND_TOKEN}`,
    COMMAND_TOKEN,
    `Bearer ${WRONG}`,
  ])('refuses the header Authorization: %s', async (authorization) => {
    const { ask } = await servingRun()
    const answers = [
      await ask('/v1/runs', { headers: { authorization } }),
      await ask('/docs', { headers: { authorization } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 401])
  })

  it('answers the eleventh wrong token of a minute with 429, and a good one from the same address all the same', async () => {
    const clock = createVirtualClock()
    const { ask } = await servingRun({ tokens: TOKENS, clock })
    const statuses: number[] = []
    for (let count = 0; count < 11; count++) statuses.push((await ask('/v1/runs', { token: WRONG })).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429])
    const blocked = await ask('/v1/runs', { token: WRONG })
    expect([blocked.status, blocked.headers.get('retry-after'), await blocked.json()]).toMatchObject([
      429,
      '60',
      { code: 'too-many-attempts', details: { retryAfter: 60 } },
    ])
    expect((await ask('/v1/runs', { token: COMMAND_TOKEN })).status).toEqual(200)
    expect((await ask('/v1/runs')).status).toEqual(401)
    await clock.advance(60_000)
    expect((await ask('/v1/runs', { token: WRONG })).status).toEqual(401)
  })

  it('counts wrong tokens and tickets of WebSockets and pages too', async () => {
    const { ask, port } = await servingRun({ tokens: TOKENS, clock: createVirtualClock() })
    const headers = { authorization: `Bearer ${WRONG}` }
    for (let count = 0; count < 5; count++) {
      await openSocket(port, { headers })
      await openSocket(port, { protocols: ['troupe.v1', `troupe.ticket.${count}`] })
    }
    expect(await openSocket(port, { headers })).toMatchObject({ open: false, status: 429 })
    expect((await ask('/readyz', { token: WRONG })).status).toEqual(429)
  })

  it('keeps tokens, tickets and queries out of its log and its answers', async () => {
    const served = await servingRun()
    const { ask, port, lines } = served
    const ticket = await ticketOf(served, WATCH_TOKEN)
    const said = [
      await (await ask(`/v1/runs?token=${COMMAND_TOKEN}`)).text(),
      await (await ask('/v1/runs', { token: WRONG })).text(),
      await (await ask('/v1/events?ticket=not-a-ticket-at-all')).text(),
      (await sendRaw(port, rawRequest(port, `GET /v1/runs/${COMMAND_TOKEN}?ticket=${ticket} HTTP/1.1`))).text,
    ]
    await openSocket(port, { protocols: ['troupe.v1', `troupe.ticket.${ticket}`] })
    await until(() => lines.filter(({ message }) => message === 'A request ended.').length === 5)
    const secrets = [COMMAND_TOKEN, WATCH_TOKEN, WRONG, ticket, 'not-a-ticket']
    expect(secrets.filter((secret) => said.join().includes(secret))).toEqual([])
    const logged = JSON.stringify(lines)
    expect(secrets.filter((secret) => logged.includes(secret))).toEqual([])
  })
})

describe('a ticket', () => {
  it('opens one WebSocket, for as much as its token may do', async () => {
    const served = await servingRun()
    const { port, orchestrator } = served
    const protocols = ['troupe.v1', `troupe.ticket.${await ticketOf(served, WATCH_TOKEN)}`]
    const opened = await openSocket(port, { protocols })
    if (!opened.open) throw new Error('It was refused.')
    expect(opened.protocol).toEqual('troupe.v1')
    opened.socket.send(JSON.stringify({ type: 'command', id: '1', run: RUN, command: { type: 'pause' } }))
    await until(() => opened.said.length === 2)
    expect(JSON.parse(opened.said[1] ?? '')).toMatchObject({ type: 'reply', ok: false, error: { code: 'forbidden' } })
    expect(orchestrator.calls).toEqual([])
    expect(await openSocket(port, { protocols })).toMatchObject({ open: false, status: 401 })
  })

  it('opens one stream of events', async () => {
    const served = await servingRun()
    const path = `/v1/events?ticket=${await ticketOf(served, WATCH_TOKEN)}`
    const opened = await served.ask(path)
    expect([opened.status, opened.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    await opened.body?.cancel()
    expect((await served.ask(path)).status).toEqual(401)
  })

  it('opens nothing else', async () => {
    const served = await servingRun()
    const ticket = await ticketOf(served, COMMAND_TOKEN)
    const asked = [await served.ask(`/v1/runs?ticket=${ticket}`), await served.ask('/v1/runs', { token: ticket })]
    expect(asked.map(({ status }) => status)).toEqual([401, 401])
  })

  it('is given only to whoever shows a token', async () => {
    const { ask } = await servingRun()
    expect((await ask('/v1/tickets', { method: 'POST' })).status).toEqual(401)
    const given = await ask('/v1/tickets', { method: 'POST', token: WATCH_TOKEN })
    expect([given.status, await given.json()]).toEqual([
      201,
      { ticket: expect.stringMatching(/^[\w-]{43}$/), expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ])
  })

  it('is not needed, and does no harm, where no token is', async () => {
    const served = await servingRun({})
    const ticket = await ticketOf(served, 'whatever-it-may-be')
    const opened = await openSocket(served.port, { protocols: ['troupe.v1', `troupe.ticket.${ticket}`] })
    expect(opened).toMatchObject({ open: true, protocol: 'troupe.v1' })
  })
})
