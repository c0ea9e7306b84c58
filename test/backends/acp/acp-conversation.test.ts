import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BackendError } from '../../../src/domain/errors.ts'
import { play } from '../../support/acp-agent/script.ts'
import { converse, UNHURRIED } from './conversation-world.ts'

const FENCED = 'Done.\n```json\n{"status":"completed"}\n```'

describe('a turn over the Agent Client Protocol', () => {
  it('ends complete with the last message, and tells everything on the way in order', async () => {
    const { conversation, seen, told, cwd } = await converse()
    await conversation.open(UNHURRIED)
    const write = { path: 'a.txt', text: 'hello' }
    const end = await conversation.turn(
      play(
        { think: 'hm' },
        { say: 'I write it.' },
        { tool: { id: 't1', title: 'Write a.txt', kind: 'edit', write } },
        { say: 'Done.\n```json\n' },
        { say: '{"status":"completed"}\n```' },
      ),
    )
    expect(end).toEqual({ kind: 'complete', text: FENCED, reason: 'end_turn' })
    expect(told).toEqual(['process 4242', 'session-1'])
    expect(seen).toEqual([
      { kind: 'note', text: 'its session is ready' },
      { kind: 'thought', text: 'hm' },
      { kind: 'text', text: 'I write it.' },
      { kind: 'tool', id: 't1', title: 'Write a.txt', status: 'started' },
      { kind: 'tool', id: 't1', title: 'Write a.txt', status: 'completed' },
      { kind: 'text', text: 'Done.\n```json\n' },
      { kind: 'text', text: '{"status":"completed"}\n```' },
    ])
    expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe('hello')
  })

  it('keeps what was said before the last tool when nothing was said after it', async () => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    const tool = { id: 't1', title: 'look', kind: 'read' }
    expect(await conversation.turn(play({ say: FENCED }, { tool }))).toMatchObject({ text: FENCED })
  })

  it('keeps one process and one session over its turns, and tells of each turn what that turn used', async () => {
    const { conversation, agents } = await converse()
    await conversation.open(UNHURRIED)
    const first = await conversation.turn(play({ cost: 0.25 }, { usage: { totalTokens: 1000 } }, { recall: true }))
    const second = await conversation.turn(
      play({ cost: 0.75 }, { usage: { inputTokens: 20, outputTokens: 3, cachedReadTokens: 7 } }, { recall: true }),
    )
    const third = await conversation.turn(play({ recall: true }))
    const recalled = (turns: number) => JSON.stringify({ turns, steers: [], mode: 'default' })
    expect([first, second, third]).toEqual([
      { kind: 'complete', reason: 'end_turn', text: recalled(1), usage: { cost: 0.25, tokens: 1000 } },
      { kind: 'complete', reason: 'end_turn', text: recalled(2), usage: { cost: 0.5, tokens: 30 } },
      { kind: 'complete', reason: 'end_turn', text: recalled(3) },
    ])
    expect(agents).toHaveLength(1)
  })

  it('tells plans, modes, notices and limits, and nothing of kinds that it does not know', async () => {
    const { conversation, seen } = await converse()
    await conversation.open(UNHURRIED)
    const limit = (status: string) => ({
      update: {
        sessionUpdate: 'usage_update',
        used: 1,
        size: 2,
        _meta: { '_claude/rateLimit': { status, resetsAt: 1_800_000_000, rateLimitType: 'five_hour' } },
      },
    })
    await conversation.turn(
      play(
        { update: { sessionUpdate: 'plan', entries: [{ content: 'look', status: 'completed', priority: 'low' }] } },
        { update: { sessionUpdate: 'current_mode_update', currentModeId: 'plan' } },
        { update: { sessionUpdate: 'notice', severity: 'info', title: 'New', description: 'version' } },
        { update: { sessionUpdate: 'out_of_the_blue', content: { text: 'boo' } } },
        { update: { sessionUpdate: 'tool_call', toolCallId: 7 } },
        { update: {} },
        limit('allowed'),
        limit('allowed_warning'),
        limit('rejected'),
      ),
    )
    expect(seen.slice(1)).toEqual([
      { kind: 'note', text: 'plan: [completed] look' },
      { kind: 'note', text: 'mode: plan' },
      { kind: 'note', text: 'New: version' },
      { kind: 'tool', id: '', title: 'other', status: 'started' },
      { kind: 'note', text: 'its five hour limit is nearly reached' },
      { kind: 'limit', until: 1_800_000_000_000, message: 'its five hour limit is reached' },
    ])
  })

  it('takes messages of any size whole, and tells the beginning of each', async () => {
    const { conversation, seen } = await converse()
    await conversation.open(UNHURRIED)
    const text = 'x'.repeat(1_500_000)
    const end = await conversation.turn(play({ say: text }, { say: text }))
    expect(end).toEqual({ kind: 'complete', reason: 'end_turn', text: `${text}${text}` })
    expect(seen.map((one) => ('text' in one ? one.text.length : 0))).toEqual([20, 4_000, 4_000])
  })

  it('reaches the model as words where it begins with a slash, and is no command to the program', async () => {
    const { conversation, agents } = await converse({ settings: { steer: true } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(`/clear this.\n${play({ awaitSteer: true })}`)
    expect(await conversation.steer('/help')).toBe('injected')
    await turn
    const prompts = agents[0]?.heard.flatMap(({ params }) => {
      const { prompt = [] } = params as { readonly prompt?: readonly { readonly text: string }[] }
      return prompt.map(({ text }) => text.slice(0, 7))
    })
    expect(prompts).toEqual(['\n/clear', '\n/help'])
  })

  it.each([
    ['max_tokens', 'acp:scripted used up the tokens that one turn may take', true],
    ['max_turn_requests', 'acp:scripted used up the steps that one turn may take', true],
    ['refusal', 'acp:scripted refused to go on: its model declines what it is asked', false],
    ['cancelled', 'acp:scripted cancelled its turn by itself', true],
  ])('fails when it stops for %s', async (stop, message, retryable) => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ say: 'half' }, { stop }))).toEqual({
      kind: 'failed',
      text: 'half',
      failure: { kind: 'agent-failed', message, retryable },
    })
  })
})

