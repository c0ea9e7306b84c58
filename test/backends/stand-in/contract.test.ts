import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/domain/json.ts'
import { CONTRACT, createSpecificationCheck } from './codegen-contract.ts'
import { asObject, createScene, objects, promptFor } from './stand-in-client.ts'

describe('the stand-in keeps the contract of the Codegen API', () => {
  const check = createSpecificationCheck()
  for (const request of CONTRACT) {
    it(request.title, async () => {
      const { call, create } = createScene()
      await create('Exists.')
      const { status, body } = await call(request.method, request.path, request.body)
      expect({ status, keys: Object.keys(body), complaints: check(request, body) }).toEqual({
        status: request.status,
        keys: request.keys,
        complaints: [],
      })
    })
  }

  it('answers every way an agent run can stand by the schema', async () => {
    const { call, create, clock } = createScene({ limits: { create: 'none', standard: 'none' } })
    const outcomes = ['complete', 'error', 'paused', 'timeout', 'max-iterations', 'out-of-tokens', 'never', 'cancelled']
    for (const [i, outcome] of outcomes.entries()) {
      for (let n = 0; n < 4; n++) {
        await create(promptFor(`run_a/t${i}/${n}/1`, { simulate: { outcome, durationMs: 1000, pullRequests: n % 2 } }))
      }
    }
    const list = CONTRACT.find((one) => one.title === 'lists agent runs')
    if (list === undefined) throw new Error('The contract has no list.')
    const seen = new Set<unknown>()
    const complaints: string[] = []
    for (let ms = 0; ms <= 1000; ms += 50) {
      const { body } = await call('GET', list.path)
      complaints.push(...check(list, body))
      for (const item of objects(body['items'])) seen.add(item['status'])
      await clock.advance(50)
    }
    expect(complaints).toEqual([])
    expect([...seen].sort()).toEqual([
      'ACTIVE',
      'CANCELLED',
      'COMPLETE',
      'ERROR',
      'EVALUATION',
      'MAX_ITERATIONS_REACHED',
      'OUT_OF_TOKENS',
      'PAUSED',
      'TIMEOUT',
      null,
    ])
  })

  it('asks for a bearer token, and takes any', async () => {
    const { standIn } = createScene()
    const me = 'http://stand-in.invalid/v1/users/me'
    const statuses = []
    for (const authorization of ['', 'token', 'Bearer', 'Basic abc', 'Bearer abc', 'bearer xyz']) {
      statuses.push((await standIn.fetch(me, { headers: { authorization } })).status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 200, 200])
    const refused = await standIn.fetch(me)
    expect(await refused.json()).toEqual({ message: 'Invalid or missing API token.', status_code: 401 })
  })

  it('names every mistake of a body as FastAPI does', async () => {
    const { call } = createScene()
    const { body } = await call('POST', '/v1/organizations/1/agent/run', { repo_id: 'a', metadata: [] })
    expect(body).toEqual({
      detail: [
        { loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' },
        { loc: ['body', 'metadata'], msg: 'Input should be a valid dictionary', type: 'dict_type' },
        { loc: ['body', 'repo_id'], msg: 'Input should be a valid integer', type: 'int_type' },
      ],
    })
  })

  it('refuses a body that is not JSON', async () => {
    const { standIn } = createScene()
    const headers = { authorization: 'Bearer token' }
    const url = 'http://stand-in.invalid/v1/organizations/1/agent/run'
    const answer = await standIn.fetch(url, { method: 'POST', headers, body: '{' })
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 422,
      body: { detail: [{ loc: ['body', 0], msg: 'JSON decode error', type: 'json_invalid' }] },
    })
  })

  it('does not know other paths', async () => {
    const { call } = createScene()
    const { status, body } = await call('GET', '/v1/organizations/1/agent/run/41001/logs')
    expect({ status, body }).toEqual({ status: 404, body: { detail: 'Not Found' } })
  })

  it('sends the other error shape when told to', async () => {
    const { call } = createScene({ errorShape: 'detail' })
    const { body } = await call('GET', '/v1/organizations/1/agent/run/7')
    expect(body).toEqual({ detail: 'Agent run not found.', status_code: 404 })
  })

  it('lists the repositories it was given', async () => {
    const { call, standIn } = createScene({ repositories: ['own/one'] })
    standIn.addRepositories(['own/two', 'own/one'])
    const { body } = await call('GET', '/v1/organizations/1/repos?skip=1')
    const names = objects(body['items']).map((item) => [item['id'], item['full_name'], item['name']])
    expect({ names, total: body['total'] }).toEqual({ names: [[2, 'own/two', 'two']], total: 2 })
  })

  it('takes any model and repository, or with strict only those that it lists', async () => {
    const path = '/v1/organizations/1/agent/run'
    const answers = async ({ call }: ReturnType<typeof createScene>) => {
      const create = async (extra: JsonObject) => (await call('POST', path, { prompt: 'Do it.', ...extra })).status
      return [
        await create({ model: 'understudy-1', repo_id: 3 }),
        await create({ model: 'x' }),
        await create({ repo_id: 4 }),
      ]
    }
    expect([await answers(createScene()), await answers(createScene({ strict: true }))]).toEqual([
      [200, 200, 200],
      [200, 422, 404],
    ])
  })

  it('keeps the organization webhook and never tells its secret', async () => {
    const { call } = createScene()
    const path = '/v1/organizations/1/webhooks/agent-run'
    await call('POST', path, { url: 'https://hooks.invalid/a', secret: 'hush' })
    const set = (await call('GET', path)).body
    await call('DELETE', path)
    expect([set, asObject((await call('GET', path)).body)]).toEqual([
      { url: 'https://hooks.invalid/a', enabled: true, has_secret: true },
      { url: null, enabled: false, has_secret: false },
    ])
  })
})
