import { describe, expect, it } from 'vitest'
import { OPERATIONS, type OperationId } from '../../src/api/operations.ts'
import { OUTSIDE_OPERATIONS } from '../../src/api/outside-operations.ts'
import type { AttemptWork } from '../../src/domain/local-work.ts'
import { ENDED, type Question, RUN, serveApi } from '../support/api-fixture.ts'

interface Case {
  readonly path: string
  readonly question?: Question
  readonly status: number
}

const WORKFLOW = { name: 'hello', tasks: { greet: { backend: 'simulated', prompt: 'Say hello' } } }
const json = (value: unknown) => ({ question: { json: value } })
const unknownRun = { path: '/v1/runs/run_none', status: 404 }

/** Success first, then what can go wrong. An operation without cases does not compile. */
const CASES: Readonly<Record<OperationId, readonly Case[]>> = {
  startRun: [
    { path: '/v1/runs', ...json({ workflow: WORKFLOW }), status: 201 },
    { path: '/v1/runs', ...json({}), status: 400 },
    { path: '/v1/runs', ...json({ file: 'x.yaml' }), status: 404 },
    { path: '/v1/runs', ...json({ workflow: { name: 'empty', tasks: {} } }), status: 422 },
    { path: '/v1/runs', question: { body: '{}' }, status: 415 },
  ],
  listRuns: [
    { path: '/v1/runs', status: 200 },
    { path: '/v1/runs?limit=x', status: 400 },
  ],
  resumeRuns: [
    { path: '/v1/runs/resume', ...json({}), status: 200 },
    { path: '/v1/runs/resume', ...json({ run: 'run_none' }), status: 404 },
    { path: '/v1/runs/resume', ...json([]), status: 400 },
  ],
  readRun: [{ path: `/v1/runs/${RUN}`, status: 200 }, unknownRun],
  removeRun: [{ path: `/v1/runs/${ENDED}`, status: 200 }, { path: `/v1/runs/${RUN}`, status: 409 }, unknownRun],
  readOutcome: [
    { path: `/v1/runs/${ENDED}/outcome`, status: 200 },
    { path: '/v1/runs/run_none/outcome', status: 404 },
  ],
  listRecords: [
    { path: `/v1/runs/${RUN}/records`, status: 200 },
    { path: '/v1/runs/run_none/records', status: 404 },
    { path: `/v1/runs/${RUN}/records?after=-1`, status: 400 },
  ],
  readWork: [
    { path: `/v1/runs/${RUN}/work`, status: 200 },
    { path: '/v1/runs/run_none/work', status: 404 },
  ],
  commandRun: [
    { path: `/v1/runs/${RUN}/commands`, ...json({ type: 'pause' }), status: 200 },
    { path: `/v1/runs/${RUN}/commands`, ...json({ type: 'continue' }), status: 409 },
    { path: `/v1/runs/${RUN}/commands`, ...json({ type: 'explode' }), status: 400 },
    { path: '/v1/runs/run_none/commands', ...json({ type: 'pause' }), status: 404 },
  ],
  listTasks: [
    { path: `/v1/runs/${RUN}/tasks`, status: 200 },
    { path: '/v1/runs/run_none/tasks', status: 404 },
  ],
  readTask: [
    { path: `/v1/runs/${RUN}/tasks/spec`, status: 200 },
    { path: `/v1/runs/${RUN}/tasks/none`, status: 404 },
  ],
  readLogs: [
    { path: `/v1/runs/${RUN}/tasks/spec/logs`, status: 200 },
    { path: `/v1/runs/${RUN}/tasks/spec/logs?limit=none`, status: 400 },
  ],
  readResult: [
    { path: `/v1/runs/${RUN}/tasks/spec/result`, status: 200 },
    { path: `/v1/runs/${RUN}/tasks/execute.0/result`, status: 404 },
  ],
  commandTask: [
    { path: `/v1/runs/${RUN}/tasks/spec/commands`, ...json({ type: 'retry' }), status: 200 },
    { path: `/v1/runs/${RUN}/tasks/spec/commands`, ...json({ type: 'adopt' }), status: 409 },
    { path: `/v1/runs/${RUN}/tasks/none/commands`, ...json({ type: 'retry' }), status: 404 },
  ],
  openStream: [{ path: '/v1/stream', status: 426 }],
  followEvents: [{ path: '/v1/events', status: 200 }],
  readBackends: [{ path: '/v1/backends', status: 200 }],
  listWorkflows: [{ path: '/v1/workflows', status: 200 }],
  readOpenApi: [{ path: '/openapi.json', status: 200 }],
  readDocs: [{ path: '/docs', status: 200 }],
}
const BEGUN: AttemptWork = {
  task: 'spec',
  attempt: 1,
  backend: 'acp:claude',
  state: 'preparing',
  turns: 0,
  continued: 0,
  denied: [],
}
const WHOLE_WORK: Required<AttemptWork> = {
  ...BEGUN,
  state: 'failed',
  reason: 'the check failed',
  branch: 'troupe/run_1/spec/1',
  worktree: '/work/spec.1',
  session: 'c0ffee',
  work: {
    repository: '/code/shop',
    branch: 'troupe/run_1/spec/1',
    base: '1'.repeat(40),
    commit: '2'.repeat(40),
    commits: 2,
    files: [
      { path: 'a.ts', added: 3, removed: 1 },
      { path: 'logo.png', added: null, removed: null },
    ],
    fileCount: 2,
    added: 3,
    removed: 1,
  },
  stashed: true,
  denied: ['write /etc/passwd'],
  kept: { folder: '/data/ignored', files: ['.env'] },
}
/** The others are tried here; a WebSocket is opened by test/api/stream.test.ts. */
const NEVER_ANSWERED: readonly string[] = ['openStream']