describe('a prompt that is answered with an error', () => {
  const cases = [
    ['a rate limit of claude', -32603, { errorKind: 'rate_limit' }, 'limit', true],
    ['an overloaded provider of claude', -32603, { errorKind: 'overloaded' }, 'unreachable', true],
    ['an unpaid bill of claude', -32603, { errorKind: 'billing_error' }, 'quota', false],
    ['a usage limit of codex', -32603, { message: 'no', codexErrorInfo: 'usageLimitExceeded' }, 'quota', false],
    [
      'a 429 of codex',
      -32603,
      { message: 'no', codexErrorInfo: { responseTooManyFailedAttempts: { httpStatusCode: 429 } } },
      'limit',
      true,
    ],
    [
      'a cut stream of codex',
      -32603,
      { message: 'no', codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: null } } },
      'unreachable',
      true,
    ],
    ['an unknown session', -32002, undefined, 'not-found', false],
    ['anything else', -32603, undefined, 'agent-failed', true],
  ] as const
  it.each(cases)('fails as what it is: %s', async (_, code, data, kind, retryable) => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    const error = { code, message: 'no', ...(data === undefined ? {} : { data }) }
    expect(await conversation.turn(play({ error }))).toEqual({
      kind: 'failed',
      text: '',
      failure: { kind, message: 'acp:scripted: no', retryable },
    })
  })

  it('says how to log in where that is what is missing', async () => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    const end = await conversation.turn(play({ error: { code: -32000, message: 'Authentication required' } }))
    const message = "acp:scripted is not logged in (Authentication required). Run 'scripted login'."
    expect(end).toEqual({ kind: 'failed', text: '', failure: { kind: 'auth', message, retryable: false } })
  })

  it('says that its provider was not reached, where the system says so and the agent has no word for it', async () => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    const message = 'Internal error: API Error: Unable to connect to API (ECONNRESET)'
    const fail = (errorKind: string) =>
      conversation.turn(play({ error: { code: -32603, message, data: { errorKind } } }))
    expect([await fail('unknown'), await fail('invalid_request')]).toMatchObject([
      { failure: { kind: 'unreachable', message: `acp:scripted: ${message}`, retryable: true } },
      { failure: { kind: 'invalid', retryable: false } },
    ])
  })

  it('waits for the end of a limit that its provider has told', async () => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    const limit = { status: 'rejected', resetsAt: 1_800_000_000, rateLimitType: 'five_hour' }
    const update = { sessionUpdate: 'usage_update', used: 1, size: 2, _meta: { '_claude/rateLimit': limit } }
    const error = { code: -32603, message: 'API Error: 429', data: { errorKind: 'rate_limit' } }
    expect(await conversation.turn(play({ update }, { error }))).toMatchObject({
      failure: { kind: 'limit', retryable: true, notBefore: 1_800_000_000_000 },
    })
  })
})

describe('an agent that ends in the middle', () => {
  it('makes its turn fail as crashed, and goes on with its session in the next turn', async () => {
    const { conversation, agents, told, heard } = await converse({ settings: { resume: true } })
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ say: 'well' }, { die: 9 }))).toEqual({
      kind: 'failed',
      text: 'well',
      failure: {
        kind: 'crashed',
        message: 'acp:scripted ended with code 9 during session/prompt.',
        retryable: true,
      },
    })
    // Its sessions were in its memory alone.
    expect(await conversation.turn(play({ say: 'again' }))).toMatchObject({ kind: 'complete', text: 'again' })
    expect(agents).toHaveLength(2)
    expect(heard()).toEqual(['initialize', 'session/resume', 'session/new', 'session/prompt'])
    expect(told).toEqual(['process 4242', 'session-1', 'process 4242', 'session-1'])
  })

  it('leaves lines alone that are no messages', async () => {
    const { conversation, seen } = await converse()
    await conversation.open(UNHURRIED)
    const stray = JSON.stringify({ jsonrpc: '2.0', id: 99, result: {} })
    const end = await conversation.turn(
      play({ print: 'Warning: old' }, { print: stray }, { print: '[1]' }, { say: 'ok' }),
    )
    expect(end).toEqual({ kind: 'complete', text: 'ok', reason: 'end_turn' })
    expect(seen.slice(1, 4)).toEqual([
      { kind: 'note', text: 'it printed: Warning: old' },
      { kind: 'note', text: `it printed: ${stray}` },
      { kind: 'note', text: 'it printed: [1]' },
    ])
  })
})

