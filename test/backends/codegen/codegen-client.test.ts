import { setMaxListeners } from 'node:events'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type CodegenClient, createCodegenClient } from '../../../src/backends/codegen/codegen-client.ts'
import { declareCodegenLimits } from '../../../src/backends/codegen/codegen-limits.ts'
import { BackendError, type BackendErrorDetails } from '../../../src/domain/errors.ts'
import type { BackendCall } from '../../../src/domain/measure.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { activeRuns, createFakeCodegen, json } from './fake-codegen.ts'

const TOKEN = 'sk-very-secret-token'
const never = new AbortController().signal
setMaxListeners(0, never)

function setUp(answer?: () => Response | Promise<Response>) {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock, { runs: activeRuns(3, 1) })
  if (answer !== undefined) fake.intercept = answer
  const limiter = createPassThroughLimiter()
  const client = createCodegenClient({
    baseUrl: 'https://codegen.test/v1/',
    token: TOKEN,
    fetch: fake.fetch,
    clock,
    limiter,
  })
  return { clock, fake, limiter, client }
}
const body = { prompt: 'Do it', metadata: {} }
const create = (client: CodegenClient) => client.create('7', body, never, 'run_1/spec/1')
const read = (client: CodegenClient) => client.get('7', '2', never)

/** What a call was refused with, without what is not said. */
async function refusal(call: (client: CodegenClient) => Promise<unknown>, answer: () => Response | Promise<Response>) {
  const { client, clock } = setUp(answer)
  const error = await rejected(call(client))
  expect(inspect(error, { depth: 9 })).not.toContain(TOKEN)
  const { kind, retryable, certain, status, notBefore } = error
  return {
    message: error.message,
    details: {
      kind,
      retryable,
      certain,
      ...(status === undefined ? {} : { status }),
      ...(notBefore === undefined ? {} : { waitMs: notBefore - clock.now() }),
    },
  }
}
async function rejected(work: Promise<unknown>): Promise<BackendError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof BackendError) return error
  throw new Error('No BackendError', { cause: error })
}
const connection = (code: string, syscall?: string) => () => {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code, syscall }) })
}
const details = (kind: BackendErrorDetails['kind'], retryable: boolean, certain: boolean, status?: number) => {
  return { kind, retryable, certain, ...(status === undefined ? {} : { status }) }
}

describe('who counts its calls', () => {
  const counted = async (answer: () => Response | Promise<Response>, abort?: AbortController) => {
    const clock = createVirtualClock()
    const fake = createFakeCodegen(clock, { runs: activeRuns(3, 1) })
    fake.intercept = answer
    const calls: BackendCall[] = []
    const client = createCodegenClient({
      baseUrl: 'https://codegen.test',
      token: TOKEN,
      fetch: fake.fetch,
      clock,
      limiter: createPassThroughLimiter(),
      onCall: (call) => calls.push(call),
    })
    const reading = client.get('7', '2', abort?.signal ?? never).catch(() => {})
    abort?.abort()
    await clock.runUntil(reading)
    return calls
  }

  it('is told what became of each, and without secrets why', async () => {
    expect(await counted(() => json({ message: `${TOKEN} is tired` }, 429))).toEqual([
      { operation: 'getRun', outcome: 'limit', ms: 0, message: expect.stringContaining('[token] is tired') },
    ])
    expect(await counted(connection('ECONNREFUSED', 'connect'))).toEqual([
      { operation: 'getRun', outcome: 'unreachable', ms: 0, message: expect.stringContaining('no connection') },
    ])
    expect(await counted(() => new Promise(() => {}))).toEqual([
      {
        operation: 'getRun',
        outcome: 'timeout',
        ms: 30_000,
        message: expect.stringContaining('no answer within 30 s'),
      },
    ])
  })

  it('is told nothing of one that whoever asked has given up', async () => {
    expect(await counted(() => new Promise(() => {}), new AbortController())).toEqual([])
  })
})

