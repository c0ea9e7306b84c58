import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../src/domain/clock.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const ANSWER_MS = 200

/** 100 agents at 10 creations a minute against the stand-in, whole orchestrator, virtual time. */
export async function measureCreations(tasks: number) {
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock })
  const began = clock.now()
  let last = 0
  let answered429 = 0
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const create = request.method === 'POST' && request.url.endsWith('/agent/run')
    if (create) last = clock.now()
    await sleep(clock, ANSWER_MS / 2)
    const response = await standIn.fetch(request)
    if (response.status === 429) answered429++
    await sleep(clock, ANSWER_MS / 2)
    return response
  }
  try {
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, fetch })
    const named = Object.fromEntries(
      Array.from({ length: tasks }, (_, i) => [`t${i}`, { prompt: 'work', simulate: { duration: '30s' } }]),
    )
    const workflow = defineWorkflow({ name: 'creations', concurrency: 200, tasks: named })
    const run = await orchestrator.start(workflow, {}, {})
    let exitCode: number | undefined
    const settled = orchestrator.settled(run).then((outcome) => {
      exitCode = outcome.exitCode
    })
    await clock.runUntil(() => exitCode !== undefined)
    await settled
    await orchestrator.close()
    const windows = Math.ceil(tasks / 10) - 1
    return {
      tasks,
      exitCode,
      created: Object.keys(standIn.creations()).length,
      lastCreationMs: last - began,
      allowedMs: windows * (60_000 + ANSWER_MS) + 1_000,
      refused429: answered429,
    }
  } finally {
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}
