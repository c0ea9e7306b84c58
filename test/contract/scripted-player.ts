/** The agents that are made for tests: one that speaks the protocol in this process, one that is a command. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandAgent } from '../../src/backends/command/command-agents.ts'
import { formatMark } from '../../src/domain/ids.ts'
import { inProcessAgent } from '../support/acp-agent/in-process-agent.ts'
import { play, type Step } from '../support/acp-agent/script.ts'
import { DESCRIPTION, writeDescribedAgent } from './described-agent.ts'
import type { AgentPlace, Player } from './local-player.ts'
import type { Act } from './stage.ts'

/** An agent made with the SDK, in the process that uses it. Its sessions outlive that. */
export function protocolPlayer({ root }: AgentPlace): Player {
  const { agent, started } = inProcessAgent({ resume: true, steer: true, sessions: join(root, 'sessions') })
  const heard = () => started.flatMap((one) => one.heard)
  return {
    agent,
    modelUrl: '',
    text(key, turn, acts, words) {
      const steps = acts.flatMap((act) => stepsOf(act, join(root, `recovered-${key.task}`)))
      return `${words}\n${play(...steps)}\n${formatMark(key, turn)}`
    },
    async told(task) {
      const texts = heard().flatMap(({ method, params }) => (method === 'session/prompt' ? [textOf(params)] : []))
      return texts.filter((text) => text.includes(`/${task}/`))
    },
    letGoOn: () => undefined,
    recover: (task) => writeFile(join(root, `recovered-${task}`), ''),
    kill: async () => started.at(-1)?.wire.end(),
    close: async () => undefined,
  }
}

function textOf(params: unknown): string {
  const { prompt } = params as { readonly prompt: readonly { readonly text?: string }[] }
  return prompt.map(({ text = '' }) => text).join('')
}

const USED = { totalTokens: 120 }

function stepsOf(act: Act, recovered: string): readonly Step[] {
  const failing = (data: object): readonly Step[] => [
    { unless: recovered, do: [{ error: { code: -32603, message: 'It failed.', data } }] },
  ]
  switch (act.act) {
    case 'write': {
      const { path, content: text } = act
      return [{ tool: { id: `write-${path}`, title: `Write ${path}`, kind: 'edit', write: { path, text } } }]
    }
    case 'tool': {
      const write = { path: 'begun', text: '' }
      const tool = { id: 'wait', title: 'wait', kind: 'execute', write }
      return [{ unless: 'begun', do: [{ tool }, { hang: 'model' }] }]
    }
    case 'write-outside': {
      const { path } = act
      const write = { path, text: 'outside\n' }
      const asks = { id: 'outside', title: `Write ${path}`, kind: 'edit', locations: [path], write, ask: true } as const
      return [{ tool: asks }]
    }
    case 'hang':
      return [{ hang: 'model' }]
    case 'listen':
      return [{ awaitSteer: true }, { recall: true }]
    case 'rate-limited':
      return failing({ errorKind: 'rate_limit' })
    case 'unauthorized':
      return failing({ errorKind: 'authentication_failed' })
    case 'cut':
      return failing({ errorKind: 'server_error' })
    case 'usage-limit': {
      const limit = { status: 'rejected', resetsAt: act.resetsAt, rateLimitType: 'five_hour' }
      const update = { sessionUpdate: 'usage_update', used: 1, size: 2, _meta: { '_claude/rateLimit': limit } }
      return [{ update }, ...failing({ errorKind: 'rate_limit' })]
    }
    case 'say':
      return [{ usage: USED }, { say: act.text }]
  }
}

/** A command that is described and not known. */
export async function commandPlayer({ root }: AgentPlace): Promise<Player> {
  const program = join(root, 'agent.mjs')
  await mkdir(root, { recursive: true })
  if (!existsSync(program)) await writeDescribedAgent(program)
  const agent = commandAgent('described', { ...DESCRIPTION, program })
  if (agent === undefined) throw new Error('The description describes no agent.')
  return {
    agent,
    modelUrl: '',
    text: (key, turn, acts, words) => `${words}\ncommand-script ${JSON.stringify(acts)}\n\n${formatMark(key, turn)}`,
    async told(task) {
      const lines = (await readFile(join(root, 'told.ndjson'), 'utf8').catch(() => '')).split('\n')
      const texts = lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as string]))
      return texts.filter((text) => text.includes(`/${task}/`))
    },
    letGoOn: () => undefined,
    recover: (task) => writeFile(join(root, `recovered-${task}`), ''),
    close: async () => undefined,
  }
}
