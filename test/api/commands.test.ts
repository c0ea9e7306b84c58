import { describe, expect, it } from 'vitest'
import { parseRunCommand, parseTaskCommand } from '../../src/api/commands.ts'
import { UsageError } from '../../src/domain/errors.ts'

describe('commands for a task', () => {
  it.each([
    { type: 'retry' },
    { type: 'retry', prompt: 'again' },
    { type: 'complete', result: null },
    { type: 'complete', result: { a: [1] } },
    { type: 'skip' },
    { type: 'fail', reason: 'no use' },
    { type: 'wait' },
    { type: 'wait', ms: 60_000 },
    { type: 'adopt' },
    { type: 'adopt', attempt: 2 },
    { type: 'approve' },
    { type: 'reject' },
    { type: 'reject', reason: 'too early' },
    { type: 'answer', text: 'The old one' },
    { type: 'steer', text: 'é'.repeat(4_096) },
    { type: 'pause' },
    { type: 'continue' },
    { type: 'cancel' },
    { type: 'rerun' },
  ])('takes %j as it is', (command) => {
    expect(parseTaskCommand(command)).toEqual(command)
  })

  it.each([
    [{ type: 'destroy' }],
    [{ type: 'retry', force: true }],
    [{ type: 'retry', prompt: 'x'.repeat(200_001) }],
    [{ type: 'complete' }],
    [{ type: 'complete', result: 'x'.repeat(4 * 1024 * 1024) }],
    [{ type: 'wait', ms: -1 }],
    [{ type: 'adopt', attempt: 0 }],
    [{ type: 'wait', ms: 1e15 }],
    [{ type: 'answer' }],
    [{ type: 'answer', text: '' }],
    [{ type: 'steer', text: `${'é'.repeat(4_096)}x` }],
    [{ type: 'approve', by: 'somebody else' }],
    [{ type: 'pause', until: 'tomorrow' }],
    [null],
    ['retry'],
  ])('refuses what is unknown, unbounded or of another shape (%#)', (command) => {
    expect(() => parseTaskCommand(command)).toThrow(UsageError)
  })
})

describe('commands for a run', () => {
  it.each(['cancel', 'pause', 'continue'])('takes %s', (type) => {
    expect(parseRunCommand({ type })).toEqual({ type })
  })

  it('names what is wrong', () => {
    expect(() => parseRunCommand({ type: 'cancel', now: true })).toThrow(/now/)
    expect(() => parseRunCommand({ type: 'retry' })).toThrow(UsageError)
  })
})