describe('a webhook of its own', () => {
  const webhook = { url: 'https://troupe.example.com/v1/webhooks/codegen', secret: 'hook-secret-long-enough' }
  const hooked = (answer?: () => Response) => {
    const { clock, fake, limiter } = setUp(answer)
    const to = { baseUrl: 'https://codegen.test', token: TOKEN, fetch: fake.fetch }
    return { fake, client: createCodegenClient({ ...to, clock, limiter, webhook }) }
  }

  it('goes with each create and each resume', async () => {
    const { client, fake } = hooked()
    await create(client)
    await client.resume('7', '2', 'Go on', never)
    expect(fake.requests.map((request) => request.body)).toEqual([
      { ...body, webhooks: [webhook] },
      { agent_run_id: 2, prompt: 'Go on', webhooks: [webhook] },
    ])
  })

  it('keeps its secret though the server repeats it', async () => {
    const { client } = hooked(() => json({ message: `No run for ${TOKEN} with ${webhook.secret}` }, 402))
    const error = await rejected(create(client))
    expect(error.message).toBe(
      'Codegen could not create an agent run: it answered 402: No run for [token] with [secret].',
    )
    expect(inspect(error, { depth: 9 })).not.toContain(webhook.secret)
  })
})

describe('each call', () => {
  it('goes to the path and through the buckets that the API has for it', async () => {
    const { client, fake, limiter } = setUp()
    await create(client)
    await read(client)
    await client.list('7', { skip: 0, limit: 50, userId: '11', sourceType: 'API' }, never)
    await client.resume('7', '2', 'Go on', never)
    await client.logs('7', '2', { skip: 0, limit: 10, reverse: true }, never)
    await client.me(never)
    await client.organizations(never)
    expect(fake.requests.map(({ method, path, body: sent }) => [method, path, sent])).toEqual([
      ['POST', 'organizations/7/agent/run', body],
      ['GET', 'organizations/7/agent/run/2', undefined],
      ['GET', 'organizations/7/agent/runs?skip=0&user_id=11&source_type=API&limit=50', undefined],
      ['POST', 'organizations/7/agent/run/resume', { agent_run_id: 2, prompt: 'Go on' }],
      ['GET', 'alpha/organizations/7/agent/run/2/logs?skip=0&reverse=true&limit=10', undefined],
      ['GET', 'users/me', undefined],
      ['GET', 'organizations', undefined],
    ])
    expect(new Set(fake.requests.map((request) => request.authorization))).toEqual(new Set([`Bearer ${TOKEN}`]))
    const standard = { buckets: ['codegen.standard', 'codegen.shared'], holder: undefined }
    expect(limiter.calls).toEqual([
      { buckets: ['codegen.create', 'codegen.shared'], holder: 'run_1/spec/1' },
      standard,
      standard,
      standard,
      { buckets: ['codegen.shared'], holder: undefined },
      standard,
      standard,
    ])
  })

  it('is sent once, whatever the answer', async () => {
    const { client, fake } = setUp(() => json({}, 503, { 'retry-after': '1' }))
    await rejected(create(client))
    await rejected(read(client))
    expect(fake.requests.length).toBe(2)
  })

  it('ends with the reason of its signal', async () => {
    const { client, clock } = setUp(() => new Promise(() => {}))
    const stop = new AbortController()
    const call = client.create('7', body, stop.signal, 'h').catch((error: unknown) => error)
    await clock.advance(1000)
    stop.abort(new Error('stopped'))
    expect(await call).toEqual(new Error('stopped'))
    expect(clock.pending()).toBe(0)
  })

  it('keeps at most 8 in flight', async () => {
    const { client, clock, fake } = setUp(() => new Promise(() => {}))
    const calls = Array.from({ length: 12 }, () => rejected(read(client)))
    await clock.advance(29_000)
    expect(fake.requests.length).toBe(8)
    await clock.advance(2000)
    expect(fake.requests.length).toBe(12)
    await clock.advance(30_000)
    expect((await Promise.all(calls)).map((error) => error.kind)).toEqual(Array(12).fill('timeout'))
  })

  it('halves a page that is larger than 32 MB until it fits', async () => {
    const { client, fake } = setUp()
    fake.intercept = ({ path }) =>
      /limit=(100|50)$/.test(path) ? new Response('x'.repeat(33 * 1024 * 1024)) : undefined
    const page = await client.list('7', { skip: 0, limit: 100 }, never)
    expect([page.limit, page.items.map((run) => run.id)]).toEqual([25, ['3', '2', '1']])
    expect(fake.requests.length).toBe(3)
  })
})

