import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../src/domain/clock.ts'
import type { Workflow } from '../src/domain/workflow.ts'
import { createVirtualClock, type VirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { lowerBound, packedGraph, randomGraph, type TimedGraph } from './makespan-graphs.ts'

const SLOTS = [2, 3, 4, 6, 8, 12, 16]
const SEEDS_A_SIZE = 5
const PACKED_MS = 3_600_000
const RANDOM_GRAPHS = 30
const RANDOM_TASKS = 60
const ANSWER_MS = 200
const CREATIONS = { max: 10, windowMs: 60_000 }

/** How much longer than the best possible the runs of graphs with a known optimum take, with exact estimates. */
export async function measureMakespan() {
  const ratios: number[] = []
  for (const slots of SLOTS) {
    for (let seed = 1; seed <= SEEDS_A_SIZE; seed++) {
      const workflow = workflowOf(packedGraph(seed, slots, PACKED_MS), 'simulated', slots)
      ratios.push((await makespan(workflow)) / PACKED_MS)
    }
  }
  return { graphs: ratios.length, slots: SLOTS, ...summary(ratios) }
}

/** The same under 10 creations a minute against the stand-in, whose answers take 0.2 s, over a lower bound of what is possible. */
export async function measureLimitedMakespan() {
  const ratios: number[] = []
  for (let seed = 1; seed <= RANDOM_GRAPHS; seed++) {
    const graph = randomGraph(seed, RANDOM_TASKS)
    const took = await makespan(workflowOf(graph, 'codegen', RANDOM_TASKS))
    ratios.push(took / lowerBound(graph, CREATIONS.max, CREATIONS.windowMs))
  }
  return { graphs: ratios.length, tasks: RANDOM_TASKS, ...summary(ratios) }
}

function summary(ratios: readonly number[]) {
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
  return { meanRatio: round(mean), worstRatio: round(Math.max(...ratios)) }
}

function workflowOf(graph: TimedGraph, backend: 'simulated' | 'codegen', concurrency: number): Workflow {
  const tasks = Object.fromEntries(
    graph.tasks.map(({ id, ms, needs }) => {
      const duration = `${ms}ms`
      return [id, { prompt: 'work', needs: [...needs], estimate: duration, timeout: '1d', simulate: { duration } }]
    }),
  )
  return defineWorkflow({ name: 'makespan', concurrency, defaults: { backend }, tasks })
}

/** How long a run takes in virtual time, ms. */
async function makespan(workflow: Workflow): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock })
  try {
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, fetch: answeringLate(standIn.fetch, clock) })
    const began = clock.now()
    const run = await orchestrator.start(workflow, {}, {})
    let exitCode: number | undefined
    const settled = orchestrator.settled(run).then((outcome) => {
      exitCode = outcome.exitCode
    })
    await clock.runUntil(() => exitCode !== undefined)
    await settled
    const { endedAt } = orchestrator.view(run)
    await orchestrator.close()
    if (exitCode !== 0 || endedAt === undefined) throw new Error(`The run ended with ${exitCode}`)
    return Date.parse(endedAt) - began
  } finally {
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

function answeringLate(fetch: typeof globalThis.fetch, clock: VirtualClock): typeof globalThis.fetch {
  return async (input, init) => {
    await sleep(clock, ANSWER_MS / 2)
    const response = await fetch(input, init)
    await sleep(clock, ANSWER_MS / 2)
    return response
  }
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
