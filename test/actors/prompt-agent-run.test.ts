import { describe, expect, it } from 'vitest'
import { promptAgentRun } from '../../src/actors/prompt-agent-run.ts'
import type { PromptInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

type Seen = 'answered' | 'seen' | 'absent' | 'unknown'
const message = { kind: 'news', toldUpTo: 10, upTo: 20, final: false } as const
const INPUT: PromptInput = { task: 'manager', attempt: 1, ref: REF, turn: 3, message }
const LOST = backendError('timeout', { certain: false })

function prompt(
  script: { sends: readonly (null | Error)[]; turns?: readonly (Seen | Error)[]; message?: PromptInput['message'] },
  restarted = false,
) {
  const sent: string[] = []
  const send = inTurn<null>(...script.sends)
  const backend = scriptedBackend({
    prompt: async (_ref, { turn, text }) => {
      sent.push(`${turn}: ${text}`)
      await send()
    },
    steer: async (_ref, { turn, text }) => {
      sent.push(`in ${turn}: ${text}`)
      await send()
      return 'injected'
    },
    findTurn: inTurn<Seen>(...(script.turns ?? [])),
    graceMs: 10_000,
  })
  const run = scriptedContext(backend)
  return {
    run,
    backend,
    sent,
    prompting: start(promptAgentRun(run), { ...INPUT, message: script.message ?? message }, restarted),
  }
}

describe('a turn', () => {
  it('is sent at once, under its number', async () => {
    const { run, sent, prompting } = prompt({ sends: [null] })
    await run.clock.advance(0)
    expect([prompting.outcome(), sent]).toEqual([{ output: { certain: true } }, ['3: turn 3']])
  })

  it('is looked up before it is sent again after a restart', async () => {
    const { run, sent, prompting } = prompt({ sends: [null], turns: ['seen'] }, true)
    await run.clock.advance(0)
    expect([prompting.outcome(), sent]).toEqual([{ output: { certain: true } }, []])
  })

  it('of unknown outcome is not sent again when it arrived', async () => {
    const { run, sent, prompting } = prompt({ sends: [LOST], turns: ['absent', 'unknown', 'answered'] })
    await run.clock.advance(10_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: true } }, 1])
  })

  it.each([
    ['after the grace time when it is absent', 'absent', 10_000],
    ['after six looks in vain when nobody can tell', 'unknown', 25_000],
    ['after six looks in vain when its log cannot be read', backendError('unreachable'), 25_000],
  ] as const)('of unknown outcome is sent again under the same number, %s', async (_, seen, after) => {
    const { run, sent, prompting } = prompt({ sends: [LOST, null], turns: [seen] })
    await run.clock.advance(after - 1)
    expect(sent).toEqual(['3: turn 3'])
    await run.clock.advance(1)
    expect([prompting.outcome(), sent]).toEqual([{ output: { certain: true } }, ['3: turn 3', '3: turn 3']])
  })

  it('of unknown outcome is not sent again because the last look in the grace time was in vain', async () => {
    const turns = ['unknown', 'unknown', 'unknown', 'unknown', 'seen'] as const
    const { run, sent, prompting } = prompt({ sends: [LOST, null], turns })
    await run.clock.advance(60_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: true } }, 1])
  })

  it.each([
    ['when nobody can tell', 'unknown'],
    ['when its log cannot be read', backendError('unreachable')],
  ] as const)('of unknown outcome again and again is sent twice at most %s: then the watch tells', async (_, seen) => {
    const { run, sent, prompting } = prompt({ sends: [LOST], turns: [seen] })
    await run.clock.advance(600_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: false } }, 2])
  })

  it('that was certainly refused when it was sent again has not been sent twice', async () => {
    const { run, sent, prompting } = prompt({ sends: [LOST, backendError('limit'), null], turns: ['unknown'] })
    await run.clock.advance(600_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: true } }, 3])
  })

  it('that was certainly refused is sent again without a look, later and later', async () => {
    const { run, backend, prompting } = prompt({ sends: [backendError('unreachable'), backendError('limit'), null] })
    await run.clock.advance(2_000)
    expect(prompting.outcome()).toBe(undefined)
    await run.clock.advance(4_000)
    expect(prompting.outcome()).toEqual({ output: { certain: true } })
    expect(backend.calls).toEqual(['prompt', 'prompt', 'prompt'])
  })

  it('waits as long as the provider asks for', async () => {
    const { run, sent } = prompt({ sends: [backendError('limit', { notBefore: 60_000 }), null] })
    await run.clock.advance(59_999)
    expect(sent.length).toBe(1)
    await run.clock.advance(1)
    expect(sent.length).toBe(2)
  })

  it.each([
    ['cannot be repeated', backendError('refused', { retryable: false }), 1],
    ['fails five times', backendError('unreachable'), 5],
    ['is our own mistake', new TypeError('no text'), 1],
  ])('fails when it %s', async (_, error, sends) => {
    const { run, sent, prompting } = prompt({ sends: [error] })
    await run.clock.advance(600_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ error }, sends])
  })

  it('is not sent when its state was left', async () => {
    const { run, sent, prompting } = prompt({ sends: [backendError('unreachable')] })
    await run.clock.advance(0)
    prompting.abort()
    await run.clock.advance(600_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ error: new Error('The state was left') }, 1])
  })
})

