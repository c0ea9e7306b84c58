import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { createOrchestrator } from '../src/orchestrator.ts'
import { layeredWorkflow } from './throughput.ts'
import v8 from 'node:v8'
const gc = (globalThis as any).gc
const show = (l: string) => { gc(); gc(); const m = process.memoryUsage(); console.log(l, 'heap', Math.round(m.heapUsed/1e6), 'ext', Math.round(m.external/1e6), 'rss', Math.round(m.rss/1e6)) }
const dataDir = await mkdtemp('/tmp/troupe-mem-')
show('start')
const w = layeredWorkflow(Number(process.argv[2]), 100)
show('workflow')
const o = await createOrchestrator({ dataDir })
const run = await o.start(w, {}, {})
show('started')
const t = setInterval(() => { const m = process.memoryUsage(); console.log('  rss', Math.round(m.rss/1e6), 'heap', Math.round(m.heapUsed/1e6), 'total', Math.round(m.heapTotal/1e6),'ext', Math.round(m.external/1e6)) }, 3000)
await o.settled(run)
clearInterval(t)
show('done')
if (process.argv[3]) v8.writeHeapSnapshot('/tmp/x/heap.heapsnapshot')
await o.close()
show('closed')
