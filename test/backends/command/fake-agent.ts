import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { commandAgent } from '../../../src/backends/command/command-agents.ts'
import type { ConversationOptions, Observation } from '../../../src/backends/local/conversation.ts'
import type { CommandDescription } from '../../../src/domain/agent-description.ts'
import { realClock } from '../../../src/host/clock.ts'

/** What every scripted agent begins with: it notes how it was called, and prints lines. */
const PRELUDE = `#!${process.execPath}
const fs = require('node:fs')
const path = require('node:path')
const args = process.argv.slice(2)
const calls = path.join(path.dirname(__filename), 'calls.ndjson')
const note = (call) => fs.appendFileSync(calls, JSON.stringify(call) + '\\n')
const nth = fs.existsSync(calls) ? fs.readFileSync(calls, 'utf8').split('\\n').filter((line) => line.includes('"args"')).length + 1 : 1
note({ args })
const say = (...lines) => { for (const line of lines) fs.writeSync(1, (typeof line === 'string' ? line : JSON.stringify(line)) + '\\n') }
const waiting = []
const arrived = []
let isClosed = false
let rest = ''
const give = () => { while (waiting.length > 0 && (arrived.length > 0 || isClosed)) waiting.shift()(arrived.shift() ?? null) }
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n')
  rest = lines.pop()
  arrived.push(...lines)
  give()
}).on('end', () => { if (rest !== '') arrived.push(rest); isClosed = true; give() })
/** The next line of its stdin; null when that is closed. */
const heard = async () => { const line = await new Promise((resolve) => { waiting.push(resolve); give() }); if (line !== null) note({ heard: line.slice(0, 1000) }); return line }
/** All of its stdin. */
const prompt = async () => { const lines = []; for (let line; (line = await heard()) !== null; ) lines.push(line); return lines.join('\\n') }
const forever = () => new Promise(() => setInterval(() => undefined, 1000))
;(async () => {
`

/** How a conversation with a scripted agent is made. */
export interface FakeOptions
  extends Partial<
    Pick<ConversationOptions, 'session' | 'model' | 'permissions' | 'folder' | 'whole' | 'images' | 'hasSeenImages'>
  > {
  readonly described?: CommandDescription
  /** Further variables, of its folder. */
  readonly set?: (folder: string) => Readonly<Record<string, string>>
  /** It is not installed. */
  readonly lost?: boolean
  readonly onSeen?: (observation: Observation) => void
  readonly events?: Partial<ConversationOptions['events']>
}

/** Talks with a scripted agent, a Node program whose body is `script`; all of it is gone when the test ends. */
export function talkTo(name: string, script: string, options: FakeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-command-'))
  const program = join(folder, 'agent')
  const cwd = join(folder, 'work')
  mkdirSync(cwd)
  writeFileSync(program, `${PRELUDE}${script}\n})()\n`, { mode: 0o755 })
  const { described = {}, set = () => ({}), lost = false, onSeen, events, ...rest } = options
  const agent = commandAgent(name, { ...described, program: lost ? '/nowhere/agent' : program })
  if (!agent) throw new Error(`There is no agent ${name}.`)
  const seen: Observation[] = []
  const sessions: string[] = []
  const processes: number[] = []
  const conversation = agent.converse({
    ...{
      clock: realClock,
      attempt: 'run_1/task/1',
      uuid: UUID,
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...set(folder) },
    },
    ...{ folder: join(folder, 'attempt'), permissions: { rest: 'reject', deadlineMs: 1_000, allow: [] }, ...rest },
    events: {
      async process({ pid }) {
        processes.push(pid)
      },
      async session(id) {
        sessions.push(id)
      },
      saw(observation) {
        seen.push(observation)
        onSeen?.(observation)
      },
      ...events,
    },
  })
  onTestFinished(async () => {
    await conversation.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { agent, conversation, seen, sessions, processes, folder, program, cwd, calls: () => callsIn(folder) }
}

export const UUID = '0b6ff6a1-5a0e-4a35-8c4b-5a1b8d1f0001'

/** How a scripted agent was called, and what it heard. */
export interface Call {
  readonly args?: readonly string[]
  /** Where its script notes that. */
  readonly pid?: number
  readonly sees?: readonly string[]
  readonly heard?: string
}

function callsIn(folder: string): readonly Call[] {
  if (!existsSync(join(folder, 'calls.ndjson'))) return []
  return readFileSync(join(folder, 'calls.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Call => JSON.parse(line))
}

/** Whether a process lives; one that is defunct, since nobody has asked how it ended, does not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
