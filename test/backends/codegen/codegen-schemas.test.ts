import { describe, expect, it } from 'vitest'
import {
  logPageSchema,
  parseCodegenDate,
  runPageSchema,
  runSchema,
} from '../../../src/backends/codegen/codegen-schemas.ts'
import { mapStatus, toAgentRunState } from '../../../src/backends/codegen/codegen-status.ts'

describe('parseCodegenDate', () => {
  const at = Date.UTC(2025, 5, 21, 11, 20, 4)
  it.each([
    ['2025-06-21 11:20:04.338398', at + 338],
    ['2025-06-21T11:20:04Z', at],
    ['2025-06-21T11:20:04', at],
    ['2025-06-21 11:20:04', at],
    ['2025-06-21T11:20:04.3', at + 300],
    ['2025-06-21T13:20:04.338+02:00', at + 338],
    ['2025-06-21T06:20:04-0500', at],
    ['2025-06-21T13:20:04+02', at],
    ['yesterday', null],
    ['2025-13-41T99:00:00Z', null],
    ['', null],
  ])('reads %s as UTC', (text, ms) => {
    expect(parseCodegenDate(text)).toBe(ms)
  })
})

describe('a run of the API', () => {
  it('is read from the answer that was seen live', () => {
    const text =
      '{"id":41894,"organization_id":323,"status":"ACTIVE","created_at":"2025-06-21 11:20:04.338398",' +
      '"web_url":"https://codegen.sh/agent/trace/41894","result":null,"source_type":"API","github_pull_requests":[]}'
    expect(runSchema.parse(JSON.parse(text))).toEqual({
      id: '41894',
      organizationId: '323',
      status: 'ACTIVE',
      createdAt: Date.UTC(2025, 5, 21, 11, 20, 4, 338),
      url: 'https://codegen.sh/agent/trace/41894',
      result: null,
      summary: null,
      pullRequests: [],
      metadata: null,
    })
  })

  it('needs no more than an id, and makes null what is of another kind', () => {
    const empty = {
      id: '5',
      organizationId: null,
      status: null,
      createdAt: null,
      url: null,
      result: null,
      summary: null,
      pullRequests: [],
      metadata: null,
    }
    expect(runSchema.parse({ id: 5 })).toEqual(empty)
    const odd = {
      id: '5',
      status: 3,
      created_at: 4,
      web_url: 'javascript:alert(1)',
      summary: [],
      metadata: 'x',
      new: 1,
    }
    expect(runSchema.parse({ ...odd, github_pull_requests: 'none' })).toEqual(empty)
    expect(runSchema.safeParse({ status: 'ACTIVE' }).success).toBe(false)
  })

  it('takes pull requests from their own field, and keeps an object result as JSON', () => {
    const pulls = [
      { id: 1, url: 'https://github.test/pull/1', title: 'Add', head_branch_name: 'feature' },
      { id: 2 },
      7,
    ]
    const run = runSchema.parse({ id: 5, result: { a: 1 }, github_pull_requests: pulls })
    expect([run.result, run.pullRequests]).toEqual([
      '{"a":1}',
      [{ url: 'https://github.test/pull/1', title: 'Add', branch: 'feature' }, {}],
    ])
  })

  it('is part of a page whose total may be missing', () => {
    expect(runPageSchema.parse({ items: [], size: 100 })).toEqual({ items: [], total: null })
    expect(runPageSchema.safeParse({ items: [{}] }).success).toBe(false)
  })
})

it('reads log entries whose fields are texts, objects or missing', () => {
  const logs = [
    { agent_run_id: 1, created_at: '2025-06-21 11:20:04', message_type: 'ACTION', tool_name: 'sh', tool_output: 'ok' },
    { agent_run_id: 1, observation: { a: 1 }, tool_output: { b: 2 }, thought: null },
  ]
  expect(logPageSchema.parse({ logs, total_logs: 2 })).toEqual({
    total: 2,
    items: [
      {
        createdAt: Date.UTC(2025, 5, 21, 11, 20, 4),
        type: 'ACTION',
        tool: 'sh',
        thought: '',
        observation: '',
        toolInput: '',
        toolOutput: 'ok',
      },
      {
        createdAt: null,
        type: 'UNKNOWN',
        tool: null,
        thought: '',
        observation: '{"a":1}',
        toolInput: '',
        toolOutput: '{"b":2}',
      },
    ],
  })
})

describe('mapStatus', () => {
  it.each([
    ['PENDING', 'active'],
    ['ACTIVE', 'active'],
    ['RUNNING', 'active'],
    ['EVALUATION', 'active'],
    ['queued', 'active'],
    ['in_progress', 'active'],
    ['SOMETHING_NEW', 'active'],
    ['constructor', 'active'],
    ['', 'active'],
    [null, 'active'],
    ['PAUSED', 'paused'],
    ['COMPLETE', 'complete'],
    ['completed', 'complete'],
    ['ERROR', 'failed'],
    ['FAILED', 'failed'],
    ['failed', 'failed'],
    ['TIMEOUT', 'failed'],
    ['MAX_ITERATIONS_REACHED', 'failed'],
    ['OUT_OF_TOKENS', 'failed'],
    ['CANCELLED', 'cancelled'],
    ['STOPPED', 'cancelled'],
    ['Canceled', 'cancelled'],
    ['cancelled', 'cancelled'],
    ['stopped', 'cancelled'],
    ['COMPLETED', 'complete'],
    ['Complete', 'complete'],
    [' complete\n', 'complete'],
    ['paused', 'paused'],
    ['timeout', 'failed'],
    ['time-out', 'failed'],
    ['error', 'failed'],
    ['max iterations reached', 'failed'],
    ['Max-Iterations-Reached', 'failed'],
    ['maxIterationsReached', 'failed'],
    ['out_of_tokens', 'failed'],
    ['Out Of Tokens', 'failed'],
    ['pending', 'active'],
    ['running', 'active'],
    ['In Progress', 'active'],
    ['evaluation', 'active'],
    ['WEIRD', 'active'],
    ['ERROR?', 'active'],
    ['__proto__', 'active'],
  ])('takes %s for %s', (raw, status) => {
    expect(mapStatus(raw)).toBe(status)
  })

  it('keeps the word as it came', () => {
    const run = runSchema.parse({ id: 5, status: 'Completed', result: 'done' })
    expect(toAgentRunState(run, 9)).toEqual({
      status: 'complete',
      rawStatus: 'Completed',
      result: 'done',
      pullRequests: [],
      at: 9,
    })
  })
})
