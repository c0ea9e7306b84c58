/** The scripted agent as a program: `tsx main.ts SETTINGS`, the settings as JSON. */
import { appendFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { ndJsonStream } from '@agentclientprotocol/sdk'
import type { AgentSettings } from './script.ts'
import { scriptedAgent } from './scripted-agent.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as AgentSettings
if (settings.diesAtStart !== undefined) {
  process.stderr.write(`${settings.diesAtStart.words}\n`)
  process.exit(settings.diesAtStart.code)
}
for (const line of settings.prints ?? []) process.stdout.write(`${line}\n`)
const diary = process.env['ACP_AGENT_DIARY']
const app = scriptedAgent(settings, {
  print: (line) => process.stdout.write(`${line}\n`),
  die: (code) => process.exit(code),
  heard: (method, params) => {
    if (diary !== undefined) appendFileSync(diary, `${JSON.stringify({ method, params })}\n`)
  },
})
const connection = app.connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)))
if (settings.stubborn) {
  process.on('SIGTERM', () => {})
  process.on('SIGINT', () => {})
  setInterval(() => {}, 60_000)
} else {
  void connection.closed.then(() => process.exit(0))
}
