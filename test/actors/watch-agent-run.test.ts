import { describe, expect, it } from 'vitest'
import { watchAgentRun } from '../../src/actors/watch-agent-run.ts'
import type { AgentRunState } from '../../src/domain/backend.ts'
import type { WatchInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, type ScriptedBackend, scriptedBackend, stateOf } from './scripted-backend.ts'
import { type ScriptedContext, scriptedContext, start } from './scripted-context.ts'

const INPUT: WatchInput = { task: 'a', attempt: 1, ref: REF, turn: 1, expect: 'active' }
const ended = (kind: AgentRunState['status']) => ({ output: { kind, rawStatus: kind.toUpperCase() } })

function watch(
  backend: ScriptedBackend,
  input: Partial<WatchInput> = {},
  run: ScriptedContext = scriptedContext(backend),
) {
  return { run, watch: start(watchAgentRun(run), { ...INPUT, ...input }) }
}

/** Hints `times` times, each followed by a moment. */
async function hint(backend: ScriptedBackend, run: ScriptedContext, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    backend.hint()
    await run.clock.advance(0)
  }
}

describe('a watch', () => {
  it('reads only when it is told that it is time to', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active')) })
    const { run, watch: watching } = watch(backend)
    await run.clock.advance(600_000)
    expect(backend.calls).toEqual([])
    await hint(backend, run, 3)
    expect(backend.calls).toEqual(['read', 'read', 'read'])
    expect(watching.outcome()).toBe(undefined)
  })

  it('reads once for the hints that came while it was reading', async () => {
    const answers: ((state: AgentRunState) => void)[] = []
    const backend = scriptedBackend({ read: () => new Promise((resolve) => answers.push(resolve)) })
    const { run } = watch(backend)
    await hint(backend, run, 5)
    expect(answers.length).toBe(1)
    answers[0]?.(stateOf('active'))
    await run.clock.advance(0)
    expect(answers.length).toBe(2)
    answers[1]?.(stateOf('active'))
    await run.clock.advance(0)
    expect(answers.length).toBe(2)
  })

  it.each(['complete', 'failed', 'cancelled', 'paused'] as const)('ends when the run is %s', async (status) => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active'), stateOf(status)) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run, 2)
    expect(watching.outcome()).toEqual(ended(status))
    expect([backend.followers(), run.clock.pending()]).toEqual([0, 0])
  })

  it('tells of a pause what the agent asks, in one short line', async () => {
    const paused = stateOf('paused', { summary: `Which\nof ${'them '.repeat(100)}?`, result: 'an old result' })
    const silent = stateOf('paused', { summary: '' })
    for (const [state, asks] of [
      [paused, `Which of ${'them '.repeat(100)}`.slice(0, 299).concat('…')],
      [silent, undefined],
    ] as const) {
      const backend = scriptedBackend({ read: inTurn(state) })
      const { run, watch: watching } = watch(backend)
      await hint(backend, run)
      const output = { kind: 'paused', rawStatus: 'PAUSED', ...(asks === undefined ? {} : { asks }) }
      expect(watching.outcome()).toEqual({ output })
    }
  })

  it('tells of a failed run the branch of its newest pull request that names one', async () => {
    const pullRequests = [{ branch: 'first' }, { branch: 'feature/login' }, { branch: 'no [name] at all' }, {}]
    const backend = scriptedBackend({ read: inTurn(stateOf('failed', { pullRequests })) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    expect(watching.outcome()).toEqual({ output: { kind: 'failed', rawStatus: 'FAILED', branch: 'feature/login' } })
  })

  it('of a paused run ends when it is active again', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('paused'), stateOf('active')) })
    const { run, watch: watching } = watch(backend, { expect: 'paused' })
    await hint(backend, run)
    expect(watching.outcome()).toBe(undefined)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('active'))
  })

  it('for the end alone goes on through pauses', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active'), stateOf('paused'), stateOf('failed')) })
    const { run, watch: watching } = watch(backend, { expect: 'end' })
    await hint(backend, run, 2)
    expect(watching.outcome()).toBe(undefined)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('failed'))
  })

  it('stops following and reading when its state is left', async () => {
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(backendError('unreachable')) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    watching.abort()
    await run.clock.advance(60_000)
    expect(watching.outcome()).toEqual({ error: new Error('The state was left') })
    expect([backend.calls, backend.followers(), run.clock.pending()]).toEqual([['read'], 0, 0])
  })

  it('keeps no listener for each hint', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active')) })
    const warnings: Error[] = []
    const warn = (warning: Error) => warnings.push(warning)
    process.on('warning', warn)
    const { run } = watch(backend)
    await hint(backend, run, 50)
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })
})

