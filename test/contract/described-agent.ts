import { writeFile } from 'node:fs/promises'
import type { CommandDescription } from '../../src/domain/agent-description.ts'

/** How the agent is described that {@link writeDescribedAgent} writes. */
export const DESCRIPTION: CommandDescription = {
  args: [],
  resume: [['--resume', '{session}']],
  output: {
    lines: [
      { when: { type: 'session' }, session: 'id' },
      { when: { type: 'text' }, text: { path: 'text' } },
      { when: { type: 'tool' }, tool: { title: 'title', status: 'started' } },
      { when: { type: 'denied' }, denied: 'what' },
      { when: { type: 'used' }, usage: { tokens: ['tokens'], of: 'session' } },
      { when: { type: 'failed', status: 401 }, failure: { kind: 'auth', message: 'message' } },
      {
        when: { type: 'failed', status: 429 },
        failure: { kind: 'limit', message: 'message' },
        limit: { time: 'until' },
      },
      { when: { type: 'failed', status: 0 }, failure: { kind: 'unreachable', message: 'message' } },
      { when: { type: 'end' }, end: true },
    ],
  },
}

/** An agent that plays the acts which a line of its prompt names. Its sessions are files beside it. */
const PROGRAM = `#!${process.execPath}
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const own = dirname(fileURLToPath(import.meta.url))
const session = process.argv[3] ?? 'session-' + process.pid
const print = (line) => console.log(JSON.stringify(line))
const prompt = readFileSync(0, 'utf8')
const task = /\\[troupe:run_\\w+\\/([^/]+)\\//.exec(prompt)?.[1]
const file = join(own, session + '.json')
const used = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : 0
appendFileSync(join(own, 'told.ndjson'), JSON.stringify(prompt) + '\\n')
writeFileSync(file, String(used))
print({ type: 'session', id: session })
const forever = () => new Promise(() => setInterval(() => undefined, 60_000))
const fail = (status, until) => {
  if (existsSync(join(own, 'recovered-' + task))) return
  print({ type: 'failed', status, message: 'It failed.', until })
  process.exit(1)
}
const line = prompt.split('\\n').findLast((text) => text.startsWith('command-script '))
let answers = 0
for (const act of JSON.parse(line.slice('command-script '.length))) {
  answers++
  if (act.act === 'write') writeFileSync(act.path, act.content)
  if (act.act === 'write-outside') print({ type: 'denied', what: 'write ' + act.path })
  if (act.act === 'hang') await forever()
  if (act.act === 'rate-limited') fail(429)
  if (act.act === 'unauthorized') fail(401)
  if (act.act === 'cut') fail(0)
  if (act.act === 'usage-limit') fail(429, act.resetsAt)
  if (act.act === 'say') print({ type: 'text', text: act.text })
  if (act.act === 'tool' && !existsSync('begun')) {
    print({ type: 'tool', title: 'wait' })
    const tool = spawn('sleep', ['86399'], { stdio: 'ignore', detached: true })
    tool.once('spawn', () => writeFileSync('begun', ''))
    await forever()
  }
}
writeFileSync(file, String(used + answers * 120))
print({ type: 'used', tokens: used + answers * 120 })
print({ type: 'end' })
`

/** Writes the agent. */
export function writeDescribedAgent(path: string): Promise<void> {
  return writeFile(path, PROGRAM, { mode: 0o755 })
}
