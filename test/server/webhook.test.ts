import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { rawRequest, sendRaw, serving, TOKENS } from '../support/serving.ts'

const PATH = '/v1/webhooks/codegen'
const SECRET = 'shared-with-codegen'
const BODY = '{"agent_run_id":41894}'
const sign = (body: string) => createHmac('sha256', SECRET).update(body).digest('hex')
const signed = (body = BODY) => ({ method: 'POST', body, headers: { 'x-codegen-signature': sign(body) } })
const options = { tokens: TOKENS, webhook: { secret: SECRET } }

describe('a server with a webhook secret', () => {
  it('passes a signed webhook on as a hint, without a token and whatever type it is sent as', async () => {
    const { ask, orchestrator } = await serving(options)
    const { body, headers } = signed()
    const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await ask(PATH, { method: 'POST', body, headers: form })
    expect([answer.status, await answer.json()]).toEqual([202, {}])
    expect(orchestrator.calls).toEqual([['hint', 'codegen', '41894']])
  })

  it('answers as every path does, under the headers that protect', async () => {
    const { ask } = await serving(options)
    const answers = [await ask(PATH, signed()), await ask(PATH, { method: 'POST', body: BODY }), await ask(PATH)]
    expect(answers.map(({ status, headers }) => [status, headers.get('x-content-type-options')])).toEqual([
      [202, 'nosniff'],
      [401, 'nosniff'],
      [405, 'nosniff'],
    ])
  })

  it('takes no token for a signature, and counts none against whoever sends webhooks', async () => {
    const { ask, orchestrator } = await serving(options)
    const statuses: number[] = []
    for (const { token } of TOKENS) statuses.push((await ask(PATH, { method: 'POST', body: BODY, token })).status)
    for (let n = 0; n < 50; n++) {
      statuses.push((await ask(PATH, { ...signed(`{"id":${n}}`), token: 'of-the-provider-itself' })).status)
    }
    expect([new Set(statuses.slice(0, 2)), new Set(statuses.slice(2))]).toEqual([new Set([401]), new Set([202])])
    expect(orchestrator.calls).toHaveLength(50)
    expect((await ask('/v1/runs', { token: 'of-the-provider-itself' })).status).toBe(401)
  })

  it('is reached under any name and from any site, since only the signature counts', async () => {
    const { port, orchestrator } = await serving(options)
    const send = (headers: readonly string[]) => {
      const all = [`Content-Length: ${BODY.length}`, ...headers]
      return sendRaw(port, `${rawRequest(port, `POST ${PATH} HTTP/1.1`, all)}${BODY}`)
    }
    const proof = `X-Codegen-Signature: ${sign(BODY)}`
    const answers = [
      await send([
        'Host: troupe.example.com',
        'Origin: https://elsewhere.example',
        'Sec-Fetch-Site: cross-site',
        proof,
      ]),
      await send(['Host: troupe.example.com', 'Origin: https://elsewhere.example', 'Sec-Fetch-Site: cross-site']),
    ]
    expect(answers.map(({ status, headers }) => [status, headers['access-control-allow-origin']])).toEqual([
      [202, undefined],
      [401, undefined],
    ])
    expect(orchestrator.calls).toHaveLength(1)
  })

  it('opens nothing but that path', async () => {
    const { ask } = await serving(options)
    for (const path of [`${PATH}/`, `${PATH}/x`, '/v1/webhooks', '/v1/webhooks/%63odegen', '/v1/webhooks/codegen2']) {
      expect([path, (await ask(path, signed())).status]).toEqual([path, 401])
    }
  })

  it('answers before the runs are restored', async () => {
    const { ask, orchestrator } = await serving({ ...options, ready: new Promise(() => undefined) })
    expect((await ask(PATH, signed())).status).toBe(202)
    expect(orchestrator.calls).toEqual([['hint', 'codegen', '41894']])
  })

  it('refuses a body that is too large on a connection that may go on', async () => {
    const { ask, orchestrator } = await serving(options)
    const huge = 'x'.repeat(1024 * 1024)
    const answers = [await ask(PATH, signed(huge)), await ask(PATH, { method: 'POST', body: huge })]
    expect(answers.map(({ status }) => status)).toEqual([413, 401])
    expect((await ask(PATH, signed())).status).toBe(202)
    expect(orchestrator.calls).toHaveLength(1)
  })

  it('tells the log why a signed one was of no use, and never the secret or what was sent', async () => {
    const { ask, lines } = await serving(options)
    for (const body of ['{}', '{}', 'private']) await ask(PATH, signed(body))
    const told = lines.filter(({ message }) => message === 'A signed webhook of Codegen was of no use.')
    expect(told.map(({ level, why }) => [level, why])).toEqual([
      ['debug', 'it names no agent run'],
      ['debug', 'it came before'],
      ['debug', 'it is no JSON'],
    ])
    expect(JSON.stringify(lines)).not.toMatch(/shared-with-codegen|private/)
  })

  it('takes the header and the encoding that it is told', async () => {
    const { ask } = await serving({ webhook: { secret: SECRET, header: 'X-Hub-Signature-256', encoding: 'base64' } })
    const signature = createHmac('sha256', SECRET).update(BODY).digest('base64')
    const headers = { 'x-hub-signature-256': `sha256=${signature}` }
    expect((await ask(PATH, { method: 'POST', body: BODY, headers })).status).toBe(202)
    expect((await ask(PATH, signed())).status).toBe(401)
  })
})

describe('a server without a webhook secret', () => {
  it.each([[TOKENS], [[]]])('has no such path', async (tokens) => {
    const { ask, orchestrator } = await serving({ tokens })
    const statuses = [(await ask(PATH, signed())).status, (await ask(PATH)).status]
    expect([statuses, orchestrator.calls]).toEqual([[404, 404], []])
  })
})
