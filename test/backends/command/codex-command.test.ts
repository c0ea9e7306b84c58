import { describe, expect, it } from 'vitest'
import { lives, talkTo } from './fake-agent.ts'

/** Lines as Codex 0.169 prints them. */
const LINES = `
const THREAD = '01a205f9-a901-78e2-b831-d0df1d516bd9'
const begins = [{ type: 'thread.started', thread_id: THREAD }, { type: 'turn.started' }]
const says = (text) => ({ type: 'item.completed', item: { id: 'item_9', type: 'agent_message', text } })
const done = (input, output) => ({ type: 'turn.completed', usage: { input_tokens: input, cached_input_tokens: 400, output_tokens: output, reasoning_output_tokens: 7 } })
const trouble = (message) => ({ type: 'error', message })
const failed = (message) => ({ type: 'turn.failed', error: { message } })
`
const THREAD = '01a205f9-a901-78e2-b831-d0df1d516bd9'
const MARKED = ['exec', '--json', '--color', 'never', '--skip-git-repo-check']
const SANDBOX = ['-c', 'approval_policy="never"', '-c', 'sandbox_mode="workspace-write"']

function codex(script: string, options: Parameters<typeof talkTo>[2] = {}) {
  return talkTo('codex', `${LINES}${script}`, options)
}

