import { describe, expect, it } from 'vitest'
import { createSimulatedBackend, type SimulatedOptions } from '../../../src/backends/simulated/simulated-backend.ts'
import type { AgentOrder, AgentRunRef } from '../../../src/domain/backend.ts'
import type { JsonObject } from '../../../src/domain/json.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'

const START = 1_000_000
const live = new AbortController().signal

function setUp(options: Partial<SimulatedOptions> = {}) {
  const clock = createVirtualClock(START)
  const backend = createSimulatedBackend({ clock, seed: 7, ...options })
  const restart = () => createSimulatedBackend({ clock, seed: 7, ...options })
  return { clock, backend, restart }
}

function order(simulate?: JsonObject, rest: Partial<AgentOrder> = {}): AgentOrder {
  const key = { run: 'run_1', task: 'spec', attempt: 1 }
  return { key, prompt: 'Write the spec.', ...(simulate === undefined ? {} : { simulate }), ...rest }
}

/** The ref as a journal gives it back. */
function stored(ref: AgentRunRef): AgentRunRef {
  const text = JSON.stringify(ref)
  const parsed: AgentRunRef = JSON.parse(text)
  return parsed
}

const KEY = { run: 'run_1', task: 'spec', attempt: 1 }
const REPORT = '\n\n```json\n{"status":"completed","task_id":"spec","turn":1,"result":'

describe('who counts its calls', () => {
  it('is told of each agent that is created, read or prompted', async () => {
    const told: string[] = []
    const { backend } = setUp({ onCall: ({ operation, outcome, ms }) => told.push(`${operation} ${outcome} ${ms}`) })
    const ref = await backend.create(order(), live)
    await backend.read(ref, live)
    await backend.prompt(ref, { turn: 2, text: 'Go on' }, live)
    expect(told).toEqual(['createRun ok 0', 'getRun ok 0', 'resumeRun ok 0'])
  })
})

