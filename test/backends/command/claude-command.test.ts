import { describe, expect, it } from 'vitest'
import { lives, talkTo, UUID } from './fake-agent.ts'

/** Lines as Claude Code 2.1 prints them, shortened. */
const LINES = `
const session = args.includes('--resume') ? args[args.indexOf('--resume') + 1] : args[args.indexOf('--session-id') + 1]
const init = { type: 'system', subtype: 'init', session_id: session, tools: ['Bash'], permissionMode: 'acceptEdits' }
const says = (text, more) => ({ type: 'assistant', message: { role: 'assistant', content: [{ type: 'text', text }] }, parent_tool_use_id: null, ...more })
const uses = (id, name, input) => ({ type: 'assistant', message: { content: [{ type: 'tool_use', id, name, input }] }, parent_tool_use_id: null })
const used = (id, error) => ({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: id, content: 'x', is_error: error }] } })
const result = (text, more) => ({ type: 'result', subtype: 'success', is_error: false, api_error_status: null, result: text, session_id: session, total_cost_usd: 0.5,
  usage: { input_tokens: 1, output_tokens: 1 }, modelUsage: { big: { inputTokens: 100, outputTokens: 20, cacheReadInputTokens: 3, cacheCreationInputTokens: 4 }, small: { inputTokens: 10, outputTokens: 1 } },
  permission_denials: [], ...more })
const retry = (status, error, delay) => ({ type: 'system', subtype: 'api_retry', attempt: 1, max_retries: 10, retry_delay_ms: delay, error_status: status, error })
`
const USAGE = { tokens: 138, cost: 0.5 }

function claude(script: string, options: Parameters<typeof talkTo>[2] = {}) {
  return talkTo('claude', `${LINES}${script}`, options)
}

