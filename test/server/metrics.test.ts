import { describe, expect, it } from 'vitest'
import type { StreamStats } from '../../src/api/stream.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createMetrics } from '../../src/server/metrics.ts'
import { SlotWaits } from '../../src/server/slot-waits.ts'
import { FakeOrchestrator, record, runView } from '../support/fake-orchestrator.ts'
import { parsePrometheus } from '../support/prometheus-text.ts'

const QUIET: StreamStats = { clients: 0, subscriptions: 0, waitingBytes: 0, resyncs: 0, recordsSent: 0, lagMs: 0 }

function world(stats: () => StreamStats = () => QUIET) {
  const orchestrator = new FakeOrchestrator()
  orchestrator.limits = () => ({})
  const clock = createVirtualClock()
  const metrics = createMetrics({ orchestrator, stream: stats, clock })
  const read = async () => parsePrometheus((await metrics.render()).text)
  /** All values of some metrics. */
  const values = async (...names: string[]) => {
    const all = await read()
    return Object.assign({}, ...names.map((name) => all[name]?.samples ?? { [name]: 'missing' })) as object
  }
  return { orchestrator, clock, metrics, read, values }
}

function at(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString()
}

/** Transitions and progress of agents, told as the orchestrator tells them. */
function tell(orchestrator: FakeOrchestrator, run: string, parts: readonly Partial<RunRecord>[]): void {
  for (const part of parts) orchestrator.append(run, 1, part)
}

const agent = (id: string) => ({ kind: 'agent', id }) as const

