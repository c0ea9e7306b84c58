import { describe, expect, it } from 'vitest'
import { watchAgentRun } from '../../src/actors/watch-agent-run.ts'
import type { AgentRunState, LogEntry } from '../../src/domain/backend.ts'
import type { WatchInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, type ScriptedBackend, scriptedBackend, stateOf } from './scripted-backend.ts'
import { type ScriptedContext, scriptedContext, start } from './scripted-context.ts'

const INPUT: WatchInput = { task: 'a', attempt: 1, ref: REF, turn: 1, expect: 'active' }
const MINUTE = 60_000
const entry = (at: number | null, text = 'npm test'): LogEntry => ({ at, type: 'ACTION', tool: 'shell', text })

function watch(backend: ScriptedBackend, input: Partial<WatchInput> = {}) {
  const run = scriptedContext(backend)
  return { run, watching: start(watchAgentRun(run), { ...INPUT, ...input }) }
}

async function hint(backend: ScriptedBackend, run: ScriptedContext): Promise<void> {
  backend.hint()
  await run.clock.advance(0)
}

/** The alert about a silence of 15 min that began so many minutes after the start. */
function silentSince(minutes: number, seen: string): readonly [string, string, string] {
  const since = new Date(minutes * MINUTE).toISOString()
  const message = `a: no sign of life since ${since} (15 min). Last seen: ${seen}. It is watched on; look at ${REF.url}`
  return ['stuck', message, 'a']
}

describe('a run without a sign of life', () => {
  it('is said once: since when, what was seen last and where to look; it is watched on', async () => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('active'), stateOf('complete')),
      logs: async () => [entry(0)],
    })
    const { run, watching } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(15 * MINUTE - 1)
    expect(run.alerts).toEqual([])
    await run.clock.advance(1)
    await run.clock.advance(120 * MINUTE)
    expect(run.alerts).toEqual([silentSince(0, 'ACTIVE, in its log: ACTION shell npm test')])
    expect(watching.outcome()).toBe(undefined)
    await hint(backend, run)
    expect([watching.outcome(), run.clock.pending()]).toEqual([
      { output: { kind: 'complete', rawStatus: 'COMPLETE' } },
      0,
    ])
  })

  it('is said again when it fell silent anew after a change of its state', async () => {
    const working = stateOf('active', { progress: 0.5, summary: 'reads\ncode' })
    const backend = scriptedBackend({ read: inTurn(stateOf('active'), working), logs: async () => [] })
    const { run } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(20 * MINUTE)
    await hint(backend, run)
    await run.clock.advance(60 * MINUTE)
    expect(run.alerts).toEqual([silentSince(0, 'ACTIVE'), silentSince(20, 'ACTIVE 0.5 reads code')])
  })

  it('is said again when it fell silent anew after its log grew', async () => {
    const entries = [entry(0)]
    const backend = scriptedBackend({ read: inTurn(stateOf('active')), logs: async () => entries.slice(-1) })
    const { run } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(20 * MINUTE)
    entries.push(entry(20 * MINUTE, 'git push'))
    await run.clock.advance(60 * MINUTE)
    const logged = (text: string) => `ACTIVE, in its log: ACTION shell ${text}`
    expect(run.alerts).toEqual([silentSince(0, logged('npm test')), silentSince(20, logged('git push'))])
  })

  it('lives as long as its state changes', async () => {
    const backend = scriptedBackend({
      read: inTurn(stateOf('active'), stateOf('active', { progress: 0.5 })),
      logs: async () => [],
    })
    const { run } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(14 * MINUTE)
    await hint(backend, run)
    await run.clock.advance(15 * MINUTE - 1)
    expect(run.alerts).toEqual([])
    await run.clock.advance(1)
    expect(run.alerts.length).toBe(1)
  })

  it('lives as long as its log grows, which is read only when nothing else changed', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active')), logs: async () => [entry(10 * MINUTE)] })
    const { run } = watch(backend)
    await hint(backend, run)
    await run.clock.advance(25 * MINUTE - 1)
    expect([backend.calls.filter((call) => call === 'logs').length, run.alerts]).toEqual([1, []])
    await run.clock.advance(1)
    expect(run.alerts.length).toBe(1)
  })

  it('is not kept alive for ever by a log whose times lie ahead, nor taken for dead by one without times', async () => {
    const ahead = scriptedBackend({ read: inTurn(stateOf('active')), logs: async () => [entry(9_000 * MINUTE)] })
    const one = watch(ahead)
    await one.run.clock.advance(60 * MINUTE)
    expect(one.run.alerts.length).toBe(1)
    let lines = 0
    const untimed = scriptedBackend({
      read: inTurn(stateOf('active')),
      logs: async () => [entry(null, `line ${lines++}`)],
    })
    const two = watch(untimed)
    await two.run.clock.advance(120 * MINUTE)
    // The first line alone tells nothing; each further one does.
    expect(two.run.alerts.length).toBe(1)
  })

  it('is said although its log cannot be read, and although its backend keeps none', async () => {
    const broken = scriptedBackend({
      read: inTurn(stateOf('active')),
      logs: async () => Promise.reject(backendError('unreachable')),
    })
    const silent = scriptedBackend({ read: inTurn(stateOf('active')) })
    for (const backend of [broken, silent]) {
      const { run, watching } = watch(backend)
      await run.clock.advance(15 * MINUTE)
      expect([run.alerts, watching.outcome()]).toEqual([[silentSince(0, 'nothing yet')], undefined])
    }
  })

  it('is not what a paused one is: it waits', async () => {
    const backend = scriptedBackend({ read: inTurn<AgentRunState>(stateOf('paused')), logs: async () => [] })
    const { run } = watch(backend, { expect: 'paused' })
    await hint(backend, run)
    await run.clock.advance(120 * MINUTE)
    expect([run.alerts, backend.calls]).toEqual([[], ['read']])
  })
})
