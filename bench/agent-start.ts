import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT_PROGRAMS, type AgentProgram } from '../scripts/pinned-agents.ts'
import { endBareAgent, outputOf, promptOverAcp, startBareAgent } from '../test/support/bare-agents.ts'
import { startModelServer } from '../test/support/model-server/model-server.ts'
import { findRealAgents, prepareHome, type RealAgents } from '../test/support/real-agents.ts'
import { quantile } from './quantile.ts'

/** What an agent takes by itself, without troupe: medians over its turns, each by a new process in a new folder. */
export interface AgentStart {
  readonly agent: AgentProgram
  readonly turns: number
  /** From its start until it asks its model for the first time: what troupe's own start is compared with. */
  readonly firstRequestMs: number
  /** From its start until a turn without work is over. */
  readonly turnMs: number
}

/** Measures each agent, one after the other; undefined where they are not installed. The first turn of each is not counted. */
export async function measureAgentStarts(turns: number): Promise<AgentStart[] | undefined> {
  const agents = findRealAgents()
  if (agents === undefined) return undefined
  const root = await mkdtemp(join(tmpdir(), 'troupe-bench-agents-'))
  try {
    const starts: AgentStart[] = []
    for (const agent of AGENT_PROGRAMS) starts.push(await measureAgent(agents, agent, turns, join(root, agent)))
    return starts
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function measureAgent(agents: RealAgents, agent: AgentProgram, turns: number, root: string): Promise<AgentStart> {
  const model = await startModelServer({})
  try {
    const site = { home: join(root, 'home'), modelUrl: model.url }
    await prepareHome(site)
    const requests: number[] = []
    const ends: number[] = []
    for (let turn = 0; turn <= turns; turn++) {
      const folder = join(root, `turn-${turn}`)
      await mkdir(folder)
      const mark = `run_${turn}/start/1/1`
      const prompt = `Do nothing.\n\n[troupe:${mark}]`
      const began = performance.now()
      const child = startBareAgent(agents, agent, { ...site, folder, prompt })
      try {
        const asked = model.until((request) => request.mark === mark && !request.side).then(() => performance.now())
        const done = agent.endsWith('-acp') ? promptOverAcp(child, folder, prompt) : outputOf(child)
        await done
        const ended = performance.now()
        if (turn === 0) continue
        requests.push((await asked) - began)
        ends.push(ended - began)
      } finally {
        await endBareAgent(child)
      }
    }
    return { agent, turns, firstRequestMs: quantile(requests, 0.5), turnMs: quantile(ends, 0.5) }
  } finally {
    await model.close()
  }
}
