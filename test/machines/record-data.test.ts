import { describe, expect, it } from 'vitest'
import type { Failure } from '../../src/domain/backend.ts'
import { describeTransition } from '../../src/machines/record-data.ts'
import { REF } from './effect-events.ts'

const FAILURE: Failure = {
  kind: 'agent-failed',
  message: 'It broke',
  retryable: true,
  certain: true,
  context: 'its log',
}
const context = { attempt: 1, turn: 1 }
const event = { type: 'x' }

describe('what a record tells of a transition', () => {
  it('is nothing where the states say all', () => {
    expect(describeTransition(context, 'pending', event)).toBe(undefined)
    expect(describeTransition({ ...context, ref: REF, failure: FAILURE }, 'reporting', event)).toBe(undefined)
  })

  it.each(['running', 'running.deciding', 'escalated.overdue'])('names the agent run where it is watched: %s', (to) => {
    expect(describeTransition({ ...context, ref: REF }, to, event)).toEqual({ ref: REF })
  })

  it.each([
    ['recovering', {}],
    ['retrying', { again: true }],
    ['escalated', { again: false }],
    ['escalated.conflict', { again: false }],
    ['failed', { again: false }],
    ['skipped', { again: false }],
  ])('says what failed and whether another attempt follows, without the logs: %s', (to, rest) => {
    const failure = { kind: 'agent-failed', message: 'It broke', retryable: true, why: 'It had no time.', ...rest }
    const told = { ...FAILURE, why: 'It had no time.', advice: 'Be quick' }
    expect(describeTransition({ ...context, failure: told, reason: 'why' }, to, event)).toEqual({
      failure,
      reason: 'why',
    })
  })

  it('says until when it waits before the next attempt', () => {
    const timers = [['retryDelay', { type: 'x' }, Date.UTC(2026, 0, 1)]] as const
    expect(describeTransition(context, 'retrying', event, timers)).toEqual({ until: '2026-01-01T00:00:00.000Z' })
    expect(describeTransition(context, 'pending', event, timers)).toBe(undefined)
  })

  it('says what a paused agent asks', () => {
    const asking = { ...context, asks: 'Which one?' }
    for (const to of ['running.needsInput', 'running.answering'])
      expect(describeTransition(asking, to, { type: 'task.answer' })).toEqual({ note: 'it asks: Which one?' })
    expect(describeTransition(asking, 'running', { type: 'task.wait' })).toBe(undefined)
  })

  it('says that a person paused the task, and how far each word of theirs got, cut', () => {
    const steers = [{ text: 'x'.repeat(8_192), state: 'queued' as const }]
    expect(describeTransition({ ...context, paused: true, steers }, 'running', { type: 'task.steer' })).toEqual({
      paused: true,
      steers: [{ text: 'x'.repeat(200), state: 'queued' }],
    })
  })

  it('cuts a long message', () => {
    const failure = { ...FAILURE, message: 'x'.repeat(5_000) }
    const data = describeTransition({ ...context, failure }, 'recovering', event)
    expect(data).toEqual({ failure: { kind: 'agent-failed', message: 'x'.repeat(1_000), retryable: true } })
  })

  it('counts turns after the first', () => {
    expect(describeTransition({ ...context, turn: 3 }, 'reporting', event)).toEqual({ turn: 3 })
  })

  it('holds the outcome of a report, without its link', () => {
    const output = { result: 'done', output: { n: 1 }, pullRequests: [], url: 'https://agents.invalid/1' }
    expect(describeTransition(context, 'completed', { type: 'xstate.done.actor.report', output })).toEqual({
      outcome: { result: 'done', output: { n: 1 }, pullRequests: [] },
    })
  })

  it('says how a check ended, whatever follows, and nothing of one that was not run', () => {
    const end = { kind: 'failed', round: 1, of: 3, command: ['npm', 'run', 'a b'], exitCode: 2, output: 'x', ms: 5 }
    const check = { round: 1, of: 3, command: 'npm run "a b"', passed: false, exitCode: 2, ms: 5 }
    for (const to of ['reporting', 'reporting.mending'])
      expect(describeTransition(context, to, { type: 'xstate.done.actor.check', output: end })).toEqual({ check })
    const stopped = { ...end, exitCode: null, trouble: 'took too long' }
    expect(
      describeTransition(context, 'reporting.mending', { type: 'xstate.done.actor.check', output: stopped }),
    ).toEqual({
      check: { round: 1, of: 3, command: 'npm run "a b"', passed: false, trouble: 'took too long', ms: 5 },
    })
    const unread = { type: 'xstate.done.actor.check', output: { kind: 'unread' } }
    expect(describeTransition(context, 'reporting', unread)).toBe(undefined)
  })

  it.each([
    ['words', 'words', {}],
    [{ n: 1 }, '{"n":1}', { output: { n: 1 } }],
    [null, 'null', { output: null }],
  ])('holds what a person gave as the result: %j', (result, text, rest) => {
    expect(describeTransition(context, 'completed', { type: 'task.complete', result })).toEqual({
      outcome: { result: text, ...rest, pullRequests: [] },
    })
  })

  it('says what a cancel achieved', () => {
    const output = { note: 'Stopped it', stillRunning: false }
    expect(describeTransition(context, 'cancelled', { type: 'xstate.done.actor.settle', output })).toEqual({
      note: 'Stopped it',
    })
  })
})