describe('a read that fails', () => {
  it.each([
    ['unreachable', backendError('unreachable')],
    ['not found', backendError('not-found', { retryable: false })],
    ['garbage', new SyntaxError('Unexpected token')],
  ])('proves nothing (I7): %s', async (_, error) => {
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(error, error, stateOf('complete')) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(1_000)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(2_000)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it('is said once, and asked again further and further apart', async () => {
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(backendError('unreachable')) })
    const { run } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(600_000)
    expect(run.alerts).toEqual([['unreadable', 'a: its agent run cannot be read: It said unreachable', 'a']])
    // After 0, 1, 3, 7, 15, 31, 63 and 123 s, then each minute.
    expect(backend.calls.length).toBe(15)
  })

  it('closes the account whose credentials are refused', async () => {
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(backendError('auth', { retryable: false })) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    expect([run.blocked, watching.outcome()]).toEqual([[['a', 'auth']], undefined])
  })

  it('waits as long as the provider asks for', async () => {
    const limited = backendError('limit', { notBefore: 90_000 })
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(limited, stateOf('complete')) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(89_999)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(watching.outcome()).toEqual(ended('complete'))
  })
})

describe('a follower that breaks', () => {
  it('proves nothing: the run is read, and followed again', async () => {
    let follows = 0
    const backend = scriptedBackend({
      read: inTurn(stateOf('active'), stateOf('active'), stateOf('complete')),
      follow: async () => {
        follows++
        if (follows < 3) throw backendError('unreachable')
      },
    })
    const { run, watch: watching } = watch(backend)
    await run.clock.advance(0)
    expect([follows, backend.calls.length, watching.outcome()]).toEqual([1, 1, undefined])
    await run.clock.advance(1_000)
    await run.clock.advance(2_000)
    expect([follows, watching.outcome()]).toEqual([3, ended('complete')])
  })
})

