import { createInterface } from 'node:readline'
import { PassThrough, Readable, Writable } from 'node:stream'
import { ndJsonStream } from '@agentclientprotocol/sdk'
import type { AgentWire } from '../../../src/backends/acp/message-stream.ts'
import type { AgentSettings } from './script.ts'
import { scriptedAgent } from './scripted-agent.ts'

/** A scripted agent in this process. */
export interface InProcessAgent {
  readonly wire: AgentWire
  /** What arrived at it, in order. */
  readonly heard: { readonly method: string; readonly params: unknown }[]
  readonly isEnded: () => boolean
}

/** Starts the scripted agent in this process: the same lines, no program. */
export function startInProcess(settings: AgentSettings): InProcessAgent {
  const [toAgent, fromAgent] = [new PassThrough(), new PassThrough()]
  const heard: { method: string; params: unknown }[] = []
  let exit: (how: { code: number | null; signal: string | null }) => void = () => {}
  let isEnded = false
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    exit = resolve
  })
  const end = (code: number | null) => {
    if (isEnded) return
    isEnded = true
    exit({ code, signal: code === null ? 'SIGTERM' : null })
    fromAgent.end()
    toAgent.end()
  }
  for (const line of settings.prints ?? []) fromAgent.write(`${line}\n`)
  const app = scriptedAgent(settings, {
    print: (line) => fromAgent.write(`${line}\n`),
    die: end,
    heard: (method, params) => heard.push({ method, params }),
  })
  app.connect(ndJsonStream(Writable.toWeb(fromAgent), Readable.toWeb(toAgent)))
  const { diesAtStart } = settings
  if (diesAtStart !== undefined) end(diesAtStart.code)
  const wire: AgentWire = {
    pid: 4242,
    startedAt: 'a while ago',
    lines: createInterface({ input: fromAgent, crlfDelay: Infinity }),
    write: (line) =>
      new Promise((resolve, reject) => toAgent.write(line, (error) => (error ? reject(error) : resolve()))),
    trouble: () => diesAtStart?.words ?? '',
    exited,
    end: async () => end(null),
  }
  return { wire, heard, isEnded: () => isEnded }
}
