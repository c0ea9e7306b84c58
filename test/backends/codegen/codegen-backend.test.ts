import { setMaxListeners } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CodegenBackendOptions, createCodegenBackend } from '../../../src/backends/codegen/codegen-backend.ts'
import type { AgentOrder } from '../../../src/domain/backend.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { activeRuns, createFakeCodegen, type FakeCodegenOptions, json } from './fake-codegen.ts'

const never = new AbortController().signal
setMaxListeners(0, never)
const order: AgentOrder = {
  key: { run: 'run_1', task: 'spec', attempt: 1 },
  prompt: 'Write it\n[troupe:run_1/spec/1/1]',
}
const ref = (id: number) => ({ backend: 'codegen', id: String(id), extra: { organization: '7' } })

function setUp(server: FakeCodegenOptions = {}, options: Partial<CodegenBackendOptions> = {}) {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock, server)
  const limiter = createPassThroughLimiter()
  const backend = createCodegenBackend({
    baseUrl: 'https://codegen.test',
    token: 't',
    fetch: fake.fetch,
    clock,
    limiter,
    ...options,
  })
  return { clock, fake, limiter, backend }
}
async function rejected(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof BackendError)) throw new Error('No BackendError', { cause: error })
  return { kind: error.kind, certain: error.certain, message: error.message }
}

it('says what it can do', () => {
  const { backend } = setUp({}, { account: 'team' })
  const { id, account, capabilities, createBuckets, graceMs, standIn } = backend
  expect({ id, account, capabilities, createBuckets, graceMs, standIn }).toEqual({
    id: 'codegen',
    account: 'team',
    capabilities: {
      idempotentCreate: false,
      cancel: false,
      resumeAfterRestart: true,
      turns: true,
      logs: true,
      steer: false,
      usage: false,
    },
    createBuckets: ['team.create', 'team.shared'],
    graceMs: 30_000,
    standIn: false,
  })
  expect(setUp({}, { standIn: true }).backend.graceMs).toBe(0)
})

