import { setMaxListeners } from 'node:events'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  modelsSchema,
  repositoryPageSchema,
  startedRunSchema,
  userSchema,
  webhookSettingsSchema,
} from '../../../src/backends/codegen/codegen-account-schemas.ts'
import { type CodegenClient, createCodegenClient } from '../../../src/backends/codegen/codegen-client.ts'
import { declareCodegenLimits } from '../../../src/backends/codegen/codegen-limits.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createLimiter } from '../../../src/limits/limiter.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { createFakeCodegen, type FakeRequest, json } from './fake-codegen.ts'

const TOKEN = 'sk-very-secret-token'
const SECRET = 'hook-secret-long-enough'
const HOOK = 'https://troupe.example.com/v1/webhooks/codegen'
const never = new AbortController().signal
setMaxListeners(0, never)

function setUp(answer: (request: FakeRequest) => Response | Promise<Response> = () => json({})) {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock)
  fake.intercept = answer
  const limiter = createPassThroughLimiter()
  const to = { baseUrl: 'https://codegen.test', token: TOKEN, fetch: fake.fetch }
  return { clock, fake, limiter, client: createCodegenClient({ ...to, clock, limiter }) }
}

async function rejected(work: Promise<unknown>): Promise<BackendError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof BackendError) return error
  throw new Error('No BackendError', { cause: error })
}

/** Every operation that changes something, or starts an agent. */
const CHANGES: readonly (readonly [string, (client: CodegenClient) => Promise<unknown>])[] = [
  ['ban', (client) => client.ban('7', '2', never)],
  ['unban', (client) => client.unban('7', '2', never)],
  ['remove from the pull request', (client) => client.removeFromPullRequest('7', '2', never)],
  ['generate setup commands', (client) => client.generateSetupCommands('7', { repository: 1 }, never)],
  ['analyze logs', (client) => client.analyzeLogs('7', '5', never)],
  ['set the webhook', (client) => client.setWebhook('7', { url: HOOK, secret: SECRET }, never)],
  ['delete the webhook', (client) => client.deleteWebhook('7', never)],
  ['test the webhook', (client) => client.testWebhook('7', HOOK, never)],
]
const STARTED = { agent_run_id: 41, status: 'ACTIVE', url: 'https://codegen.test/agent/trace/41' }

