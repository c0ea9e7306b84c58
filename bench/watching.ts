import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../src/domain/clock.ts'
import { chance } from '../src/domain/seed.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const ANSWER_MS = 200
const SHORTEST_MS = 10 * 60_000
const SPREAD_MS = 10 * 60_000

/** `agents` running agents with `others` newer runs in the list: requests a minute, and how late an ending is noticed. */
export async function measureWatching(agents: number, others: number) {
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const clock = createVirtualClock()
  const limits = { create: 'none', standard: 'none', shared: 'none', logs: 'none' } as const
  const standIn = createStandIn({ clock, limits })
  const requests: number[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    requests.push(clock.now())
    await sleep(clock, ANSWER_MS)
    return standIn.fetch(input, init)
  }
  const durations = new Map<string, number>()
  const named = Object.fromEntries(
    Array.from({ length: agents }, (_, i) => {
      const ms = Math.round(SHORTEST_MS + SPREAD_MS * chance(1, `t${i}`))
      durations.set(`t${i}`, ms)
      return [`t${i}`, { prompt: 'work', simulate: { duration: `${ms}ms` } }]
    }),
  )
  try {
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, fetch })
    const started = new Map<string, number>()
    const late: number[] = []
    orchestrator.subscribe((_, records) => {
      for (const { actor, at, to } of records) {
        if (actor.kind !== 'agent') continue
        if (to === 'running') started.set(actor.id, Date.parse(at))
        if (to !== 'reporting') continue
        late.push(Date.parse(at) - (started.get(actor.id) ?? 0) - (durations.get(actor.id) ?? 0))
      }
    })
    const workflow = defineWorkflow({ name: 'watching', concurrency: agents, tasks: named })
    // The creations themselves are not what is measured: only the 60 calls a minute hold them up.
    const settings = { limits: { 'codegen.create': 'none' } } as const
    const run = await orchestrator.start(workflow, {}, settings)
    await clock.runUntil(() => started.size === agents)
    for (let i = 0; i < others; i++) await createOther(standIn.fetch)
    const from = clock.now()
    requests.length = 0
    let exitCode: number | undefined
    const settled = orchestrator.settled(run).then((outcome) => {
      exitCode = outcome.exitCode
    })
    await clock.runUntil(() => exitCode !== undefined)
    await settled
    await orchestrator.close()
    late.sort((a, b) => a - b)
    return {
      agents,
      others,
      exitCode,
      mostRequestsInAMinute: mostInAWindow(requests, 60_000),
      minutes: Math.round((clock.now() - from) / 60_000),
      noticedP50Ms: late[Math.floor(late.length * 0.5)],
      noticedP95Ms: late[Math.floor(late.length * 0.95)],
      noticedMaxMs: late.at(-1),
    }
  } finally {
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function createOther(fetch: typeof globalThis.fetch): Promise<void> {
  await fetch('http://stand-in.invalid/v1/organizations/1/agent/run', {
    method: 'POST',
    headers: { authorization: 'Bearer somebody', 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'somebody else' }),
  })
}

function mostInAWindow(times: readonly number[], windowMs: number): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while ((times[to] ?? 0) - (times[from] ?? 0) >= windowMs) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
