import { describe, expect, it } from 'vitest'
import { runView } from '../support/fake-orchestrator.ts'
import { openSocket, rawUpgrade, sendRaw, serving, TOKENS, until, WATCH_TOKEN } from '../support/serving.ts'

const RUN = 'run_06f2r0m5e8q1w7xk3d'

function refusal(port: number, bytes: string): Promise<readonly [number, unknown]> {
  return sendRaw(port, bytes).then(({ status, body }) => [status, JSON.parse(body).code] as const)
}

describe('a WebSocket', () => {
  it('is opened at /v1/stream with the subprotocol troupe.v1, whatever else is offered', async () => {
    const { port } = await serving()
    const opened = await openSocket(port, { protocols: ['other', 'troupe.v1'] })
    if (!opened.open) throw new Error('It was refused.')
    await until(() => opened.said.length === 1)
    expect([opened.protocol, JSON.parse(opened.said[0] ?? '')]).toEqual([
      'troupe.v1',
      { type: 'welcome', protocol: 'troupe.v1', server: expect.any(String) },
    ])
  })

  it('tells records and takes commands, in the name of its token', async () => {
    const { port, orchestrator } = await serving({ tokens: TOKENS })
    orchestrator.add(runView({ run: RUN, commands: ['pause'] }))
    const opened = await openSocket(port, { headers: { authorization: `Bearer ${TOKENS[0].token}` } })
    if (!opened.open) throw new Error('It was refused.')
    const say = (message: object) => opened.socket.send(JSON.stringify(message))
    say({ type: 'subscribe', id: 'all', runs: ['*'], after: 'start' })
    say({ type: 'command', id: 'c', run: RUN, command: { type: 'pause' } })
    await until(() => opened.said.some((text) => text.includes('"records"')))
    await until(() => opened.said.some((text) => text.includes('"reply"')))
    expect(orchestrator.calls).toEqual([['command', RUN, { type: 'pause' }, { via: 'stream', who: 'ann' }]])
  })

  it.each([
    ['at another path', (port: number) => rawUpgrade(port, [], '/v1/runs'), 404, 'not-found'],
    [
      'at the page of an inspector that is not served',
      (port: number) => rawUpgrade(port, [], '/inspect'),
      404,
      'not-found',
    ],
    ['at a path in disguise', (port: number) => rawUpgrade(port, [], '/v1/%2e%2e/v1/stream'), 400, 'usage'],
    ['by HTTP/1.0', (port: number) => rawUpgrade(port).replace('HTTP/1.1', 'HTTP/1.0'), 400, 'usage'],
    ['by POST', (port: number) => rawUpgrade(port).replace('GET', 'POST'), 405, 'method-not-allowed'],
    ['without a key', (port: number) => rawUpgrade(port).replace(/Sec-WebSocket-Key.*\r\n/, ''), 400, 'usage'],
    [
      'with a key that is none',
      (port: number) => rawUpgrade(port).replace('dGhlIHNhbXBsZSBub25jZQ==', 'key'),
      400,
      'usage',
    ],
    [
      'of another version',
      (port: number) => rawUpgrade(port).replace('Version: 13', 'Version: 8'),
      426,
      'upgrade-required',
    ],
    ['to another protocol', (port: number) => rawUpgrade(port).replace('websocket', 'h2c'), 426, 'upgrade-required'],
    [
      'with another subprotocol',
      (port: number) => rawUpgrade(port, ['Sec-WebSocket-Protocol: troupe.v2']),
      400,
      'usage',
    ],
    ['with no subprotocol', (port: number) => rawUpgrade(port, ['Sec-WebSocket-Protocol: ']), 400, 'usage'],
  ])('is refused %s', async (_what, bytes, status, code) => {
    const { port, server } = await serving()
    expect(await refusal(port, bytes(port))).toEqual([status, code])
    await until(() => server.sizes().connections === 0)
  })

  it('is refused without a token where one is needed, on every path alike', async () => {
    const { port } = await serving({ tokens: TOKENS })
    expect(await refusal(port, rawUpgrade(port))).toEqual([401, 'unauthorized'])
    const { headers } = await sendRaw(port, rawUpgrade(port))
    expect(headers).toMatchObject({ 'www-authenticate': 'Bearer realm="troupe"', 'x-content-type-options': 'nosniff' })
  })

  it('needs no more than a token that may watch', async () => {
    const { port } = await serving({ tokens: TOKENS })
    const headers = { authorization: `Bearer ${WATCH_TOKEN}` }
    expect(await openSocket(port, { headers })).toMatchObject({ open: true, protocol: 'troupe.v1' })
  })

  it('that breaks off in the middle of a frame, or sends what is none, is ended alone', async () => {
    const { port, server } = await serving()
    const good = await openSocket(port)
    const bad = await openSocket(port)
    if (!bad.open || !good.open) throw new Error('It was refused.')
    const raw = Reflect.get(bad.socket, '_socket')
    raw.write(Buffer.from([0xff, 0xff, 0x00]))
    await until(() => server.sizes().streams === 1)
    good.socket.send('{"type":"unsubscribe","id":"none"}')
    await until(() => good.said.length === 2)
    expect(JSON.parse(good.said[1] ?? '')).toMatchObject({ type: 'reply', id: 'none', ok: false })
  })
})