describe('what is added to a turn', () => {
  it('reaches the agent at work, in the same turn', async () => {
    const { conversation, heard, until } = await converse({ settings: { steer: true } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ awaitSteer: true }, { recall: true }))
    await until(() => heard().includes('session/prompt'))
    expect(await conversation.steer('and be quick')).toBe('injected')
    expect(await turn).toMatchObject({ text: '{"turns":1,"steers":["and be quick"],"mode":"default"}' })
    expect(heard().filter((method) => method === 'session/prompt')).toHaveLength(1)
  })

  it('is for the next turn when none is under way', async () => {
    const { conversation, heard } = await converse({ settings: { steer: true } })
    await conversation.open(UNHURRIED)
    await conversation.turn(play({ say: 'done' }))
    expect(await conversation.steer('and be quick')).toBe('no-turn')
    expect(heard()).not.toContain('_session/steering')
  })

  it('is sent to an agent that is known to take it though it does not say so', async () => {
    const { conversation, heard, until } = await converse({ settings: { steer: 'unsaid' } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ awaitSteer: true }))
    await until(() => heard().includes('session/prompt'))
    expect(await conversation.steer('go')).toBe('injected')
    await turn
  })

  it('is for the next turn with an agent that turns out not to take it, and is never sent as a second prompt', async () => {
    const { conversation, heard, until } = await converse()
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ hang: 'model' }))
    await until(() => heard().includes('session/prompt'))
    expect([await conversation.steer('go'), await conversation.steer('go')]).toEqual(['no-turn', 'no-turn'])
    expect(heard()).toEqual(['initialize', 'session/new', 'session/prompt', '_session/steering'])
    await conversation.stop()
    await turn
  })

  it('is in doubt when nobody answers it', async () => {
    const settings = { steer: true, hangsIn: '_session/steering' }
    const { conversation, heard, until, clock } = await converse({ settings })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ hang: 'model' }))
    await until(() => heard().includes('session/prompt'))
    const told = conversation.steer('go').catch((error: unknown) => error)
    await until(() => heard().includes('_session/steering'))
    await clock.advance(30_000)
    const error = await told
    expect(error).toBeInstanceOf(BackendError)
    expect(error).toMatchObject({ kind: 'unknown-outcome', certain: false })
    await conversation.stop()
    await turn
  })
})

describe('stopping', () => {
  it('cancels a turn in a tool, and the tool is gone', async () => {
    const { conversation, heard, seen, until, agents } = await converse()
    await conversation.open(UNHURRIED)
    const tool = { id: 't1', title: 'sleep', kind: 'execute', run: ['sleep', '321'] } as const
    const turn = conversation.turn(play({ say: 'I wait.' }, { tool }))
    await until(() => seen.some(({ kind }) => kind === 'tool'))
    await conversation.stop()
    expect(await turn).toEqual({ kind: 'stopped', text: 'I wait.' })
    expect(heard()).toContain('session/cancel')
    expect(agents.map((agent) => agent.isEnded())).toEqual([true])
  })

  it('cancels a turn whose model does not answer', async () => {
    const { conversation, heard, until } = await converse()
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ hang: 'model' }))
    await until(() => heard().includes('session/prompt'))
    await Promise.all([conversation.stop(), conversation.stop()])
    expect(await turn).toEqual({ kind: 'stopped', text: '' })
  })

  it('waits 5 s for a turn that cannot be cancelled, and ends the agent then', async () => {
    const { conversation, heard, until, clock, agents } = await converse()
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ hang: 'stubborn' }))
    await until(() => heard().includes('session/prompt'))
    const stopping = conversation.stop()
    await until(() => heard().includes('session/cancel'))
    expect(agents[0]?.isEnded()).toBe(false)
    await clock.advance(5_000)
    await stopping
    expect(await turn).toEqual({ kind: 'stopped', text: '' })
    expect(agents[0]?.isEnded()).toBe(true)
  })

  it('ends an agent that is being opened, and leaves nothing', async () => {
    const { conversation, heard, until, agents } = await converse({ settings: { hangsIn: 'session/new' } })
    const opening = conversation.open(UNHURRIED).catch((error: unknown) => error)
    await until(() => heard().includes('session/new'))
    await conversation.stop()
    expect(await opening).toMatchObject({ message: 'The conversation was stopped' })
    expect(agents.map((agent) => agent.isEnded())).toEqual([true])
  })

  it('is safe before anything was started, and nothing starts after it', async () => {
    const { conversation, agents } = await converse()
    await conversation.stop()
    await expect(conversation.open(UNHURRIED)).rejects.toThrow('The conversation was stopped')
    expect(await conversation.turn('go')).toEqual({ kind: 'stopped', text: '' })
    expect(agents).toEqual([])
  })
})
