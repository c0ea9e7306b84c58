import { describe, expect, it } from 'vitest'
import type { CommandDescription, JsonLines } from '../../../src/domain/agent-description.ts'
import { lives, talkTo, UUID } from './fake-agent.ts'

function described(description: CommandDescription, script: string, options: Parameters<typeof talkTo>[2] = {}) {
  return talkTo('mine', script, { described: description, ...options })
}

describe('an agent described by somebody', () => {
  it('hears its prompt on stdin, and all that it prints is its answer', async () => {
    const { conversation, seen, sessions, calls, processes } = described(
      { args: ['--quiet'] },
      `const heard = await prompt(); say('thinking', '', 'you said: ' + heard)`,
    )
    expect(await conversation.turn('hello')).toEqual({
      kind: 'complete',
      reason: 'exit',
      text: 'thinking\n\nyou said: hello',
    })
    expect(seen).toEqual([
      { kind: 'text', text: 'thinking' },
      { kind: 'text', text: 'you said: hello' },
    ])
    expect(sessions).toEqual([])
    expect(calls()[0]).toEqual({ args: ['--quiet'] })
    expect(processes.map(lives)).toEqual([false])
  })

  it('is given its prompt as an argument that no shell reads, and nothing in it stands for anything', async () => {
    const { conversation, calls } = described(
      { args: ['run', ['--model', '{model}'], '--id={uuid}', '{prompt}', '{"a":{}}'], prompt: 'argument' },
      `say(String(await heard()))`,
    )
    const prompt = '$(id) {model} "; rm -rf ~\n--help'
    expect(await conversation.turn(prompt)).toMatchObject({ kind: 'complete', text: 'null' })
    expect(calls()[0]).toEqual({ args: ['run', `--id=${UUID}`, prompt, '{"a":{}}'] })
  })

  it('fails, and says so, when its prompt is too long for an argument', async () => {
    const { conversation } = described({ args: ['{prompt}'], prompt: 'argument' }, `say('ok')`)
    const end = await conversation.turn('x'.repeat(3_000_000))
    expect(end).toMatchObject({ kind: 'failed', failure: { kind: 'refused', retryable: false } })
  })

  it('begins anew in each turn when it says nothing of sessions', async () => {
    const { conversation, calls, agent } = described({ args: ['new', '{session}'] }, `await prompt(); say('ok')`, {
      session: 'an earlier one',
    })
    await conversation.turn('one')
    await conversation.turn('two')
    expect(calls().flatMap(({ args }) => (args ? [args] : []))).toEqual([['new'], ['new']])
    expect(agent.abilities).toEqual({ steer: false, resume: false, usage: false, images: false })
  })

  it.each([
    [0, 'complete'],
    [7, 'complete'],
    [1, 'failed'],
  ])('ends with %i: %s', async (code, kind) => {
    const { conversation } = described(
      { args: [], exitCodes: [0, 7] },
      `await prompt(); say('done'); console.error('a reason'); process.exit(${code})`,
    )
    const end = await conversation.turn('x')
    expect(end).toMatchObject({ kind, text: 'done' })
    if (end.kind === 'failed') {
      const message = 'mine ended with code 1: a reason'
      expect(end.failure).toEqual({ kind: 'agent-failed', message, retryable: true })
    }
  })

  it('is crashed when it is killed', async () => {
    const { conversation } = described({ args: [] }, `say('x'); process.kill(process.pid, 'SIGKILL'); await forever()`)
    expect(await conversation.turn('x')).toMatchObject({
      kind: 'failed',
      failure: { kind: 'crashed', retryable: true },
    })
  })
})

const LINES: JsonLines = {
  lines: [
    { when: { type: 'start' }, session: 'session.id' },
    { when: { type: 'delta' }, text: { path: 'content.*.text' } },
    { when: { type: 'answer' }, text: { path: 'text', replaces: true } },
    { when: { type: ['think', 'plan'] }, progress: 'about' },
    { when: { type: 'tool', 'result.ok': { present: false } }, tool: { id: 'id', title: 'name', status: 'started' } },
    { when: { type: 'tool', 'result.ok': true }, tool: { id: 'id', title: 'name', status: 'completed' } },
    { when: { type: 'tool', 'result.ok': false }, denied: 'name', tool: { title: 'name', status: 'failed' } },
    { when: { type: 'wait' }, limit: { seconds: 'seconds', message: 'why' } },
    { when: { type: 'limit' }, limit: { time: 'until' }, failure: { message: 'why', endsIt: true } },
    { when: { type: 'error' }, failure: { message: 'error.message' } },
    { when: { type: 'error', 'error.code': 401 }, failure: { kind: 'auth', message: 'error.message', endsIt: true } },
    { when: { type: 'step' }, usage: { of: 'step', tokens: ['in', 'out'], cost: 'cost' } },
    { when: { type: 'total' }, usage: { of: 'session', tokens: ['all'] } },
    { when: { type: 'end' }, end: { reason: 'why' } },
  ],
}
const RULED: CommandDescription = { args: ['begin'], resume: ['go-on', '{session}'], output: LINES }

