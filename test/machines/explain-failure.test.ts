import { describe, expect, it } from 'vitest'
import type { Failure } from '../../src/domain/backend.ts'
import { endFailure } from '../../src/machines/effects.ts'
import { explainFailure, normaliseStatus } from '../../src/machines/explain-failure.ts'
import { FAILURE_TABLE } from '../../src/machines/failure-table.ts'

const failure = (kind: Failure['kind'], rest: Partial<Failure> = {}): Failure => ({
  kind,
  message: 'It broke',
  retryable: true,
  certain: true,
  ...rest,
})
const ended = (kind: 'failed' | 'cancelled' | 'gone', rawStatus: string | null) => endFailure({ kind, rawStatus })

describe('the end of an agent run', () => {
  it.each([
    ['failed', 'TIMEOUT', true, /provider's own time limit/, /smaller steps/],
    ['failed', 'timed-out', true, /provider's own time limit/, /smaller steps/],
    ['failed', 'MAX_ITERATIONS_REACHED', true, /number of steps/, /in circles/],
    ['failed', 'OUT_OF_TOKENS', true, /tokens/, /only the files that you need/],
    ['failed', 'ERROR', true, /broke off with an error/, /another way/],
    ['failed', 'Failed', true, /broke off with an error/, /another way/],
    ['failed', 'SOMETHING_NEW', true, /without having completed/, /build on it/],
    ['failed', null, true, /without having completed/, /build on it/],
    ['cancelled', 'CANCELLED', false, /Somebody stopped it/, /on purpose/],
    ['cancelled', 'stopped', false, /Somebody stopped it/, /on purpose/],
    ['cancelled', 'HALTED', false, /Somebody stopped it/, /on purpose/],
    ['gone', null, true, /vanished/, /build on it/],
  ] as const)('%s with %s has a row of its own', (kind, rawStatus, retryable, why, advice) => {
    const explained = ended(kind, rawStatus)
    expect(explained).toEqual({
      ...explained,
      retryable,
      certain: true,
      why: expect.stringMatching(why),
      advice: expect.stringMatching(advice),
    })
  })

  it('names the branch of its pull request, and its status in one spelling', () => {
    const explained = endFailure({ kind: 'failed', rawStatus: ' time out ', branch: 'feature/login' })
    expect([explained.message, explained.agentStatus, explained.branch]).toEqual([
      'The agent run ended with TIME_OUT',
      'TIME_OUT',
      'feature/login',
    ])
    expect(normaliseStatus('x'.repeat(1_000)).length).toBe(60)
  })
})

describe('how the work itself failed', () => {
  it.each([
    ['deadline', true, /task's own time limit/],
    ['reported', true, /itself reported/],
    ['invalid-report', true, /not what the task asks for/],
    ['internal', false, /inside troupe/],
  ] as const)('has a row of its own: %s', (kind, retryable, why) => {
    const explained = explainFailure(failure(kind))
    expect([explained.retryable, explained.why]).toEqual([retryable, expect.stringMatching(why)])
  })
})

describe('what a call was answered with', () => {
  it.each([
    [400, 'invalid', false, /does not accept/],
    [422, 'invalid', false, /not valid/],
    [404, 'refused', false, /does not exist/],
    [402, 'quota', false, /plan is used up/],
    [401, 'auth', false, /refused \(401\)/],
    [403, 'auth', false, /no access/],
    [408, 'unreachable', true, /gave up waiting/],
    [429, 'limit', true, /asked too often/],
    [500, 'unreachable', true, /trouble of its own/],
    [503, 'unreachable', true, /trouble of its own/],
    [307, 'invalid', false, /somewhere else/],
  ] as const)('has a row of its own: %i', (httpStatus, kind, retryable, why) => {
    const explained = explainFailure(failure(kind, { httpStatus }))
    expect([explained.retryable, explained.why]).toEqual([retryable, expect.stringMatching(why)])
  })

  it('has a row for each kind where no code is known, and is not retried where nothing is known', () => {
    const kinds = ['limit', 'quota', 'auth', 'refused', 'invalid', 'unreachable', 'crashed', 'timeout'] as const
    const verdicts = kinds.map((kind) => explainFailure(failure(kind)).retryable)
    expect(verdicts).toEqual([true, false, false, false, false, true, true, true])
    const later = explainFailure(failure('of a later version' as 'internal'))
    expect([later.retryable, later.why]).toEqual([false, 'It failed in a way that is not known.'])
  })

  it('is never made retryable by the table when its backend said that it is not', () => {
    const retryable = FAILURE_TABLE.flatMap(({ kind }) => kind ?? []).map(
      (kind) => explainFailure(failure(kind, { retryable: false })).retryable,
    )
    expect(new Set(retryable)).toEqual(new Set([false]))
  })
})

describe('what a log says', () => {
  const broke = failure('agent-failed', { agentStatus: 'ERROR' })

  it.each([
    ['remote: Repository not found.', /repository cannot be reached/],
    ['fatal: Could not read from remote repository', /repository cannot be reached/],
    ['ERROR: Access to the repository was denied', /repository cannot be reached/],
    ['remote: Permission to acme/shop.git denied to bot.', /may not push/],
    ['! [remote rejected] main -> main (protected branch hook declined)', /may not push/],
    ['Authentication failed for the service', /credentials were refused/],
    ['401 Bad credentials', /credentials were refused/],
    ['The model gpt-9 does not exist', /model does not exist/],
    ['You exceeded your current quota, please check your plan', /quota is used up/],
    ['Your credit balance is too low', /bill is unpaid/],
  ])('forbids another attempt where none can help: %s', (log, why) => {
    const explained = explainFailure(broke, `ACTION: git clone\n${log}\nbye`)
    expect([explained.retryable, explained.why]).toEqual([false, expect.stringMatching(why)])
    expect(explained.why).toMatch(/^The agent broke off with an error\. /)
  })

  it.each([
    ['overloaded_error: try later', /overloaded/],
    ['Error: 429 Too Many Requests', /asked too often/],
    ['read ECONNRESET', /connection broke/],
    ['the sandbox for this run failed to start', /sandbox did not start/],
    ['write failed: No space left on device', /disk/],
    ['bash: disk quota exceeded', /disk/],
    ['FATAL ERROR: JavaScript heap out of memory', /memory/],
  ])('explains what another attempt may be spared: %s', (log, why) => {
    const explained = explainFailure(broke, log)
    expect([explained.retryable, explained.why]).toEqual([true, expect.stringMatching(why)])
  })

  it('never allows an attempt that nothing else allows, and is not believed to be the reason then', () => {
    const stopped = explainFailure(failure('cancelled-outside'), 'connection reset, please retry me')
    expect([stopped.retryable, stopped.why]).toEqual([false, explainFailure(failure('cancelled-outside')).why])
    expect(explainFailure(failure('internal'), 'too many requests').retryable).toBe(false)
  })

  it('forbids also where it holds both what can and what cannot be mended', () => {
    expect(explainFailure(broke, 'connection reset\nbad credentials').retryable).toBe(false)
  })

  it('is no reason when its words stand far apart or on several lines', () => {
    expect(explainFailure(broke, `model\ndoes not exist`).retryable).toBe(true)
    expect(explainFailure(broke, `model ${'x'.repeat(100)} does not exist`).retryable).toBe(true)
  })

  it('is searched once however it is made: each place is looked at a bounded number of times', () => {
    for (const word of ['model ', 'sandbox', 'repository', 'permission to ', 'access to the repository', ' ', 'a']) {
      expect(explainFailure(broke, word.repeat(2_000_000 / word.length)).retryable).toBe(true)
    }
    expect(explainFailure(broke, `bad credentials${' '.repeat(100_000)}`).retryable).toBe(true)
  })
})

describe('the table', () => {
  it('tells people a sentence, and names a condition in each row', () => {
    for (const { why, advice = 'None.', ...row } of FAILURE_TABLE) {
      expect([why, advice]).toEqual([expect.stringMatching(/^[A-Z].*\.$/), expect.stringMatching(/^[A-Z].*\.$/)])
      expect(row.status ?? row.kind ?? row.http ?? row.log).not.toBe(undefined)
    }
  })

  it('has no row behind one that takes all of its failures', () => {
    const shadowed = FAILURE_TABLE.filter((row, index) =>
      FAILURE_TABLE.slice(0, index).some((before) => {
        if (before.log !== undefined || row.log !== undefined) return false
        return (['status', 'kind', 'http'] as const).every((key) => {
          const taken = before[key] as readonly unknown[] | undefined
          return taken === undefined || (row[key]?.every((one) => taken.includes(one)) ?? false)
        })
      }),
    )
    expect(shadowed).toEqual([])
  })
})
