import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { OUTSIDE_OPERATIONS } from '../../src/api/outside-operations.ts'
import { ApiContract } from '../support/api-contract.ts'
import { runView, taskView } from '../support/fake-orchestrator.ts'
import { COMMAND_TOKEN, serving, TOKENS, WATCH_TOKEN } from '../support/serving.ts'

const RUN = 'run_1'
const SECRET = 'shared-with-codegen'

const signatureOf = (body: string) => createHmac('sha256', SECRET).update(body).digest('hex')

/** A real server; every answer of it is held against the OpenAPI document. */
async function serve() {
  const { orchestrator, ask } = await serving({ tokens: TOKENS, webhook: { secret: SECRET } })
  orchestrator.add(runView({ run: RUN, commands: ['pause'], tasks: [taskView({ task: 'spec', state: 'running' })] }))
  const contract = new ApiContract()
  const asked = async (method: string, path: string, token?: string, init: RequestInit = {}) => {
    const response = await ask(path, { method, ...init, ...(token === undefined ? {} : { token }) })
    await contract.check(method, response.url, response)
    return response
  }
  return { orchestrator, contract, asked }
}

describe('a real server', () => {
  it('answers what stands beside the routes as the document says', async () => {
    const { asked, contract, orchestrator } = await serve()
    orchestrator.healthy = { writable: true, backends: { codegen: { reachable: 'yes' } } }
    const answers = [
      await asked('GET', '/healthz'),
      await asked('GET', '/healthz', WATCH_TOKEN),
      await asked('GET', '/readyz'),
      await asked('GET', '/readyz', WATCH_TOKEN),
      await asked('GET', '/metrics', WATCH_TOKEN),
      await asked('POST', '/v1/tickets', WATCH_TOKEN),
    ]
    const webhook = { body: '{"id":7}', headers: { 'x-codegen-signature': signatureOf('{"id":7}') } }
    for (const sent of [webhook, webhook]) answers.push(await asked('POST', '/v1/webhooks/codegen', undefined, sent))
    orchestrator.healthy = { writable: false, problem: 'The disk is full.', backends: {} }
    answers.push(await asked('GET', '/readyz', WATCH_TOKEN))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 201, 202, 200, 503])
    expect([...contract.answered].sort()).toEqual(Object.keys(OUTSIDE_OPERATIONS).sort())
  })

  it('refuses as the document says', async () => {
    const { asked } = await serve()
    const json = { headers: { 'content-type': 'application/json' }, body: '{"type":"pause"}' }
    const answers = [
      await asked('GET', '/v1/runs'),
      await asked('GET', '/v1/runs', 'a-token-that-nobody-gave-out'),
      await asked('GET', '/metrics'),
      await asked('POST', `/v1/runs/${RUN}/commands`, WATCH_TOKEN, json),
      await asked('POST', `/v1/runs/${RUN}/commands`, COMMAND_TOKEN, { body: 'x' }),
      await asked('POST', `/v1/runs/${RUN}/commands`, COMMAND_TOKEN, json),
      await asked('GET', `/v1/runs/${RUN}/tasks/none`, WATCH_TOKEN),
      await asked('GET', '/v1/stream', WATCH_TOKEN),
      await asked('POST', '/v1/webhooks/codegen', COMMAND_TOKEN, json),
      await asked('POST', '/v1/webhooks/codegen', undefined, {
        body: 'x'.repeat(256 * 1024 + 1),
        headers: { 'x-codegen-signature': signatureOf('x') },
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 403, 415, 200, 404, 426, 401, 413])
  })

  it('shows the page and the document to whoever has no token, under the policy of the page', async () => {
    const { asked } = await serve()
    const page = await asked('GET', '/docs')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect((await asked('GET', '/openapi.json')).status).toBe(200)
  })
})