describe('a refusal with certain outcome', () => {
  it.each([401, 403])('names the variable to set in one line for %i', async (status) => {
    const hostile = () => json({ message: `Bearer ${TOKEN}\nis wrong` }, status)
    const { message, details: told } = await refusal(create, hostile)
    expect(told).toEqual(details('auth', false, true, status))
    expect(message).toBe(
      status === 401
        ? 'Codegen could not create an agent run: the token was refused (401). Set CODEGEN_API_TOKEN to a valid token.'
        : 'Codegen could not create an agent run: the token has no access (403). ' +
            'Set CODEGEN_ORG_ID to an organization that it may use.',
    )
  })

  it('names the token where a 403 concerns no organization', async () => {
    const { message } = await refusal(
      (client) => client.me(never),
      () => json({}, 403),
    )
    expect(message).toBe(
      'Codegen could not tell whose token this is: the token has no access (403). Set CODEGEN_API_TOKEN to a token that has.',
    )
  })

  it('hides the token where the server repeats it', async () => {
    const { message } = await refusal(create, () => json({ message: `No run for ${TOKEN}.\n\u001b[31mRed` }, 402))
    expect(message).toBe('Codegen could not create an agent run: it answered 402: No run for [token]. [31mRed.')
  })

  it.each([
    ['message', { message: 'Alloted agent runs have been reached.', status_code: 402 }],
    ['detail', { detail: 'Alloted agent runs have been reached.', status_code: 402 }],
  ])('reads the quota from %s', async (_shape, answer) => {
    expect(await refusal(create, () => json(answer, 402))).toEqual({
      message: 'Codegen could not create an agent run: it answered 402: Alloted agent runs have been reached.',
      details: details('quota', false, true, 402),
    })
  })

  it('flattens the list of mistakes of a 422', async () => {
    const detail = [
      { loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' },
      { loc: ['body', 'repo_id'], msg: 'Not an integer', type: 'int' },
    ]
    expect(await refusal(create, () => json({ detail }, 422))).toEqual({
      message:
        'Codegen could not create an agent run: it answered 422: body.prompt: Field required; body.repo_id: Not an integer.',
      details: details('invalid', false, true, 422),
    })
  })

  it('is a refusal when a create finds no repository', async () => {
    expect((await refusal(create, () => json({ message: 'No repos found.' }, 404))).details).toEqual(
      details('refused', false, true, 404),
    )
  })

  it('is not found only by the API itself', async () => {
    const found = details('not-found', false, true, 404)
    const elsewhere = details('unreachable', true, true, 404)
    const told = async (answer: () => Response) => (await refusal(read, answer)).details
    expect(await told(() => json({ message: 'Agent run not found.', status_code: 404 }, 404))).toEqual(found)
    expect(await told(() => json({ detail: 'Agent run not found.' }, 404))).toEqual(found)
    expect(await told(() => new Response(null, { status: 404 }))).toEqual(found)
    expect(await told(() => json({ detail: 'Not Found' }, 404))).toEqual(elsewhere)
    expect(await told(() => new Response('<html>nothing here</html>', { status: 404 }))).toEqual(elsewhere)
  })

  it('follows no redirect', async () => {
    const moved = () => new Response(null, { status: 301, headers: { location: 'https://elsewhere.test/' } })
    expect(await refusal(create, moved)).toEqual({
      message:
        'Codegen could not create an agent run: it answered 301 and points elsewhere. Set CODEGEN_API_BASE_URL to its new address.',
      details: details('invalid', false, true, 301),
    })
  })

  it.each([
    ['nothing', {}, undefined],
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }, 9000],
    [
      'a date by the server’s clock',
      { 'retry-after': 'Fri, 02 Jan 2026 00:00:09 GMT', date: 'Fri, 02 Jan 2026 00:00:04 GMT' },
      5000,
    ],
    ['a date gone by', { 'retry-after': 'Thu, 01 Jan 2015 00:00:09 GMT' }, 0],
    ['too much', { 'retry-after': '99999999' }, 3_600_000],
    ['no sense', { 'retry-after': 'soon' }, undefined],
  ])('waits after a 429 as long as Retry-After says: %s', async (_name, headers, waitMs) => {
    const { details: told } = await refusal(create, () => json({ message: 'Rate limit exceeded.' }, 429, headers))
    expect(told).toEqual({ ...details('limit', true, true, 429), ...(waitMs === undefined ? {} : { waitMs }) })
  })

  it('knows that nothing was sent when there was no connection', async () => {
    const expected = details('unreachable', true, true)
    expect((await refusal(create, connection('ECONNREFUSED', 'connect'))).details).toEqual(expected)
    expect((await refusal(create, connection('ENOTFOUND', 'getaddrinfo'))).details).toEqual(expected)
    expect((await refusal(create, connection('UND_ERR_CONNECT_TIMEOUT'))).details).toEqual(expected)
    expect((await refusal(create, connection('ENETUNREACH', 'connect'))).message).toBe(
      'Codegen could not create an agent run: no connection (ENETUNREACH). Check the network and CODEGEN_API_BASE_URL.',
    )
  })
})

