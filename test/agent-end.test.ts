import { describe, expect, it } from 'vitest'
import { agentEnd } from '../src/agent-end.ts'
import type { RunRecord } from '../src/domain/record.ts'

const record = (rest: Partial<RunRecord>): RunRecord => ({
  seq: 1,
  at: '2026-01-01T00:00:00.000Z',
  type: 'transition',
  run: 'run_1',
  actor: { kind: 'agent', id: 'a' },
  ...rest,
})
const recovering = (kind: string, from = 'running') =>
  record({ from, to: 'recovering', data: { failure: { kind, message: 'So it was.', retryable: true } } })

describe('an agent run has ended', () => {
  it.each(['agent-failed', 'reported', 'invalid-report', 'not-found', 'crashed', 'deadline'])(
    'in failure when its attempt recovers from %s',
    (kind) => {
      expect(agentEnd(recovering(kind))).toEqual({ how: 'failed', reason: `${kind}: So it was.` })
      expect(agentEnd(recovering(kind, 'reporting'))).toEqual({ how: 'failed', reason: `${kind}: So it was.` })
      expect(agentEnd(recovering(kind, 'escalated.overdue'))).toEqual({ how: 'failed', reason: `${kind}: So it was.` })
    },
  )

  it('well when its report was read', () => {
    expect(agentEnd(record({ event: 'xstate.done.actor.report', from: 'reporting', to: 'completed' }))).toEqual({
      how: 'completed',
    })
  })
})

describe('nothing is said of an account by', () => {
  it.each([
    ['an agent that somebody cancelled there', recovering('cancelled-outside')],
    ['a call that failed', recovering('unreachable')],
    ['a creation that was refused', recovering('crashed', 'creating')],
    ['any other transition', record({ from: 'pending', to: 'creating' })],
    ['a command', record({ type: 'command', data: { command: 'retry' } })],
    ['the run itself', record({ actor: { kind: 'supervisor', id: 'supervisor' }, from: 'running', to: 'recovering' })],
    ['a failure of which nothing is told', record({ from: 'running', to: 'recovering' })],
  ])('%s', (_, given) => {
    expect(agentEnd(given)).toEqual(undefined)
  })
})
