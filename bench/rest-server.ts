/** The process that the case `rest` asks: a real server whose runs go on by themselves. Talks to its parent over IPC. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chance } from '../src/domain/seed.ts'
import { limitHeapGrowth } from '../src/host/heap-growth.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { serve } from '../src/server.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import type { RestServerReport, RestServerStart } from './rest.ts'

const RUNS = 50
const TASKS = 200
/** Tasks of one layer; each needs two of the layer before. */
const WIDTH = 20
/** 50 runs with 4 agents each that work 10 s on average: 20 tasks a second, 5 transitions a task. */
const CONCURRENCY = 4
const SHORTEST_MS = 5_000
const SPREAD_MS = 10_000

function workflowOf(run: number) {
  const tasks = Object.fromEntries(
    Array.from({ length: TASKS }, (_, i) => {
      const before = i - WIDTH
      const needs = before < 0 ? [] : [`t${before}`, `t${before - (i % WIDTH) + ((i + 1) % WIDTH)}`]
      const duration = `${Math.round(SHORTEST_MS + SPREAD_MS * chance(run, `t${i}`))}ms`
      return [`t${i}`, { prompt: `Do part ${i}.`, needs, simulate: { duration, result: 'done '.repeat(40) } }]
    }),
  )
  return defineWorkflow({
    name: `part ${run}`,
    concurrency: CONCURRENCY,
    defaults: { backend: 'simulated' },
    tasks,
  } as never)
}

limitHeapGrowth()
const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
const orchestrator = await createLocalOrchestrator({ dataDir })
const server = await serve(orchestrator, { port: 0 })
let transitions = 0
orchestrator.subscribe((_run, records) => {
  for (const { type } of records) if (type === 'transition') transitions++
})
const runs: string[] = []
for (let run = 0; run < RUNS; run++) runs.push(await orchestrator.start(workflowOf(run), {}, {}))

let counted = { transitions: 0, cpu: process.cpuUsage() }
process.on('message', async (question) => {
  if (question === 'count') {
    counted = { transitions, cpu: process.cpuUsage() }
    return
  }
  if (question === 'report') {
    const { user, system } = process.cpuUsage(counted.cpu)
    const report: RestServerReport = {
      transitions: transitions - counted.transitions,
      cpuMs: Math.round((user + system) / 1000),
      rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
      runs: orchestrator.census().runs,
    }
    process.send?.(report)
    return
  }
  await end()
})
process.on('disconnect', end)

async function end(): Promise<void> {
  await server.close()
  await orchestrator.close()
  await rm(dataDir, { recursive: true, force: true })
  process.exit(0)
}

const started: RestServerStart = { url: server.url, runs }
process.send?.(started)