describe('simulated agent run', () => {
  it('works for as long as its script says, then is complete with a report', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ durationMs: 60_000, result: 'The spec.', output: { pages: 3 } }), live)
    expect(ref).toEqual({
      backend: 'simulated',
      id: 'run_1/spec/1',
      createdAt: START,
      extra: {
        startedAt: START,
        endsAt: START + 60_000,
        outcome: 'complete',
        result: 'The spec.',
        output: { pages: 3 },
      },
    })
    await clock.advance(45_000)
    const active = { status: 'active', rawStatus: 'ACTIVE', pullRequests: [], at: START + 45_000, progress: 0.75 }
    expect(await backend.read(ref, live)).toEqual(active)
    await clock.advance(15_000)
    expect(await backend.read(ref, live)).toEqual({
      status: 'complete',
      rawStatus: 'COMPLETE',
      result: `The spec.${REPORT}{"pages":3},"metrics":{"duration_seconds":60}}\n\`\`\``,
      pullRequests: [],
      at: START + 60_000,
    })
  })

  it.each([
    ['its script', { durationMs: 500 }, 9_000, 1, 500],
    ['its script, though it is 0', { durationMs: 0 }, 9_000, 1, 0],
    ['its estimate', undefined, 9_000, 1, 9_000],
    ['one second', undefined, undefined, 1, 1_000],
    ['one second where the script makes no sense', { durationMs: 'long' }, undefined, 1, 1_000],
    ['its estimate divided by the speed', undefined, 9_000, 60, 150],
    ['its estimate when the speed makes no sense', undefined, 9_000, 0, 9_000],
  ])('lasts %s', async (_, simulate, estimateMs, speed, lasts) => {
    const { backend } = setUp({ speed })
    const ref = await backend.create(order(simulate, estimateMs === undefined ? {} : { estimateMs }), live)
    expect(ref.extra).toEqual({ startedAt: START, endsAt: START + lasts, outcome: 'complete' })
  })

  it.each([
    ['error', 'failed', 'ERROR'],
    ['timeout', 'failed', 'TIMEOUT'],
    ['max-iterations', 'failed', 'MAX_ITERATIONS_REACHED'],
    ['out-of-tokens', 'failed', 'OUT_OF_TOKENS'],
    ['cancelled', 'cancelled', 'CANCELLED'],
    ['paused', 'paused', 'PAUSED'],
  ])('that is scripted to end as %s is then %s', async (outcome, status, rawStatus) => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ outcome }), live)
    await clock.advance(1_000)
    const state = await backend.read(ref, live)
    expect([state.status, state.rawStatus, state.result]).toEqual([status, rawStatus, undefined])
  })

  it('that never ends stays active and arms no timer', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ outcome: 'never' }), live)
    void backend.follow(ref, () => undefined, live)
    await clock.advance(86_400_000)
    expect((await backend.read(ref, live)).status).toEqual('active')
    expect(clock.pending()).toEqual(0)
  })

  it('fails in its first attempts as scripted, with an error in its log', async () => {
    const { clock, backend } = setUp()
    const script = { failures: 2, durationMs: 30_000, logs: ['reads', 'writes'] }
    const key = (attempt: number) => ({ key: { run: 'run_1', task: 'spec', attempt } })
    const refs = await Promise.all([1, 2, 3].map((attempt) => backend.create(order(script, key(attempt)), live)))
    await clock.advance(30_000)
    const states = await Promise.all(refs.map((ref) => backend.read(ref, live)))
    expect(states.map(({ status }) => status)).toEqual(['failed', 'failed', 'complete'])
    const logs = await Promise.all(refs.slice(1).map((ref) => backend.logs?.(ref, 10, live)))
    const lines = [
      { at: START + 10_000, type: 'ACTION', text: 'reads' },
      { at: START + 20_000, type: 'ACTION', text: 'writes' },
    ]
    const error = { at: START + 30_000, type: 'ERROR', text: 'The simulated agent failed.' }
    expect(logs).toEqual([[...lines, error], lines])
  })

  it('fails at the given rate, always the same attempts for a seed', async () => {
    const { backend, restart } = setUp({ failureRate: 0.2 })
    const outcomes = async (of: typeof backend) =>
      Promise.all(
        Array.from({ length: 1_000 }, async (_, i) => {
          const ref = await of.create(order(undefined, { key: { run: 'run_1', task: `t${i}`, attempt: 1 } }), live)
          return ref.extra?.['outcome']
        }),
      )
    const first = await outcomes(backend)
    expect(await outcomes(restart())).toEqual(first)
    const failed = first.filter((outcome) => outcome === 'error').length
    expect(failed).toBeGreaterThan(150)
    expect(failed).toBeLessThan(250)
  })

  it('reports that it failed, or reports nothing, when scripted so', async () => {
    const { clock, backend } = setUp()
    const key = { run: 'run_1', task: 'other', attempt: 1 }
    const failed = await backend.create(order({ report: 'failed', result: 'No.' }), live)
    const none = await backend.create(order({ report: 'none', result: 'Prose only.' }, { key }), live)
    await clock.advance(1_000)
    expect((await backend.read(failed, live)).result).toEqual(
      'No.\n\n```json\n{"status":"failed","task_id":"spec","turn":1,"result":{"summary":"No."},"metrics":{"duration_seconds":1}}\n```',
    )
    expect((await backend.read(none, live)).result).toEqual('Prose only.')
  })

  it('says what it used when a turn ends, whatever its end, and after a restart', async () => {
    const { clock, backend, restart } = setUp()
    const script = { durationMs: 1_000, cost: 0.25, tokens: 120 }
    const ref = await backend.create(order(script), live)
    const failing = await backend.create(order({ ...script, outcome: 'error' }, { key: { ...KEY, attempt: 2 } }), live)
    const stopped = await backend.create(order({ ...script, durationMs: 9_000 }, { key: { ...KEY, attempt: 3 } }), live)
    const plain = await backend.create(order({}, { key: { ...KEY, attempt: 4 } }), live)
    expect((await backend.read(ref, live)).usage).toBe(undefined)
    await clock.advance(1_000)
    await backend.cancel?.(stopped, live)
    const usage = { cost: 0.25, tokens: 120 }
    expect((await backend.read(ref, live)).usage).toEqual(usage)
    expect((await backend.read(failing, live)).usage).toEqual(usage)
    expect((await backend.read(stopped, live)).usage).toEqual(usage)
    expect((await restart().read(stored(ref), live)).usage).toEqual(usage)
    expect((await backend.read(plain, live)).usage).toBe(undefined)
  })

  it('names the pull requests it opened', async () => {
    const { clock, backend } = setUp()
    const key = { run: 'run_1', task: 'execute[2]', attempt: 1 }
    const ref = await backend.create(order({ pullRequests: 1 }, { key }), live)
    await clock.advance(1_000)
    expect((await backend.read(ref, live)).pullRequests).toEqual([
      {
        url: 'https://simulated.invalid/pull/run_1%2Fexecute%5B2%5D%2F1/1',
        title: 'execute[2] (1 of 1)',
        branch: 'troupe/execute.2/1',
      },
    ])
  })

  it('is created once for a key, and found by it', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order(), live)
    await clock.advance(500)
    expect(await backend.create(order(), live)).toEqual(ref)
    expect(await backend.find(order().key, 0, live)).toEqual({ kind: 'found', ref, others: [] })
    expect(await backend.find({ ...order().key, attempt: 2 }, 0, live)).toEqual({ kind: 'absent' })
  })

  it('is forgotten when it has ended and ten thousand others came after it, but not while it is at work', async () => {
    const { clock, backend } = setUp()
    const key = (task: string) => ({ key: { run: 'run_1', task, attempt: 1 } })
    const ended = order({ durationMs: 0 }, key('ended'))
    const working = order({ outcome: 'never' }, key('working'))
    await backend.create(ended, live)
    await backend.create(working, live)
    for (let i = 0; i < 10_000; i++) await backend.create(order({ durationMs: 0 }, key(`t${i}`)), live)
    expect((await backend.find(ended.key, 0, live)).kind).toEqual('absent')
    expect((await backend.find(working.key, 0, live)).kind).toEqual('found')
    expect(clock.pending()).toEqual(0)
  })

  it('is not created for an aborted call', async () => {
    const { backend } = setUp()
    const created = backend.create(order(), AbortSignal.abort(new Error('stopped')))
    await expect(created).rejects.toThrow('stopped')
    expect(await backend.find(order().key, 0, live)).toEqual({ kind: 'absent' })
  })

  it('is refused with a clear word when its ref is that of another backend', async () => {
    const { backend } = setUp()
    const read = backend.read({ backend: 'codegen', id: '17' }, live)
    await expect(read).rejects.toThrow("'17' is not an agent run of the simulated backend.")
  })
})

