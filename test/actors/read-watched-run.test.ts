import { describe, expect, it } from 'vitest'
import { watchAgentRun } from '../../src/actors/watch-agent-run.ts'
import type { AgentRunState, FindResult } from '../../src/domain/backend.ts'
import type { WatchInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, type ScriptedBackend, scriptedBackend, stateOf } from './scripted-backend.ts'
import { type ScriptedContext, scriptedContext, start } from './scripted-context.ts'

const INPUT: WatchInput = { task: 'a', attempt: 1, ref: REF, turn: 1, expect: 'active', intentAt: -60_000 }
const OTHER = { ...REF, id: '2', url: 'https://agents.invalid/2' }
const LISTED: FindResult = { kind: 'found', ref: REF, others: [] }
const UNKNOWN: FindResult = { kind: 'unknown', reason: 'the list cannot be read' }
const GONE = { output: { kind: 'gone', rawStatus: 'GONE' } }
const HOUR = 3_600_000

function watch(backend: ScriptedBackend, input: Partial<WatchInput> = {}) {
  const run = scriptedContext(backend)
  return { run, watching: start(watchAgentRun(run), { ...INPUT, ...input }) }
}

async function hint(backend: ScriptedBackend, run: ScriptedContext): Promise<void> {
  backend.hint()
  await run.clock.advance(0)
}

describe('a run that answers 404', () => {
  it('is gone only after three of them, when its key is not listed either', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('gone')), find: inTurn<FindResult>({ kind: 'absent' }) })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(11_999)
    expect([watching.outcome(), backend.calls]).toEqual([undefined, ['read', 'read']])
    await run.clock.advance(1)
    expect([watching.outcome(), backend.calls]).toEqual([GONE, ['read', 'read', 'read', 'find']])
  })

  it('is looked for as far back as its create was intended', async () => {
    const since: number[] = []
    const find: ScriptedBackend['find'] = async (_key, from) => {
      since.push(from)
      return { kind: 'absent' }
    }
    const later = { ...REF, createdAt: -50_000 }
    for (const input of [{ ref: later }, { ref: { ...REF, createdAt: -70_000 } }, {}]) {
      const backend = scriptedBackend({ read: inTurn(stateOf('gone')), find })
      const { run } = watch(backend, input)
      await hint(backend, run)
      await run.clock.advance(12_000)
    }
    expect(since).toEqual([-60_000, -70_000, -60_000])
  })

  it('goes on being watched when it is listed, and is said to be unreadable once', async () => {
    const gone = Array.from({ length: 7 }, () => stateOf('gone'))
    const backend = scriptedBackend({ read: inTurn(...gone, stateOf('complete')), find: inTurn(LISTED) })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(HOUR)
    expect(watching.outcome()).toEqual({ output: { kind: 'complete', rawStatus: 'COMPLETE' } })
    expect(backend.calls.filter((call) => call === 'find').length).toBe(2)
    const message = `a: its agent run is listed, but answers 404: look at ${REF.url}`
    expect(run.alerts).toEqual([['unreadable', message, 'a']])
  })

  it.each([
    ['cannot be read', UNKNOWN],
    ['breaks', backendError('unreachable')],
    ['is garbage', new SyntaxError('Unexpected token')],
  ])('proves nothing while the list %s: it is asked again', async (_, answer) => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('gone')),
      find: inTurn<FindResult>(answer, answer, { kind: 'absent' }),
    })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(18_000)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(6_000)
    expect(watching.outcome()).toEqual(GONE)
  })

  it('may only be listed late: it is not gone within the grace time of its creation', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('gone')), find: inTurn<FindResult>({ kind: 'absent' }) })
    const { run, watching } = watch(backend, { intentAt: 0 })
    await hint(backend, run)
    await run.clock.advance(29_999)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(6_000)
    expect(watching.outcome()).toEqual(GONE)
  })

  it('is not replaced by a further one while another bears its mark: a person is told', async () => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('gone')),
      find: inTurn<FindResult>({ kind: 'found', ref: OTHER, others: [] }),
    })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(600_000)
    const message = `a: its agent run is gone, but another bears its mark: look at ${OTHER.url}`
    expect([watching.outcome(), run.alerts]).toEqual([undefined, [['double', message, 'a']]])
  })

  it('lives when its answers come and go', async () => {
    const back = [stateOf('gone'), stateOf('gone'), stateOf('active')]
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(...back, ...back, ...back) })
    const { run, watching } = watch(backend)
    for (let i = 0; i < 3; i++) {
      await hint(backend, run)
      await run.clock.advance(12_000)
    }
    expect([watching.outcome(), backend.calls.length]).toEqual([undefined, 9])
  })

  it('closes the account whose credentials its search is refused for', async () => {
    const refused = backendError('auth', { retryable: false })
    const backend = scriptedBackend({ read: inTurn(stateOf('gone')), find: inTurn<FindResult>(refused) })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(12_000)
    expect([run.blocked, watching.outcome()]).toEqual([[['a', 'auth']], undefined])
  })
})

describe('stale and broken answers', () => {
  it('prove no death, in whatever order they come', async () => {
    const backend = scriptedBackend({
      read: inTurn<AgentRunState>(
        stateOf('gone'),
        new SyntaxError('Unexpected token'),
        backendError('not-found', { retryable: false }),
        stateOf('gone'),
        backendError('unreachable'),
        stateOf('active', { rawStatus: null }),
        stateOf('active', { rawStatus: 'SOMETHING_NEW' }),
        stateOf('complete'),
      ),
    })
    const { run, watching } = watch(backend)
    for (let i = 0; i < 2; i++) {
      await hint(backend, run)
      await run.clock.advance(HOUR)
      expect(watching.outcome()).toBe(undefined)
    }
    await hint(backend, run)
    expect(watching.outcome()).toEqual({ output: { kind: 'complete', rawStatus: 'COMPLETE' } })
  })
})
