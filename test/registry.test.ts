import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../src/domain/json.ts'
import type { RunRecord } from '../src/domain/record.ts'
import {
  createRegistry,
  emptyFacts,
  factsFromJson,
  factsToJson,
  foldRecord,
  type RunFacts,
  summaryOf,
} from '../src/registry.ts'

const at = (seq: number) => new Date(Date.UTC(2026, 0, 1) + seq * 1_000).toISOString()

/** Records of `run_1`, numbered and one second apart. */
function numbered(records: readonly Omit<RunRecord, 'seq' | 'at' | 'run'>[]): RunRecord[] {
  return records.map((record, i) => ({ seq: i + 1, at: at(i + 1), run: 'run_1', ...record }))
}
const supervisor = { kind: 'supervisor', id: 'supervisor' } as const
const agent = (id: string) => ({ kind: 'agent', id }) as const
const moved = (id: string, to: string, data?: JsonObject, attempt = 1) =>
  ({ type: 'transition', actor: agent(id), task: id, attempt, to, ...(data === undefined ? {} : { data }) }) as const
const led = (to: string, data?: JsonObject) =>
  ({ type: 'transition', actor: supervisor, to, ...(data ? { data } : {}) }) as const

function facts(...records: readonly Omit<RunRecord, 'seq' | 'at' | 'run'>[]): RunFacts {
  const folded = emptyFacts('run_1')
  for (const record of numbered(records)) foldRecord(folded, record)
  return folded
}

const REF = { backend: 'x', id: '1', url: 'https://agents.invalid/1' }
const FAILURE = { kind: 'agent-failed', message: 'It broke', retryable: true }

/** A run in which much has happened. */
const EVENTFUL = [
  { type: 'run', actor: supervisor, data: { name: 'feature', inputs: { a: 1 }, settings: { seed: 2 }, standIn: true } },
  led('starting'),
  led('running'),
  moved('a', 'pending'),
  {
    type: 'progress',
    actor: agent('a'),
    task: 'a',
    attempt: 1,
    data: { waitingFor: { kind: 'rate', name: 'x', since: 1 } },
  },
  moved('a', 'creating'),
  moved('a', 'running', { ref: REF }),
  { type: 'progress', actor: agent('a'), task: 'a', attempt: 1, data: { progress: 0.5, note: 'half' } },
  moved('a', 'recovering', { failure: FAILURE }),
  moved('a', 'retrying', { failure: FAILURE }),
  moved('a', 'pending', undefined, 2),
  { type: 'alert', actor: agent('a'), task: 'a', data: { code: 'stuck', message: 'no sign of life' } },
  { type: 'plan', actor: supervisor, task: 'b', data: { count: 2 } },
  moved('b[0]', 'completed', { outcome: { result: 'x', pullRequests: [{ url: 'https://code.invalid/1' }] } }),
  { type: 'transition', actor: { kind: 'manager', id: 'manager' }, task: 'manager', attempt: 1, to: 'pending' },
  led('paused', { reason: { kind: 'quota', message: 'No credit is left' } }),
] as const