describe('a person’s answer', () => {
  it('is given bare as well, for whoever waits for a yes or no', async () => {
    const given: unknown[] = []
    const backend = scriptedBackend({
      prompt: async (_ref, turn) => {
        given.push(turn)
      },
    })
    const run = scriptedContext(backend)
    start(promptAgentRun(run), { ...INPUT, message: { kind: 'answer', text: 'yes' } })
    start(promptAgentRun(run), { ...INPUT, message: { kind: 'steer', text: 'yes' } })
    await run.clock.advance(0)
    expect(given).toEqual([
      { turn: 3, text: 'turn 3', answer: 'yes' },
      { turn: 3, text: 'turn 3' },
    ])
  })
})

describe('what a person says unasked', () => {
  const steer = { kind: 'steer', text: 'Mind the tests' } as const

  it.each([
    ['it is absent', 'absent'],
    ['nobody can tell', 'unknown'],
    ['its log cannot be read', backendError('unreachable')],
  ] as const)('is not sent again once it may have left, though %s', async (_, seen) => {
    for (const restarted of [false, true]) {
      const sends = restarted ? [null] : [LOST, null]
      const { run, sent, prompting } = prompt({ sends, turns: [seen], message: steer }, restarted)
      await run.clock.advance(600_000)
      expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: false } }, restarted ? 0 : 1])
    }
  })

  it('has arrived where it is found', async () => {
    const { run, sent, prompting } = prompt({ sends: [LOST], turns: ['absent', 'seen'], message: steer })
    await run.clock.advance(10_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: true } }, 1])
  })

  it('is sent again after it was certainly refused', async () => {
    const { run, sent, prompting } = prompt({ sends: [backendError('limit'), null], message: steer })
    await run.clock.advance(600_000)
    expect([prompting.outcome(), sent.length]).toEqual([{ output: { certain: true } }, 2])
  })

  it('was not said where the turn under way had ended', async () => {
    const backend = scriptedBackend({ steer: async () => 'no-turn' })
    const run = scriptedContext(backend)
    const prompting = start(promptAgentRun(run), { ...INPUT, message: { ...steer, inTurn: true } })
    await run.clock.advance(0)
    expect(prompting.outcome()).toEqual({ output: { certain: true, noTurn: true } })
  })

  it('goes to an agent at work in the turn under way, and leaves no mark to look for', async () => {
    const first = prompt({ sends: [null], message: { ...steer, inTurn: true } })
    await first.run.clock.advance(0)
    expect([first.prompting.outcome(), first.sent]).toEqual([{ output: { certain: true } }, ['in 3: turn 3']])
    const second = prompt({ sends: [LOST], message: { ...steer, inTurn: true } })
    await second.run.clock.advance(600_000)
    expect([second.prompting.outcome(), second.sent.length]).toEqual([{ output: { certain: false } }, 1])
  })
})