describe('following a simulated agent run', () => {
  it('hints at the end by one timer, and ends when it is aborted', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ durationMs: 5_000 }), live)
    const abort = new AbortController()
    const hints: number[] = []
    const following = backend.follow(ref, () => hints.push(clock.now() - START), abort.signal)
    expect(clock.pending()).toEqual(1)
    await clock.advance(60_000)
    expect(hints).toEqual([5_000])
    abort.abort()
    await following
    expect(clock.pending()).toEqual(0)
  })

  it('hints at once when the run has ended, and leaves no timer when aborted before the end', async () => {
    const { clock, backend } = setUp()
    const ended = await backend.create(order({ durationMs: 0 }), live)
    const hints: string[] = []
    void backend.follow(ended, () => hints.push('ended'), live)
    expect(hints).toEqual(['ended'])
    const abort = new AbortController()
    const key = { run: 'run_1', task: 'long', attempt: 1 }
    const long = await backend.create(order({ durationMs: 5_000 }, { key }), live)
    const following = backend.follow(long, () => hints.push('long'), abort.signal)
    abort.abort()
    await following
    await backend.follow(long, () => hints.push('aborted'), AbortSignal.abort())
    await clock.advance(60_000)
    expect(hints).toEqual(['ended'])
  })

  it('hints when the run is cancelled, and leaves no timer after a close', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ durationMs: 5_000 }), live)
    const hints: number[] = []
    void backend.follow(ref, () => hints.push(clock.now() - START), live)
    await clock.advance(2_000)
    await backend.cancel?.(ref, live)
    await backend.cancel?.(ref, live)
    expect(hints.at(-1)).toEqual(2_000)
    expect((await backend.read(ref, live)).status).toEqual('cancelled')
    const key = { run: 'run_1', task: 'long', attempt: 1 }
    void backend.follow(await backend.create(order({}, { key }), live), () => undefined, live)
    await backend.close()
    expect(clock.pending()).toEqual(0)
  })

  it('does not cancel what has ended', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order(), live)
    await clock.advance(1_000)
    await backend.cancel?.(ref, live)
    expect((await backend.read(ref, live)).status).toEqual('complete')
  })
})

