import { describe, expect, it } from 'vitest'
import { reconcileAgentRun } from '../../src/actors/reconcile-agent-run.ts'
import type { FindResult } from '../../src/domain/backend.ts'
import { backendError, inTurn, REF, scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const ABSENT: FindResult = { kind: 'absent' }
const FOUND: FindResult = { kind: 'found', ref: REF, others: [] }
const UNKNOWN: FindResult = { kind: 'unknown', reason: 'the list is too long' }

function reconcile(graceMs: number, ...answers: readonly (FindResult | Error)[]) {
  const backend = scriptedBackend({ find: inTurn(...answers), graceMs })
  const run = scriptedContext(backend)
  return { backend, run, reconciling: start(reconcileAgentRun(run), { task: 'a', attempt: 1, intentAt: 7_000 }) }
}

describe('a create of unknown outcome', () => {
  it('is adopted as soon as it is found', async () => {
    const { run, backend, reconciling } = reconcile(30_000, ABSENT, ABSENT, FOUND)
    await run.clock.advance(9_999)
    expect(reconciling.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'found', ref: REF } })
    expect(backend.calls).toEqual(['find', 'find', 'find'])
  })

  it('was never made only when it is absent after the whole grace time', async () => {
    const { run, reconciling } = reconcile(30_000, ABSENT)
    await run.clock.advance(29_999)
    expect(reconciling.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'absent' } })
  })

  it('is looked up once where nothing can appear later', async () => {
    const { run, backend, reconciling } = reconcile(0, ABSENT)
    await run.clock.advance(0)
    expect([reconciling.outcome(), backend.calls, run.said]).toEqual([{ output: { kind: 'absent' } }, ['find'], []])
  })

  it('is found even in the last look after the grace time', async () => {
    const { run, reconciling } = reconcile(5_000, ABSENT, FOUND)
    await run.clock.advance(5_000)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'found', ref: REF } })
  })

  it('is searched from its intent on, and says until when', async () => {
    const since: number[] = []
    const backend = scriptedBackend({
      find: async (_key, from) => {
        since.push(from)
        return FOUND
      },
    })
    const run = scriptedContext(backend)
    await run.clock.advance(8_000)
    start(reconcileAgentRun(run), { task: 'a', attempt: 1, intentAt: 7_000 })
    await run.clock.advance(0)
    expect(since).toEqual([7_000])
    expect(run.said).toEqual([{ note: 'outcome unknown, reconciling', until: '1970-01-01T00:00:38.000Z' }])
  })

  it('is searched from now on where its intent lies ahead, since the clock was set back', async () => {
    const since: number[] = []
    const find = async (_key: unknown, from: number) => {
      since.push(from)
      return FOUND
    }
    const run = scriptedContext(scriptedBackend({ find }))
    await run.clock.advance(1_000)
    start(reconcileAgentRun(run), { task: 'a', attempt: 1, intentAt: 600_000 })
    await run.clock.advance(0)
    expect(since).toEqual([1_000])
  })

  it('is searched from earlier on where a damaged record may have named it, until that is settled', async () => {
    const since: number[] = []
    const settled: string[] = []
    const answers = inTurn<FindResult>(...Array.from({ length: 6 }, () => UNKNOWN), ABSENT)
    const backend = scriptedBackend({
      find: async (_key, from) => {
        since.push(from)
        return answers()
      },
      graceMs: 0,
    })
    const run = scriptedContext(backend, {
      searchSince: () => 1_000,
      searched: (task, attempt) => void settled.push(`${task}/${attempt}`),
    })
    const input = { task: 'a', attempt: 1, intentAt: 7_000 }
    await run.clock.advance(8_000)
    start(reconcileAgentRun(run), input)
    await run.clock.advance(25_000)
    expect([new Set(since), settled]).toEqual([new Set([1_000]), []])
    start(reconcileAgentRun(run), input)
    await run.clock.advance(0)
    expect(settled).toEqual(['a/1'])
  })

  it.each([
    ['says so', UNKNOWN, 'the list is too long'],
    ['fails', backendError('unreachable'), 'It said unreachable'],
  ])('stays unknown, and nobody creates a second one, when the list %s', async (_, answer, reason) => {
    const { run, backend, reconciling } = reconcile(10_000, answer)
    await run.clock.advance(24_999)
    expect(reconciling.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'unknown', reason } })
    expect(backend.calls.length).toBe(6)
  })

  it('is settled by a list that can be read again', async () => {
    const { run, reconciling } = reconcile(0, UNKNOWN, backendError('limit'), ABSENT)
    await run.clock.advance(10_000)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'absent' } })
  })

  it('that was made twice is the older one, and the other is said', async () => {
    const other = { ...REF, id: '2' }
    const { run, reconciling } = reconcile(30_000, { kind: 'found', ref: REF, others: [other] })
    await run.clock.advance(0)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'found', ref: REF } })
    expect(run.doubles).toEqual([other])
  })

  it('needs no search where a repeated create makes no second run', async () => {
    const backend = scriptedBackend({ capabilities: { idempotentCreate: true } })
    const run = scriptedContext(backend)
    const reconciling = start(reconcileAgentRun(run), { task: 'a', attempt: 1, intentAt: 0 })
    await run.clock.advance(0)
    expect(reconciling.outcome()).toEqual({ output: { kind: 'absent' } })
  })

  it('is no longer searched when its state was left', async () => {
    const { run, backend, reconciling } = reconcile(30_000, ABSENT)
    await run.clock.advance(0)
    reconciling.abort()
    await run.clock.advance(60_000)
    expect([reconciling.outcome(), backend.calls]).toEqual([{ error: new Error('The state was left') }, ['find']])
  })
})