describe('a lost answer', () => {
  const broken = () =>
    new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) }))
  const troubles: [string, () => Response | Promise<Response>, number | undefined][] = [
    ['a reset', connection('ECONNRESET', 'read'), undefined],
    ['a closed socket', connection('UND_ERR_SOCKET'), undefined],
    ['a connection that broke without a word', () => Promise.reject(new TypeError('fetch failed')), undefined],
    ['a body that breaks off', broken, undefined],
    ['a 500', () => json({ message: 'Internal' }, 500), 500],
    ['a 504', () => new Response('gateway', { status: 504 }), 504],
    ['a 408', () => json({}, 408), 408],
    ['no JSON', () => new Response('<html>'), 200],
    ['half of the JSON', () => new Response('{"id": 4'), 200],
    ['another shape', () => json({ status: 'ACTIVE' }), 200],
    ['nothing', () => new Response(null), 200],
  ]
  it.each(troubles)('leaves the outcome of a create and of a resume unknown: %s', async (_name, answer, status) => {
    const expected = details('unknown-outcome', true, false, status)
    expect((await refusal(create, answer)).details).toEqual(expected)
    expect((await refusal((client) => client.resume('7', '2', 'Go on', never), answer)).details).toEqual(expected)
  })

  it.each(troubles)('is certain to have done nothing for a read: %s', async (_name, answer, status) => {
    expect((await refusal(read, answer)).details).toEqual(details('unreachable', true, true, status))
  })

  it('is given up after 30 s on the clock', async () => {
    const { client, clock, fake } = setUp(() => new Promise(() => {}))
    const errors = Promise.all([rejected(create(client)), rejected(read(client))])
    await clock.advance(29_999)
    expect(fake.requests.length).toBe(2)
    await clock.advance(1)
    expect((await errors).map(({ kind, certain, message }) => [kind, certain, message])).toEqual([
      ['unknown-outcome', false, 'Codegen could not create an agent run: no answer within 30 s.'],
      ['timeout', true, 'Codegen could not read agent run 2: no answer within 30 s.'],
    ])
  })

  it('is an answer about another run too', async () => {
    expect((await refusal(read, () => json({ id: 3, organization_id: 7 }))).details).toEqual(
      details('unreachable', true, true, 200),
    )
  })
})

describe('settings', () => {
  const make = (baseUrl: string, token: string) => () => {
    const clock = createVirtualClock()
    createCodegenClient({ baseUrl, token, clock, limiter: createPassThroughLimiter() })
  }
  it('refuses an address or a token that cannot be used without repeating it', () => {
    expect(make('https://ada:secret@codegen.test', 't')).toThrow(/^CODEGEN_API_BASE_URL is not a web address[^@]*$/)
    expect(make('codegen', 't')).toThrow(/^CODEGEN_API_BASE_URL/)
    expect(make('file:///etc', 't')).toThrow(/^CODEGEN_API_BASE_URL/)
    expect(make('https://codegen.test', 'secret\nline')).toThrow(/^CODEGEN_API_TOKEN (?!.*secret)/)
    expect(make('https://codegen.test', ' ')).toThrow(/^CODEGEN_API_TOKEN/)
  })

  it('declares the provider’s limits, and what replaces them', () => {
    const limiter = createPassThroughLimiter()
    declareCodegenLimits(limiter, 'team', { create: { max: 600, windowMs: 60_000 } })
    expect(limiter.declared).toEqual([
      ['team.create', 'account:team', { max: 600, windowMs: 60_000 }],
      ['team.standard', 'account:team', { max: 60, windowMs: 30_000 }],
      ['team.shared', 'account:team', { max: 60, windowMs: 60_000 }],
      ['team.setup', 'account:team', { max: 5, windowMs: 60_000 }],
      ['team.analyze', 'account:team', { max: 5, windowMs: 60_000 }],
      ['team.webhook-test', 'account:team', { max: 10, windowMs: 60_000 }],
    ])
  })
})
