import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import type { HostPart, JournalRecord } from '../../src/domain/record.ts'
import { isAgent, RunProjection } from '../../src/host/run-projection.ts'

const AT = Date.UTC(2026, 0, 1)
const HOST: HostPart = { v: 1, n: 1 }

/** Records of a run, numbered and one second apart. */
class Records {
  readonly projection = new RunProjection()
  #seq = 0

  add(rest: Pick<JournalRecord, 'type' | 'actor'> & Partial<JournalRecord>): this {
    const seq = ++this.#seq
    this.projection.fold({ seq, at: new Date(AT + seq * 1_000).toISOString(), run: 'run_1', ...rest })
    return this
  }

  /** Transitions of an agent's first attempt, or of the one named. */
  task(id: string, to: readonly string[], data?: JsonObject, attempt = 1): this {
    for (const state of to) {
      const actor = { kind: id === 'manager' ? 'manager' : 'agent', id } as const
      this.add({
        type: 'transition',
        actor,
        task: id,
        attempt,
        to: state,
        host: HOST,
        ...(data === undefined ? {} : { data }),
      })
    }
    return this
  }

  supervisor(...to: readonly string[]): this {
    for (const state of to)
      this.add({ type: 'transition', actor: { kind: 'supervisor', id: 'supervisor' }, to: state, host: HOST })
    return this
  }

  say(type: 'command' | 'progress' | 'alert' | 'plan' | 'run', data: JsonObject, task?: string): this {
    const actor =
      task === undefined ? ({ kind: 'supervisor', id: 'supervisor' } as const) : ({ kind: 'agent', id: task } as const)
    return this.add({ type, actor, data, ...(task === undefined ? {} : { task }) })
  }
}

const records = () => new Records()

describe('live and settled actors', () => {
  it('are live with their last record until they end', () => {
    const { projection } = records().supervisor('starting', 'running').task('a', ['pending', 'creating'])
    expect([...projection.live]).toEqual([
      ['supervisor', { state: 'running', attempt: 0, at: '2026-01-01T00:00:02.000Z', host: HOST }],
      [
        'a',
        { state: 'creating', attempt: 1, counted: 1, begun: AT + 4_000, at: '2026-01-01T00:00:04.000Z', host: HOST },
      ],
    ])
    expect(projection.seq).toBe(4)
  })

  it('settle with what they hand on, and are nothing but that', () => {
    const outcome = { result: 'done', output: { n: 1 }, pullRequests: [{ url: 'https://code.invalid/1' }] }
    const { projection } = records().task('a', ['pending']).task('a', ['completed'], { outcome })
    expect([...projection.live]).toEqual([])
    expect([...projection.settled]).toEqual([['a', { status: 'completed', attempt: 1, seq: 2, ...outcome }]])
  })

  it('settle with the file of a big result, and with the reason of an end without one', () => {
    const big = { result: 'begin', file: 'results/a/1.1', pullRequests: [] }
    const { projection } = records()
      .task('a', ['completed'], { outcome: big })
      .task('b', ['skipped'], { reason: 'a was skipped' })
    expect([...projection.settled.values()]).toEqual([
      { status: 'completed', attempt: 1, seq: 1, result: 'begin', file: 'results/a/1.1' },
      { status: 'skipped', attempt: 1, seq: 2, reason: 'a was skipped' },
    ])
  })

  it('stay known when they are the manager or the supervisor, so that neither begins again', () => {
    const { projection } = records().task('manager', ['completed']).supervisor('completed')
    expect([...projection.live]).toEqual([
      ['manager', { state: 'completed', attempt: 1, host: HOST }],
      ['supervisor', { state: 'completed', attempt: 0, host: HOST }],
    ])
    expect([isAgent('manager'), isAgent('supervisor'), isAgent('a')]).toEqual([false, false, true])
  })

  it('live again in a new generation, and are not settled then', () => {
    const { projection } = records().task('a', ['failed']).task('a', ['pending'], undefined, 2)
    expect([[...projection.settled], projection.live.get('a')?.attempt]).toEqual([[], 2])
  })
})

describe('what settled after a record', () => {
  it('comes in the order in which it settled', () => {
    const { projection } = records().task('b', ['completed']).task('c', ['failed']).task('a', ['completed'])
    expect(projection.settledAfter(0).map(([id]) => id)).toEqual(['b', 'c', 'a'])
    expect(projection.settledAfter(1).map(([id]) => id)).toEqual(['c', 'a'])
    expect(projection.settledAfter(3)).toEqual([])
  })
})

describe('the creations that a budget counts', () => {
  const created = (...to: readonly string[]) => records().task('a', to).projection.budget.agentRuns

  it.each([
    [0, ['pending']],
    [1, ['pending', 'creating', 'running']],
    [0, ['pending', 'creating', 'pending']],
    [1, ['pending', 'creating', 'pending', 'creating', 'running', 'recovering']],
    [0, ['pending', 'creating', 'recovering']],
    [1, ['pending', 'creating', 'creating.reconciling', 'running']],
    [0, ['pending', 'creating', 'creating.reconciling', 'pending']],
    [1, ['pending', 'creating', 'creating.reconciling', 'escalated.doubtful']],
    [1, ['pending', 'creating', 'cancelling', 'cancelled']],
  ])('are %i after %j', (count, to) => expect(created(...to)).toBe(count))

  it('are one for each attempt', () => {
    const { projection } = records()
      .task('a', ['creating', 'running', 'retrying'])
      .task('a', ['pending', 'creating'], undefined, 2)
    expect(projection.budget.agentRuns).toBe(2)
  })

  it('are raised by commands', () => {
    const { projection } = records()
      .say('command', { command: 'continue', budget: { agentRuns: 2 } })
      .say('command', { command: 'continue', budget: { agentRuns: 3, duration: 60_000 } })
    expect(projection.budget.raised).toEqual({ agentRuns: 5, duration: 60_000 })
  })
})