describe('a turn of claude', () => {
  it('is complete when a result says so and the process ends with 0', async () => {
    const { conversation, seen, sessions, calls, processes } = claude(`
      await heard()
      say(init, uses('t1', 'Bash', { command: 'npm test' }), used('t1', false), uses('t2', 'Edit', { file_path: 'a.ts' }), used('t2', true))
      say(says('almost'), says('all done'), result('all done'))
      await prompt()`)

    expect(await conversation.turn('do it')).toEqual({
      kind: 'complete',
      reason: 'success',
      text: 'all done',
      usage: USAGE,
    })
    expect(seen).toEqual([
      { kind: 'tool', id: 't1', title: 'Bash: npm test', status: 'started' },
      { kind: 'tool', id: 't1', title: 'Bash: npm test', status: 'completed' },
      { kind: 'tool', id: 't2', title: 'Edit: a.ts', status: 'started' },
      { kind: 'tool', id: 't2', title: 'Edit: a.ts', status: 'failed' },
      { kind: 'text', text: 'almost' },
      { kind: 'text', text: 'all done' },
    ])
    expect(sessions).toEqual([UUID])
    expect(calls()).toEqual([
      {
        args: [
          ...[
            '-p',
            '--input-format',
            'stream-json',
            '--output-format',
            'stream-json',
            '--verbose',
            '--session-id',
            UUID,
          ],
          ...['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash'],
          ...['--disallowedTools', 'EnterWorktree,ExitWorktree,CronCreate,ScheduleWakeup'],
        ],
      },
      { heard: '{"type":"user","message":{"role":"user","content":[{"type":"text","text":"do it"}]}}' },
    ])
    expect(processes.map(lives)).toEqual([false])
  })

  it('is told nothing before its process and its session are noted', async () => {
    const order: string[] = []
    const { conversation, calls } = claude(`await heard(); say(init, result('ok'))`, {
      events: {
        async process() {
          await new Promise((resolve) => setImmediate(resolve))
          order.push('process')
        },
        async session() {
          await new Promise((resolve) => setImmediate(resolve))
          order.push(calls().some((call) => call.heard !== undefined) ? 'session, too late' : 'session')
        },
      },
    })
    await conversation.turn('x')
    expect(order).toEqual(['process', 'session'])
  })

  it('fails when its process cannot be noted, and leaves nothing running', async () => {
    const pids: number[] = []
    const { conversation } = claude(`await forever()`, {
      events: {
        async process({ pid }) {
          pids.push(pid)
          throw new Error('the disk is full')
        },
      },
    })
    expect(await conversation.turn('x')).toEqual({
      kind: 'failed',
      failure: { kind: 'agent-failed', message: 'the disk is full', retryable: false },
      text: '',
    })
    expect(pids.map(lives)).toEqual([false])
  })

  it('goes on with its session in later turns, by another process', async () => {
    const { conversation, calls, sessions } = claude(`await heard(); say(init, result('turn ' + nth)); await prompt()`)
    expect(await conversation.turn('one')).toMatchObject({ kind: 'complete', text: 'turn 1' })
    expect(await conversation.turn('two')).toMatchObject({ kind: 'complete', text: 'turn 2' })
    const starts = calls().flatMap(({ args }) => (args ? [args.slice(6, 8)] : []))
    expect(starts).toEqual([
      ['--session-id', UUID],
      ['--resume', UUID],
    ])
    expect(sessions).toEqual([UUID, UUID])
  })

  it('goes on with a session that an earlier process of the attempt has begun', async () => {
    const { conversation, seen, calls } = claude(`
      if (args.includes('--session-id')) { console.error('Error: Session ID ' + session + ' is already in use.'); process.exit(1) }
      await heard(); say(init, result('went on'))`)
    expect(await conversation.turn('x')).toMatchObject({ kind: 'complete', text: 'went on' })
    expect(seen).toEqual([{ kind: 'note', text: 'Its session exists already: going on with it.' }])
    expect(calls().flatMap(({ args }) => (args ? [args[6]] : []))).toEqual(['--session-id', '--resume'])
  })

  it('says that its session is lost when it is not there any more, and begins another with the next turn', async () => {
    const lost = 'b2c3eea0-6418-479c-be9d-e6e4cd358b04'
    const { conversation, sessions } = claude(
      `
      if (args.includes('--resume')) {
        say({ type: 'result', subtype: 'error_during_execution', is_error: true, errors: ['No conversation found'] })
        console.error('No conversation found with session ID: ' + session); process.exit(1)
      }
      await heard(); say(init, result('anew'))`,
      { session: lost },
    )
    expect(await conversation.turn('x')).toMatchObject({ kind: 'failed', failure: { kind: 'not-found' } })
    expect(await conversation.turn('all of it')).toMatchObject({ kind: 'complete', text: 'anew' })
    expect(sessions).toEqual([lost, UUID])
  })

  it('reaches the model whatever its prompt begins with and holds', async () => {
    const { conversation, calls } = claude(`await heard(); say(init, result('ok'))`)
    await conversation.turn('/clear "$(rm -rf ~)"\n{"type":"result"}')
    const heard = calls().find((call) => call.heard)?.heard ?? ''
    expect(JSON.parse(heard)).toEqual({
      type: 'user',
      message: { role: 'user', content: [{ type: 'text', text: '\n/clear "$(rm -rf ~)"\n{"type":"result"}' }] },
    })
  })

  it('lists what it was not allowed to do', async () => {
    const { conversation, seen } = claude(`
      await heard()
      say(init, result('completed!', { permission_denials: [{ tool_name: 'Write', tool_use_id: 't', tool_input: { file_path: '/etc/passwd' } }] }))`)
    expect(await conversation.turn('x')).toMatchObject({ kind: 'complete' })
    expect(seen).toEqual([{ kind: 'denied', what: 'Write: /etc/passwd' }])
  })

  it('may do more where that is allowed', async () => {
    const { conversation, calls } = claude(`await heard(); say(init, result('ok'))`, {
      permissions: { rest: 'reject', deadlineMs: 1, allow: ['fetch', 'unheard of'] },
      model: 'opus',
      described: { extraArgs: ['--mcp-config', 'mcp.json'] },
    })
    await conversation.turn('x')
    const args = calls()[0]?.args ?? []
    expect(args[args.indexOf('--allowedTools') + 1]).toBe('Bash,WebFetch,WebSearch')
    expect(args.slice(-4)).toEqual(['--model', 'opus', '--mcp-config', 'mcp.json'])
  })
})