describe('the metrics', () => {
  it('are text that a strict reader takes, before anything has happened', async () => {
    const { metrics, read } = world()
    expect((await metrics.render()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
    const types = Object.entries(await read()).map(([name, { type }]) => `${name} ${type}`)
    expect(types).toEqual([
      'troupe_runs gauge',
      'troupe_tasks gauge',
      'troupe_transitions_total counter',
      'troupe_alerts_total counter',
      'troupe_slot_wait_seconds histogram',
      'troupe_backend_calls_total counter',
      'troupe_backend_call_duration_seconds histogram',
      'troupe_journal_commit_duration_seconds histogram',
      'troupe_journal_commit_records histogram',
      'troupe_limit_used_calls gauge',
      'troupe_limit_reserved_calls gauge',
      'troupe_limit_in_flight_calls gauge',
      'troupe_limit_waiting_calls gauge',
      'troupe_limit_closed_seconds gauge',
      'troupe_limit_next_place_seconds gauge',
      'troupe_cap_used_agents gauge',
      'troupe_cap_capacity_agents gauge',
      'troupe_cap_waiting_agents gauge',
      'troupe_account_closed gauge',
      'troupe_account_waiting_agents gauge',
      'troupe_circuit_open_seconds gauge',
      'troupe_http_requests_total counter',
      'troupe_http_request_duration_seconds histogram',
      'troupe_stream_clients gauge',
      'troupe_stream_subscriptions gauge',
      'troupe_stream_waiting_bytes gauge',
      'troupe_stream_lag_seconds gauge',
      'troupe_stream_resyncs_total counter',
      'troupe_stream_records_total counter',
      'process_resident_memory_bytes gauge',
      'nodejs_heap_size_used_bytes gauge',
      'process_cpu_seconds_total counter',
      'nodejs_eventloop_lag_p99_seconds gauge',
      'nodejs_eventloop_lag_max_seconds gauge',
    ])
  })

  it('tell of runs by status and tasks by state, and go on telling of what there was as 0', async () => {
    const { orchestrator, values } = world()
    orchestrator.add(runView({ run: 'run_1', counts: { running: 2, pending: 3 } }))
    orchestrator.add(runView({ run: 'run_2', counts: { running: 1 } }))
    expect(await values('troupe_runs', 'troupe_tasks')).toEqual({
      'troupe_runs{status="running"}': 2,
      'troupe_tasks{state="running"}': 3,
      'troupe_tasks{state="pending"}': 3,
    })
    orchestrator.change('run_1', { status: 'completed', counts: { completed: 5 } })
    expect(await values('troupe_runs', 'troupe_tasks')).toEqual({
      'troupe_runs{status="running"}': 1,
      'troupe_runs{status="completed"}': 1,
      'troupe_tasks{state="running"}': 1,
      'troupe_tasks{state="pending"}': 0,
      'troupe_tasks{state="completed"}': 5,
    })
  })

  it('count transitions by kind and state reached, and alerts by code, over all runs', async () => {
    const { orchestrator, values } = world()
    for (const run of ['run_1', 'run_2']) {
      orchestrator.add(runView({ run }))
      tell(orchestrator, run, [
        { type: 'run' },
        { to: 'running' },
        { actor: agent('a'), to: 'pending' },
        { actor: agent('a'), from: 'pending', to: 'creating' },
        { type: 'alert', data: { code: 'stuck', message: 'x' } },
      ])
    }
    expect(await values('troupe_transitions_total', 'troupe_alerts_total')).toEqual({
      'troupe_transitions_total{kind="supervisor",state="running"}': 2,
      'troupe_transitions_total{kind="agent",state="pending"}': 2,
      'troupe_transitions_total{kind="agent",state="creating"}': 2,
      'troupe_alerts_total{code="stuck"}': 2,
    })
  })

  it('tell of limits, caps and closed accounts, all runs in one', async () => {
    const { orchestrator, clock, values } = world()
    const now = clock.now()
    orchestrator.limits = () => ({
      buckets: {
        'codegen.create': {
          limits: [{ max: 10, windowMs: 60_000 }],
          used: 8,
          reserved: 2,
          inFlight: 1,
          nextAt: now + 1500,
          closedUntil: now + 30_000,
          waiting: 7,
        },
        'codegen.shared': { used: 3, reserved: 0, inFlight: 0, nextAt: null, closedUntil: null, waiting: 0 },
      },
      caps: {
        'run:run_1': { capacity: 20, used: 5, waiting: 1 },
        'run:run_2': { capacity: null, used: 4, waiting: 2 },
        'backend:codegen': { capacity: 100, used: 9, waiting: 0 },
        'resource:run_1/db': { capacity: 1, used: 1, waiting: 3 },
        'resource:run_2/db': { capacity: 1, used: 0, waiting: 0 },
      },
      accounts: { codegen: { kind: 'quota', name: 'codegen', detail: 'no credits', waiting: 4 } },
      circuits: { codegen: { calls: { state: 'open', until: now + 15_000 }, ends: { state: 'closed', until: null } } },
    })
    const limits = [
      'used_calls',
      'reserved_calls',
      'in_flight_calls',
      'waiting_calls',
      'closed_seconds',
      'next_place_seconds',
    ]
    expect(await values(...limits.map((name) => `troupe_limit_${name}`))).toEqual({
      'troupe_limit_used_calls{limit="codegen.create"}': 8,
      'troupe_limit_used_calls{limit="codegen.shared"}': 3,
      'troupe_limit_reserved_calls{limit="codegen.create"}': 2,
      'troupe_limit_reserved_calls{limit="codegen.shared"}': 0,
      'troupe_limit_in_flight_calls{limit="codegen.create"}': 1,
      'troupe_limit_in_flight_calls{limit="codegen.shared"}': 0,
      'troupe_limit_waiting_calls{limit="codegen.create"}': 7,
      'troupe_limit_waiting_calls{limit="codegen.shared"}': 0,
      'troupe_limit_closed_seconds{limit="codegen.create"}': 30,
      'troupe_limit_closed_seconds{limit="codegen.shared"}': 0,
      'troupe_limit_next_place_seconds{limit="codegen.create"}': 1.5,
      'troupe_limit_next_place_seconds{limit="codegen.shared"}': 0,
    })
    const caps = ['troupe_cap_used_agents', 'troupe_cap_capacity_agents', 'troupe_cap_waiting_agents']
    const accounts = ['troupe_account_closed', 'troupe_account_waiting_agents', 'troupe_circuit_open_seconds']
    expect(await values(...caps, ...accounts)).toEqual({
      'troupe_cap_used_agents{cap="run"}': 9,
      'troupe_cap_used_agents{cap="backend:codegen"}': 9,
      'troupe_cap_used_agents{cap="resource:db"}': 1,
      'troupe_cap_capacity_agents{cap="run"}': 20,
      'troupe_cap_capacity_agents{cap="backend:codegen"}': 100,
      'troupe_cap_capacity_agents{cap="resource:db"}': 2,
      'troupe_cap_waiting_agents{cap="run"}': 3,
      'troupe_cap_waiting_agents{cap="backend:codegen"}': 0,
      'troupe_cap_waiting_agents{cap="resource:db"}': 3,
      'troupe_account_closed{account="codegen",reason="quota"}': 1,
      'troupe_account_waiting_agents{account="codegen",reason="quota"}': 4,
      'troupe_circuit_open_seconds{account="codegen",circuit="calls",state="open"}': 15,
      'troupe_circuit_open_seconds{account="codegen",circuit="ends",state="closed"}': 0,
    })
  })

  it('tell how long attempts waited for a slot, by the limit that held them back last', async () => {
    const { orchestrator, values } = world()
    orchestrator.add(runView({ run: 'run_1' }))
    const waiting = (kind: string, name: string) =>
      ({ type: 'progress', data: { waitingFor: { kind, name } } }) as const
    tell(orchestrator, 'run_1', [
      { actor: agent('quick'), to: 'pending', at: at(0) },
      { actor: agent('slow'), to: 'pending', at: at(0) },
      { actor: agent('quick'), to: 'creating', at: at(0.05) },
      { actor: agent('slow'), ...waiting('concurrency', 'run_1') },
      { actor: agent('slow'), ...waiting('rate', 'codegen.create') },
      { actor: agent('slow'), to: 'creating', at: at(100) },
    ])
    const slow = (le: string) => `troupe_slot_wait_seconds_bucket{le="${le}",limit="codegen.create"}`
    const quick = (le: string) => `troupe_slot_wait_seconds_bucket{le="${le}",limit="brief"}`
    const bounds = ['0.1', '0.5', '1', '5', '15', '60', '300', '900', '3600', '14400', '+Inf']
    expect(await values('troupe_slot_wait_seconds')).toEqual({
      ...Object.fromEntries(bounds.map((le) => [quick(le), 1])),
      ...Object.fromEntries(bounds.map((le, index) => [slow(le), index < 6 ? 0 : 1])),
      'troupe_slot_wait_seconds_count{limit="brief"}': 1,
      'troupe_slot_wait_seconds_sum{limit="brief"}': 0.05,
      'troupe_slot_wait_seconds_count{limit="codegen.create"}': 1,
      'troupe_slot_wait_seconds_sum{limit="codegen.create"}': 100,
    })
  })

  it('count calls to backends and commits of journals', async () => {
    const { orchestrator, read, values } = world()
    const call = { type: 'call', account: 'codegen', operation: 'createRun' } as const
    orchestrator.measure({ ...call, outcome: 'ok', ms: 200 })
    orchestrator.measure({ ...call, outcome: 'ok', ms: 300 })
    orchestrator.measure({ ...call, outcome: 'limit', ms: 10 })
    orchestrator.measure({ type: 'commit', run: 'run_1', records: 3, ms: 4 })
    orchestrator.measure({ type: 'commit', run: 'run_2', records: 1, ms: 40 })
    expect(await values('troupe_backend_calls_total')).toEqual({
      'troupe_backend_calls_total{account="codegen",operation="createRun",outcome="ok"}': 2,
      'troupe_backend_calls_total{account="codegen",operation="createRun",outcome="limit"}': 1,
    })
    const all = await read()
    expect(all['troupe_backend_call_duration_seconds']?.samples).toMatchObject({
      'troupe_backend_call_duration_seconds_sum{account="codegen",operation="createRun"}': 0.51,
      'troupe_backend_call_duration_seconds_count{account="codegen",operation="createRun"}': 3,
    })
    expect(all['troupe_journal_commit_duration_seconds']?.samples).toMatchObject({
      'troupe_journal_commit_duration_seconds_bucket{le="0.0025"}': 0,
      'troupe_journal_commit_duration_seconds_bucket{le="0.005"}': 1,
      'troupe_journal_commit_duration_seconds_bucket{le="0.05"}': 2,
      troupe_journal_commit_duration_seconds_sum: 0.044,
    })
    expect(all['troupe_journal_commit_records']?.samples).toMatchObject({
      troupe_journal_commit_records_sum: 4,
      troupe_journal_commit_records_count: 2,
    })
  })

  it('count requests by method, route and status', async () => {
    const { metrics, read } = world()
    metrics.request('GET', '/v1/runs/:run', 200, 3)
    metrics.request('GET', '/v1/runs/:run', 200, 30)
    metrics.request('GET', '/v1/runs/:run', 404, 1)
    metrics.request('BREW', '/coffee "pot"', 999, Number.NaN)
    const all = await read()
    expect(all['troupe_http_requests_total']?.samples).toEqual({
      'troupe_http_requests_total{method="GET",route="/v1/runs/:run",status="200"}': 2,
      'troupe_http_requests_total{method="GET",route="/v1/runs/:run",status="404"}': 1,
      'troupe_http_requests_total{method="other",route="/coffee \\"pot\\"",status="other"}': 1,
    })
    expect(all['troupe_http_request_duration_seconds']?.samples).toMatchObject({
      'troupe_http_request_duration_seconds_sum{method="GET",route="/v1/runs/:run"}': 0.034,
      'troupe_http_request_duration_seconds_count{method="GET",route="/v1/runs/:run"}': 3,
    })
  })

  it('tell of the stream as it is', async () => {
    let resyncs = 1
    const { values } = world(() => ({
      clients: 2,
      subscriptions: 3,
      waitingBytes: 4096,
      resyncs: resyncs++,
      recordsSent: 500,
      lagMs: 25,
    }))
    const names = ['clients', 'subscriptions', 'waiting_bytes', 'lag_seconds', 'resyncs_total', 'records_total']
    const expected = (count: number) => ({
      troupe_stream_clients: 2,
      troupe_stream_subscriptions: 3,
      troupe_stream_waiting_bytes: 4096,
      troupe_stream_lag_seconds: 0.025,
      troupe_stream_resyncs_total: count,
      troupe_stream_records_total: 500,
    })
    const read = () => values(...names.map((name) => `troupe_stream_${name}`))
    expect([await read(), await read()]).toEqual([expected(1), expected(2)])
  })

  it('hold no more values than they were made for, whatever they are told', async () => {
    const { orchestrator, metrics, read } = world()
    orchestrator.add(runView({ run: 'run_1' }))
    for (let n = 0; n < 1000; n++) {
      metrics.request('GET', `/made-up/${n}`, 404, 1)
      orchestrator.append('run_1', 1, { type: 'alert', data: { code: `code-${n}` } })
      orchestrator.measure({ type: 'call', account: `a${n}`, operation: `o${n}`, outcome: 'ok', ms: 1 })
    }
    const all = await read()
    const sizes = ['troupe_http_requests_total', 'troupe_alerts_total', 'troupe_backend_calls_total'].map(
      (name) => Object.keys(all[name]?.samples ?? {}).length,
    )
    expect(sizes).toEqual([101, 101, 51])
    expect(all['troupe_http_requests_total']?.samples).toMatchObject({
      'troupe_http_requests_total{method="GET",route="other",status="404"}': 900,
    })
  })

  it('name no run and no task', async () => {
    const { orchestrator, metrics } = world()
    orchestrator.limits = () => ({ caps: { 'run:run_secret': { capacity: 1, used: 1, waiting: 1 } } })
    orchestrator.add(runView({ run: 'run_secret', counts: { running: 1 } }))
    tell(orchestrator, 'run_secret', [
      { actor: agent('task_secret'), to: 'pending', at: at(0) },
      {
        actor: agent('task_secret'),
        type: 'progress',
        data: { waitingFor: { kind: 'concurrency', name: 'run_secret' } },
      },
      { actor: agent('task_secret'), to: 'creating', at: at(9) },
    ])
    const { text } = await metrics.render()
    expect([text.includes('secret'), text.includes('limit="concurrency"')]).toEqual([false, true])
  })

  it('are kept apart from those of another server in the same process, and end when closed', async () => {
    const one = world()
    const other = world()
    one.metrics.request('GET', '/v1/runs', 200, 1)
    expect(await other.values('troupe_http_requests_total')).toEqual({})
    one.metrics.close()
    one.orchestrator.measure({ type: 'commit', run: 'run_1', records: 1, ms: 1 })
    expect([one.orchestrator.subscribers, (await one.read())['troupe_journal_commit_records']?.samples]).toMatchObject([
      0,
      { troupe_journal_commit_records_count: 0 },
    ])
  })
})

describe('what is known of waiting tasks', () => {
  function see(waits: SlotWaits, run: string, parts: readonly Partial<RunRecord>[]): void {
    for (const part of parts) waits.see(record(run, 1, part))
  }

  it('is forgotten when they wait no more, however that came', () => {
    const granted: unknown[] = []
    const waits = new SlotWaits((...given) => granted.push(given))
    const ways = ['creating', 'skipped', 'cancelled', 'escalated', 'completed']
    for (const way of ways) {
      see(waits, 'run_1', [
        { actor: agent(way), to: 'pending', at: at(1) },
        { actor: agent(way), to: way, at: at(3) },
      ])
    }
    see(waits, 'run_2', [{ actor: agent('left'), to: 'pending', at: at(1) }, { to: 'finishing' }])
    expect(waits.size).toBe(1)
    see(waits, 'run_2', [{ to: 'cancelled' }])
    expect([waits.size, granted]).toEqual([0, [['brief', 2000]]])
  })

  it('is nothing for a wait that began before this process did', () => {
    const granted: unknown[] = []
    const waits = new SlotWaits((...given) => granted.push(given))
    see(waits, 'run_1', [
      { actor: agent('old'), type: 'progress', data: { waitingFor: { kind: 'rate', name: 'x' } } },
      { actor: agent('old'), from: 'pending', to: 'creating', at: at(3) },
    ])
    expect([waits.size, granted]).toEqual([0, []])
  })
})
