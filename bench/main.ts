/** Benchmarks: one JSON line a case. `npm run bench [-- CASE]`; CASE is throughput, creations, window, faults, makespan, watching, rest, stream, broadcast, reconnect, worktrees or agent-start (real agents with troupe and without). */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { limitHeapGrowth } from '../src/host/heap-growth.ts'
import { measureAgentStarts } from './agent-start.ts'
import { measureCreations } from './creations.ts'
import { measureFaults } from './faults.ts'
import { measureLimitedMakespan, measureMakespan } from './makespan.ts'
import { measureRest } from './rest.ts'
import { measureBroadcast, measureStream } from './stream.ts'
import { measureReconnect } from './stream-reconnect.ts'
import { measureThroughput } from './throughput.ts'
import { measureWatching } from './watching.ts'
import { measureWindow } from './window.ts'
import { measureWorktrees } from './worktrees.ts'

const WARM_UP = 5_000
const [only, size] = process.argv.slice(2)

function print(name: string, result: object): void {
  console.log(JSON.stringify({ case: name, ...result }))
}

async function throughput(tasks: number): Promise<void> {
  limitHeapGrowth()
  await measureThroughput(WARM_UP)
  print('throughput', await measureThroughput(tasks))
}

/** Each size in a process of its own, so that none inherits the heap of another. */
function throughputInItsOwnProcess(tasks: number): void {
  const self = fileURLToPath(import.meta.url)
  const args = [...process.execArgv, self, 'throughput', String(tasks)]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

if (only === 'throughput' && size !== undefined) await throughput(Number(size))
else {
  if (only === undefined || only === 'throughput')
    for (const tasks of [1_000, 10_000, 50_000]) throughputInItsOwnProcess(tasks)
  if (only === undefined || only === 'creations') print('creations', await measureCreations(100))
  if (only === undefined || only === 'window') print('window', await measureWindow(30))
  if (only === undefined || only === 'faults') print('faults', await measureFaults(300))
  if (only === undefined || only === 'makespan') {
    print('makespan', await measureMakespan())
    print('makespan-limited', await measureLimitedMakespan())
  }
  if (only === undefined || only === 'watching') print('watching', await measureWatching(300, 2_000))
  if (only === undefined || only === 'rest') print('rest', await measureRest(30, 50))
  if (only === undefined || only === 'stream') {
    print('stream', await measureStream(1_000, 50, 30))
    print('stream', await measureStream(100, 500, 30))
  }
  if (only === undefined || only === 'broadcast') print('broadcast', await measureBroadcast(200, 1_000, 15))
  if (only === undefined || only === 'reconnect') print('reconnect', await measureReconnect(10_000))
  if (only === undefined || only === 'worktrees') print('worktrees', await measureWorktrees(10_000, 8))
  if (only === undefined || only === 'agent-start') {
    const starts = await measureAgentStarts(9, size)
    if (starts === undefined) console.error('agent-start: the real agents are not installed: npm run agents:install')
    for (const start of starts ?? []) print('agent-start', start)
  }
}
