import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

/** A layered graph: `width` tasks a layer, each needs two of the layer before. */
function layeredWorkflow(tasks: number, width: number) {
  const named: Record<string, object> = {}
  for (let i = 0; i < tasks; i++) {
    const layer = Math.floor(i / width)
    const needs = layer === 0 ? [] : [i - width, (layer - 1) * width + ((i + 1) % width)].map((n) => `t${n}`)
    named[`t${i}`] = { prompt: 'work', needs, simulate: { duration: '0ms', report: 'none', result: 'done' } }
  }
  return defineWorkflow({ name: 'layers', concurrency: 256, defaults: { backend: 'simulated' }, tasks: named } as never)
}

export interface Throughput {
  readonly tasks: number
  readonly cpuMsPerTask: number
  readonly wallMs: number
  readonly peakRssMb: number
  readonly journalBytesPerTransition: number
  readonly checkpointBytes: number
  readonly transitions: number
}

/** Carries one run of `tasks` simulated tasks out, its journal on disk, and measures it. */
export async function measureThroughput(tasks: number): Promise<Throughput> {
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  try {
    const orchestrator = await createLocalOrchestrator({ dataDir })
    const workflow = layeredWorkflow(tasks, 100)
    let peak = 0
    const sample = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 50)
    const cpu = process.cpuUsage()
    const began = performance.now()
    const run = await orchestrator.start(workflow, {}, {})
    const outcome = await orchestrator.settled(run)
    const wallMs = performance.now() - began
    const used = process.cpuUsage(cpu)
    clearInterval(sample)
    if (outcome.exitCode !== 0) throw new Error(`The run ended ${outcome.status}: ${outcome.reason}`)
    const transitions = orchestrator.view(run).seq
    await orchestrator.close()
    const folder = join(dataDir, 'runs', run)
    let journal = 0
    let checkpoint = 0
    for (const name of await readdir(folder)) {
      const { size } = await stat(join(folder, name))
      if (name.startsWith('journal')) journal += size
      if (name === 'checkpoint.json') checkpoint = size
    }
    return {
      tasks,
      cpuMsPerTask: round((used.user + used.system) / 1_000 / tasks),
      wallMs: Math.round(wallMs),
      peakRssMb: Math.round(peak / 1_048_576),
      journalBytesPerTransition: Math.round(journal / transitions),
      checkpointBytes: checkpoint,
      transitions,
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
