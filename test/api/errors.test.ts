import { describe, expect, it } from 'vitest'
import { ApiError, errorBody, exitCodeOf, httpStatusOf, reviveError, stopping } from '../../src/api/errors.ts'
import {
  BackendError,
  CommandRefusedError,
  DataFolderError,
  NotFoundError,
  type TroupeError,
  UsageError,
  WorkflowError,
} from '../../src/domain/errors.ts'

const CASES: readonly (readonly [TroupeError, number, number])[] = [
  [new WorkflowError([{ file: 'a.yaml', line: 3, column: 5, message: 'unknown key' }]), 422, 2],
  [new UsageError('--speed x: write a number.'), 400, 2],
  [new NotFoundError('Run run_1', 'troupe runs lists those that do.'), 404, 2],
  [new CommandRefusedError('run_1 spec', 'adopt', 'running', ['retry', 'wait']), 409, 2],
  [new CommandRefusedError('run_1 spec', 'adopt', 'completed', []), 409, 2],
  [new DataFolderError('full', '.troupe', 'The disk is full.'), 503, 2],
  [new DataFolderError('newer-format', '.troupe', 'Written by a newer troupe.'), 503, 2],
  [new BackendError('No money.', { kind: 'quota', retryable: false, certain: true, status: 402 }), 402, 3],
  [new BackendError('Slow down.', { kind: 'limit', retryable: true, certain: true, notBefore: 5 }), 429, 3],
  [new BackendError('Who are you?', { kind: 'auth', retryable: false, certain: true }), 502, 2],
  [new BackendError('Gone silent.', { kind: 'unreachable', retryable: true, certain: false }), 502, 1],
  [stopping(), 503, 2],
  [new ApiError('from-the-future', 'Something new.', { a: 1 }), 500, 1],
]

describe('the table of errors', () => {
  it.each(CASES)('brings %s over the wire as the same error', (error, status, exitCode) => {
    const revived = reviveError(JSON.parse(JSON.stringify(errorBody(error))))
    expect(revived).toEqual(error)
    expect(revived.constructor).toBe(error.constructor)
    expect([httpStatusOf(error), exitCodeOf(error), exitCodeOf(revived)]).toEqual([status, exitCode, exitCode])
  })

  it('gives nothing away of what was not thrown on purpose', () => {
    const error = new TypeError('secret of x')
    expect(errorBody(error)).toEqual({ code: 'internal', message: 'Something inside troupe failed.', details: {} })
    expect([httpStatusOf(error), exitCodeOf(error)]).toEqual([500, 1])
  })

  it('survives details that are not what they should be', () => {
    const revived = reviveError({ code: 'command-refused', message: 'x', details: { legal: 'no list' } })
    expect(revived).toEqual(new CommandRefusedError('', '', '', []))
  })
})
