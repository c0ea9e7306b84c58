import { type Clock, sleep } from '../../../src/domain/clock.ts'

/** A run as the fake server holds it; `null` fields are sent as null. */
export interface FakeRun {
  readonly id: number
  status: string | null
  result?: string | null
  createdAt?: string | null
  metadata?: unknown
  readonly logs?: readonly Readonly<Record<string, unknown>>[]
}

/** A request that reached the fake server. */
export interface FakeRequest {
  readonly at: number
  readonly method: string
  /** Path and query without `/v1`. */
  readonly path: string
  readonly authorization: string | null
  readonly body: unknown
}

/** A Codegen server in memory, without limits, with one organization (7) and one user (11). */
export interface FakeCodegen {
  readonly fetch: typeof fetch
  readonly requests: readonly FakeRequest[]
  /** Newest first, as the list shows them. */
  readonly runs: FakeRun[]
  /** Asked before the server itself answers; may throw, and may sleep on the clock. */
  intercept: ((request: FakeRequest) => Response | undefined | Promise<Response | undefined>) | undefined
  /** Requests whose path matches. */
  count(path: RegExp): number
}

export interface FakeCodegenOptions {
  /** Half of it passes before the server looks, half before its answer arrives, ms. */
  readonly latencyMs?: number
  readonly repositories?: readonly string[]
  readonly runs?: readonly FakeRun[]
}

export function createFakeCodegen(clock: Clock, options: FakeCodegenOptions = {}): FakeCodegen {
  const requests: FakeRequest[] = []
  const runs: FakeRun[] = [...(options.runs ?? [])]
  const half = (options.latencyMs ?? 0) / 2
  const fake: FakeCodegen = {
    requests,
    runs,
    intercept: undefined,
    count: (path) => requests.filter((request) => path.test(request.path)).length,
    fetch: async (input, init) => {
      const request = await toFakeRequest(new Request(input, init), clock.now())
      requests.push(request)
      if (half > 0) await sleep(clock, half)
      const answer = (await fake.intercept?.(request)) ?? route(request, runs, options.repositories ?? [])
      if (half > 0) await sleep(clock, half)
      return answer
    },
  }
  return fake
}

/** An answer in JSON. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers })
}

/** Runs `newest` down to `oldest` by id, all active, a minute apart and ending at `endsAt` (ms). */
export function activeRuns(newest: number, oldest: number, createdAt?: (id: number) => string): FakeRun[] {
  const runs: FakeRun[] = []
  for (let id = newest; id >= oldest; id--) {
    runs.push({ id, status: 'ACTIVE', ...(createdAt === undefined ? {} : { createdAt: createdAt(id) }) })
  }
  return runs
}

async function toFakeRequest(request: Request, at: number): Promise<FakeRequest> {
  const { pathname, search } = new URL(request.url)
  const text = await request.text()
  return {
    at,
    method: request.method,
    path: `${pathname.replace(/^\/v1\//, '')}${search}`,
    authorization: request.headers.get('authorization'),
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function route(request: FakeRequest, runs: FakeRun[], repositories: readonly string[]): Response {
  const [path = '', search = ''] = request.path.split('?')
  const query = new URLSearchParams(search)
  const skip = Number(query.get('skip') ?? 0)
  const limit = Number(query.get('limit') ?? 100)
  if (path === 'users/me') return json({ id: 11, github_user_id: '4', github_username: 'ada' })
  if (path === 'organizations')
    return json({
      items: [
        { id: 7, name: 'acme' },
        { id: 8, name: 'other' },
      ],
    })
  if (path === 'organizations/7/repos') {
    const items = repositories.map((full, index) => ({ id: index + 1, name: full.split('/')[1], full_name: full }))
    return json({ items: items.slice(skip, skip + limit), total: items.length })
  }
  if (path === 'organizations/7/agent/runs') {
    return json({
      items: runs.slice(skip, skip + limit).map(toWire),
      total: runs.length,
      page: 1,
      size: limit,
      pages: 1,
    })
  }
  if (path === 'organizations/7/agent/run' && request.method === 'POST') {
    const body = request.body as { metadata?: unknown }
    const run: FakeRun = { id: (runs[0]?.id ?? 0) + 1, status: 'ACTIVE', metadata: body.metadata }
    runs.unshift(run)
    return json(toWire(run))
  }
  if (path === 'organizations/7/agent/run/resume') {
    const { agent_run_id } = request.body as { agent_run_id: number }
    return runAnswer(runs.find((run) => run.id === agent_run_id))
  }
  const one = /^organizations\/7\/agent\/run\/(\d+)$/.exec(path)
  if (one !== null) return runAnswer(runs.find((run) => run.id === Number(one[1])))
  const logs = /^alpha\/organizations\/7\/agent\/run\/(\d+)\/logs$/.exec(path)
  const logged = logs === null ? undefined : runs.find((run) => run.id === Number(logs[1]))
  if (logged === undefined) return json({ detail: 'Not Found' }, 404)
  const entries = query.get('reverse') === 'true' ? [...(logged.logs ?? [])].reverse() : [...(logged.logs ?? [])]
  return json({ ...toWire(logged), logs: entries.slice(skip, skip + limit), total_logs: entries.length })
}

function runAnswer(run: FakeRun | undefined): Response {
  return run === undefined ? json({ message: 'Agent run not found.', status_code: 404 }, 404) : json(toWire(run))
}

function toWire(run: FakeRun) {
  return {
    id: run.id,
    organization_id: 7,
    status: run.status,
    created_at: run.createdAt ?? null,
    web_url: `https://codegen.test/agent/trace/${run.id}`,
    result: run.result ?? null,
    summary: null,
    source_type: 'API',
    github_pull_requests: [],
    metadata: run.metadata ?? null,
  }
}