describe('create', () => {
  it('sends prompt, metadata and nothing that was not ordered, in the name of the attempt', async () => {
    const { backend, fake, limiter } = setUp()
    expect(await backend.create(order, never)).toEqual({ ...ref(1), url: 'https://codegen.test/agent/trace/1' })
    expect(fake.requests.map(({ path, body }) => [path, body])).toEqual([
      ['organizations', undefined],
      [
        'organizations/7/agent/run',
        { prompt: order.prompt, metadata: { troupe: { run: 'run_1', task: 'spec', attempt: 1 } } },
      ],
    ])
    expect(limiter.calls.at(-1)).toEqual({ buckets: ['codegen.create', 'codegen.shared'], holder: 'run_1/spec/1' })
  })

  it('sends model, agent type and the number of a repository', async () => {
    const { backend, fake } = setUp({}, { organizationId: 7 })
    await backend.create({ ...order, repository: '512', model: 'm', agentType: 'claude_code' }, never)
    expect(fake.requests.map(({ body }) => body)).toEqual([
      {
        prompt: order.prompt,
        metadata: { troupe: { run: 'run_1', task: 'spec', attempt: 1 } },
        repo_id: 512,
        model: 'm',
        agent_type: 'claude_code',
      },
    ])
  })

  it('asks for the organization and the repositories once for all', async () => {
    const repositories = Array.from({ length: 230 }, (_, n) => `acme/repo${n}`)
    const { backend, fake } = setUp({ repositories })
    const orders = ['acme/repo3', 'ACME/Repo229', 'repo7'].map((repository) => ({ ...order, repository }))
    await Promise.all(orders.map((one) => backend.create(one, never)))
    const created = fake.requests.filter((request) => request.method === 'POST')
    expect(created.map((request) => (request.body as { repo_id: number }).repo_id)).toEqual([4, 230, 8])
    expect([fake.count(/^organizations$/), fake.count(/repos/)]).toEqual([1, 3])
  })

  it('refuses a repository that the organization does not have, and looks again later', async () => {
    const repositories = ['acme/shop']
    const { backend, clock } = setUp({ repositories })
    expect(await rejected(backend.create({ ...order, repository: 'acme/new' }, never))).toEqual({
      kind: 'refused',
      certain: true,
      message:
        "Codegen does not know the repository 'acme/new'. Add it to the organization, or name one of its repositories: acme/shop.",
    })
    repositories.push('acme/new')
    await clock.advance(61_000)
    expect((await backend.create({ ...order, repository: 'acme/new' }, never)).id).toBe('1')
  })

  it('asks for the organization again after a failure', async () => {
    const { backend, fake } = setUp()
    fake.intercept = () => json({}, 503)
    expect((await rejected(backend.create(order, never))).certain).toBe(true)
    fake.intercept = undefined
    expect((await backend.create(order, never)).extra).toEqual({ organization: '7' })
  })

  it('names the variable where the token has no organization', async () => {
    const { backend, fake } = setUp()
    fake.intercept = () => json({ items: [] })
    expect(await rejected(backend.create(order, never))).toEqual({
      kind: 'auth',
      certain: true,
      message: 'The token belongs to no organization. Set CODEGEN_ORG_ID to one that it may use.',
    })
  })

  it('sends images from files and data URIs, and nothing when one cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'troupe-images-'))
    try {
      const file = join(folder, 'plan.png')
      await writeFile(file, 'PNG')
      const { backend, fake } = setUp({}, { organizationId: 7 })
      await backend.create({ ...order, images: [file, 'data:image/gif;base64,R0lG'] }, never)
      const body = fake.requests[0]?.body as { images: unknown } | undefined
      expect(body?.images).toEqual(['data:image/png;base64,UE5H', 'data:image/gif;base64,R0lG'])
      const missing = await rejected(backend.create({ ...order, images: [join(folder, 'no.png')] }, never))
      expect([missing.kind, missing.certain, missing.message.includes('no.png')]).toEqual(['invalid', true, true])
      const odd = await rejected(backend.create({ ...order, images: [join(folder, 'passwords.txt')] }, never))
      expect([odd.kind, odd.certain]).toEqual(['invalid', true])
      expect(fake.requests.length).toBe(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('read', () => {
  it('asks for the run, and 404 is gone', async () => {
    const runs = [{ id: 5, status: 'COMPLETE', result: 'Done' }]
    const { backend, clock } = setUp({ runs })
    expect(await backend.read(ref(5), never)).toEqual({
      status: 'complete',
      rawStatus: 'COMPLETE',
      result: 'Done',
      pullRequests: [],
      url: 'https://codegen.test/agent/trace/5',
      at: clock.now(),
    })
    expect(await backend.read(ref(6), never)).toEqual({
      status: 'gone',
      rawStatus: null,
      pullRequests: [],
      at: clock.now(),
    })
  })

  it('takes what the watcher has just seen, also right after the watch', async () => {
    const { backend, clock, fake } = setUp({ runs: activeRuns(5, 1) })
    const stop = new AbortController()
    let hints = 0
    const followed = backend.follow(ref(5), () => hints++, stop.signal)
    await clock.advance(500)
    const asked = fake.requests.length
    expect([hints, (await backend.read(ref(5), never)).status]).toEqual([1, 'active'])
    stop.abort()
    await followed
    expect((await backend.read(ref(5), never)).status).toBe('active')
    expect(fake.requests.length).toBe(asked)
    await clock.advance(6000)
    await backend.read(ref(5), never)
    expect(fake.requests.length).toBe(asked + 1)
  })

  it('takes nothing from before a prompt', async () => {
    const { backend, clock, fake } = setUp({ runs: [{ id: 5, status: 'COMPLETE' }] })
    const stop = new AbortController()
    void backend.follow(ref(5), () => {}, stop.signal)
    await clock.advance(500)
    await backend.prompt(ref(5), { turn: 2, text: 'Go on' }, never)
    const asked = fake.requests.length
    await backend.read(ref(5), never)
    expect(fake.requests.length).toBe(asked + 1)
    stop.abort()
  })

  it('reads hundreds at once by pages', async () => {
    const { backend, clock, fake } = setUp({ runs: activeRuns(2300, 1) })
    const states = Promise.all(Array.from({ length: 300 }, (_, n) => backend.read(ref(n + 1), never)))
    await clock.runUntil(states, 60_000)
    expect((await states).map((state) => state.status)).toEqual(Array(300).fill('active'))
    expect(fake.requests.length).toBeLessThanOrEqual(20)
  })

  it('does not wait for ever for a page that nobody can read', async () => {
    const { backend, clock, fake } = setUp({ runs: activeRuns(10, 1) })
    fake.intercept = ({ path }) => (path === 'organizations' ? undefined : json({ message: 'Broken' }, 500))
    const errors = Promise.all(Array.from({ length: 10 }, (_, n) => rejected(backend.read(ref(n + 1), never))))
    await clock.runUntil(errors, 300_000)
    expect(new Set((await errors).map((error) => error.kind))).toEqual(new Set(['unreachable']))
  })
})

it('prompts a run by resuming it, and looks for the turn in its log', async () => {
  const logs = [{ message_type: 'USER_MESSAGE', observation: 'Next\n[troupe:run_1/spec/1/2]' }]
  const { backend, fake } = setUp({ runs: [{ id: 5, status: 'COMPLETE', logs }] }, { organizationId: 7 })
  await backend.prompt(ref(5), { turn: 2, text: 'Next\n[troupe:run_1/spec/1/2]' }, never)
  expect(fake.requests.map(({ path, body }) => [path, body])).toEqual([
    ['organizations/7/agent/run/resume', { agent_run_id: 5, prompt: 'Next\n[troupe:run_1/spec/1/2]' }],
  ])
  expect(await backend.findTurn(ref(5), { key: order.key, turn: 2 }, never)).toBe('seen')
  expect(await backend.logs?.(ref(5), 10, never)).toEqual([
    { at: null, type: 'USER_MESSAGE', text: 'Next\n[troupe:run_1/spec/1/2]' },
  ])
})

describe('an agent run that cannot be stopped', () => {
  const howToStop = (id: string, standIn = false) => setUp({}, { standIn }).backend.howToStop?.({ ...ref(1), id })

  it('is stopped by a command that names it', () => {
    expect(howToStop('41001')).toBe('`troupe codegen ban 41001` flags its pull request and stops its agents')
  })

  it('has no command whose id a shell would take for more than a word, nor at the embedded stand-in', () => {
    expect([howToStop('1; rm -rf .'), howToStop('$(reboot)'), howToStop('--help'), howToStop('1', true)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

it('leaves no timer behind when closed', async () => {
  const { backend, clock } = setUp({ runs: activeRuns(5, 1) })
  void backend.follow(ref(5), () => {}, never)
  await clock.advance(3000)
  await backend.close()
  expect(clock.pending()).toBe(0)
})
