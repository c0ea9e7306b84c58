import { describe, expect, it } from 'vitest'
import { readReport } from '../../src/actors/read-report.ts'
import type { RunContext } from '../../src/actors/run-context.ts'
import type { AgentRunState } from '../../src/domain/backend.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import type { CollectedWork } from '../../src/domain/local-work.ts'
import { backendError, inTurn, REF, scriptedBackend, stateOf } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const INPUT = { task: 'a', attempt: 2, ref: REF, turn: 1 }
const block = (json: object) => `\`\`\`json\n${JSON.stringify(json)}\n\`\`\``
const complete = (result: string, rest: Partial<AgentRunState> = {}) => stateOf('complete', { result, ...rest })

async function read(state: AgentRunState, rest: Partial<Omit<RunContext, 'clock'>> = {}) {
  const run = scriptedContext(scriptedBackend({ read: inTurn(state) }), rest)
  const reading = start(readReport(run), INPUT)
  await run.clock.advance(0)
  return { run, outcome: reading.outcome() }
}

describe('the report of an ended agent run', () => {
  it('is what its fenced block says; the rest of the text is the result', async () => {
    const text = `Here it is.\n${block({ status: 'completed', result: { n: 1 }, metrics: { files: 3 } })}`
    const { outcome } = await read(complete(text, { url: REF.url ?? '' }))
    expect(outcome).toEqual({
      output: {
        result: 'Here it is.',
        output: { n: 1 },
        metrics: { files: 3 },
        pullRequests: [],
        url: REF.url,
      },
    })
  })

  it('is its output as text when it says nothing else', async () => {
    expect((await read(complete(block({ status: 'completed', result: { n: 1 } })))).outcome).toEqual({
      output: { result: '{"n":1}', output: { n: 1 }, pullRequests: [] },
    })
    expect((await read(complete(block({ status: 'completed', result: 'short' })))).outcome).toEqual({
      output: { result: 'short', output: 'short', pullRequests: [] },
    })
  })

  it('is the text when it holds none, and the summary when there is no text', async () => {
    expect((await read(complete('All done'))).outcome).toEqual({ output: { result: 'All done', pullRequests: [] } })
    expect((await read(complete('', { summary: 'It did it' }))).outcome).toEqual({
      output: { result: 'It did it', pullRequests: [] },
    })
  })

  it('has the pull requests of the backend, never those of the prose', async () => {
    const pullRequests = [{ url: 'https://code.invalid/1', title: 'One' }]
    const { outcome } = await read(complete('See https://code.invalid/2', { pullRequests }))
    expect(outcome).toEqual({ output: { result: 'See https://code.invalid/2', pullRequests } })
  })

  it('that says it failed is a failure, which another attempt may mend', async () => {
    const { outcome } = await read(complete(block({ status: 'failed', result: 'no access' })))
    expect(outcome).toEqual({
      error: {
        kind: 'reported',
        message: 'The agent reported that it failed: no access',
        retryable: true,
        certain: true,
      },
    })
  })

  it('that says only in prose that it failed quotes that', async () => {
    const { outcome } = await read(complete(`It was too hard.\n${block({ status: 'failed' })}`))
    expect(outcome).toEqual({
      error: {
        kind: 'reported',
        message: 'The agent reported that it failed: It was too hard.',
        retryable: true,
        certain: true,
      },
    })
  })

  it('is invalid when it does not fit the output that the task asks for', async () => {
    const asked: unknown[] = []
    const checkOutput: RunContext['checkOutput'] = (task, output) => {
      asked.push([task, output])
      return 'output must have tasks'
    }
    const failure = {
      kind: 'invalid-report',
      message: "The report does not fit the task's output: output must have tasks",
      retryable: true,
      certain: true,
    }
    expect((await read(complete('prose'), { checkOutput })).outcome).toEqual({ error: failure })
    expect((await read(complete(block({ status: 'completed', result: [] })), { checkOutput })).outcome).toEqual({
      error: failure,
    })
    expect(asked).toEqual([
      ['a', null],
      ['a', []],
    ])
  })
})

describe('a big result', () => {
  it('travels in the record up to a size, and beyond it lies whole in a file of its attempt and turn', async () => {
    const small = await read(complete('x'.repeat(16_000)))
    expect(small.run.kept).toEqual(new Map())
    const text = 'x'.repeat(20_000)
    const { run, outcome } = await read(complete(`${text}\n${block({ status: 'completed', result: [1] })}`))
    expect(outcome).toEqual({ output: { result: text.slice(0, 8_192), file: 'results/a/2.1', pullRequests: [] } })
    expect(run.kept).toEqual(new Map([['results/a/2.1', JSON.stringify({ result: text, output: [1] })]]))
  })
})

describe('a big result that a full disk does not take', () => {
  it('is kept once there is room: it is no verdict on work that was paid for', async () => {
    const full = new DataFolderError('full', 'D', 'the disk is full')
    const keepResult = inTurn<string>(full, full, 'results/a/2.1')
    const text = 'x'.repeat(20_000)
    const run = scriptedContext(scriptedBackend({ read: inTurn(complete(text)) }), { keepResult })
    const reading = start(readReport(run), INPUT)
    await run.clock.advance(2_999)
    expect(reading.outcome()).toBe(undefined)
    expect(run.alerts).toEqual([['disk', 'a: its result cannot be kept: the disk is full', 'a']])
    await run.clock.advance(1)
    expect(reading.outcome()).toEqual({
      output: { result: text.slice(0, 8_192), file: 'results/a/2.1', pullRequests: [] },
    })
  })
})

