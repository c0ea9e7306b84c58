import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ACP_PRESETS, acpAgent } from '../../../src/backends/acp/acp-agents.ts'
import type { ConversationOptions, Observation } from '../../../src/backends/local/conversation.ts'
import { sweep } from '../../../src/backends/local/process-marks.ts'
import { realClock } from '../../../src/host/clock.ts'
import { temporaryFolder } from '../../host/temporary-folder.ts'
import { type AgentSettings, play } from '../../support/acp-agent/script.ts'
import { REJECT, UNHURRIED } from './conversation-world.ts'

const MAIN = resolve(import.meta.dirname, '../../support/acp-agent/main.ts')
const TSX = resolve(import.meta.dirname, '../../../node_modules/.bin/tsx')
const MARK = `acp-agents-test-${process.pid}`

afterEach(async () => {
  await sweep('TROUPE_ATTEMPT', MARK, { clock: realClock })
})

/** A conversation with the scripted agent as a program of its own. */
async function converse(settings: AgentSettings, given: Partial<ConversationOptions> = {}) {
  const agent = acpAgent('scripted', { program: TSX, args: [MAIN, JSON.stringify(settings)] })
  if (agent === undefined) throw new Error('There is no such agent')
  const cwd = await temporaryFolder()
  const seen: Observation[] = []
  const pids: number[] = []
  const sessions: string[] = []
  const conversation = agent.converse({
    clock: realClock,
    attempt: 'run/task/1',
    uuid: 'none',
    cwd,
    env: { PATH: process.env['PATH'] ?? '', TROUPE_ATTEMPT: MARK },
    folder: cwd,
    permissions: REJECT,
    events: {
      process: async ({ pid }) => void pids.push(pid),
      session: async (id) => void sessions.push(id),
      saw: (observation) => void seen.push(observation),
    },
    ...given,
  })
  return { conversation, cwd, seen, pids, sessions }
}

/** What is left with our mark; killed by the asking. */
function left() {
  return sweep('TROUPE_ATTEMPT', MARK, { clock: realClock })
}

describe('an agent’s program', () => {
  it('does a turn, and is gone after it was stopped', async () => {
    const { conversation, cwd } = await converse({})
    await conversation.open(UNHURRIED)
    const write = { path: 'a.txt', text: 'hello' }
    const end = await conversation.turn(
      play({ tool: { id: 't', title: 'Write', kind: 'edit', write } }, { say: 'x'.repeat(3_000_000) }),
    )
    expect(end).toMatchObject({ kind: 'complete', text: 'x'.repeat(3_000_000) })
    expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe('hello')
    await conversation.stop()
    expect(await left()).toEqual([])
  })

  it('is killed when it neither ends with its input nor by a signal', async () => {
    const { conversation } = await converse({ stubborn: true })
    await conversation.open(UNHURRIED)
    await conversation.stop()
    expect(await left()).toEqual([])
  })

  it('that is killed in a tool goes on with its session in a new process', async () => {
    const settings = { resume: true, sessions: await temporaryFolder() }
    const first = await converse(settings)
    await first.conversation.open(UNHURRIED)
    const turn = first.conversation.turn(
      play({ say: 'go' }, { tool: { id: 't', title: 'kill', kind: 'execute', run: ['sh', '-c', 'kill -9 $PPID'] } }),
    )
    expect(await turn).toEqual({
      kind: 'failed',
      text: 'go',
      failure: expect.objectContaining({ kind: 'crashed', retryable: true }),
    })
    await first.conversation.stop()
    await left()
    const session = first.sessions[0] ?? ''
    const second = await converse(settings, { session })
    await second.conversation.open(UNHURRIED)
    expect(await second.conversation.turn(play({ recall: true }))).toMatchObject({
      text: '{"turns":2,"steers":[],"mode":"default"}',
    })
    expect(second.sessions).toEqual([session])
    await second.conversation.stop()
    expect(await left()).toEqual([])
  })

  it('that dies at its start leaves nothing but its last words', async () => {
    const { conversation } = await converse({ diesAtStart: { code: 3, words: 'no such config' } })
    await expect(conversation.open(UNHURRIED)).rejects.toThrow(
      'acp:scripted ended with code 3 during initialize. Its standard error ended with: no such config',
    )
    expect(await left()).toEqual([])
  })

  it('is refused where it is not installed, with how to install it', async () => {
    const agent = acpAgent('claude', { program: 'no-such-agent' })
    const located = agent?.locate({ PATH: '/usr/bin' }, UNHURRIED, realClock)
    await expect(located).rejects.toMatchObject({
      kind: 'refused',
      message:
        "acp:claude needs the program 'no-such-agent', which is not on PATH. " +
        'Install it with npm install -g @agentclientprotocol/claude-agent-acp.',
    })
  })

  it('is found with its version', async () => {
    const agent = acpAgent('node', { program: process.execPath })
    const version = execFileSync(process.execPath, ['--version'], { encoding: 'utf8' }).trim()
    expect(await agent?.locate({ PATH: '' }, UNHURRIED, realClock)).toEqual({ path: process.execPath, version })
  })
})

describe('agents by name', () => {
  it('are the presets, those that are described, and no others', () => {
    expect(ACP_PRESETS).toEqual(['claude', 'codex'])
    expect(acpAgent('claude', undefined)?.abilities).toEqual({ steer: false, resume: true, usage: true, stays: true })
    expect(acpAgent('codex', undefined)?.abilities).toEqual({ steer: true, resume: true, usage: true, stays: true })
    expect(acpAgent('gemini', { program: 'gemini', args: ['--acp'], resume: false })?.abilities).toEqual({
      steer: false,
      resume: false,
      usage: true,
      stays: true,
    })
    expect([acpAgent('gemini', undefined), acpAgent('gemini', {}), acpAgent('toString', undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('ask no model for anything that nobody asked them for', () => {
    expect(acpAgent('codex', undefined)?.set).toMatchObject({ CODEX_ACP_PROMPT_SUGGESTIONS: 'false' })
  })

  it('keep of a preset what their description does not say', () => {
    const agent = acpAgent('claude', { steer: true, env: ['MY_KEY'], set: { A: 'b' }, memoryMb: 1, home: 'private' })
    expect(agent).toMatchObject({
      id: 'acp:claude',
      abilities: { steer: true, resume: true, usage: true, stays: true },
      memoryMb: 1,
      home: 'private',
      set: { A: 'b', CLAUDE_CODE_MAX_RETRIES: '2' },
    })
    expect(agent?.env).toEqual(expect.arrayContaining(['ANTHROPIC_API_KEY', 'MY_KEY']))
  })
})
