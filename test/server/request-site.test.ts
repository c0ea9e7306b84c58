import { networkInterfaces } from 'node:os'
import { describe, expect, it } from 'vitest'
import { startServer } from '../../src/server/start-server.ts'
import { FakeOrchestrator } from '../support/fake-orchestrator.ts'
import { COMMAND_TOKEN, openSocket, rawRequest, rawUpgrade, sendRaw, serving, TOKENS } from '../support/serving.ts'

const OTHER_SITE = 'https://evil.example'
const BOARD = 'https://board.example.com'

function statusWith(port: number, headers: readonly string[], line = 'GET /v1/runs HTTP/1.1'): Promise<number> {
  return sendRaw(port, rawRequest(port, line, headers)).then(({ status }) => status)
}

describe('the Host of a request', () => {
  it('is a name of loopback with the port of the server', async () => {
    const { port } = await serving()
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, `LocalHost:${port}`, `[::1]:${port}`]
    expect(await Promise.all(hosts.map((host) => statusWith(port, [`Host: ${host}`])))).toEqual(hosts.map(() => 200))
  })

  it.each([
    ['a name that somebody pointed here', (port: number) => `evil.example:${port}`],
    ['a name that begins like ours', (port: number) => `localhost.evil.example:${port}`],
    ['another port', (port: number) => `127.0.0.1:${port + 1}`],
    ['no port', () => '127.0.0.1'],
    ['an address of another machine', (port: number) => `192.0.2.7:${port}`],
    ['something that is no host', (port: number) => `user@127.0.0.1:${port}`],
    ['two hosts in one', (port: number) => `127.0.0.1:${port}, evil.example`],
    ['nothing', () => ''],
  ])('is refused with 421 when it is %s, for requests and WebSockets, also on open pages', async (_what, host) => {
    const { port, orchestrator } = await serving()
    const header = `Host: ${host(port)}`
    const answer = await sendRaw(port, rawRequest(port, 'GET /docs HTTP/1.1', [header]))
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([421, { code: 'wrong-host', details: {} }])
    const upgrade = await sendRaw(port, rawUpgrade(port, [header]))
    expect([upgrade.status, JSON.parse(upgrade.body)]).toMatchObject([421, { code: 'wrong-host' }])
    const command = await statusWith(port, [header, 'Content-Type: application/json'], 'POST /v1/runs HTTP/1.1')
    expect([command, orchestrator.calls]).toEqual([421, []])
  })

  it('is refused when it is missing or doubled', async () => {
    const { port } = await serving()
    const missing = await sendRaw(port, 'GET /v1/runs HTTP/1.1\r\nConnection: close\r\n\r\n')
    const old = await sendRaw(port, 'GET /v1/runs HTTP/1.0\r\n\r\n')
    const host = `Host: 127.0.0.1:${port}`
    expect([missing.status, old.status, await statusWith(port, [host, 'Host: evil.example'])]).toEqual([421, 421, 421])
  })

  it('may be one that was allowed, at any port or at one', async () => {
    const { port } = await serving({ allowedHosts: ['troupe.example.com', 'tunnel:9000'] })
    const hosts = ['troupe.example.com', 'troupe.example.com:8443', 'tunnel:9000', 'tunnel:9001', 'tunnel']
    expect(await Promise.all(hosts.map((host) => statusWith(port, [`Host: ${host}`])))).toEqual([
      200, 200, 200, 421, 421,
    ])
  })

  it('beyond loopback is the address that the connection came in by', async () => {
    const { port } = await serving({ host: '0.0.0.0', tokens: TOKENS })
    const token = `Authorization: Bearer ${COMMAND_TOKEN}`
    const lan = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)
    const statuses = [
      await statusWith(port, [`Host: 127.0.0.1:${port}`, token]),
      await statusWith(port, [`Host: evil.example:${port}`, token]),
    ]
    expect(statuses).toEqual([200, 421])
    if (!lan) return
    const own = await sendRaw(
      port,
      rawRequest(port, 'GET /v1/runs HTTP/1.1', [`Host: ${lan.address}:${port}`, token]),
      lan.address,
    )
    const other = await sendRaw(
      port,
      rawRequest(port, 'GET /v1/runs HTTP/1.1', [`Host: localhost:${port}`, token]),
      lan.address,
    )
    expect([own.status, other.status]).toEqual([200, 421])
  })
})

