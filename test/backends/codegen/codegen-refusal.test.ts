import { describe, expect, it } from 'vitest'
import { createCodegenBackend } from '../../../src/backends/codegen/codegen-backend.ts'
import type { AgentOrder } from '../../../src/domain/backend.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { createFakeCodegen, json } from './fake-codegen.ts'

const never = new AbortController().signal
const ORDER: AgentOrder = { key: { run: 'run_1', task: 'spec', attempt: 1 }, prompt: 'Write it' }
const REFUSED = () => json({ detail: [{ loc: ['body', 'model'], msg: 'Not valid', type: 'x' }] }, 422)
const MODELS = (count: number) =>
  json({
    providers: [{ name: 'P', models: Array.from({ length: count }, (_, n) => ({ label: 'M', value: `m${n}` })) }],
  })

/** What a create is refused with, and what was asked for that. */
async function refusal(order: Partial<AgentOrder>, create: () => Response, models: () => Response = () => MODELS(12)) {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock, { repositories: ['acme/shop', 'acme/api'] })
  fake.intercept = ({ path, method }) => {
    if (path.endsWith('/models')) return models()
    return method === 'POST' ? create() : undefined
  }
  const to = { baseUrl: 'https://codegen.test', token: 't', fetch: fake.fetch, organizationId: 7 }
  const backend = createCodegenBackend({ ...to, clock, limiter: createPassThroughLimiter() })
  const error: unknown = await backend.create({ ...ORDER, ...order }, never).catch((reason: unknown) => reason)
  const { kind, certain, retryable, status, message } = error as Record<string, unknown>
  await backend.close()
  const asked = fake.requests.map(({ path }) => path.replace('organizations/7/', '').replace(/\?.*/, ''))
  return { error: { kind, certain, retryable, status, message }, asked }
}
const PLAIN = {
  kind: 'invalid',
  certain: true,
  retryable: false,
  status: 422,
  message: 'Codegen could not create an agent run: it answered 422: body.model: Not valid.',
}

describe('a refused create', () => {
  it('names a model that the account does not have, and ten of those that it has', async () => {
    expect(await refusal({ model: 'gpt-nope' }, REFUSED)).toEqual({
      error: {
        kind: 'refused',
        certain: true,
        retryable: false,
        status: 422,
        message:
          "Codegen does not know the model 'gpt-nope'. There are: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9 and 2 more.",
      },
      asked: ['agent/run', 'models'],
    })
  })

  it('names the number of a repository that the account does not have, and those that it has', async () => {
    const { error, asked } = await refusal({ repository: '77' }, () => json({ message: 'No repos found.' }, 404))
    expect([error.message, error.certain, asked]).toEqual([
      "Codegen does not know the repository '77'. Add it to the organization, or name one of its repositories: acme/shop, acme/api.",
      true,
      ['agent/run', 'repos'],
    ])
  })

  it('is told as it came where model and repository are known, or none is named', async () => {
    expect((await refusal({ model: 'm3', repository: '2' }, REFUSED)).error).toEqual(PLAIN)
    expect(await refusal({}, REFUSED)).toEqual({ error: PLAIN, asked: ['agent/run'] })
  })

  it('is told as it came where the models cannot be read, or none is named', async () => {
    expect((await refusal({ model: 'gpt-nope' }, REFUSED, () => json({}, 503))).error).toEqual(PLAIN)
    expect((await refusal({ model: 'gpt-nope' }, REFUSED, () => MODELS(0))).error).toEqual(PLAIN)
  })

  it('costs no look-up when its outcome is unknown, or the account is at its limit', async () => {
    const lost = await refusal({ model: 'gpt-nope' }, () => json({}, 502))
    const limited = await refusal({ model: 'gpt-nope' }, () => json({}, 429))
    expect([lost.error.kind, lost.asked, limited.error.kind, limited.asked]).toEqual([
      'unknown-outcome',
      ['agent/run'],
      'limit',
      ['agent/run'],
    ])
  })
})
