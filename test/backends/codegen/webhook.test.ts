import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type CodegenWebhookOptions, createCodegenWebhook } from '../../../src/backends/codegen/webhook.ts'
import { WebhookBodies } from '../../../src/backends/codegen/webhook-body.ts'
import { WebhookReplays } from '../../../src/backends/codegen/webhook-replays.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'

const SECRET = 'shared-with-the-provider'
const HEADER = 'x-codegen-signature'
const URL = 'http://localhost/v1/webhooks/codegen'
const MOST = 256 * 1024

type Encoding = 'hex' | 'base64'
const sign = (body: string | Uint8Array, encoding: Encoding = 'hex', secret = SECRET) =>
  createHmac('sha256', secret).update(body).digest(encoding)

function receiver(options: Partial<CodegenWebhookOptions> = {}) {
  const clock = createVirtualClock()
  const woken: string[] = []
  const ignored: string[] = []
  const app = createCodegenWebhook({
    secret: SECRET,
    clock,
    wake: (id) => void woken.push(id),
    ignored: (why) => void ignored.push(why),
    ...options,
  })
  const ask = async (init: RequestInit & { readonly duplex?: 'half' }, url = URL) => {
    const answer = await app.fetch(new Request(url, { method: 'POST', ...init }))
    const body = (await answer.json()) as { readonly code?: string }
    return { status: answer.status, body, headers: answer.headers }
  }
  /** As it should come, unless headers say otherwise. */
  const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = { [HEADER]: sign(body) }) =>
    ask({ body, headers })
  return { clock, woken, ignored, ask, send }
}

const UNAUTHORIZED = {
  status: 401,
  body: { code: 'unauthorized', message: 'The webhook is not signed as it has to be.', details: {} },
}

describe('a webhook that is signed', () => {
  it('wakes the agent run that it names, and is taken', async () => {
    const { send, woken } = receiver()
    expect(await send('{"agent_run_id":41894,"status":"FAILED"}')).toMatchObject({ status: 202, body: {} })
    expect(woken).toEqual(['41894'])
  })

  it.each([
    ['agent_run_id', '{"agent_run_id":7}', ['7']],
    ['agentRunId, as text', '{"agentRunId":"7"}', ['7']],
    ['id', '{"id":7,"event":"agent_run.completed"}', ['7']],
    ['run_id', '{"run_id":7}', ['7']],
    ['runId', '{"runId":7}', ['7']],
    ['data', '{"data":{"id":7}}', ['7']],
    ['agent_run', '{"event":"x","agent_run":{"id":7}}', ['7']],
    ['data.agent_run', '{"type":"x","data":{"agent_run":{"id":7}}}', ['7']],
    ['several names at once, each of its ids once', '{"id":"evt_1","agent_run_id":7,"data":{"id":7}}', ['7', 'evt_1']],
  ])('may name it under %s', async (_where, body, ids) => {
    const { send, woken } = receiver()
    expect((await send(body)).status).toBe(202)
    expect(woken).toEqual(ids)
  })

  it.each([
    ['nothing', '', 'it is no JSON'],
    ['no JSON', '<html>', 'it is no JSON'],
    ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00]), 'it is no JSON'],
    ['a list', '[{"agent_run_id":7}]', 'it names no agent run'],
    ['a number', '7', 'it names no agent run'],
    ['null', 'null', 'it names no agent run'],
    ['no id', '{"event":"test","organization_id":1}', 'it names no agent run'],
    ['ids that none can be', '{"id":-1,"run_id":1.5,"agent_run_id":"../x","runId":null}', 'it names no agent run'],
    ['a number that was not kept exactly', '{"id":9007199254740993}', 'it names no agent run'],
    ['a text without an end', `{"id":"${'9'.repeat(1000)}"}`, 'it names no agent run'],
    ['names of every object', '{"__proto__":{"id":1},"constructor":{"id":2}}', 'it names no agent run'],
    ['ids too deep', '{"data":{"data":{"data":{"id":7}}}}', 'it names no agent run'],
    ['very deep nothing', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 'it names no agent run'],
  ])('is taken and ignored when it holds %s', async (_what, body, why) => {
    const { send, woken, ignored } = receiver()
    expect(await send(body)).toMatchObject({ status: 202, body: {} })
    expect([woken, ignored]).toEqual([[], [why]])
  })

  it.each([
    ['hex', 'hex', (body: string) => sign(body)],
    [
      'hex in capitals, with the name of the digest before it',
      'hex',
      (body: string) => `sha256=${sign(body).toUpperCase()}`,
    ],
    ['base64', 'base64', (body: string) => sign(body, 'base64')],
    ['base64 with the name of the digest before it', 'base64', (body: string) => `sha256=${sign(body, 'base64')}`],
  ] as const)('may carry its signature in %s, in a header of any name', async (_what, encoding, written) => {
    const { send, woken } = receiver({ encoding, header: 'X-Hook-Signature' })
    const body = '{"id":7}'
    expect((await send(body, { 'x-hook-signature': written(body) })).status).toBe(202)
    expect(woken).toEqual(['7'])
  })

  it('is checked byte by byte as it came, and its time and type are not looked at', async () => {
    const { send, woken } = receiver()
    const body = '{ "id" : 7,\n "timestamp": "1999-01-01T00:00:00Z" }\n'
    const headers = { [HEADER]: sign(body), 'content-type': 'text/plain', 'x-timestamp': '0' }
    expect((await send(body, headers)).status).toBe(202)
    expect((await send(JSON.stringify(JSON.parse(body)), headers)).status).toBe(401)
    expect(woken).toEqual(['7'])
  })
})