describe('an agent whose lines are described', () => {
  it('is read by its rules', async () => {
    const { conversation, seen, sessions, agent } = described(
      RULED,
      `await prompt()
      say({ type: 'start', session: { id: 's-1' } }, { type: 'think', about: 'life' }, 'no json', { type: 'unknown' })
      say({ type: 'tool', id: 't', name: 'ls' }, { type: 'tool', id: 't', name: 'ls', result: { ok: true } }, { type: 'tool', name: 'rm', result: { ok: false } })
      say({ type: 'delta', content: [{ text: 'half' }, { text: ' way' }] }, { type: 'step', in: 10, out: 1, cost: 0.25 }, { type: 'step', in: 20, out: 2, cost: 0.25 })
      say({ type: 'answer', text: 'the ' }, { type: 'delta', content: [{ text: 'end' }] }, { type: 'end', why: 'finished' })`,
    )
    expect(await conversation.turn('x')).toEqual({
      kind: 'complete',
      reason: 'finished',
      text: 'the end',
      usage: { tokens: 33, cost: 0.5 },
    })
    expect(sessions).toEqual(['s-1'])
    expect(seen).toEqual([
      { kind: 'note', text: 'life' },
      { kind: 'tool', id: 't', title: 'ls', status: 'started' },
      { kind: 'tool', id: 't', title: 'ls', status: 'completed' },
      { kind: 'tool', id: '', title: 'rm', status: 'failed' },
      { kind: 'denied', what: 'rm' },
      { kind: 'text', text: 'half way' },
      { kind: 'text', text: 'the ' },
      { kind: 'text', text: 'end' },
    ])
    expect(agent.abilities).toEqual({ steer: false, resume: true, usage: true, images: false })
  })

  it('goes on with its session, and what the session used before is taken off', async () => {
    const { conversation, calls } = described(
      RULED,
      `await prompt(); say({ type: 'start', session: { id: 's-1' } }, { type: 'total', all: 100 * nth * nth }, { type: 'end' })`,
    )
    expect(await conversation.turn('one')).toMatchObject({ kind: 'complete', usage: { tokens: 100 } })
    expect(await conversation.turn('two')).toMatchObject({ kind: 'complete', usage: { tokens: 300 } })
    expect(calls().flatMap(({ args }) => (args ? [args] : []))).toEqual([['begin'], ['go-on', 's-1']])
  })

  it('is crashed when it ends without its end, and failed by a line that says so', async () => {
    const crashed = described(RULED, `await prompt(); say({ type: 'answer', text: 'done' }); process.exit(0)`)
    expect(await crashed.conversation.turn('x')).toMatchObject({ kind: 'failed', failure: { kind: 'crashed' } })

    const failed = described(
      RULED,
      `await prompt(); say({ type: 'error', error: { message: 'broken' } }, { type: 'end' })`,
    )
    expect(await failed.conversation.turn('x')).toEqual({
      kind: 'failed',
      failure: { kind: 'agent-failed', message: 'The agent failed: broken', retryable: true },
      text: '',
    })
  })

  it('is ended by a line after which waiting is of no use', async () => {
    const { conversation, processes, seen } = described(
      RULED,
      `await prompt(); say({ type: 'wait', seconds: 5, why: 'slow down' }, { type: 'limit', until: '2999-01-01T00:00:00Z', why: 'too much' }); await forever()`,
    )
    const until = Date.parse('2999-01-01T00:00:00Z')
    expect(await conversation.turn('x')).toEqual({
      kind: 'failed',
      failure: { kind: 'limit', message: 'The agent failed: too much', retryable: true, notBefore: until },
      text: '',
    })
    expect(seen).toEqual([
      { kind: 'limit', until: expect.any(Number), message: 'slow down' },
      { kind: 'limit', until, message: 'its provider lets it wait' },
    ])
    expect(processes.map(lives)).toEqual([false])
  })

  it('is not given a session that would be read as an option', async () => {
    const { conversation, sessions } = described(
      RULED,
      `await prompt(); say({ type: 'start', session: { id: '--yolo' } }, { type: 'start', session: { id: 'x'.repeat(500) } }, { type: 'end' })`,
    )
    await conversation.turn('x')
    expect(sessions).toEqual([])
  })
})