describe('the Origin of a request', () => {
  it('is this server itself, or there is none', async () => {
    const { port } = await serving()
    expect([
      await statusWith(port, [`Origin: http://127.0.0.1:${port}`, 'Sec-Fetch-Site: same-origin']),
      await statusWith(port, ['Sec-Fetch-Site: none']),
    ]).toEqual([200, 200])
    const origin = `http://127.0.0.1:${port}`
    expect(await openSocket(port, { headers: { origin } })).toMatchObject({ open: true, protocol: 'troupe.v1' })
  })

  it.each([
    ['another site', [`Origin: ${OTHER_SITE}`]],
    ['another site that says so', [`Origin: ${OTHER_SITE}`, 'Sec-Fetch-Site: cross-site']],
    ['a page without one', ['Origin: null']],
    ['another port of this machine', ['Origin: http://localhost:3000', 'Sec-Fetch-Site: same-site']],
    ['an image of another site', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors']],
    ['a link to what is no page', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']],
    ['an image of another port of this machine', ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Mode: no-cors']],
  ])('is refused with 403 when it is %s, for requests and WebSockets', async (_what, headers) => {
    const { port, orchestrator } = await serving()
    const answer = await sendRaw(port, rawRequest(port, 'GET /v1/runs HTTP/1.1', headers))
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([403, { code: 'forbidden' }])
    expect(answer.headers['access-control-allow-origin']).toEqual(undefined)
    const upgrade = await sendRaw(port, rawUpgrade(port, headers))
    expect([upgrade.status, JSON.parse(upgrade.body)]).toMatchObject([403, { code: 'forbidden' }])
    const body = ['Content-Type: text/plain', 'Content-Length: 2']
    const posted = await sendRaw(port, `${rawRequest(port, 'POST /v1/runs/resume HTTP/1.1', [...headers, ...body])}{}`)
    expect([posted.status, orchestrator.calls]).toEqual([403, []])
  })

  it('is of no account for a person who follows a link to a page', async () => {
    const { port } = await serving()
    const link = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']
    expect(await statusWith(port, link, 'GET /docs HTTP/1.1')).toEqual(200)
    expect(await statusWith(port, link, 'POST /docs HTTP/1.1')).toEqual(403)
  })

  it('may be one that was allowed: the answer names it, and its page may ask first', async () => {
    const { ask, port } = await serving({ allowedOrigins: [BOARD] })
    const origin = { origin: BOARD, 'sec-fetch-site': 'cross-site' }
    const asked = await ask('/v1/runs', { headers: origin })
    expect([asked.status, asked.headers.get('access-control-allow-origin'), asked.headers.get('vary')]).toEqual([
      200,
      BOARD,
      'Origin',
    ])
    const preflight = await ask('/v1/runs', {
      method: 'OPTIONS',
      headers: {
        ...origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, POST, DELETE',
    ])
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(
      /Authorization, Content-Type, Idempotency-Key/,
    )
    expect(preflight.headers.get('access-control-allow-credentials')).toEqual(null)
    expect(await openSocket(port, { headers: origin })).toMatchObject({ open: true })
    expect((await ask('/v1/runs', { headers: { origin: `${BOARD}.evil.example` } })).status).toEqual(403)
  })

  it('that was allowed is told of a missing token too', async () => {
    const { ask } = await serving({ allowedOrigins: [BOARD], tokens: TOKENS })
    const answer = await ask('/v1/runs', { headers: { origin: BOARD } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, BOARD])
  })

  it.each([
    [{ allowedOrigins: ['*'] }, /^'\*' is no origin\./],
    [{ allowedOrigins: ['https://board.example.com/path'] }, /is no origin\./],
    [{ allowedOrigins: ['null'] }, /is no origin\./],
    [{ allowedHosts: ['https://troupe.example.com'] }, /cannot stand in a Host header\./],
  ])('cannot be allowed as %j', async (options, message) => {
    await expect(startServer(new FakeOrchestrator(), { port: 0, ...options })).rejects.toThrow(message)
  })
})