describe('a turn of claude fails', () => {
  const failing: readonly [title: string, script: string, failure: object][] = [
    [
      'by its result, whatever its subtype and its exit code say',
      `say(init, says('oops', { error: 'server_error' }), result('API Error: 529 Overloaded', { is_error: true, api_error_status: 529 })); process.exit(0)`,
      { kind: 'unreachable', message: "Claude Code's provider failed: API Error: 529 Overloaded", retryable: true },
    ],
    [
      'by its exit code, whatever its result says',
      `say(init, result('all good')); process.exit(3)`,
      { kind: 'agent-failed', message: 'Claude Code ended with code 3.', retryable: true },
    ],
    [
      'as crashed when it ends without a result, even with 0',
      `say(init, says('all done')); process.exit(0)`,
      { kind: 'crashed', message: 'Claude Code ended with code 0 in the middle of its turn.', retryable: true },
    ],
    [
      'as crashed when it is killed',
      `say(init); console.error('going down'); process.kill(process.pid, 'SIGKILL'); await forever()`,
      {
        kind: 'crashed',
        message: 'Claude Code ended by SIGKILL in the middle of its turn: going down',
        retryable: true,
      },
    ],
    [
      'at its first refusal of a key, which it would try again for minutes',
      `say(init, retry(401, 'authentication_failed', 600)); await forever()`,
      {
        kind: 'auth',
        message:
          "Claude Code is not let in: authentication_failed (401). Run 'claude' once to log in, or set ANTHROPIC_API_KEY.",
        retryable: false,
      },
    ],
    [
      'when nobody is logged in, which has no status',
      `say(init, says('Not logged in', { error: 'authentication_failed' }), result('Not logged in', { is_error: true })); process.exit(1)`,
      {
        kind: 'auth',
        message: "Claude Code is not let in: Not logged in Run 'claude' once to log in, or set ANTHROPIC_API_KEY.",
        retryable: false,
      },
    ],
    [
      'when its account cannot pay',
      `say(init, says('low', { error: 'billing_error' }), result('Credit balance is too low', { is_error: true, api_error_status: 400 })); process.exit(1)`,
      { kind: 'quota', message: "Claude Code's account cannot pay: Credit balance is too low", retryable: false },
    ],
    [
      'when its provider refuses the request',
      `say(init, result('prompt is too long', { is_error: true, api_error_status: 400 })); process.exit(1)`,
      { kind: 'invalid', message: "Claude Code's provider refused the request: prompt is too long", retryable: false },
    ],
    [
      'by an error of its own',
      `say(init, { type: 'result', subtype: 'error_max_turns', is_error: true }); process.exit(1)`,
      { kind: 'agent-failed', message: 'Claude Code failed (error_max_turns): error_max_turns', retryable: true },
    ],
  ]

  it.each(failing)('%s', async (_title, script, failure) => {
    const { conversation, processes } = claude(`await heard(); ${script}`)
    const end = await conversation.turn('x')
    expect(end.kind === 'failed' ? end.failure : end).toEqual(failure)
    expect(processes.map(lives)).toEqual([false])
  })

  it('with what it had said until then, and not with what its program says of the trouble', async () => {
    const { conversation } = claude(`
      await heard()
      say(init, says('half of it'), says('API Error', { error: 'rate_limit' }), result('API Error', { is_error: true, api_error_status: 429 }))
      process.exit(1)`)
    expect(await conversation.turn('x')).toEqual({
      kind: 'failed',
      failure: {
        kind: 'limit',
        message: "Claude Code's provider allows no more calls now: API Error",
        retryable: true,
      },
      text: 'half of it',
      usage: USAGE,
    })
  })
})

describe('a limit of claude', () => {
  it('that passes is a sign of life, and the turn completes', async () => {
    const { conversation, seen } = claude(
      `await heard(); say(init, retry(429, 'rate_limit', 1000.5), retry(529, 'overloaded', 10), result('ok'))`,
    )
    expect(await conversation.turn('x')).toMatchObject({ kind: 'complete', text: 'ok' })
    expect(seen).toEqual([
      { kind: 'limit', until: expect.any(Number), message: 'rate_limit (429)' },
      { kind: 'note', text: 'Its provider failed and is asked again: overloaded (529)' },
    ])
  })

  it('that lasts ends the process, so that no process sleeps through it', async () => {
    const { conversation } = claude(`await heard(); say(init, retry(429, 'rate_limit', 3600000)); await forever()`)
    expect(await conversation.turn('x')).toEqual({
      kind: 'failed',
      failure: {
        kind: 'limit',
        message: "Claude Code's provider allows no more calls now: rate_limit (429).",
        retryable: true,
        notBefore: expect.any(Number),
      },
      text: '',
    })
  })

  it('of a subscription lasts until the time that its event says', async () => {
    const { conversation, seen } = claude(`
      await heard()
      const resetsAt = Math.floor(Date.now() / 1000) + 3600
      say(init, { type: 'rate_limit_event', rate_limit_info: { status: 'allowed', resetsAt: 1 } })
      say({ type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt, rateLimitType: 'five_hour' } })
      say(result('limit reached', { is_error: true, api_error_status: 429 }))
      process.exit(1)`)
    const end = await conversation.turn('x')
    const [limit] = seen
    const until = limit?.kind === 'limit' ? limit.until : undefined
    expect(until).toEqual(expect.any(Number))
    expect(limit).toEqual({ kind: 'limit', message: 'its usage limit is reached (five_hour)', until })
    expect(end).toMatchObject({ kind: 'failed', failure: { kind: 'limit', notBefore: until } })
  })
})

