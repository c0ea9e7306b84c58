import { describe, expect, it } from 'vitest'
import { plainLine } from '../../src/cli/plain-line.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { record } from '../support/fake-orchestrator.ts'

const agent = (task: string) => ({ actor: { kind: 'agent' as const, id: task }, task })

const CASES: readonly (readonly [Partial<RunRecord>, string])[] = [
  [{ ...agent('spec'), from: 'running', to: 'reporting' }, '12:00:00 spec running -> reporting'],
  [{ ...agent('spec'), to: 'pending' }, '12:00:00 spec -> pending'],
  [
    { ...agent('spec'), attempt: 2, from: 'reporting', via: ['recovering'], to: 'retrying' },
    '12:00:00 spec reporting -> recovering -> retrying (attempt 2)',
  ],
  [
    { ...agent('spec'), from: 'creating', to: 'running', data: { ref: { url: 'https://x/1' } } },
    '12:00:00 spec creating -> running: https://x/1',
  ],
  [
    {
      ...agent('spec'),
      from: 'running',
      to: 'escalated',
      data: { failure: { message: 'no\u001b[2J report\nat all' } },
    },
    '12:00:00 spec running -> escalated: no report at all',
  ],
  [
    { ...agent('spec'), type: 'alert', data: { code: 'stuck', message: 'silent for 10m' } },
    '12:00:00 spec alert: silent for 10m',
  ],
  [{ ...agent('spec'), type: 'command', event: 'task.retry' }, '12:00:00 spec command task.retry'],
  [{ ...agent('spec'), type: 'progress', data: { progress: 0.5 } }, '12:00:00 spec progress: 0.5'],
  [
    {
      ...agent('spec'),
      type: 'progress',
      attempt: 1,
      data: { lateEnd: { holder: 'run_1/spec/1' }, late: 'Attempt 1 ended after it was given up: COMPLETE' },
    },
    '12:00:00 spec progress: Attempt 1 ended after it was given up: COMPLETE',
  ],
  [{ type: 'run', data: { name: 'feature' } }, '12:00:00 supervisor run: feature'],
]

describe('a record as a plain line', () => {
  it.each(CASES)('%j', (part, line) => {
    expect(plainLine(record('run_1', 1, part))).toBe(line)
  })

  it('names the run where there are several', () => {
    expect(plainLine(record('run_1', 1, { from: 'running', to: 'completed' }), true)).toBe(
      '12:00:00 run_1 supervisor running -> completed',
    )
  })
})