describe('a turn of codex', () => {
  it('says how it is given a variable that it misses', async () => {
    const { conversation } = codex(
      "await prompt(); say(...begins, failed('Missing environment variable: `MY_KEY`.')); process.exit(1)",
    )
    expect(await conversation.turn('x')).toMatchObject({
      kind: 'failed',
      failure: {
        kind: 'auth',
        message:
          'Codex is not let in: Missing environment variable: `MY_KEY`. Set it, and name it for troupe, which passes on nothing ' +
          'else: env: [MY_KEY] of agents.command.codex in troupe.config.yaml.',
        retryable: false,
      },
    })
  })

  it('is complete when it says so and the process ends with 0; its last message is its answer', async () => {
    const { conversation, seen, sessions, calls, processes } = codex(`
      await prompt()
      say(...begins)
      say({ type: 'item.started', item: { id: 'item_0', type: 'command_execution', command: 'ls', status: 'in_progress' } })
      say({ type: 'item.completed', item: { id: 'item_0', type: 'command_execution', command: 'ls', exit_code: 1, status: 'failed' } })
      say({ type: 'item.completed', item: { id: 'item_1', type: 'file_change', changes: [{ path: 'a.ts', kind: 'add' }], status: 'completed' } })
      say({ type: 'item.completed', item: { id: 'item_2', type: 'reasoning', text: 'hm' } })
      say({ type: 'item.completed', item: { id: 'item_3', type: 'error', message: 'Model metadata for x not found.' } })
      say(says('first'), says('done'), done(2000, 100))`)

    expect(await conversation.turn('do it\nnow')).toEqual({
      kind: 'complete',
      reason: 'turn.completed',
      text: 'done',
      usage: { tokens: 2_100 },
    })
    expect(seen).toEqual([
      { kind: 'tool', id: 'item_0', title: 'ls', status: 'started' },
      { kind: 'tool', id: 'item_0', title: 'ls', status: 'failed' },
      { kind: 'tool', id: 'item_1', title: 'changes a.ts', status: 'completed' },
      { kind: 'thought', text: 'hm' },
      { kind: 'note', text: 'Model metadata for x not found.' },
      { kind: 'text', text: 'first' },
      { kind: 'text', text: 'done' },
    ])
    expect(sessions).toEqual([THREAD])
    expect(calls()).toEqual([{ args: [...MARKED, ...SANDBOX, '-'] }, { heard: 'do it' }, { heard: 'now' }])
    expect(processes.map(lives)).toEqual([false])
  })

  it('goes on with its thread, and counts what each turn used of what the thread used', async () => {
    const script = `await prompt(); say(...begins, says('ok'), done(1000 * nth, 50 * nth))`
    const first = codex(script)
    expect(await first.conversation.turn('one')).toMatchObject({ kind: 'complete', usage: { tokens: 1_050 } })
    expect(await first.conversation.turn('two')).toMatchObject({ kind: 'complete', usage: { tokens: 1_050 } })
    expect(first.calls().flatMap(({ args }) => (args ? [args.slice(9)] : []))).toEqual([['-'], ['resume', THREAD, '-']])

    const folder = `${first.folder}/attempt`
    const later = codex(`await prompt(); say(...begins, says('ok'), done(5000, 500))`, {
      session: THREAD,
      folder,
    })
    expect(await later.conversation.turn('three')).toMatchObject({ kind: 'complete', usage: { tokens: 3_400 } })
  })

  it('is given a prompt of any size', async () => {
    const { conversation } = codex(`const all = await prompt(); say(...begins, says(String(all.length)), done(1, 1))`)
    expect(await conversation.turn('x'.repeat(3_000_000))).toMatchObject({ kind: 'complete', text: '3000000' })
  })

  it('says that its thread is lost when it is not there any more, and begins another with the next turn', async () => {
    const { conversation, sessions } = codex(
      `await prompt()
      if (args.includes('resume')) { console.error('Error: thread/resume failed: no rollout found for thread id x (code -32600)'); process.exit(1) }
      say(...begins, says('anew'), done(1, 1))`,
      { session: '019ac2a3-0000-7000-8000-000000000000' },
    )
    expect(await conversation.turn('x')).toMatchObject({ kind: 'failed', failure: { kind: 'not-found' } })
    expect(await conversation.turn('all of it')).toMatchObject({ kind: 'complete', text: 'anew' })
    expect(sessions).toEqual([THREAD])
  })

  it('has a network in its sandbox only where that is allowed, and takes further arguments', async () => {
    const { conversation, calls } = codex(`await prompt(); say(...begins, done(1, 1))`, {
      permissions: { rest: 'reject', deadlineMs: 1, allow: ['fetch'] },
      described: { model: 'gpt-5', extraArgs: ['-c', 'sandbox_mode="danger-full-access"'] },
    })
    await conversation.turn('x')
    expect(calls()[0]?.args?.slice(9)).toEqual([
      ...['-c', 'sandbox_workspace_write.network_access=true', '--model', 'gpt-5'],
      ...['-c', 'sandbox_mode="danger-full-access"', '-'],
    ])
  })

  it('tells what its sandbox refused, which is no item of its turn', async () => {
    const { conversation, seen } = codex(`
      await prompt()
      console.error('2026-11-23T02:13:49Z ERROR codex_core::tools::router: error=patch rejected: writing outside of the project; rejected by user approval settings')
      say(...begins, says('All is done.'), done(1, 1))`)
    expect(await conversation.turn('x')).toMatchObject({ kind: 'complete', text: 'All is done.' })
    const what = 'patch rejected: writing outside of the project; rejected by user approval settings'
    expect(seen.at(-1)).toEqual({ kind: 'denied', what })
  })

  it('cannot be told anything', async () => {
    const told: Promise<unknown>[] = []
    const { conversation } = codex(`await prompt(); say(...begins, says('ok'), done(1, 1))`, {
      onSeen: () => void told.push(conversation.steer('and this')),
    })
    await conversation.turn('x')
    expect(await Promise.all(told)).toEqual(['no-turn'])
  })
})