describe('an operation of the account', () => {
  it('goes to the path and through the buckets that the API documents', async () => {
    const { client, fake, limiter } = setUp(({ path }) => {
      if (path.endsWith('/models')) return json({ providers: [], default_model: '' })
      return json(/generate|analyze/.test(path) ? STARTED : {})
    })
    for (const [, change] of CHANGES) await change(client)
    await client.generateSetupCommands('7', { repository: 1, prompt: 'Use pnpm' }, never)
    await client.webhook('7', never)
    await client.models('7', never)
    const sent = fake.requests.map(({ method, path, body }, index) => {
      return [method, path.replace('organizations/7/', ''), body, limiter.calls[index]?.buckets]
    })
    const shared = ['codegen.shared']
    const setup = ['codegen.setup', 'codegen.shared']
    expect(sent).toEqual([
      ['POST', 'agent/run/ban', { agent_run_id: 2 }, shared],
      ['POST', 'agent/run/unban', { agent_run_id: 2 }, shared],
      ['POST', 'agent/run/remove-from-pr', { agent_run_id: 2 }, shared],
      ['POST', 'setup-commands/generate', { repo_id: 1 }, setup],
      ['POST', 'sandbox/5/analyze-logs', undefined, ['codegen.analyze', 'codegen.shared']],
      ['POST', 'webhooks/agent-run', { url: HOOK, secret: SECRET, enabled: true }, shared],
      ['DELETE', 'webhooks/agent-run', undefined, shared],
      ['POST', 'webhooks/agent-run/test', { url: HOOK }, ['codegen.webhook-test', 'codegen.shared']],
      ['POST', 'setup-commands/generate', { repo_id: 1, prompt: 'Use pnpm' }, setup],
      ['GET', 'webhooks/agent-run', undefined, shared],
      ['GET', 'models', undefined, ['codegen.standard', 'codegen.shared']],
    ])
  })

  it.each([
    ['5 setup commands', 5, (client: CodegenClient) => client.generateSetupCommands('7', { repository: 1 }, never)],
    ['5 log analyses', 5, (client: CodegenClient) => client.analyzeLogs('7', '5', never)],
    ['10 webhook tests', 10, (client: CodegenClient) => client.testWebhook('7', HOOK, never)],
  ])('is sent %s a minute at most', async (_what, most, operation) => {
    const clock = createVirtualClock()
    const fake = createFakeCodegen(clock)
    fake.intercept = () => json(STARTED)
    const limiter = createLimiter({ clock })
    declareCodegenLimits(limiter)
    const client = createCodegenClient({
      baseUrl: 'https://codegen.test',
      token: 't',
      fetch: fake.fetch,
      clock,
      limiter,
    })
    const all = Promise.all(Array.from({ length: most + 1 }, () => operation(client)))
    await clock.advance(59_000)
    expect(fake.requests.length).toBe(most)
    await clock.runUntil(all)
    expect(fake.requests.length).toBe(most + 1)
    await limiter.close()
  })

  it('counts as done when it is answered with nothing, where nothing is to be answered', async () => {
    const { client } = setUp(() => new Response(null, { status: 204 }))
    for (const [name, change] of CHANGES.filter(([name]) => !/generate|analyze/.test(name))) {
      expect([name, await change(client)]).toEqual([name, undefined])
    }
  })

  it.each(CHANGES)('may have taken effect when its answer is lost: %s', async (_name, change) => {
    const lost = [
      () => Promise.reject(new TypeError('fetch failed')),
      () => json({ message: 'Internal' }, 500),
      () => new Response('<html>'),
    ]
    for (const answer of lost) {
      const { kind, certain, retryable } = await rejected(change(setUp(answer).client))
      expect([kind, certain, retryable]).toEqual(['unknown-outcome', false, true])
    }
  })

  it.each(CHANGES)('has done nothing when it is refused, or nobody was reached: %s', async (_name, change) => {
    const reasons: [string, () => Response][] = [
      ['quota', () => json({ message: 'Used up.', status_code: 402 }, 402)],
      ['auth', () => json({ detail: 'No.' }, 403)],
      ['not-found', () => json({ detail: 'Agent run not found.', status_code: 404 }, 404)],
      ['invalid', () => json({ detail: [{ loc: ['body'], msg: 'Bad', type: 'x' }] }, 422)],
      ['limit', () => json({ message: 'Rate limit exceeded.' }, 429)],
      [
        'unreachable',
        () => {
          throw new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) })
        },
      ],
    ]
    const found: unknown[] = []
    for (const [, answer] of reasons) {
      const { kind, certain } = await rejected(change(setUp(answer).client))
      found.push([kind, certain])
    }
    expect(found).toEqual(reasons.map(([kind]) => [kind, true]))
  })

  it('keeps the secret of a webhook though the server repeats it', async () => {
    const { client } = setUp(() => json({ detail: `${SECRET} of ${TOKEN} is weak` }, 422))
    const error = await rejected(client.setWebhook('7', { url: HOOK, secret: SECRET }, never))
    expect(error.message).toBe('Codegen could not set the webhook: it answered 422: [secret] of [token] is weak.')
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET)
  })

  it.each([
    ['41894', 41_894],
    ['run-x', 'run-x'],
    ['1e3', '1e3'],
    ['0x10', '0x10'],
    ['007', '007'],
    ['9007199254740993', '9007199254740993'],
  ])('names agent run %s by its number only if it is one', async (id, sent) => {
    const { client, fake } = setUp(({ path }) => json(path.endsWith('resume') ? { id } : {}))
    await client.ban('7', id, never)
    await client.resume('7', id, 'Go on', never)
    expect(fake.requests.map(({ body }) => body)).toEqual([
      { agent_run_id: sent },
      { agent_run_id: sent, prompt: 'Go on' },
    ])
  })
})

describe('an answer about the account', () => {
  it('needs no more than what is used, whatever else is null, missing or of another kind', () => {
    expect(userSchema.parse({ id: '11', github_username: 'ada', full_name: null, email: 5 })).toEqual({
      id: '11',
      name: 'ada',
      email: null,
    })
    expect(webhookSettingsSchema.parse({ url: null })).toEqual({ url: null, enabled: false, hasSecret: false })
    expect(webhookSettingsSchema.parse({ url: HOOK, enabled: true, has_secret: true })).toEqual({
      url: HOOK,
      enabled: true,
      hasSecret: true,
    })
    expect(startedRunSchema.parse({ agent_run_id: '41', url: 'javascript:alert(1)' })).toEqual({
      id: '41',
      status: null,
      url: null,
      message: null,
    })
  })

  it('names models in one list, without those that nobody could ask for', () => {
    const providers = [
      { name: 'One', models: [{ label: 'A', value: 'a' }, { label: 'B' }, null, 'c'] },
      { name: null, models: [{ value: 'd' }] },
      { name: 'Empty', models: null },
      null,
    ]
    expect(modelsSchema.parse({ providers, default_model: null })).toEqual({
      defaultModel: null,
      models: [
        { value: 'a', label: 'A', provider: 'One' },
        { value: 'd', label: null, provider: null },
      ],
    })
  })

  it('may write the number of a repository as text, but must have one', () => {
    const items = [{ id: '12', name: 'shop', full_name: null, github_id: 9, setup_status: null }]
    expect(repositoryPageSchema.parse({ items })).toEqual({
      items: [{ id: 12, name: 'shop', fullName: null }],
      total: null,
    })
    expect(repositoryPageSchema.safeParse({ items: [{ id: null }] }).success).toBe(false)
  })
})