describe('a webhook that is not signed as it has to be', () => {
  const body = '{"id":7}'
  it.each([
    ['without a signature', {}],
    ['with an empty one', { [HEADER]: '' }],
    ['with one of another secret', { [HEADER]: sign(body, 'hex', 'another') }],
    ['with one of another body', { [HEADER]: sign('{"id":8}') }],
    ['with a digest that needs no secret', { [HEADER]: createHash('sha256').update(body).digest('hex') }],
    ['with one cut short', { [HEADER]: sign(body).slice(0, 62) }],
    ['with one that goes on', { [HEADER]: `${sign(body)}00` }],
    ['with one in another encoding', { [HEADER]: sign(body, 'base64') }],
    ['with two of them', { [HEADER]: `${sign(body)}, ${sign(body)}` }],
    ['with one of another digest', { [HEADER]: `sha1=${sign(body)}` }],
    ['with its signature in another header', { 'x-webhook-signature': sign(body) }],
  ])('is refused %s, wakes nothing, and is not told why', async (_how, headers) => {
    const { send, woken, ignored } = receiver()
    expect(await send(body, headers)).toMatchObject(UNAUTHORIZED)
    expect([woken, ignored]).toEqual([[], []])
  })

  it('leaves no trace: the same body is taken once it is signed', async () => {
    const { send, woken } = receiver()
    await send(body, { [HEADER]: sign(body, 'hex', 'another') })
    expect((await send(body)).status).toBe(202)
    expect(woken).toEqual(['7'])
  })
})