describe('turns of a simulated agent run', () => {
  it('begin with a prompt, last as long as the first, and echo their number', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ durationMs: 4_000, outcome: 'paused', result: 'Go on.' }), live)
    await clock.advance(10_000)
    const turn = (number: number) => backend.findTurn(ref, { key: order().key, turn: number }, live)
    const hints: number[] = []
    void backend.follow(ref, () => hints.push(clock.now() - START), live)
    expect(await turn(2)).toEqual('absent')
    await backend.prompt(ref, { turn: 2, text: 'yes' }, live)
    await backend.prompt(ref, { turn: 2, text: 'yes' }, live)
    expect([await turn(1), await turn(2), await turn(3)]).toEqual(['answered', 'seen', 'absent'])
    expect((await backend.read(ref, live)).status).toEqual('active')
    await clock.advance(4_000)
    expect(await turn(2)).toEqual('answered')
    expect((await backend.read(ref, live)).result).toEqual(
      'Go on.\n\n```json\n{"status":"completed","task_id":"spec","turn":2,"result":{"summary":"Go on."},"metrics":{"duration_seconds":4}}\n```',
    )
    expect(hints).toEqual([10_000, 10_000, 14_000])
  })

  it('wait for the turn before that is still at work', async () => {
    const { clock, backend } = setUp()
    const ref = await backend.create(order({ durationMs: 4_000 }), live)
    await clock.advance(1_000)
    await backend.prompt(ref, { turn: 2, text: 'and more' }, live)
    await clock.advance(6_999)
    expect((await backend.read(ref, live)).status).toEqual('active')
    await clock.advance(1)
    expect((await backend.read(ref, live)).status).toEqual('complete')
  })

  it('are refused by a cancelled run', async () => {
    const { backend } = setUp()
    const ref = await backend.create(order(), live)
    await backend.cancel?.(ref, live)
    await expect(backend.prompt(ref, { turn: 2, text: 'go on' }, live)).rejects.toThrow('takes no prompt')
  })
})

describe('a simulated agent run after a restart', () => {
  it('is answered for by its ref alone', async () => {
    const { clock, backend, restart } = setUp()
    const ref = await backend.create(order({ durationMs: 60_000, result: 'R', report: 'none' }), live)
    await clock.advance(30_000)
    const after = restart()
    const hints: number[] = []
    void after.follow(stored(ref), () => hints.push(clock.now() - START), live)
    expect(await after.read(stored(ref), live)).toEqual(await backend.read(ref, live))
    await clock.advance(30_000)
    expect(await after.read(stored(ref), live)).toEqual(await backend.read(ref, live))
    expect(hints).toEqual([60_000])
  })

  it('has answered each turn that is asked for, and echoes no number that would deny it', async () => {
    const { clock, backend, restart } = setUp()
    const ref = await backend.create(order({ result: 'R' }), live)
    await clock.advance(1_000)
    await backend.prompt(ref, { turn: 2, text: 'more' }, live)
    const after = restart()
    expect(await after.findTurn(stored(ref), { key: order().key, turn: 2 }, live)).toEqual('answered')
    expect((await after.read(stored(ref), live)).result).toEqual(
      'R\n\n```json\n{"status":"completed","task_id":"spec","result":{"summary":"R"},"metrics":{"duration_seconds":1}}\n```',
    )
    await after.prompt(stored(ref), { turn: 3, text: 'and more' }, live)
    expect((await after.read(stored(ref), live)).status).toEqual('active')
  })

  it('that was asked to be created and is not known begins anew', async () => {
    const { clock, backend, restart } = setUp()
    const ref = await backend.create(order(), live)
    await clock.advance(5_000)
    expect(await restart().create(order(), live)).toEqual({
      ...ref,
      createdAt: START + 5_000,
      extra: { startedAt: START + 5_000, endsAt: START + 6_000, outcome: 'complete' },
    })
  })
})
