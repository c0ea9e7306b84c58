import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { WebhookOptions } from '../../../src/backends/codegen/stand-in/webhooks.ts'
import { asObject, createScene, ORGANIZATION, promptFor } from './stand-in-client.ts'

const HOOK = { url: 'https://hooks.invalid/org', secret: 'hush' }
const SETTING = `${ORGANIZATION}/webhooks/agent-run`

function createHooked(options: Omit<WebhookOptions, 'deliver'> = {}) {
  const sent: { url: string; body: string; signature: string | undefined; at: number }[] = []
  const webhooks: WebhookOptions = {
    ...options,
    async deliver(url, body, headers) {
      sent.push({ url, body, signature: headers['x-codegen-signature'], at: scene.clock.now() })
      throw new Error('Nobody listens.')
    },
  }
  const scene = createScene({ webhooks })
  return { ...scene, sent }
}

const sign = (secret: string, body: string) => createHmac('sha256', secret).update(body).digest('hex')

describe('webhooks of the stand-in', () => {
  it('are called once after each end of an agent, signed', async () => {
    const { call, create, resume, sent, clock } = createHooked()
    const start = clock.now()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 1000 } }))
    await call('POST', SETTING, HOOK)
    await clock.advance(60_000)
    await resume(id, promptFor('run_a/a/1/2', { simulate: { durationMs: 500 } }))
    await clock.advance(60_000)
    expect(sent.map((one) => [one.url, one.at - start, one.signature === sign('hush', one.body)])).toEqual([
      [HOOK.url, 1200, true],
      [HOOK.url, 60_700, true],
    ])
    const { result: _result, ...payload } = asObject(JSON.parse(sent[0]?.body ?? ''))
    expect(payload).toEqual({
      event: 'agent_run.completed',
      agent_run_id: id,
      organization_id: 1,
      status: 'COMPLETE',
    })
  })

  it('of a run replace the organization webhook', async () => {
    const { call, create, sent, clock } = createHooked()
    await call('POST', SETTING, HOOK)
    await create(promptFor('run_a/a/1/1'), {
      webhooks: [{ url: 'https://hooks.invalid/a' }, { url: 'https://hooks.invalid/b' }],
    })
    await clock.advance(10_000)
    expect(sent.map((one) => [one.url, one.signature])).toEqual([
      ['https://hooks.invalid/a', undefined],
      ['https://hooks.invalid/b', undefined],
    ])
  })

  it('come late, doubled and unsigned when told to', async () => {
    const { call, create, sent, clock } = createHooked({ lateMs: 90_000, doubled: true, unsigned: true })
    await call('POST', SETTING, HOOK)
    const start = clock.now()
    await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 1000 } }))
    await clock.advance(200_000)
    expect(sent.map((one) => [one.at - start, one.signature])).toEqual([
      [91_000, undefined],
      [91_000, undefined],
    ])
  })

  it('tell of a stop, and nothing of a disabled one or after the end of the stand-in', async () => {
    const { call, create, sent, clock, standIn } = createHooked()
    await call('POST', SETTING, HOOK)
    const id = await create(promptFor('run_a/a/1/1', { simulate: { outcome: 'never' } }))
    await call('POST', `${ORGANIZATION}/agent/run/ban`, { agent_run_id: id })
    await clock.advance(1000)
    await call('POST', SETTING, { ...HOOK, enabled: false })
    await create(promptFor('run_a/b/1/1'))
    await clock.advance(10_000)
    await call('POST', SETTING, HOOK)
    await create(promptFor('run_a/c/1/1'))
    await standIn.close()
    expect([sent.map((one) => asObject(JSON.parse(one.body))['status']), clock.pending()]).toEqual([['CANCELLED'], 0])
  })

  it('are tested at once', async () => {
    const { call, sent } = createHooked()
    await call('POST', `${SETTING}/test`, { url: 'https://hooks.invalid/test' })
    expect(sent.map((one) => [one.url, one.body])).toEqual([
      ['https://hooks.invalid/test', '{"event":"test","organization_id":1}'],
    ])
  })
})