describe('a turn after the first', () => {
  const stale = (turn?: number) => {
    const report = { status: 'completed', result: 'old', ...(turn === undefined ? {} : { turn }) }
    return stateOf('complete', { result: `\`\`\`json\n${JSON.stringify(report)}\n\`\`\`` })
  }
  const second = { turn: 2, expect: 'end' } as const

  it('is not ended by the COMPLETE that stands from the turn before', async () => {
    const backend = scriptedBackend({ read: inTurn(stale(1)) })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run, 3)
    expect(watching.outcome()).toBe(undefined)
  })

  it('is looked at again after a while though nobody hints', async () => {
    const backend = scriptedBackend({ read: inTurn(stale(1), stale(1), stale(2)) })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run)
    await run.clock.advance(10_000)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(10_000)
    expect(watching.outcome()).toEqual(ended('complete'))
    expect(run.clock.pending()).toBe(0)
  })

  it('has ended when the report echoes its number', async () => {
    const backend = scriptedBackend({ read: inTurn(stale(2)) })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it('has ended when the run was seen working since, unless the report echoes another number', async () => {
    const silent = scriptedBackend({ read: inTurn(stateOf('active'), stale()) })
    const one = watch(silent, second)
    await hint(silent, one.run, 2)
    expect(one.watch.outcome()).toEqual(ended('complete'))
    const other = scriptedBackend({ read: inTurn(stateOf('active'), stale(1)) })
    const two = watch(other, second)
    await hint(other, two.run, 2)
    expect(two.watch.outcome()).toBe(undefined)
  })

  it('that was seen working has not ended while its log holds no answer to it, until its COMPLETE has stood for a minute', async () => {
    const reads = inTurn(stateOf('active'), stale())
    const backend = scriptedBackend({ read: reads, findTurn: inTurn<'seen'>('seen') })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run, 2)
    await run.clock.advance(50_000)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(10_000)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it.each([
    ['answered', true],
    ['seen', false],
    ['absent', false],
    ['unknown', false],
  ] as const)('is looked up in the logs when nothing else tells: %s', async (seen, isEnd) => {
    const backend = scriptedBackend({ read: inTurn(stale()), findTurn: inTurn(seen) })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(isEnd ? ended('complete') : undefined)
  })

  it('is not ended by logs that cannot be read', async () => {
    const backend = scriptedBackend({ read: inTurn(stale()), findTurn: inTurn<'seen'>(backendError('unreachable')) })
    const { run, watch: watching } = watch(backend, second)
    await hint(backend, run)
    expect(watching.outcome()).toBe(undefined)
  })
})

describe('a turn of which nobody knows whether its prompt arrived', () => {
  const report = (turn: number) =>
    stateOf('complete', { result: `\`\`\`json\n{"status":"completed","turn":${turn},"result":1}\n\`\`\`` })
  const doubtful = { turn: 3, doubtful: true } as const

  it('ends at once by its own evidence', async () => {
    const backend = scriptedBackend({ read: inTurn(report(3)) })
    const { run, watch: watching } = watch(backend, doubtful)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it('ends with what the turn before returned, once that has stood for a minute', async () => {
    const backend = scriptedBackend({ read: inTurn(report(2)) })
    const { run, watch: watching } = watch(backend, doubtful)
    await hint(backend, run)
    await run.clock.advance(59_999)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(10_001)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it('is waited for as long as its agent works', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active')) })
    const { run, watch: watching } = watch(backend, doubtful)
    await hint(backend, run)
    await run.clock.advance(600_000)
    expect(watching.outcome()).toBe(undefined)
  })
})

describe('a pause after a further turn', () => {
  it('may be the one from before it: it counts once the agent was seen at work, or after a minute', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('paused')) })
    const { run, watch: watching } = watch(backend, { turn: 2 })
    await hint(backend, run)
    await run.clock.advance(59_999)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(10_001)
    expect(watching.outcome()).toEqual(ended('paused'))
    const other = scriptedBackend({ read: inTurn(stateOf('active'), stateOf('paused')) })
    const second = watch(other, { turn: 2 })
    await hint(other, second.run, 2)
    expect(second.watch.outcome()).toEqual(ended('paused'))
  })
})

describe('a backend that knows which turn has ended', () => {
  const INPUT_2 = { turn: 2 } as const
  const old = JSON.stringify({ status: 'completed', turn: 1 })

  it('is believed at once, whatever the report echoes, and no log is looked up', async () => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('complete', { turn: 1, result: old }), stateOf('complete', { turn: 2, result: old })),
    })
    const { run, watch: watching } = watch(backend, INPUT_2)
    await hint(backend, run)
    expect(watching.outcome()).toBe(undefined)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('complete'))
    expect(backend.calls).toEqual(['read', 'read'])
  })

  it('is believed that another turn is meant, also of a failure', async () => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('failed', { turn: 1 }), stateOf('active'), stateOf('failed', { turn: 2 })),
    })
    const { run, watch: watching } = watch(backend, INPUT_2)
    await hint(backend, run, 2)
    expect(watching.outcome()).toBe(undefined)
    await hint(backend, run)
    expect(watching.outcome()).toEqual(ended('failed'))
  })

  it('ends a turn of which nobody knows whether it arrived with the one before, once that has stood for a minute', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('complete', { turn: 1 })) })
    const { run, watch: watching } = watch(backend, { ...INPUT_2, doubtful: true })
    await hint(backend, run)
    await run.clock.advance(59_999)
    expect(watching.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(watching.outcome()).toEqual(ended('complete'))
  })

  it('is believed that the turn which is watched pauses', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('paused', { turn: 2, summary: 'Run npm?' })) })
    const { run, watch: watching } = watch(backend, INPUT_2)
    await hint(backend, run)
    expect(watching.outcome()).toEqual({ output: { kind: 'paused', rawStatus: 'PAUSED', asks: 'Run npm?' } })
  })

  it('is believed why it failed', async () => {
    const failure = { kind: 'limit', message: 'Come back at 5', retryable: true, notBefore: 5 } as const
    const backend = scriptedBackend({ read: inTurn(stateOf('failed', { turn: 1, failure })) })
    const { run, watch: watching } = watch(backend)
    await hint(backend, run)
    expect(watching.outcome()).toEqual({ output: { kind: 'failed', rawStatus: 'FAILED', failure } })
  })
})
