import { mkdtemp } from 'node:fs/promises'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

process.on('unhandledRejection', (e) => console.log('UNHANDLED', e))
const clock = createVirtualClock()
const standIn = createStandIn({
  clock,
  limits: { create: 'none', standard: 'none', shared: 'none', logs: 'none' } as never,
})
const fetch = async (i: never, n: never) => {
  return standIn.fetch(i, n)
}
const o = await createOrchestrator({ dataDir: await mkdtemp('/tmp/x/dbg-'), clock, fetch: fetch as never })
o.subscribe((_, rs) => {
  for (const r of rs)
    if (r.seq > 620 || r.actor.kind === 'supervisor')
      console.log(r.seq, r.type, r.actor.id, r.from, r.to, JSON.stringify(r.data ?? {}).slice(0, 200))
})
const tasks = Object.fromEntries(
  Array.from({ length: 100 }, (_, i) => [`t${i}`, { prompt: 'work', simulate: { duration: '600000ms' } }]),
)
const run = await o.start(defineWorkflow({ name: 'x', concurrency: 300, tasks }), {}, {
  limits: { 'codegen.create': 'none' },
} as never)
let done = false
o.settled(run).then((x) => {
  done = true
  console.log(x)
})
await clock.runUntil(() => done).catch((e) => console.log(String(e)))
console.log(JSON.stringify(o.limits()), o.view(run).counts, o.view(run).status, o.view(run).alerts)
