import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { RunProjection } from '../../src/host/run-projection.ts'

type Said = Pick<JournalRecord, 'type' | 'actor'> & Partial<JournalRecord>

const SUPERVISOR = { kind: 'supervisor', id: 'supervisor' } as const
const settled = (id: string, to: string, attempt = 1): Said => ({
  type: 'transition',
  actor: { kind: id === 'manager' ? 'manager' : 'agent', id },
  task: id,
  attempt,
  to,
  host: { v: 1, n: 1 },
})
const run = (to: string): Said => ({ type: 'transition', actor: SUPERVISOR, to, host: { v: 1, n: 1 } })
const expanded = (task: string, count: number): Said => ({ type: 'plan', actor: SUPERVISOR, task, data: { count } })
const rerun = (...tasks: readonly (readonly [task: string, attempt: number])[]): Said => ({
  type: 'plan',
  actor: SUPERVISOR,
  data: { rerun: tasks.map(([task, attempt]) => ({ task, attempt })) },
})
const late = (task: string, attempt: number): Said => ({
  type: 'progress',
  actor: { kind: 'agent', id: task },
  task,
  attempt,
  data: {
    lateEnd: { holder: `run_1/${task}/${attempt}`, status: 'COMPLETE', usable: true, outcome: { result: 'Late.' } },
  } as JsonObject,
})

function projectionOf(...said: readonly Said[]): RunProjection {
  const projection = new RunProjection()
  for (const [at, rest] of said.entries()) {
    projection.fold({ seq: at + 1, at: '2026-01-01T00:00:00.000Z', run: 'run_1', ...rest })
  }
  return projection
}

const ENDED = [
  run('running'),
  settled('a', 'completed', 2),
  expanded('b', 2),
  settled('b[0]', 'completed'),
  settled('b[1]', 'failed', 3),
  settled('c', 'skipped'),
  settled('manager', 'completed'),
  run('failed'),
]

describe('what is to be repeated', () => {
  it('has not settled, has no items, and is remembered by the number of its last attempt alone', () => {
    const projection = projectionOf(...ENDED.slice(0, -2), rerun(['b', 0], ['b[0]', 1], ['b[1]', 3], ['c', 1]))
    expect([...projection.settled.keys()]).toEqual(['a'])
    expect([...projection.expansions]).toEqual([])
    expect(projection.settledAfter(0).map(([id]) => id)).toEqual(['a'])
    expect(projection.failed()).toEqual([])
    expect([...projection.generations]).toEqual([
      ['b[0]', 1],
      ['b[1]', 3],
      ['c', 1],
    ])
    expect([projection.firstAttempt('b[1]'), projection.firstAttempt('a')]).toEqual([{ firstAttempt: 4 }, {}])
    expect([projection.generation, projection.reopenedFrom]).toEqual([1, undefined])
  })

  it('settles again behind what settled before, once', () => {
    const projection = projectionOf(
      settled('a', 'failed'),
      settled('x', 'completed'),
      rerun(['a', 1]),
      settled('a', 'completed', 2),
    )
    expect(projection.settledAfter(0).map(([id, { status, attempt }]) => [id, status, attempt])).toEqual([
      ['x', 'completed', 1],
      ['a', 'completed', 2],
    ])
  })

  it('opens a run that had ended, until its supervisor goes on, and lets a manager begin anew', () => {
    const before = projectionOf(...ENDED, rerun(['a', 2], ['manager', 1]))
    expect([before.reopenedFrom, before.live.has('manager'), before.firstAttempt('manager')]).toEqual([
      'failed',
      false,
      { firstAttempt: 2 },
    ])
    const after = projectionOf(...ENDED, rerun(['a', 2], ['manager', 1]), run('running'))
    expect([after.reopenedFrom, after.live.get('supervisor')?.state]).toEqual([undefined, 'running'])
  })

  it('is the same from a checkpoint', () => {
    const projection = projectionOf(...ENDED, rerun(['b', 0], ['b[0]', 1], ['b[1]', 3], ['c', 1], ['manager', 1]))
    const read = RunProjection.fromJson(JSON.parse(JSON.stringify(projection.toJson())) as JsonObject)
    expect(read.toJson()).toEqual(projection.toJson())
    expect([...read.generations]).toEqual([...projection.generations])
    expect([read.generation, read.reopenedFrom]).toEqual([1, 'failed'])
  })

  it('takes no late result of an earlier generation, but those of its own', () => {
    const projection = projectionOf(
      settled('a', 'skipped', 2),
      rerun(['a', 2]),
      settled('a', 'running', 3),
      late('a', 1),
    )
    expect([...projection.late]).toEqual([])
    projection.fold({ seq: 5, at: '2026-01-01T00:00:00.000Z', run: 'run_1', ...settled('a', 'running', 4) })
    projection.fold({ seq: 6, at: '2026-01-01T00:00:00.000Z', run: 'run_1', ...late('a', 3) })
    expect(projection.late.get('a')?.map(({ attempt }) => attempt)).toEqual([3])
  })
})
