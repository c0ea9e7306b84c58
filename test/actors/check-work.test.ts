import { describe, expect, it } from 'vitest'
import { checkWork } from '../../src/actors/check-work.ts'
import type { AgentRunState } from '../../src/domain/backend.ts'
import type { CheckResult, CheckSpec } from '../../src/domain/local-work.ts'
import type { CheckInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, scriptedBackend, stateOf } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const CHECK: CheckSpec = {
  commands: [
    ['npm', 'run', 'lint'],
    ['npm', 'test'],
  ],
  rounds: 2,
  timeoutMs: 60_000,
}
const INPUT: CheckInput = { task: 'a', attempt: 1, ref: REF, turn: 2, round: 2, of: 3 }
const PASSED: CheckResult = { passed: true, command: ['npm', 'test'], exitCode: 0, output: '3 passed', ms: 4_200 }
const DONE = stateOf('complete', { turn: 2, result: '{ "status": "completed", "turn": 2 }' })

function check(
  script: { result?: CheckResult | Error; states?: readonly AgentRunState[]; spec?: CheckSpec | undefined },
  restarted = false,
) {
  const asked: unknown[] = []
  const result = inTurn<CheckResult>(script.result ?? PASSED)
  const backend = scriptedBackend({
    capabilities: { worktree: true },
    read: inTurn<AgentRunState>(...(script.states ?? [DONE])),
    check: async (ref, order) => {
      asked.push([ref.id, order])
      return result()
    },
  })
  const spec = 'spec' in script ? script.spec : CHECK
  const run = scriptedContext(backend, {
    checkOf: () => spec,
    checkOutput: (_task, output) => (output === 'unfit' ? 'result must be object' : undefined),
  })
  return { run, backend, asked, checking: start(checkWork(run), INPUT, restarted) }
}

describe('a check', () => {
  it('is run on what the turn left, is said, and passes without what it printed', async () => {
    const { run, asked, checking } = check({})
    await run.clock.advance(0)
    expect(asked).toEqual([['1', { turn: 2, check: CHECK }]])
    expect(run.said).toEqual([{ note: 'check 2 of at most 3 is run: npm run lint, then npm test' }])
    expect(checking.outcome()).toEqual({
      output: { kind: 'passed', round: 2, of: 3, command: ['npm', 'test'], exitCode: 0, output: '', ms: 4_200 },
    })
  })

  it('that fails comes with the end of what it printed', async () => {
    const output = `${'x'.repeat(20_000)}last`
    const result = { ...PASSED, passed: false, exitCode: null, trouble: 'took longer\nthan 60 s', output }
    const { run, checking } = check({ result })
    await run.clock.advance(0)
    expect(checking.outcome()).toEqual({
      output: {
        kind: 'failed',
        round: 2,
        of: 3,
        command: ['npm', 'test'],
        exitCode: null,
        trouble: 'took longer than 60 s',
        output: output.slice(-8_192),
        ms: 4_200,
      },
    })
  })

  it('is run again after a restart, and not said again', async () => {
    const { run, asked, checking } = check({}, true)
    await run.clock.advance(0)
    expect([asked.length, run.said, checking.outcome()]).toEqual([
      1,
      [],
      { output: expect.objectContaining({ kind: 'passed' }) },
    ])
  })

  it.each([
    ['says that the work failed', '{ "status": "failed", "turn": 2, "result": "no disk" }'],
    ['does not fit', '{ "status": "completed", "turn": 2, "result": "unfit" }'],
  ])('is not run where the report %s', async (_, result) => {
    const { run, backend, checking } = check({ states: [stateOf('complete', { turn: 2, result })] })
    await run.clock.advance(0)
    expect([checking.outcome(), backend.calls]).toEqual([{ output: { kind: 'unread' } }, ['read']])
  })

  it('is not run where none is asked for any more', async () => {
    const { run, backend, checking } = check({ spec: undefined })
    await run.clock.advance(0)
    expect([checking.outcome(), backend.calls]).toEqual([{ output: { kind: 'unread' } }, []])
  })

  it('fails with what kept it from being run', async () => {
    const error = backendError('crashed')
    const { run, checking } = check({ result: error })
    await run.clock.advance(0)
    expect(checking.outcome()).toEqual({ error })
  })

  it('is refused by a backend that cannot run it', async () => {
    const run = scriptedContext(scriptedBackend(), { checkOf: () => CHECK })
    const checking = start(checkWork(run), INPUT)
    await run.clock.advance(0)
    expect(checking.outcome()).toMatchObject({
      error: {
        message: 'scripted cannot run the check of a; leave out its check, or choose an agent of this machine',
        kind: 'refused',
      },
    })
  })
})