describe('a turn of codex fails', () => {
  const failing: readonly [title: string, script: string, failure: object][] = [
    [
      'by turn.failed, whatever its last message and its exit code say',
      `say(says('completed'), failed('stream disconnected before completion: error sending request')); process.exit(0)`,
      {
        kind: 'unreachable',
        message: "Codex's provider failed: stream disconnected before completion: error sending request",
        retryable: true,
      },
    ],
    [
      'by its exit code, whatever it says',
      `say(says('completed'), done(1, 1)); process.exit(2)`,
      { kind: 'agent-failed', message: 'Codex ended with code 2.', retryable: true },
    ],
    [
      'as crashed when its turn has no end',
      `say(says('completed')); process.exit(0)`,
      { kind: 'crashed', message: 'Codex ended with code 0 in the middle of its turn.', retryable: true },
    ],
    [
      'for what it says on stderr when it did not begin',
      `console.error('Error: unexpected status 401 Unauthorized'); process.exit(1)`,
      {
        kind: 'auth',
        message:
          "Codex is not let in: unexpected status 401 Unauthorized Run 'codex login' once, or set CODEX_API_KEY.",
        retryable: false,
      },
    ],
    [
      'at its first refusal of a key',
      `say(trouble('Reconnecting... 1/5 (unexpected status 401 Unauthorized: bad key)')); await forever()`,
      {
        kind: 'auth',
        message:
          "Codex is not let in: Reconnecting... 1/5 (unexpected status 401 Unauthorized: bad key) Run 'codex login' once, or set CODEX_API_KEY.",
        retryable: false,
      },
    ],
    [
      'when there is no network, for which it would wait for ever',
      `for (let i = 0; i < 3; i++) say(trouble('Reconnecting... waiting for network (Connection failed: error sending request)')); await forever()`,
      {
        kind: 'unreachable',
        message:
          "Codex's provider failed: Reconnecting... waiting for network (Connection failed: error sending request)",
        retryable: true,
      },
    ],
    [
      'when its provider allows no more calls',
      `say(failed('exceeded retry limit, last status: 429 Too Many Requests')); process.exit(1)`,
      {
        kind: 'limit',
        message: "Codex's provider allows no more calls now: exceeded retry limit, last status: 429 Too Many Requests",
        retryable: true,
      },
    ],
    [
      'when its account cannot pay',
      `say(failed('Quota exceeded. Check your plan and billing details.')); process.exit(1)`,
      {
        kind: 'quota',
        message: "Codex's account cannot pay: Quota exceeded. Check your plan and billing details.",
        retryable: false,
      },
    ],
  ]

  it.each(failing)('%s', async (_title, script, failure) => {
    const { conversation, processes } = codex(`await prompt(); say(...begins); ${script}`)
    const end = await conversation.turn('x')
    expect(end.kind === 'failed' ? end.failure : end).toEqual(failure)
    expect(processes.map(lives)).toEqual([false])
  })

  it('at a usage limit, until the time that its clock says', async () => {
    const { conversation, seen } = codex(`
      await prompt()
      const message = 'You\\u2019ve hit your usage limit. Try again at 8:49 AM.'
      say(...begins, trouble(message), failed(message))
      process.exit(1)`)
    const end = await conversation.turn('x')
    const until = end.kind === 'failed' ? end.failure.notBefore : undefined
    expect(end).toMatchObject({ kind: 'failed', failure: { kind: 'limit', retryable: true } })
    expect([new Date(until ?? 0).getHours(), new Date(until ?? 0).getMinutes()]).toEqual([8, 50])
    expect(seen).toEqual([{ kind: 'limit', message: 'You’ve hit your usage limit. Try again at 8:49 AM.', until }])
  })

  it('not by a call that is tried again', async () => {
    const { conversation, seen } = codex(`
      await prompt()
      say(...begins, trouble('Reconnecting... 1/1 (rate limit exceeded: Please try again in 1.5s.)'), says('ok'), done(1, 1))`)
    expect(await conversation.turn('x')).toMatchObject({ kind: 'complete', text: 'ok' })
    expect(seen[0]).toMatchObject({ kind: 'limit', until: expect.any(Number) })
  })
})

describe('stopping codex', () => {
  it('ends it and what it runs in its group', async () => {
    const children: number[] = []
    const { conversation, processes } = codex(
      `await prompt()
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
      say(...begins, says(String(child.pid))); await forever()`,
      {
        onSeen(saw) {
          if (saw.kind === 'text') children.push(Number(saw.text))
          void conversation.stop()
        },
      },
    )
    expect(await conversation.turn('x')).toMatchObject({ kind: 'stopped' })
    expect([...processes, ...children].map(lives)).toEqual([false, false])
  })

  it('kills one that does not listen', async () => {
    const { conversation, processes } = codex(
      `process.on('SIGTERM', () => undefined); await prompt(); say(...begins, says('deaf')); await forever()`,
      { onSeen: () => void conversation.stop() },
    )
    expect(await conversation.turn('x')).toEqual({ kind: 'stopped', text: 'deaf' })
    expect(processes.map(lives)).toEqual([false])
  }, 20_000)
})