describe('a webhook that comes again', () => {
  it('is answered, and wakes nothing for five minutes', async () => {
    const { send, woken, ignored, clock } = receiver()
    const statuses = [(await send('{"id":7}')).status, (await send('{"id":7}')).status]
    await clock.advance(5 * 60_000 - 1)
    statuses.push((await send('{"id":7}')).status)
    await clock.advance(1)
    statuses.push((await send('{"id":7}')).status)
    expect([statuses, woken]).toEqual([
      [202, 200, 200, 202],
      ['7', '7'],
    ])
    expect(ignored).toEqual(['it came before', 'it came before'])
  })

  it('is recognised among ten thousand others, and no more are remembered', () => {
    const clock = createVirtualClock()
    const replays = new WebhookReplays(clock)
    for (let n = 0; n < 10_000; n++) replays.seen(String(n))
    expect([replays.seen('0'), replays.seen('new'), replays.seen('1'), replays.size]).toEqual([
      true,
      false,
      true,
      10_000,
    ])
    expect(replays.seen('0')).toBe(false)
  })

  it('is forgotten in time, though the clock was set back', async () => {
    let now = 1_000_000_000
    const replays = new WebhookReplays({ ...createVirtualClock(), now: () => now })
    replays.seen('a')
    now -= 3_600_000
    expect([replays.seen('b'), replays.size]).toEqual([false, 1])
  })
})

describe('the receiver of webhooks', () => {
  it('does not exist without a secret', async () => {
    for (const secret of [undefined, '']) {
      const { send, ask, woken } = receiver({ secret })
      const answers = [await send('{"id":7}'), await send('{"id":7}', { [HEADER]: sign('{"id":7}', 'hex', '') })]
      answers.push(await ask({ method: 'GET' }))
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([404, 'not-found']))
      expect(woken).toEqual([])
    }
  })

  it('is at its path alone, and takes POST alone', async () => {
    const { ask } = receiver()
    expect((await ask({}, `${URL}/more`)).status).toBe(404)
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers, body } = await ask({ method })
      expect([status, headers.get('allow'), body]).toEqual([
        405,
        'POST',
        { code: 'method-not-allowed', message: 'Webhooks are sent with POST.', details: {} },
      ])
    }
  })

  it('answers HEAD with 405', async () => {
    const app = createCodegenWebhook({ secret: SECRET, clock: createVirtualClock(), wake: () => undefined })
    expect((await app.fetch(new Request(URL, { method: 'HEAD' }))).status).toBe(405)
  })

  it('takes 256 KiB and refuses a byte more, whether its length was said or not', async () => {
    const { send, ask, woken } = receiver()
    const body = (bytes: number) => `{"id":7}${' '.repeat(bytes - 8)}`
    const whole = body(MOST)
    const long = body(MOST + 1)
    const unsaid = new Blob([long]).stream()
    const answers = [
      await send(whole),
      await send(long),
      await ask({ body: unsaid, duplex: 'half', headers: { [HEADER]: sign(long) } }),
    ]
    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual([
      [202, undefined],
      [413, 'too-large'],
      [413, 'too-large'],
    ])
    expect(woken).toEqual(['7'])
  })

  it('does not read what comes without a signature, however much it is', async () => {
    const { ask } = receiver()
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++
          controller.enqueue(new Uint8Array(1024))
        },
      },
      { highWaterMark: 0 },
    )
    expect((await ask({ body: endless, duplex: 'half' })).status).toBe(401)
    expect(pulled).toBe(0)
  })

  it('refuses a body that breaks off', async () => {
    const { ask } = receiver()
    const broken = new ReadableStream({
      pull(controller) {
        controller.error(new Error('The sender has gone.'))
      },
    })
    expect(await ask({ body: broken, duplex: 'half', headers: { [HEADER]: sign('') } })).toMatchObject({
      status: 400,
      body: { code: 'usage', message: 'The body broke off.' },
    })
  })

  it('holds no more of all bodies together than its bound, and takes more once they are through', async () => {
    const bodies = new WebhookBodies(1000, 1500)
    const slow = () => {
      let end: () => void = () => undefined
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new Uint8Array(900))
          end = () => controller.close()
        },
      })
      return { request: new Request(URL, { method: 'POST', body, duplex: 'half' } as RequestInit), end: () => end() }
    }
    const first = slow()
    const firstRead = bodies.read(first.request)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await bodies.read(slow().request)).toBe('busy')
    first.end()
    expect((await firstRead).length).toBe(900)
    const third = slow()
    third.end()
    expect((await bodies.read(third.request)).length).toBe(900)
  })
})
