import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCodegenBackend } from '../../../src/backends/codegen/codegen-backend.ts'
import { realClock } from '../../../src/host/clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'

const BASE = 'https://codegen.test'
const server = setupServer()
const never = new AbortController().signal
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const backend = createCodegenBackend({
  baseUrl: BASE,
  token: 'secret-token',
  clock: realClock,
  limiter: createPassThroughLimiter(),
})
const key = { run: 'run_1', task: 'spec', attempt: 1 }
const run = {
  id: 41894,
  organization_id: 323,
  status: 'ACTIVE',
  created_at: '2025-06-21 11:20:04.338398',
  web_url: 'https://codegen.sh/agent/trace/41894',
  result: null,
  summary: null,
  source_type: 'API',
  github_pull_requests: [],
  metadata: { troupe: key },
}
const ref = {
  backend: 'codegen',
  id: '41894',
  url: 'https://codegen.sh/agent/trace/41894',
  createdAt: Date.UTC(2025, 5, 21, 11, 20, 4, 338),
  extra: { organization: '323' },
}

/** The documented paths, methods and bodies, over the real network client. */
describe('the Codegen API as documented', () => {
  it('creates, reads, finds and resumes', async () => {
    const sent: unknown[] = []
    server.use(
      http.get(`${BASE}/v1/organizations`, () =>
        HttpResponse.json({ items: [{ id: 323, name: 'acme', settings: {} }], total: 1, page: 1, size: 100, pages: 1 }),
      ),
      http.get(`${BASE}/v1/users/me`, () => HttpResponse.json({ id: 5, github_user_id: '9', github_username: 'ada' })),
      http.post(`${BASE}/v1/organizations/323/agent/run`, async ({ request }) => {
        sent.push([request.headers.get('authorization'), request.headers.get('content-type'), await request.json()])
        return HttpResponse.json(run)
      }),
      http.get(`${BASE}/v1/organizations/323/agent/run/41894`, () =>
        HttpResponse.json({
          ...run,
          status: 'COMPLETE',
          result: 'Done',
          summary: 'All done',
          created_at: '2025-06-21T11:20:04.338Z',
          github_pull_requests: [
            { id: 1, created_at: '', title: 'Spec', url: 'https://github.test/pull/1', head_branch_name: 'spec' },
          ],
        }),
      ),
      http.get(`${BASE}/v1/organizations/323/agent/runs`, ({ request }) => {
        sent.push(new URL(request.url).search)
        return HttpResponse.json({ items: [run], total: 1, page: 1, size: 100, pages: 1 })
      }),
      http.post(`${BASE}/v1/organizations/323/agent/run/resume`, async ({ request }) => {
        sent.push(await request.json())
        return HttpResponse.json(run)
      }),
    )
    expect(await backend.create({ key, prompt: 'Write it' }, never)).toEqual(ref)
    const { at, ...state } = await backend.read(ref, never)
    expect(state).toEqual({
      status: 'complete',
      rawStatus: 'COMPLETE',
      result: 'Done',
      summary: 'All done',
      url: ref.url,
      pullRequests: [{ url: 'https://github.test/pull/1', title: 'Spec', branch: 'spec' }],
    })
    expect(at).toBeLessThanOrEqual(realClock.now())
    expect(await backend.find(key, ref.createdAt, never)).toEqual({ kind: 'found', ref, others: [] })
    await backend.prompt(ref, { turn: 2, text: 'Go on' }, never)
    expect(sent).toEqual([
      ['Bearer secret-token', 'application/json', { prompt: 'Write it', metadata: { troupe: key } }],
      '?skip=0&user_id=5&source_type=API&limit=100',
      { agent_run_id: 41894, prompt: 'Go on' },
    ])
  })

  it('reads the alpha logs', async () => {
    server.use(
      http.get(`${BASE}/v1/alpha/organizations/323/agent/run/41894/logs`, ({ request }) => {
        expect(new URL(request.url).search).toBe('?skip=0&reverse=true&limit=5')
        const logs = [
          {
            agent_run_id: 41894,
            created_at: '2025-06-21T11:20:09Z',
            message_type: 'FINAL_ANSWER',
            observation: 'Done',
          },
          {
            agent_run_id: 41894,
            created_at: null,
            message_type: 'ACTION',
            tool_name: 'shell',
            tool_output: { code: 0 },
          },
        ]
        return HttpResponse.json({ ...run, logs, total_logs: 2, page: 1, size: 5, pages: 1 })
      }),
    )
    expect(await backend.logs?.(ref, 5, never)).toEqual([
      { at: null, type: 'ACTION', text: '{"code":0}', tool: 'shell' },
      { at: Date.UTC(2025, 5, 21, 11, 20, 9), type: 'FINAL_ANSWER', text: 'Done' },
    ])
  })

  it('takes a broken connection for an unknown outcome', async () => {
    server.use(http.post(`${BASE}/v1/organizations/323/agent/run`, () => HttpResponse.error()))
    await expect(backend.create({ key, prompt: 'Write it' }, never)).rejects.toThrow(
      'Codegen could not create an agent run: the connection broke before the answer came',
    )
  })
})
