import { describe, expect, it } from 'vitest'
import { readLateEnd } from '../../src/actors/read-late-end.ts'
import type { AgentRunState } from '../../src/domain/backend.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import { backendError, inTurn, REF, scriptedBackend, stateOf } from './scripted-backend.ts'
import { scriptedContext } from './scripted-context.ts'

const KEY = { run: 'run_1', task: 'a', attempt: 1 }
const HOLDER = 'run_1/a/1'
const reported = (report: object) => `Text.\n\n\`\`\`json\n${JSON.stringify(report)}\n\`\`\``
const OPENED = [{ url: 'https://code.invalid/1' }]

/** What the end of a given-up attempt comes to. */
async function lateEnd(state: AgentRunState, rest: Parameters<typeof scriptedContext>[1] = {}, task = 'a') {
  const run = scriptedContext(scriptedBackend({ read: inTurn(state) }), rest)
  const end = await readLateEnd(run)({ key: { ...KEY, task }, ref: REF, state }, new AbortController().signal)
  return { end, kept: [...run.kept] }
}

describe('the end of an agent run that had been given up', () => {
  it('is told with what it returned, as it would be in time', async () => {
    const result = reported({ status: 'completed', task_id: 'a', result: { n: 1 }, metrics: { calls: 2 } })
    const { end } = await lateEnd(stateOf('complete', { result, pullRequests: OPENED }))
    expect(end).toEqual({
      holder: HOLDER,
      status: 'COMPLETE',
      url: REF.url,
      usable: true,
      outcome: { result: 'Text.', output: { n: 1 }, metrics: { calls: 2 } },
      pullRequests: OPENED,
    })
  })

  it('keeps what is too long for a record in a file of its attempt', async () => {
    const { end, kept } = await lateEnd(stateOf('complete', { result: 'x'.repeat(40_000) }))
    expect([end.usable, end.outcome?.file, end.outcome?.result.length]).toEqual([true, 'results/a/1.1', 8_192])
    expect(kept.map(([name, text]) => [name, JSON.parse(text).result.length])).toEqual([['results/a/1.1', 40_000]])
  })

  it('is of no use when its output does not fit, and says why', async () => {
    const result = reported({ status: 'completed', result: { n: 1 } })
    const { end } = await lateEnd(stateOf('complete', { result }), { checkOutput: () => 'n must be a string' })
    expect(end).toEqual({
      holder: HOLDER,
      status: 'COMPLETE',
      url: REF.url,
      usable: false,
      reason: "The report does not fit the task's output: n must be a string",
      outcome: { result: 'Text.' },
    })
  })

  it.each(['failed', 'cancelled', 'gone'] as const)('is of no use when it did not complete: %s', async (status) => {
    const { end } = await lateEnd(stateOf(status, { pullRequests: OPENED }))
    expect(end).toEqual({
      holder: HOLDER,
      status: status.toUpperCase(),
      url: REF.url,
      usable: false,
      reason: 'It did not complete',
      pullRequests: OPENED,
    })
  })

  it('is of no use when it was the manager’s', async () => {
    const { end } = await lateEnd(stateOf('complete', { result: 'Done.' }), {}, 'manager')
    expect([end.usable, end.reason]).toEqual([false, 'The run went on without it'])
  })

  it('is none when nothing was ever created', async () => {
    const run = scriptedContext(scriptedBackend())
    expect(await readLateEnd(run)({ key: KEY }, new AbortController().signal)).toEqual({
      holder: HOLDER,
      status: 'none was ever created',
      usable: false,
      reason: 'There was no agent run',
    })
  })

  it('is read again until there is an answer, and kept once the disk has room', async () => {
    const result = 'x'.repeat(40_000)
    const full = new DataFolderError('full', '.troupe', 'No room')
    const keep = inTurn<string>(full, full, 'results/a/1.1')
    const state = stateOf('complete', { result })
    const run = scriptedContext(scriptedBackend({ read: inTurn<AgentRunState>(backendError('unreachable'), state) }), {
      keepResult: keep,
    })
    const reading = readLateEnd(run)({ key: KEY, ref: REF, state }, new AbortController().signal)
    await run.clock.advance(10_000)
    expect((await reading).outcome?.file).toBe('results/a/1.1')
  })

  it('is told no further once nobody asks any more', async () => {
    const stop = new AbortController()
    const state = stateOf('complete')
    const run = scriptedContext(scriptedBackend({ read: inTurn<AgentRunState>(backendError('unreachable')) }))
    const reading = readLateEnd(run)({ key: KEY, ref: REF, state }, stop.signal)
    const failed = expect(reading).rejects.toThrow('Nobody asks')
    await run.clock.advance(1_000)
    stop.abort(new Error('Nobody asks'))
    await failed
    expect(run.clock.pending()).toBe(0)
  })
})
