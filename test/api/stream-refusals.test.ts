import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { serveControl } from '../support/control-socket.ts'
import { answers, isCaughtUp, type Said, type StreamClient } from '../support/stream-client.ts'
import { RUN, type StreamFixtureOptions, serveStream } from '../support/stream-server.ts'

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Protocol': 'troupe.v1',
}

/** What a handshake is answered with when it is refused. */
async function refusal(
  where: { port: number } | { socketPath: string },
  path: string,
  headers: Record<string, string>,
) {
  const asking = request({ ...where, path, headers })
  asking.end()
  const [response] = await once(asking, 'response')
  return { status: response.statusCode, type: response.headers['content-type'], body: JSON.parse(await text(response)) }
}

async function connected(options: StreamFixtureOptions = {}) {
  const fixture = await serveStream(options)
  return { ...fixture, client: await fixture.open() }
}

/** A connection that is past the handshake and sends whatever bytes it is told to. */
async function rawSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const headers = Object.entries({ Host: 'localhost', ...HANDSHAKE }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET /v1/stream HTTP/1.1\r\n${headers.join('')}\r\n`)
  await once(socket, 'data')
  return socket
}

/** A frame as a client sends it, masked with zeros. */
function frame(firstByte: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255]
  return Buffer.concat([Buffer.from([firstByte, ...length, 0, 0, 0, 0]), payload])
}

/** The code of the close frame that comes last. */
async function closeCode(socket: Socket): Promise<number | undefined> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await once(socket, 'close')
  const all = Buffer.concat(chunks)
  const at = all.lastIndexOf(0x88)
  return at < 0 ? undefined : all.readUInt16BE(at + 2)
}

const codeOf = (reply: Said) => (reply['error'] as { code: string }).code
const messageOf = (reply: Said) => (reply['error'] as { message: string }).message

async function goesOn(client: StreamClient) {
  client.say({ type: 'subscribe', id: 'goes on', runs: [RUN], after: 'start' })
  await client.until(isCaughtUp)
}

describe('a handshake that leads nowhere', () => {
  const wrong = { status: 400, type: 'application/json' }

  it.each([
    ['no subprotocol', { ...HANDSHAKE, 'Sec-WebSocket-Protocol': '' }],
    ['another subprotocol', { ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'chat, troupe.v2' }],
    ['a ticket alone', { ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'troupe.ticket.abc' }],
  ])('is told which subprotocol to offer: %s', async (_name, headers) => {
    const { port } = await serveStream()
    const body = { code: 'usage', message: 'Offer the WebSocket subprotocol troupe.v1.', details: {} }
    expect(await refusal({ port }, '/v1/stream', headers)).toEqual({ ...wrong, body })
  })

  it.each([
    ['no key', { ...HANDSHAKE, 'Sec-WebSocket-Key': 'short' }, /Sec-WebSocket-Key/],
    ['another version', { ...HANDSHAKE, 'Sec-WebSocket-Version': '7' }, /Sec-WebSocket-Version/],
    ['another upgrade', { ...HANDSHAKE, Upgrade: 'h2c' }, /Upgrade/],
    ['a subprotocol twice', { ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'troupe.v1, troupe.v1' }, /Protocol/],
  ])('is told what is wrong with it: %s', async (_name, headers, says) => {
    const { port, stream } = await serveStream()
    const { body, ...answer } = await refusal({ port }, '/v1/stream', headers)
    expect([answer, body]).toEqual([wrong, { code: 'usage', message: expect.stringMatching(says), details: {} }])
    expect(stream.stats().clients).toBe(0)
  })

  it('is told where the stream of the control socket is', async () => {
    const { socketPath } = await serveControl()
    const { status, body } = await refusal({ socketPath }, '/v1/chat?x=1', HANDSHAKE)
    expect([status, body.code, body.message]).toEqual([
      404,
      'not-found',
      'WebSocket /v1/chat does not exist. The stream is at /v1/stream.',
    ])
  })

  it('is told that the process ends', async () => {
    const { port, refuse } = await serveStream({ attached: false })
    const refused = refusal({ port }, '/v1/stream', HANDSHAKE)
    refuse(new ApiError('stopping', 'It ends.'))
    expect(await refused).toEqual({
      status: 503,
      type: 'application/json',
      body: { code: 'stopping', message: 'It ends.', details: {} },
    })
  })
})

describe('a message that cannot be carried out', () => {
  it.each([
    ['no JSON', 'usage', '', /is no JSON/],
    ['[1, 2', 'usage', '', /is no JSON/],
    ['"text"', 'usage', '', /cannot be understood/],
    [{ type: 'dance', id: 'x' }, 'usage', 'x', /type/],
    [{ type: 'unsubscribe' }, 'usage', '', /id/],
    [{ type: 'unsubscribe', id: 7 }, 'usage', '', /id/],
    [{ type: 'unsubscribe', id: 'x'.repeat(101) }, 'usage', '', /id/],
    [{ type: 'unsubscribe', id: 'x', more: 1 }, 'usage', 'x', /more/],
    [{ type: 'unsubscribe', id: 'x' }, 'not-found', 'x', /Subscription 'x'/],
    [{ type: 'subscribe', id: 'x', runs: [], after: 'start' }, 'usage', 'x', /runs/],
    [{ type: 'subscribe', id: 'x', runs: Array(1001).fill(RUN), after: 'start' }, 'usage', 'x', /runs/],
    [{ type: 'subscribe', id: 'x', runs: [RUN] }, 'usage', 'x', /after/],
    [{ type: 'subscribe', id: 'x', runs: [RUN], after: 'yesterday' }, 'usage', 'x', /cursor that came last/],
    [{ type: 'subscribe', id: 'x', runs: [RUN], after: 'c1,,run_1:x' }, 'usage', 'x', /cursor that came last/],
    [{ type: 'subscribe', id: 'x', runs: [RUN], after: 'now', filter: { types: ['gossip'] } }, 'usage', 'x', /types/],
    [{ type: 'subscribe', id: 'x', runs: [RUN], after: 'now', filter: { tasks: ['../x'] } }, 'usage', 'x', /no task/],
    [{ type: 'subscribe', id: 'x', runs: ['run_none'], after: 'start' }, 'not-found', 'x', /run_none/],
    [{ type: 'command', id: 'x', run: RUN }, 'usage', 'x', /command: /],
    [{ type: 'command', id: 'x', run: RUN, command: { type: 'retry' } }, 'usage', 'x', /no command for a run/],
    [{ type: 'command', id: 'x', run: RUN, task: 'spec', command: { type: 'eat' } }, 'usage', 'x', /for a task/],
    [{ type: 'command', id: 'x', run: RUN, task: '../x', command: { type: 'retry' } }, 'not-found', 'x', /named like/],
    [{ type: 'command', id: 'x', run: 'run_none', command: { type: 'cancel' } }, 'not-found', 'x', /run_none/],
  ])('is answered with a code and its own id, and the client goes on (%#)', async (message, code, id, says) => {
    const { client } = await connected()
    if (typeof message === 'string') client.socket.send(message)
    else client.say(message)
    const reply = await client.until(({ type }) => type === 'reply')
    expect([reply['ok'], reply['id'], codeOf(reply), messageOf(reply)]).toEqual([
      false,
      id,
      code,
      expect.stringMatching(says),
    ])
    await goesOn(client)
  })

  it('is answered when it is not text', async () => {
    const { client } = await connected()
    client.socket.send(Buffer.from('{}'))
    expect(messageOf(await client.until(answers('')))).toBe('The message is no text.')
    await goesOn(client)
  })

  it('is answered when it is nested so deeply that it would break whoever walks it', async () => {
    const { client } = await connected()
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    client.socket.send(
      `{"type":"command","id":"x","run":"${RUN}","task":"spec","command":{"type":"complete","result":${deep}}}`,
    )
    expect(messageOf(await client.until(answers('')))).toMatch(/nested more than/)
    await goesOn(client)
  })

  it('gives nothing away of what failed inside', async () => {
    const { client, orchestrator } = await connected()
    orchestrator.command = () => Promise.reject(new Error('/secret/path'))
    client.say({ type: 'command', id: 'x', run: RUN, command: { type: 'cancel' } })
    expect((await client.until(answers('x')))['error']).toEqual({
      code: 'internal',
      message: 'Something inside troupe failed.',
      details: {},
    })
  })

  it('is refused when a subscription of that name is there, or there are too many', async () => {
    const { client } = await connected({ maxSubscriptions: 2 })
    for (const id of ['a', 'a', 'b', 'c']) client.say({ type: 'subscribe', id, runs: [RUN], after: 'now' })
    expect(messageOf(await client.until(answers('a')))).toBe("There is a subscription 'a' already.")
    expect(messageOf(await client.until(answers('c')))).toBe('A client has at most 2 subscriptions.')
    client.say({ type: 'unsubscribe', id: 'b' })
    client.say({ type: 'subscribe', id: 'd', runs: [RUN], after: 'now' })
    await client.until(({ type, subscription }) => type === 'caught-up' && subscription === 'd')
  })

  it('leaves the name free when a subscription could not begin', async () => {
    const { client } = await connected()
    client.say({ type: 'subscribe', id: 'a', runs: ['run_none'], after: 'now' })
    await client.until(answers('a'))
    client.say({ type: 'subscribe', id: 'a', runs: [RUN], after: 'now' })
    await client.until(isCaughtUp)
  })

  it('ends the connection when there are 100 in a row, but not when some can be understood', async () => {
    const { client } = await connected()
    for (let n = 0; n < 99; n++) client.socket.send('?')
    client.say({ type: 'unsubscribe', id: 'x' })
    for (let n = 0; n < 99; n++) client.socket.send('?')
    await goesOn(client)
    for (let n = 0; n < 100; n++) client.socket.send('?')
    expect(await client.closed()).toEqual({ code: 1008, reason: '100 messages in a row could not be understood.' })
  })

  it('ends the connection when it is too large', async () => {
    const { client } = await connected()
    client.say({ type: 'unsubscribe', id: 'x'.repeat(1024 * 1024) })
    expect((await client.closed()).code).toBe(1009)
  })
})

describe('frames that break the protocol', () => {
  it.each([
    ['an unknown opcode', frame(0x83, Buffer.from('x')), 1002],
    ['reserved bits', frame(0xf1, Buffer.from('x')), 1002],
    ['a continuation of nothing', frame(0x80, Buffer.from('x')), 1002],
    ['no mask', Buffer.from([0x81, 0x01, 0x78]), 1002],
    ['text that is no UTF-8', frame(0x81, Buffer.from([0xff, 0xfe])), 1007],
    [
      'a length beyond all bounds',
      Buffer.from([0x81, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
      1009,
    ],
  ])('end the connection with the reason, and nobody else notices: %s', async (_name, bytes, code) => {
    const { client, port, stream } = await connected()
    const socket = await rawSocket(port)
    const closed = closeCode(socket)
    socket.write(bytes)
    expect(await closed).toBe(code)
    await goesOn(client)
    await expect.poll(() => stream.stats().clients).toBe(1)
  })
})
