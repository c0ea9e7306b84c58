import { describe, expect, it } from 'vitest'
import { settleAgentRun } from '../../src/actors/settle-agent-run.ts'
import type { FindResult } from '../../src/domain/backend.ts'
import type { SettleInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, type ScriptedBackend, scriptedBackend, stateOf } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const ATTEMPT = { task: 'a', attempt: 1 }

async function settle(backend: ScriptedBackend, input: Partial<SettleInput>, ms = 0) {
  const run = scriptedContext(backend)
  const settling = start(settleAgentRun(run), { ...ATTEMPT, ...input })
  await run.clock.advance(ms)
  return settling.outcome()
}

describe('settling an attempt', () => {
  it('has nothing to do when nothing was created', async () => {
    expect(await settle(scriptedBackend(), {})).toEqual({
      output: { note: 'Nothing had been created', stillRunning: false },
    })
  })

  it('stops what the backend can stop', async () => {
    const backend = scriptedBackend({ cancel: async () => {} })
    const output = { note: `Stopped ${REF.url}`, ref: REF, stillRunning: false }
    expect([await settle(backend, { ref: REF }), backend.calls]).toEqual([{ output }, ['cancel']])
  })

  it('says what it could not stop', async () => {
    const backend = scriptedBackend({ cancel: async () => Promise.reject(backendError('unreachable')) })
    const note = `Could not stop ${REF.url}: It said unreachable`
    expect(await settle(backend, { ref: REF })).toEqual({ output: { note, ref: REF, stillRunning: true } })
  })

  it.each(['active', 'paused'] as const)(
    'says where a run goes on that the backend cannot stop: %s',
    async (status) => {
      const backend = scriptedBackend({ read: inTurn(stateOf(status)) })
      const note = `scripted cannot stop an agent run: it goes on at ${REF.url}`
      expect(await settle(backend, { ref: REF })).toEqual({ output: { note, ref: REF, stillRunning: true } })
    },
  )

  it('ends with the command that can stop such a run, where there is one', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('active')) })
    const howToStop = ({ id }: typeof REF) => `\`troupe ban ${id}\` stops its agents`
    const note = `scripted cannot stop an agent run: it goes on at ${REF.url}. \`troupe ban 1\` stops its agents`
    expect(await settle({ ...backend, howToStop }, { ref: REF })).toEqual({
      output: { note, ref: REF, stillRunning: true },
    })
  })

  it('does not take one that its backend says it does not know for ended: that may be stale', async () => {
    const backend = scriptedBackend({ read: inTurn(stateOf('gone')) })
    const note = `scripted cannot stop an agent run: it goes on at ${REF.url}`
    expect(await settle(backend, { ref: REF })).toEqual({ output: { note, ref: REF, stillRunning: true } })
  })

  it.each(['complete', 'failed', 'cancelled'] as const)('sees that a run had ended: %s', async (status) => {
    const backend = scriptedBackend({ read: inTurn(stateOf(status)) })
    const note = 'The agent run had already ended'
    expect(await settle(backend, { ref: REF })).toEqual({ output: { note, ref: REF, stillRunning: false } })
  })

  it('takes a run that cannot be read to be running', async () => {
    const backend = scriptedBackend({ read: inTurn<never>(backendError('unreachable')) })
    const note = `scripted cannot stop an agent run: it goes on at ${REF.url}`
    expect(await settle(backend, { ref: REF })).toEqual({ output: { note, ref: REF, stillRunning: true } })
  })
})

describe('settling a create in doubt', () => {
  const doubt = { intentAt: 0 }
  const backendThatFinds = (...answers: readonly (FindResult | Error)[]) =>
    scriptedBackend({ find: inTurn(...answers), cancel: async () => {}, graceMs: 10_000 })

  it('stops the run that it finds', async () => {
    const backend = backendThatFinds({ kind: 'absent' }, { kind: 'found', ref: REF, others: [] })
    const output = { note: `Stopped ${REF.url}`, ref: REF, stillRunning: false }
    expect(await settle(backend, doubt, 5_000)).toEqual({ output })
    expect(backend.calls).toEqual(['find', 'find', 'cancel'])
  })

  it('waits out the grace time before it says that there is none', async () => {
    expect(await settle(backendThatFinds({ kind: 'absent' }), doubt, 9_999)).toBe(undefined)
    const output = { note: 'Nothing had been created', stillRunning: false }
    expect(await settle(backendThatFinds({ kind: 'absent' }), doubt, 10_000)).toEqual({ output })
  })

  it('says when there are two: the younger goes on beside it', async () => {
    const younger = { ...REF, id: '2' }
    const backend = backendThatFinds({ kind: 'found', ref: REF, others: [younger] })
    const run = scriptedContext(backend)
    start(settleAgentRun(run), { ...ATTEMPT, ...doubt })
    await run.clock.advance(0)
    expect(run.doubles).toEqual([younger])
  })

  it('looks for what a damaged record may have named', async () => {
    const backend = backendThatFinds({ kind: 'found', ref: REF, others: [] })
    const run = scriptedContext(backend, { searchSince: () => 5 })
    const settling = start(settleAgentRun(run), ATTEMPT)
    await run.clock.advance(0)
    expect(settling.outcome()).toEqual({ output: { note: `Stopped ${REF.url}`, ref: REF, stillRunning: false } })
  })

  it('says that there may be one when the list cannot be read', async () => {
    const output = { note: 'An agent may have been created: It said unreachable', stillRunning: true }
    expect(await settle(backendThatFinds(backendError('unreachable')), doubt, 60_000)).toEqual({ output })
  })
})
