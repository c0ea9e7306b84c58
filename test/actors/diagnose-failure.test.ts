import { describe, expect, it } from 'vitest'
import { diagnoseFailure } from '../../src/actors/diagnose-failure.ts'
import type { Failure, LogEntry } from '../../src/domain/backend.ts'
import type { DiagnoseInput } from '../../src/machines/effects.ts'
import { explainFailure } from '../../src/machines/explain-failure.ts'
import { backendError, REF, type ScriptedBackend, scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const FAILURE: Failure = {
  kind: 'agent-failed',
  message: 'The agent run ended with FAILED',
  retryable: true,
  certain: true,
}
/** What the table says of it. */
const EXPLAINED = explainFailure(FAILURE)
const entry = (text: string, tool?: string): LogEntry => ({ at: 0, type: 'ACTION', text, ...(tool ? { tool } : {}) })
const withLogs = (...entries: readonly LogEntry[]) => scriptedBackend({ logs: async () => entries })

async function diagnose(backend: ScriptedBackend, rest: Partial<DiagnoseInput> = {}) {
  const run = scriptedContext(backend)
  const diagnosing = start(diagnoseFailure(run), { task: 'a', attempt: 1, failure: FAILURE, ref: REF, ...rest })
  await run.clock.advance(0)
  return diagnosing.outcome()
}

describe('a diagnosis', () => {
  it('gives the next attempt what the log ended with', async () => {
    const backend = withLogs(entry('npm test', 'shell'), entry('3 tests failed'))
    const context = 'ACTION shell: npm test\nACTION: 3 tests failed'
    expect(await diagnose(backend)).toEqual({ output: { ...EXPLAINED, context } })
  })

  it('cuts it to the last 2,000 characters', async () => {
    const context = `${'x'.repeat(1_996)} end`
    expect(await diagnose(withLogs(entry(`${'x'.repeat(9_000)} end`)))).toEqual({ output: { ...EXPLAINED, context } })
  })

  it.each([
    ['remote: Repository not found.', 'Its log says that the repository cannot be reached.'],
    ['Authentication failed for the service', 'Its log says that credentials were refused.'],
    ['The model gpt-9 does not exist', 'Its log says that the model does not exist.'],
  ])('sees in the log that another attempt cannot mend it: %s', async (text, said) => {
    const { why, advice, ...rest } = EXPLAINED
    expect(await diagnose(withLogs(entry(text)))).toEqual({
      output: {
        ...rest,
        why: `${why} ${said}`,
        advice: `${advice} Check first whether what was wrong has been put right; if it has not, report that and stop.`,
        retryable: false,
        context: `ACTION: ${text}`,
      },
    })
  })

  it('does not take for the log what we asked of the agent', async () => {
    const asked: LogEntry = { at: 0, type: 'USER_MESSAGE', text: 'Handle "repository not found"' }
    expect(await diagnose(withLogs(asked))).toEqual({ output: EXPLAINED })
  })

  it('does without a log that is not there in a minute', async () => {
    const backend = scriptedBackend({ logs: () => new Promise(() => {}) })
    const run = scriptedContext(backend)
    const diagnosing = start(diagnoseFailure(run), { task: 'a', attempt: 1, failure: FAILURE, ref: REF })
    await run.clock.advance(59_999)
    expect(diagnosing.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect([diagnosing.outcome(), run.clock.pending()]).toEqual([{ output: EXPLAINED }, 0])
  })

  it('never makes a failure retryable that was not', async () => {
    const failure = { ...FAILURE, retryable: false }
    expect(await diagnose(withLogs(), { failure })).toEqual({ output: { ...EXPLAINED, retryable: false } })
  })

  it.each([
    ['cannot be read', scriptedBackend({ logs: async () => Promise.reject(backendError('unreachable')) })],
    ['is broken', scriptedBackend({ logs: async () => Promise.reject(new TypeError('no log')) })],
    ['is not kept', scriptedBackend()],
    ['is not to be had', scriptedBackend({ logs: async () => [entry('secret')], capabilities: { logs: false } })],
  ])('does without a log that %s', async (_, backend) => {
    expect(await diagnose(backend)).toEqual({ output: EXPLAINED })
  })

  it('asks for no log where nothing was created', async () => {
    const backend = withLogs(entry('x'))
    const run = scriptedContext(backend)
    const diagnosing = start(diagnoseFailure(run), { task: 'a', attempt: 1, failure: FAILURE })
    await run.clock.advance(0)
    expect([diagnosing.outcome(), backend.calls]).toEqual([{ output: EXPLAINED }, []])
  })

  it('is over when its state was left while the log was read', async () => {
    const backend = scriptedBackend({
      logs: (_ref, _limit, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    })
    const run = scriptedContext(backend)
    const diagnosing = start(diagnoseFailure(run), { task: 'a', attempt: 1, failure: FAILURE, ref: REF })
    diagnosing.abort()
    await run.clock.advance(0)
    expect(diagnosing.outcome()).toEqual({ error: new Error('The state was left') })
  })
})