describe('a report that cannot be read', () => {
  it('is waited for as long as it takes: the work was paid for', async () => {
    const answers = [...Array.from({ length: 8 }, () => backendError('unreachable')), complete('All done')]
    const run = scriptedContext(scriptedBackend({ read: inTurn<AgentRunState>(...answers) }))
    const reading = start(readReport(run), INPUT)
    await run.clock.advance(182_999)
    expect(reading.outcome()).toBe(undefined)
    expect(run.alerts).toEqual([['unreadable', 'a: its result cannot be read: It said unreachable', 'a']])
    await run.clock.advance(1)
    expect(reading.outcome()).toEqual({ output: { result: 'All done', pullRequests: [] } })
  })

  it.each(['active', 'paused', 'gone'] as const)(
    'is waited for while a read says that the run is %s: that is no result',
    async (status) => {
      const reads = inTurn<AgentRunState>(stateOf(status), stateOf(status), complete('All done'))
      const run = scriptedContext(scriptedBackend({ read: reads }))
      const reading = start(readReport(run), INPUT)
      await run.clock.advance(2_999)
      expect(reading.outcome()).toBe(undefined)
      await run.clock.advance(1)
      expect(reading.outcome()).toEqual({ output: { result: 'All done', pullRequests: [] } })
    },
  )

  it('is given up only by a command', async () => {
    const run = scriptedContext(scriptedBackend({ read: inTurn<AgentRunState>(backendError('unreachable')) }))
    const reading = start(readReport(run), INPUT)
    await run.clock.advance(0)
    reading.abort()
    await run.clock.advance(3_600_000)
    expect(reading.outcome()).toEqual({ error: new Error('The state was left') })
  })
})

describe('the report of a further turn', () => {
  const of = (turn: number) => complete(block({ status: 'completed', turn, result: turn }))
  const reading = (input: object, ...states: AgentRunState[]) => {
    const run = scriptedContext(scriptedBackend({ read: inTurn(...states) }))
    return { run, reading: start(readReport(run), { ...INPUT, turn: 2, ...input }) }
  }

  it('is read again as long as the one of the turn before is shown, a minute at most', async () => {
    const first = reading({}, of(1), of(1), of(2))
    await first.run.clock.advance(4_000)
    expect(first.reading.outcome()).toEqual({ output: { result: '2', output: 2, pullRequests: [] } })
    const second = reading({}, of(1))
    await second.run.clock.advance(59_999)
    expect(second.reading.outcome()).toBe(undefined)
    await second.run.clock.advance(2_001)
    expect(second.reading.outcome()).toEqual({ output: { result: '1', output: 1, pullRequests: [] } })
  })

  it('is that of the turn before where nobody knows whether its prompt arrived', async () => {
    const { run, reading: read } = reading({ doubtful: true }, of(1))
    await run.clock.advance(0)
    expect(read.outcome()).toEqual({ output: { result: '1', output: 1, pullRequests: [] } })
  })
})

describe('the work of an agent of this machine', () => {
  const WORK: CollectedWork = {
    repository: '/shop',
    branch: 'troupe/run_1/a/2',
    base: 'b0',
    commit: 'c1',
    commits: 2,
    files: [{ path: 'a.ts', added: 3, removed: 1 }],
    fileCount: 1,
    added: 3,
    removed: 1,
  }

  function collect(state: AgentRunState, work: CollectedWork | Error) {
    const turns: number[] = []
    const result = inTurn<CollectedWork>(work)
    const backend = scriptedBackend({
      capabilities: { worktree: true },
      read: inTurn(state),
      collect: async (_ref, turn) => {
        turns.push(turn)
        return result()
      },
    })
    const run = scriptedContext(backend)
    return { run, turns, reading: start(readReport(run), { ...INPUT, turn: 3 }) }
  }

  it('is collected once its report is good, and travels with it', async () => {
    const { run, turns, reading } = collect(complete('Done', { turn: 3 }), WORK)
    await run.clock.advance(0)
    expect(turns).toEqual([3])
    expect(reading.outcome()).toEqual({ output: { result: 'Done', pullRequests: [], collected: WORK } })
  })

  it('is bounded: of many files the first are named', async () => {
    const files = Array.from({ length: 500 }, (_, i) => ({ path: `${i}`.padEnd(900, 'x'), added: 1, removed: null }))
    const { run, reading } = collect(complete('Done', { turn: 3 }), { ...WORK, files, fileCount: 500 })
    await run.clock.advance(0)
    const { output } = reading.outcome() as { output: { collected: CollectedWork } }
    expect(output.collected.fileCount).toBe(500)
    expect(output.collected.files).toEqual(
      files.slice(0, 100).map((file) => ({ ...file, path: file.path.slice(0, 300) })),
    )
  })

  it('is not collected where the report says that it failed', async () => {
    const { run, turns } = collect(complete(block({ status: 'failed' }), { turn: 3 }), WORK)
    await run.clock.advance(0)
    expect(turns).toEqual([])
  })

  it('that cannot be collected is a failure of the attempt', async () => {
    const error = backendError('refused')
    const { run, reading } = collect(complete('Done', { turn: 3 }), error)
    await run.clock.advance(0)
    expect(reading.outcome()).toEqual({ error })
  })

  it('is that of the turn which its backend says has ended, whatever the report echoes', async () => {
    const state = complete(block({ status: 'completed', turn: 1, result: 'new' }), { turn: 3 })
    const { run, reading } = collect(state, WORK)
    await run.clock.advance(0)
    expect(reading.outcome()).toMatchObject({ output: { output: 'new' } })
  })
})
