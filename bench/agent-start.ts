import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT_PROGRAMS, type AgentProgram } from '../scripts/pinned-agents.ts'
import { createOrchestrator } from '../src/create-orchestrator.ts'
import type { Orchestrator } from '../src/domain/orchestration.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { endBareAgent, outputOf, promptOverAcp, startBareAgent } from '../test/support/bare-agents.ts'
import { type ModelServer, startModelServer } from '../test/support/model-server/model-server.ts'
import { describedAgents, findRealAgents, prepareHome, type RealAgents } from '../test/support/real-agents.ts'
import { quantile } from './quantile.ts'

/** Their checkout is git's own matter: `npm run bench -- worktrees` measures that of 10,000. */
const FILES = 100
const BACKENDS: Readonly<Record<AgentProgram, string>> = {
  claude: 'command:claude',
  codex: 'command:codex',
  'claude-agent-acp': 'acp:claude',
  'codex-acp': 'acp:codex',
}

/**
 * What an agent of troupe's waits at until all are measured. Worktrees that are removed in between would be measured with it: ext4 gives no
 * number of a file again for minutes, and where thousands were deleted making a file takes up to twenty times as long.
 */
const HELD = 'held'

/** What it costs to start an agent, with troupe and without, turn about in the same minutes: medians, each in a new process. */
export interface AgentStart {
  readonly agent: AgentProgram
  readonly turns: number
  /** By hand in the repository: from its start until it asks its model for the first time. */
  readonly bareMs: number
  /** From the intent to create an attempt, which is not durable yet, to the same: worktree, process, session. */
  readonly troupeMs: number
  /** At most 1.3 is allowed. */
  readonly ratio: number
  /** The first attempt of a process, which loads what it needs and starts the guard. */
  readonly firstTroupeMs: number
}

interface Bench {
  readonly agents: RealAgents
  readonly agent: AgentProgram
  readonly model: ModelServer
  readonly home: string
  readonly repository: string
}

/** Measures each agent, one after the other; undefined where they are not installed. The first turns of each are not counted. */
export async function measureAgentStarts(turns: number, only?: string): Promise<AgentStart[] | undefined> {
  const agents = findRealAgents()
  if (agents === undefined) return undefined
  const root = await mkdtemp(join(tmpdir(), 'troupe-bench-agents-'))
  try {
    const starts: AgentStart[] = []
    for (const agent of AGENT_PROGRAMS.filter((name) => only === undefined || name === only)) {
      starts.push(await measureAgent(agents, agent, turns, join(root, agent)))
    }
    return starts
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function measureAgent(agents: RealAgents, agent: AgentProgram, turns: number, root: string): Promise<AgentStart> {
  const model = await startModelServer({ only: [[{ hold: HELD }]] })
  const bench = { agents, agent, model, home: join(root, 'home'), repository: join(root, 'repository') }
  await makeRepository(bench.repository)
  await prepareHome({ home: bench.home, modelUrl: model.url })
  const orchestrator = await createOrchestrator({
    dataDir: join(root, 'data'),
    workDir: join(root, 'work'),
    env: { PATH: process.env['PATH'], HOME: bench.home },
    agents: describedAgents(agents, { home: bench.home, modelUrl: model.url }),
  })
  try {
    await startBare(bench, 0)
    const { run: firstRun, ms: firstTroupeMs } = await startByTroupe(bench, orchestrator)
    const runs = [firstRun]
    const bare: number[] = []
    const troupe: number[] = []
    for (let turn = 1; turn <= turns; turn++) {
      bare.push(await startBare(bench, turn))
      const { run, ms } = await startByTroupe(bench, orchestrator)
      runs.push(run)
      troupe.push(ms)
    }
    model.release(HELD)
    for (const run of runs) await orchestrator.settled(run)
    const [bareMs, troupeMs] = [quantile(bare, 0.5), quantile(troupe, 0.5)]
    const ratio = Math.round((troupeMs / bareMs) * 100) / 100
    return { agent, turns, bareMs, troupeMs, ratio, firstTroupeMs: Math.round(firstTroupeMs) }
  } finally {
    await orchestrator.close()
    await model.close()
  }
}

async function makeRepository(repository: string): Promise<void> {
  const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args])
  for (let n = 0; n < FILES; n++) {
    const folder = join(repository, `d${Math.floor(n / 100)}`)
    if (n % 100 === 0) await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `f${n}.txt`), `${n}\n`.padEnd(4_096, `line ${n}\n`))
  }
  git('init', '-q')
  git('add', '-A')
  git('-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-qm', 'base')
}

/** Resolves with the time of the agent's first request. */
async function asked({ model }: Bench, isOf: (mark: string) => boolean): Promise<number> {
  await model.until(({ mark, side }) => isOf(mark) && !side)
  return performance.now()
}

async function startBare(bench: Bench, turn: number): Promise<number> {
  const { agents, agent, home, repository, model } = bench
  const mark = `run_${turn}/bare/1/1`
  const prompt = `Do nothing.\n\n[troupe:${mark}]`
  const first = asked(bench, (found) => found === mark)
  const began = performance.now()
  const child = startBareAgent(agents, agent, { home, modelUrl: model.url, folder: repository, prompt })
  try {
    await (agent.endsWith('-acp') ? promptOverAcp(child, repository, prompt) : outputOf(child))
    return (await first) - began
  } finally {
    await endBareAgent(child)
  }
}

async function startByTroupe(bench: Bench, orchestrator: Orchestrator) {
  const workflow = defineWorkflow({ name: 'start', tasks: { only: { prompt: 'Do nothing.' } } })
  const backend = BACKENDS[bench.agent]
  const run = await orchestrator.start(workflow, {}, { backend, directory: bench.repository })
  const first = await asked(bench, (mark) => mark.startsWith(`${run}/`))
  const ended = performance.timeOrigin + first
  const records = await orchestrator.records(run, 0)
  const began = records.find(({ actor, to }) => actor.id === 'only' && to === 'creating')?.at
  return { run, ms: ended - Date.parse(began ?? '') }
}
