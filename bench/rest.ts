import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chance } from '../src/domain/seed.ts'

/** What the server's process says once it serves. */
export interface RestServerStart {
  readonly url: string
  readonly runs: readonly string[]
}

/** What it did since it was told to count. */
export interface RestServerReport {
  readonly transitions: number
  readonly cpuMs: number
  readonly rssMb: number
  readonly runs: Readonly<Record<string, number>>
}

interface Call {
  readonly name: string
  readonly expected: number
  readonly ask: (run: string, n: number) => readonly [path: string, init?: RequestInit]
}

const REFUSED: RequestInit = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ type: 'continue' }),
}

const CALLS: readonly Call[] = [
  { name: 'GET /v1/runs', expected: 200, ask: () => ['/v1/runs'] },
  { name: 'GET /v1/runs/RUN', expected: 200, ask: (run) => [`/v1/runs/${run}`] },
  { name: 'GET /v1/runs/RUN/tasks', expected: 200, ask: (run) => [`/v1/runs/${run}/tasks`] },
  { name: 'GET /v1/runs/RUN/tasks/TASK', expected: 200, ask: (run, n) => [`/v1/runs/${run}/tasks/t${n % 200}`] },
  { name: 'GET /v1/runs/RUN/records', expected: 200, ask: (run) => [`/v1/runs/${run}/records?after=20&limit=100`] },
  { name: 'GET /v1/backends', expected: 200, ask: () => ['/v1/backends'] },
  { name: 'POST /v1/runs/RUN/commands', expected: 409, ask: (run) => [`/v1/runs/${run}/commands`, REFUSED] },
  // What the machine and Node take by themselves.
  { name: 'GET /healthz', expected: 200, ask: () => ['/healthz'] },
  { name: 'GET /metrics', expected: 200, ask: () => ['/metrics'] },
]

const WARM_UP_S = 15

/** REST calls at a steady rate while 50 runs of 200 tasks go on: how long each takes from when it was due. */
export async function measureRest(seconds: number, callsPerSecond: number) {
  const child = fork(fileURLToPath(new URL('./rest-server.ts', import.meta.url)))
  const ended = once(child, 'exit')
  try {
    const { url, runs } = await answer<RestServerStart>(child)
    await callSteadily(url, runs, WARM_UP_S, callsPerSecond)
    child.send('count')
    const took = await callSteadily(url, runs, seconds, callsPerSecond)
    child.send('report')
    const report = await answer<RestServerReport>(child)
    const all = [...took.values()].flat()
    return {
      runs: report.runs,
      transitionsPerSecond: Math.round(report.transitions / seconds),
      callsPerSecond: Math.round(all.length / seconds),
      serverCpu: Math.round(report.cpuMs / seconds / 10) / 100,
      serverRssMb: report.rssMb,
      p50Ms: quantile(all, 0.5),
      p99Ms: quantile(all, 0.99),
      routes: Object.fromEntries(
        [...took].map(([name, ms]) => [name, { p50Ms: quantile(ms, 0.5), p99Ms: quantile(ms, 0.99) }]),
      ),
    }
  } finally {
    if (child.connected) child.send('end')
    await ended
  }
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`The server ended with ${code}.`)
  })
  const [message] = (await Promise.race([once(child, 'message'), gone])) as [T]
  return message
}

/** A call is sent when it is due, whether or not those before it were answered. */
async function callSteadily(url: string, runs: readonly string[], seconds: number, callsPerSecond: number) {
  const took = new Map<string, number[]>(CALLS.map(({ name }) => [name, []]))
  const began = performance.now()
  const pending: Promise<void>[] = []
  for (let n = 0; n < seconds * callsPerSecond; n++) {
    const due = began + (n * 1000) / callsPerSecond
    await pause(Math.max(0, due - performance.now()))
    const call = CALLS[n % CALLS.length]
    const run = runs[Math.floor(chance(n, 'run') * runs.length)]
    if (call && run) pending.push(sendCall(call, url, run, n).then((at) => void took.get(call.name)?.push(at - due)))
  }
  await Promise.all(pending)
  return took
}

async function sendCall({ name, expected, ask }: Call, url: string, run: string, n: number): Promise<number> {
  const [path, init] = ask(run, n)
  const response = await fetch(`${url}${path}`, init)
  const text = await response.text()
  if (response.status !== expected) throw new Error(`${name} answered ${response.status}: ${text.slice(0, 200)}`)
  return performance.now()
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
}