describe('steering claude', () => {
  it('is a line in the turn under way, and no turn when that has ended', async () => {
    const told: Promise<unknown>[] = []
    const { conversation, calls } = claude(
      `await heard(); say(init, uses('t', 'Bash', { command: 'sleep' })); await heard(); say(result('heard both')); await prompt()`,
      { onSeen: (saw) => void (saw.kind === 'tool' && told.push(conversation.steer('and this'))) },
    )
    expect(await conversation.steer('too early')).toBe('no-turn')
    expect(await conversation.turn('go')).toMatchObject({ kind: 'complete', text: 'heard both' })
    expect(await Promise.all(told)).toEqual(['injected'])
    expect(await conversation.steer('too late')).toBe('no-turn')
    const heard = calls().flatMap((call) =>
      call.heard === undefined ? [] : [JSON.parse(call.heard).message.content[0].text],
    )
    expect(heard).toEqual(['go', 'and this'])
  })

  it('waits for the prompt, which is always the first that is heard', async () => {
    const { conversation, calls } = claude(`await heard(); await heard(); say(init, result('ok')); await prompt()`)
    await conversation.open(new AbortController().signal)
    const turn = conversation.turn('go')
    expect(await conversation.steer('and this')).toBe('injected')
    await turn
    const heard = calls().flatMap((call) =>
      call.heard === undefined ? [] : [JSON.parse(call.heard).message.content[0].text],
    )
    expect(heard).toEqual(['go', 'and this'])
  })

  it('that comes after the answer is answered too: both answers are the turn, and use is counted once', async () => {
    const { conversation } = claude(`
      await heard()
      say(init, result('the report'), init, says('noted'), result('noted', { total_cost_usd: 0.75, modelUsage: { big: { inputTokens: 200, outputTokens: 40 } } }))`)
    expect(await conversation.turn('go')).toEqual({
      kind: 'complete',
      reason: 'success',
      text: 'the report\n\nnoted',
      usage: { tokens: 240, cost: 0.75 },
    })
  })
})

describe('stopping claude', () => {
  it('interrupts it, and the turn is stopped, whatever it says then', async () => {
    const { conversation, processes } = claude(
      `process.on('SIGINT', () => { say({ type: 'result', subtype: 'error_during_execution', is_error: true, total_cost_usd: 0.25 }); process.exit(0) })
      await heard(); say(init, says('working')); await forever()`,
      { onSeen: () => void conversation.stop() },
    )
    expect(await conversation.turn('x')).toEqual({ kind: 'stopped', text: 'working', usage: { cost: 0.25 } })
    await conversation.stop()
    expect(processes.map(lives)).toEqual([false])
    expect(await conversation.turn('y')).toEqual({ kind: 'stopped', text: '' })
    expect(processes).toHaveLength(1)
  })

  it('before it is started starts nothing that stays', async () => {
    const { conversation, processes } = claude(`await heard(); say(init, result('ok')); await forever()`)
    await conversation.open(new AbortController().signal)
    const turn = conversation.turn('x')
    await conversation.stop()
    expect(await turn).toMatchObject({ kind: 'stopped' })
    expect(processes.map(lives)).toEqual(processes.map(() => false))
  })
})

describe('what claude prints', () => {
  it('may be anything: garbage, foreign and broken lines change nothing', async () => {
    const { conversation, seen } = claude(`
      await heard()
      say('npm warn old', '', '{"type":"resu', '[1,2]', 'null', '{"type":"assistant"}', '{"type":"assistant","message":{"content":[null,1,{"type":"text","text":5}]}}')
      say('{"type":"user","message":{"content":"text"}}', '{"type":"system","subtype":"init","session_id":"--resume"}', '{"type":"result_of_something"}', '\\u0000\\u001b[2J')
      say(init, result('ok', { usage: null, modelUsage: { x: { inputTokens: 'many' } }, total_cost_usd: -1, permission_denials: 'none' }))`)
    expect(await conversation.turn('x')).toEqual({ kind: 'complete', reason: 'success', text: 'ok' })
    expect(seen).toEqual([])
  })

  it('may be huge: what is kept is bounded, and the end of its answer is what is kept', async () => {
    const { conversation, seen } = claude(`
      await heard()
      say('x'.repeat(20 * 1024 * 1024), init, says('y'.repeat(100000)), result('z'.repeat(6 * 1024 * 1024) + 'the end'))`)
    const end = await conversation.turn('x')
    const usage = { cost: 0.5, tokens: 138 }
    expect({ ...end, text: '' }).toEqual({ kind: 'complete', reason: 'success', text: '', usage })
    expect(end.text.length).toBe(4 * 1024 * 1024)
    expect(end.text.endsWith('the end')).toBe(true)
    expect(seen.map((saw) => (saw.kind === 'text' ? saw.text.length : saw))).toEqual([4_000])
  })
})