describe('the facts of a run', () => {
  it('are its name, inputs and settings from the first record', () => {
    const { name, inputs, settings, standIn, startedAt } = facts(EVENTFUL[0])
    expect({ name, inputs, settings, standIn, startedAt }).toEqual({
      name: 'feature',
      inputs: { a: 1 },
      settings: { seed: 2 },
      standIn: true,
      startedAt: at(1),
    })
  })

  it('are its status, why it is paused, and when it ended', () => {
    const paused = facts(...EVENTFUL)
    expect([paused.status, paused.reason, paused.endedAt, paused.seq]).toEqual([
      'paused',
      'No credit is left',
      undefined,
      16,
    ])
    const ended = facts(...EVENTFUL, led('running'), led('finishing', { outcome: 'completed' }), led('completed'))
    expect([ended.status, ended.reason, ended.endedAt]).toEqual(['completed', undefined, at(19)])
  })

  it('tell of each attempt what became of it', () => {
    expect(facts(...EVENTFUL).tasks.get('a')).toEqual({
      task: 'a',
      state: 'pending',
      since: at(11),
      attempt: 2,
      startedAt: at(4),
      attempts: [
        {
          attempt: 1,
          state: 'retrying',
          startedAt: at(4),
          url: REF.url,
          endedAt: at(9),
          failure: { kind: 'agent-failed', message: 'It broke' },
          begun: at(6),
        },
        { attempt: 2, state: 'pending', startedAt: at(11), url: undefined, endedAt: undefined, failure: undefined },
      ],
      url: undefined,
      pullRequests: undefined,
      endedAt: undefined,
      waitingFor: undefined,
      failure: { kind: 'agent-failed', message: 'It broke' },
      reason: undefined,
      note: undefined,
      until: undefined,
      progress: undefined,
      counted: 1,
      generation: 0,
    })
  })

  it('tell what is said of a state until it is left', () => {
    const waiting = facts(...EVENTFUL.slice(0, 5)).tasks.get('a')
    expect(waiting?.waitingFor).toEqual({ kind: 'rate', name: 'x', since: 1 })
    const half = facts(...EVENTFUL.slice(0, 8)).tasks.get('a')
    expect([half?.waitingFor, half?.progress, half?.note]).toEqual([undefined, 0.5, 'half'])
    const after = facts(...EVENTFUL.slice(0, 9)).tasks.get('a')
    expect([after?.progress, after?.note]).toEqual([undefined, undefined])
  })

  it('forget a failure when the task completes after all', () => {
    expect(facts(...EVENTFUL, moved('a', 'completed', undefined, 2)).tasks.get('a')?.failure).toBe(undefined)
  })

  it('count tasks by state, without the manager', () => {
    expect(Object.fromEntries(facts(...EVENTFUL).counts)).toEqual({ pending: 1, completed: 1 })
  })

  it('keep the newest hundred alerts', () => {
    const alerts = Array.from({ length: 130 }, (_, i) => ({
      type: 'alert' as const,
      actor: supervisor,
      data: { code: 'x', message: `${i}` },
    }))
    const kept = facts(...alerts).alerts
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([
      100,
      { at: at(31), code: 'x', message: '30' },
      { at: at(130), code: 'x', message: '129' },
    ])
  })

  it('ignore commands, and progress of a task that is not known', () => {
    const before = facts(...EVENTFUL)
    const after = facts(
      ...EVENTFUL,
      { type: 'command', actor: supervisor, data: { command: 'pause' } },
      {
        type: 'progress',
        actor: agent('nobody'),
        data: { note: 'x' },
      },
    )
    expect({ ...after, seq: 0, at: '' }).toEqual({ ...before, seq: 0, at: '' })
  })

  it('are a row of a list', () => {
    expect(summaryOf(facts(...EVENTFUL))).toEqual({
      run: 'run_1',
      name: 'feature',
      status: 'paused',
      standIn: true,
      startedAt: at(1),
    })
  })

  it('go on from a checkpoint as if every record had been read again', () => {
    const records = numbered(EVENTFUL)
    const whole = facts(...EVENTFUL)
    for (let cut = 0; cut <= records.length; cut++) {
      const before = facts(...EVENTFUL.slice(0, cut))
      const restored = factsFromJson(JSON.parse(JSON.stringify(factsToJson(before))) as JsonObject)
      for (const record of records.slice(cut)) foldRecord(restored, record)
      expect(restored).toEqual(whole)
    }
  })
})

describe('the registry', () => {
  it('takes committed records once, whoever tells of them twice', () => {
    const registry = createRegistry()
    const records = numbered(EVENTFUL)
    registry.trigger.committed({ run: 'run_1', records: records.slice(0, 8) })
    registry.trigger.committed({ run: 'run_1', records: records.slice(5) })
    const { context } = registry.getSnapshot()
    expect([context.runs.get('run_1'), context.version]).toEqual([facts(...EVENTFUL), 2])
  })

  it('goes on from restored facts, and drops runs', () => {
    const registry = createRegistry()
    const records = numbered(EVENTFUL)
    registry.trigger.restored({ facts: facts(...EVENTFUL.slice(0, 10)) })
    registry.trigger.committed({ run: 'run_1', records })
    expect(registry.getSnapshot().context.runs.get('run_1')).toEqual(facts(...EVENTFUL))
    registry.trigger.dropped({ run: 'run_1' })
    expect([...registry.getSnapshot().context.runs]).toEqual([])
  })

  it('tells its subscribers of every change', () => {
    const registry = createRegistry()
    const versions: number[] = []
    registry.subscribe(({ context }) => versions.push(context.version))
    for (const record of numbered(EVENTFUL.slice(0, 3))) registry.trigger.committed({ run: 'run_1', records: [record] })
    expect(versions).toEqual([1, 2, 3])
  })
})
