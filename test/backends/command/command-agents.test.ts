import { describe, expect, it } from 'vitest'
import { COMMAND_PRESETS, commandAgent } from '../../../src/backends/command/command-agents.ts'
import { realClock } from '../../../src/host/clock.ts'
import { talkTo } from './fake-agent.ts'

const signal = new AbortController().signal

describe('agents that are command lines', () => {
  it('are presets without a description', () => {
    expect(Object.keys(COMMAND_PRESETS)).toEqual(['claude', 'codex'])
    expect(commandAgent('claude', undefined)).toMatchObject({
      id: 'command:claude',
      abilities: { steer: true, resume: true, usage: true },
    })
    expect(commandAgent('codex', undefined)).toMatchObject({
      id: 'command:codex',
      abilities: { steer: false, resume: true, usage: true },
    })
  })

  it('are none where nothing says what is started', () => {
    expect(commandAgent('mine', undefined)).toBeUndefined()
    expect(commandAgent('mine', { args: ['x'] })).toBeUndefined()
    expect(commandAgent('constructor', undefined)).toBeUndefined()
  })

  it('of a preset are changed by what a description says, and by nothing else', () => {
    const plain = commandAgent('claude', undefined)
    const changed = commandAgent('claude', { env: ['MY_KEY'], set: { A: 'b' }, memoryMb: 1_000, home: 'private' })
    expect(changed).toEqual({
      ...plain,
      env: [...(plain?.env ?? []), 'MY_KEY'],
      set: { ...plain?.set, A: 'b' },
      memoryMb: 1_000,
      home: 'private',
      findProgram: expect.any(Function),
      locate: expect.any(Function),
      converse: expect.any(Function),
    })
  })

  it('of a preset’s name are their own when they say their arguments', () => {
    expect(commandAgent('claude', { args: ['-p', '{prompt}'], prompt: 'argument' })).toMatchObject({
      abilities: { steer: false, resume: false, usage: false, images: false },
      env: [],
      set: {},
    })
  })

  it('are found with their version', async () => {
    const { agent, program } = talkTo('mine', `say(args.join() + ' 1.2.3')`, { described: { version: ['version'] } })
    const located = await agent.locate({ PATH: process.env['PATH'] ?? '' }, signal, realClock)
    expect(located).toEqual({ path: program, version: 'version 1.2.3' })
  })

  it('that are not installed are refused, with how to install them', async () => {
    const env = { PATH: '/nowhere' }
    await expect(commandAgent('claude', undefined)?.locate(env, signal, realClock)).rejects.toMatchObject({
      kind: 'refused',
      message:
        "The program 'claude' of Claude Code was not found. Install it with npm install -g @anthropic-ai/claude-code, run claude once to log in, or set ANTHROPIC_API_KEY.",
    })
    const mine = commandAgent('mine', { program: 'my-agent' })
    await expect(mine?.locate(env, signal, realClock)).rejects.toMatchObject({
      message: "The program 'my-agent' of mine was not found. Install it, or correct 'program' of the agent mine.",
    })
  })

  it('that are not installed cannot be talked to, and fail a turn', async () => {
    const { conversation } = talkTo('mine', '', { lost: true })
    const refusal = {
      kind: 'refused',
      message:
        "The program '/nowhere/agent' of mine was not found. Install it, or correct 'program' of the agent mine.",
      retryable: false,
    }
    await expect(conversation.open(signal)).rejects.toMatchObject(refusal)
    expect(await conversation.turn('x')).toEqual({ kind: 'failed', failure: refusal, text: '' })
  })
})