describe('the time of a run', () => {
  it('begins with its first record', () => {
    expect(records().say('run', { name: 'x' }).projection.startedAt).toBe(AT + 1_000)
  })

  it('leaves out how long it was paused', () => {
    const run = records().supervisor('starting', 'running', 'paused').say('alert', {}).supervisor('running')
    expect([run.projection.budget.waitedMs, run.projection.budget.waitingSince]).toEqual([2_000, undefined])
    run.supervisor('paused')
    expect([run.projection.budget.waitedMs, run.projection.budget.waitingSince]).toEqual([2_000, AT + 6_000])
    run.supervisor('finishing')
    expect([run.projection.budget.waitedMs, run.projection.budget.waitingSince]).toEqual([3_000, undefined])
  })
})

describe('agent runs that were given up', () => {
  const gaveUp = { task: 'a', attempt: 1, ref: { backend: 'x', id: '1' } }

  it('are known until their end was recorded', () => {
    const run = records().task('a', ['pending'], { gaveUp }, 2)
    expect([...run.projection.givenUp]).toEqual([['run_1/a/1', gaveUp]])
    run.say('progress', { lateEnd: { holder: 'run_1/a/1', status: 'COMPLETE' } }, 'a')
    expect([...run.projection.givenUp]).toEqual([])
  })
})

describe('results of attempts that had been given up', () => {
  const outcome = { result: 'Late.', output: { n: 1 } }
  const end = (more: object) => ({
    lateEnd: { holder: 'run_1/a/1', status: 'COMPLETE', usable: true, outcome, ...more },
  })
  const late = (run: Records, data: JsonObject) =>
    run.add({ type: 'progress', actor: { kind: 'agent', id: 'a' }, task: 'a', attempt: 1, data })

  it('are kept as long as their task is not settled, and over a checkpoint', () => {
    const pullRequests = [{ url: 'https://code.invalid/1' }]
    const run = late(records().task('a', ['running'], undefined, 2), end({ pullRequests }))
    const kept = [['a', [{ attempt: 1, outcome: { ...outcome, pullRequests } }]]]
    expect([...run.projection.late]).toEqual(kept)
    const read = RunProjection.fromJson(JSON.parse(JSON.stringify(run.projection.toJson())))
    expect([...read.late]).toEqual(kept)
    expect([...run.task('a', ['completed'], undefined, 2).projection.late]).toEqual([])
  })

  it('are not kept when they are of no use, or their task has settled before', () => {
    expect([...late(records().task('a', ['running']), end({ usable: false })).projection.late]).toEqual([])
    expect([...late(records().task('a', ['completed']), end({})).projection.late]).toEqual([])
  })

  it('are none in a checkpoint of an earlier version', () => {
    const { late: _late, ...earlier } = records().projection.toJson()
    expect([...RunProjection.fromJson(earlier).late]).toEqual([])
  })

  it('name the attempt that a settled task was completed with', () => {
    const run = records().task('a', ['completed'], { outcome: { ...outcome, pullRequests: [], adopted: 1 } }, 2)
    expect(run.projection.settled.get('a')).toEqual({ status: 'completed', attempt: 2, seq: 1, ...outcome, adopted: 1 })
  })
})

describe('a checkpoint of a projection', () => {
  it('goes on as if every record had been read again', () => {
    const steps: ((run: Records) => Records)[] = [
      (run) => run.say('run', { name: 'x' }),
      (run) => run.supervisor('starting', 'running'),
      (run) => run.task('a', ['pending', 'creating', 'running']),
      (run) => run.task('b', ['pending', 'creating', 'pending']),
      (run) => run.say('plan', { count: 2 }, 'c'),
      (run) => run.task('a', ['completed'], { outcome: { result: 'x', pullRequests: [] } }),
      (run) => run.supervisor('paused'),
      (run) => run.task('c[1]', ['failed'], { reason: 'no' }),
      (run) => run.task('b', ['pending'], { gaveUp: { task: 'b', attempt: 1, intentAt: 5 } }, 2),
      (run) => run.say('command', { budget: { agentRuns: 1 } }),
      (run) => run.task('manager', ['failed']),
      (run) => run.supervisor('running'),
    ]
    const whole = steps.reduce((run, step) => step(run), records()).projection
    for (let cut = 0; cut <= steps.length; cut++) {
      const before = steps.slice(0, cut).reduce((run, step) => step(run), records())
      const json = JSON.parse(JSON.stringify(before.projection.toJson())) as JsonObject
      Object.assign(before, { projection: RunProjection.fromJson(json) })
      const { projection } = steps.slice(cut).reduce((run, step) => step(run), before)
      expect(projection.toJson()).toEqual(whole.toJson())
      expect(projection.settledAfter(0)).toEqual(whole.settledAfter(0))
    }
  })
})