function serve() {
  const events = async () => new Response(': hello\n\n', { headers: { 'content-type': 'text/event-stream' } })
  const api = serveApi({ events })
  api.orchestrator.results.set('spec', { task: 'spec', attempt: 1, status: 'completed', result: 'text', output: [1] })
  api.orchestrator.work.set(RUN, [
    WHOLE_WORK,
    { ...BEGUN, task: 'let-go', state: 'not-started' },
    { ...BEGUN, task: 'execute[0]' },
  ])
  api.orchestrator.entries = [{ at: null, type: 'output', text: 'hello', tool: 'shell' }]
  api.orchestrator.healthy = {
    writable: true,
    backends: { codegen: { reachable: 'no', at: '2026-01-02T12:00:00.000Z', message: 'silent' } },
  }
  return api
}

describe('every operation', () => {
  const cases = Object.entries(CASES) as [OperationId, readonly Case[]][]

  it.each(cases)('%s answers as the OpenAPI document says, in success and in error', async (id, tried) => {
    const api = serve()
    const statuses: number[] = []
    for (const { path, question } of tried) {
      statuses.push((await api.ask(OPERATIONS[id].method.toUpperCase(), path, question)).status)
    }
    expect(statuses).toEqual(tried.map(({ status }) => status))
    expect([...api.contract.answered]).toEqual(NEVER_ANSWERED.includes(id) ? [] : [id])
    expect(api.errors).toEqual([])
  })

  it('is in the document, and the document has no other', () => {
    const documented = [...Object.keys(CASES), ...Object.keys(OUTSIDE_OPERATIONS)]
    expect([...serveApi().contract.operations].sort()).toEqual(documented.sort())
  })

  it('refuses whoever may only watch exactly where it commands, before it reads what was sent', async () => {
    const api = serve()
    const access = { may: 'watch', via: 'rest', who: 'eve' } as const
    const refused: string[] = []
    for (const [id, [first]] of cases) {
      if (!first) continue
      const question = { ...first.question, ...(first.question ? { json: undefined, body: 'no json' } : {}), access }
      const { status } = await api.ask(OPERATIONS[id].method.toUpperCase(), first.path, question)
      if (status === 403) refused.push(id)
      else expect([id, status]).toEqual([id, first.status])
    }
    expect(refused).toEqual(['startRun', 'resumeRuns', 'removeRun', 'commandRun', 'commandTask'])
    expect(api.orchestrator.calls).toEqual([['logs', RUN, 'spec', 200]])
  })

  it('answers HEAD like GET without a body, and never lets an answer be kept', async () => {
    const api = serve()
    for (const [id, [first]] of cases) {
      if (!first || OPERATIONS[id].method !== 'get') continue
      const { status, body, headers } = await api.ask('HEAD', first.path)
      expect([id, status, body, headers.get('cache-control')]).toEqual([id, first.status, '', 'no-store'])
    }
  })
})

describe('examples of the document', () => {
  const api = serveApi()
  const bodies = Object.entries(OPERATIONS).flatMap(([id, operation]) =>
    'examples' in operation ? Object.entries(operation.examples).map(([name, value]) => ({ id, name, value })) : [],
  )

  it.each(bodies)('of $id ($name) can be sent', ({ id, value }) => {
    const schema =
      { startRun: 'StartRequest', resumeRuns: 'ResumeRequest', commandRun: 'RunCommand' }[id] ?? 'TaskCommand'
    expect(api.contract.complaints(schema, value)).toBeUndefined()
  })
})
