import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createRoutes } from '../../src/api/routes.ts'
import { component, components, type SameShape } from '../../src/api/schemas/component.ts'
import { holdFolder } from '../../src/hold-folder.ts'
import { ApiContract } from '../support/api-contract.ts'
import { temporaryFolder } from '../support/control-socket.ts'

interface Inner {
  readonly a: string
}
interface Outer {
  readonly inner: Inner
  readonly list: readonly Inner[]
  readonly word?: 'x' | 'y'
}

describe('a schema and the type that it describes', () => {
  it('are the same, whether or not they are for reading only', () => {
    expectTypeOf<
      SameShape<Outer, { inner: { a: string }; list: { a: string }[]; word?: 'y' | 'x' }>
    >().toEqualTypeOf<true>()
  })

  it('differ by any property, also an optional one and one deep inside', () => {
    expectTypeOf<SameShape<Outer, Outer & { readonly more?: string }>>().toEqualTypeOf<false>()
    expectTypeOf<SameShape<Outer, Omit<Outer, 'word'>>>().toEqualTypeOf<false>()
    expectTypeOf<SameShape<Outer, Omit<Outer, 'word'> & { word: 'x' | 'y' }>>().toEqualTypeOf<false>()
    expectTypeOf<SameShape<Outer, Omit<Outer, 'word'> & { word?: 'x' }>>().toEqualTypeOf<false>()
    expectTypeOf<SameShape<Outer, Omit<Outer, 'inner'> & { inner: { a: string; b?: 1 } }>>().toEqualTypeOf<false>()
    expectTypeOf<SameShape<Outer, Omit<Outer, 'list'> & { list: { a: string; b?: 1 }[] }>>().toEqualTypeOf<false>()
  })

  it('may not drift apart: what differs does not compile', () => {
    const schema = z.object({ a: z.string() })
    expectTypeOf(component<Inner>('Same')).toBeCallableWith(schema)
    // What is missing in the schema is asked for as a second argument that nobody can give.
    const drifted = component<Inner & { readonly b?: string }>('Drifted')<typeof schema>
    expectTypeOf(drifted).parameters.toEqualTypeOf<[schema: typeof schema, never]>()
    expect(components.has(schema)).toBe(false)
  })
})

const WORKFLOW = `
name: all states
concurrency: 2
defaults: { backend: simulated, retry: { attempts: 1 } }
manager: { prompt: Lead, backend: simulated }
tasks:
  plan:
    role: Planner
    prompt: Plan
    output: { type: object, required: [tasks], properties: { tasks: { type: array, items: { type: object } } } }
    simulate: { duration: 1ms, output: { tasks: [{}, {}] }, pullRequests: 1 }
  execute: { needs: [plan], forEach: tasks.plan.output.tasks, prompt: Do, simulate: { duration: 1ms } }
  broken: { prompt: Break, simulate: { duration: 1ms, outcome: error } }
  after: { needs: [broken], prompt: Then }
`

describe('the answers of a real orchestrator', () => {
  it('are as the document says', async () => {
    const hold = await holdFolder(await temporaryFolder(), { env: {}, intents: 'open' })
    onTestFinished(() => hold.close())
    const { orchestrator, views, admission } = hold
    const closing = new AbortController().signal
    const routes = createRoutes({ orchestrator, views, admission, closing, trusted: false, version: '1.2.3' })
    const contract = new ApiContract()
    const ask = async (method: string, path: string, json?: unknown) => {
      const url = `http://127.0.0.1${path}`
      const headers = { 'content-type': 'application/json' }
      const body = json === undefined ? {} : { body: JSON.stringify(json), headers }
      const response = await routes.fetch(new Request(url, { method, ...body }), {})
      await contract.check(method, url, response)
      return { status: response.status, body: JSON.parse(await response.text()) }
    }

    const { run } = (await ask('POST', '/v1/runs', { workflow: WORKFLOW, settings: { speed: 1000 } })).body
    // Nothing of it goes on without a person any more.
    const settled = (await ask('GET', `/v1/runs/${run}/outcome`)).body
    expect(settled.outcome).toEqual({ run, status: 'running', exitCode: 3, reason: expect.any(String) })
    const states = settled.view.tasks.map(({ task, state }: { task: string; state: string }) => [task, state])
    expect(Object.fromEntries(states)).toMatchObject({ plan: 'completed', broken: 'escalated', after: 'waiting' })
    const asked = [
      await ask('GET', '/v1/runs'),
      await ask('GET', `/v1/runs/${run}/tasks`),
      await ask('GET', `/v1/runs/${run}/tasks/plan`),
      await ask('GET', `/v1/runs/${run}/tasks/plan/result`),
      await ask('GET', `/v1/runs/${run}/tasks/plan/logs`),
      await ask('GET', `/v1/runs/${run}/records`),
      await ask('GET', '/v1/backends'),
      await ask('POST', `/v1/runs/${run}/tasks/broken/commands`, { type: 'complete', result: { any: 'thing' } }),
      await ask('GET', `/v1/runs/${run}/outcome`),
      await ask('POST', `/v1/runs/${run}/commands`, { type: 'pause' }),
      await ask('DELETE', `/v1/runs/${run}`),
      await ask('GET', `/v1/runs/${run}`),
    ]
    expect(asked.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 200, 409, 200, 404])
  })
})
