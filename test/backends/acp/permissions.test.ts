import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { play, type ScriptedTool } from '../../support/acp-agent/script.ts'
import { ASK, converse, UNHURRIED } from './conversation-world.ts'

const OUTSIDE: ScriptedTool = { id: 't1', title: 'Write it', kind: 'edit', locations: ['/outside/a'], ask: true }
const INSIDE: ScriptedTool = { ...OUTSIDE, locations: ['a.txt'], write: { path: 'a.txt', text: 'x' } }

describe('a request for permission', () => {
  it('is granted inside the worktree, for this once', async () => {
    const { conversation, agents, cwd, seen } = await converse()
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ tool: INSIDE }, { say: 'done' }))).toMatchObject({ kind: 'complete' })
    await access(join(cwd, 'a.txt'))
    expect(agents[0]?.heard.at(-1)).toEqual({ method: 'permission', params: { outcome: 'selected', optionId: 'once' } })
    expect(seen).toContainEqual({ kind: 'note', text: 'allowed: edit: Write it (a.txt)' })
  })

  it('is refused outside of it, which is seen, and ends nothing', async () => {
    const { conversation, agents, seen } = await converse()
    await conversation.open(UNHURRIED)
    const end = await conversation.turn(play({ tool: OUTSIDE }, { say: 'completed' }))
    expect(end).toEqual({ kind: 'complete', text: 'completed', reason: 'end_turn' })
    expect(agents[0]?.heard.at(-1)).toEqual({ method: 'permission', params: { outcome: 'selected', optionId: 'no' } })
    expect(seen.slice(1)).toEqual([
      { kind: 'tool', id: 't1', title: 'Write it', status: 'started' },
      { kind: 'denied', what: 'edit: Write it (/outside/a)' },
      { kind: 'tool', id: 't1', title: 'Write it', status: 'failed' },
      { kind: 'text', text: 'completed' },
    ])
  })

  it('is judged also when its agent has not told of the call before', async () => {
    const { conversation, seen } = await converse()
    await conversation.open(UNHURRIED)
    await conversation.turn(play({ tool: { ...OUTSIDE, quiet: true } }))
    expect(seen.slice(1)).toEqual([
      { kind: 'denied', what: 'edit: Write it (/outside/a)' },
      { kind: 'tool', id: 't1', title: 'Write it', status: 'failed' },
    ])
  })

  it('is cancelled where no option says what is meant', async () => {
    const { conversation, agents } = await converse()
    await conversation.open(UNHURRIED)
    await conversation.turn(play({ tool: { ...OUTSIDE, ask: [{ optionId: 'x', kind: 'allow_once' }] } }))
    expect(agents[0]?.heard.at(-1)).toEqual({ method: 'permission', params: { outcome: 'cancelled' } })
  })

  it('is put before a person where the workflow says so, and their yes counts', async () => {
    const { conversation, agents, seen, until, clock } = await converse({ options: { permissions: ASK } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ tool: OUTSIDE }))
    await until(() => seen.some(({ kind }) => kind === 'asks'))
    conversation.answer('another', 'reject')
    conversation.answer('permission-1', 'allow')
    conversation.answer('permission-1', 'reject')
    expect(await turn).toMatchObject({ kind: 'complete' })
    expect(agents[0]?.heard.at(-1)).toMatchObject({ params: { optionId: 'once' } })
    expect(seen.filter(({ kind }) => kind === 'asks' || kind === 'denied')).toEqual([
      { kind: 'asks', request: { id: 'permission-1', what: 'edit: Write it (/outside/a)' } },
      { kind: 'asks', request: null },
    ])
    expect(clock.pending()).toBe(0)
  })

  it('is refused when nobody answers in time', async () => {
    const { conversation, seen, until, clock } = await converse({ options: { permissions: ASK } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ tool: OUTSIDE }))
    await until(() => seen.some(({ kind }) => kind === 'asks'))
    await clock.advance(ASK.deadlineMs)
    expect(await turn).toMatchObject({ kind: 'complete' })
    expect(seen).toContainEqual({ kind: 'denied', what: 'edit: Write it (/outside/a): nobody answered in time' })
  })

  it('is cancelled when the turn is stopped', async () => {
    const { conversation, agents, seen, until } = await converse({ options: { permissions: ASK } })
    await conversation.open(UNHURRIED)
    const turn = conversation.turn(play({ tool: OUTSIDE }))
    await until(() => seen.some(({ kind }) => kind === 'asks'))
    await conversation.stop()
    expect(await turn).toEqual({ kind: 'stopped', text: '' })
    expect(agents[0]?.heard).toContainEqual({ method: 'permission', params: { outcome: 'cancelled' } })
    expect(seen).toContainEqual({ kind: 'asks', request: null })
  })

  it('that ends its agent’s turn when it is refused is gone on without, and the turn’s usage is all of it', async () => {
    const { conversation, agents } = await converse()
    await conversation.open(UNHURRIED)
    const end = await conversation.turn(play({ tool: OUTSIDE }, { usage: { totalTokens: 5 } }, { stop: 'cancelled' }))
    expect(end).toEqual({ kind: 'complete', text: 'Nothing to play.', reason: 'end_turn', usage: { tokens: 5 } })
    const prompts = agents[0]?.heard.filter(({ method }) => method === 'session/prompt')
    expect(prompts?.at(-1)?.params).toMatchObject({
      prompt: [{ text: expect.stringContaining('This was refused: edit: Write it (/outside/a)\n') }],
    })
  })
})

describe('a turn that codex answers as if it had ended well', () => {
  const told = (failure: Record<string, unknown>) => ({
    jetbrains: { air: { version: 1, sessionFailure: { severity: 'error', title: 'no', ...failure } } },
  })
  it.each([
    ['limit', ['retry'], 'limit', true],
    ['limit', [], 'quota', false],
    ['limit', ['new_session'], 'agent-failed', true],
    ['service', ['retry'], 'unreachable', true],
    ['connection', ['retry', 'new_session'], 'unreachable', true],
    ['request', [], 'invalid', false],
  ])('has failed by what is told of it: %s %j', async (category, actions, kind, retryable) => {
    const { conversation } = await converse()
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ meta: told({ category, actions }) }))).toEqual({
      kind: 'failed',
      text: '',
      failure: { kind, message: 'acp:scripted: no', retryable },
    })
  })

  it('has not failed by a warning, which is seen', async () => {
    const { conversation, seen } = await converse()
    await conversation.open(UNHURRIED)
    const _meta = told({ severity: 'warning', category: 'limit', title: 'Reconnecting 1/5' })
    const update = { sessionUpdate: 'session_info_update', _meta }
    expect(await conversation.turn(play({ update }, { meta: _meta }))).toMatchObject({ kind: 'complete' })
    expect(seen.at(-1)).toEqual({ kind: 'limit', message: 'Reconnecting 1/5' })
  })
})
