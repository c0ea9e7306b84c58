/**
 * The crash harness: a real `run --backend codegen` against a stand-in in a process of its own, killed with SIGKILL at random
 * moments, each kill followed by `resume`. Every run must complete and every key must have been created exactly once.
 *
 *   npm run crash -- --kills 50 [--seed 1]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chances } from '../../src/domain/seed.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
})
const kills = Number(values.kills)
const random = chances(Number(values.seed), 'crash')
const MAIN = ['--import', 'tsx', 'src/cli/main.ts']
const WORKFLOW = 'examples/feature-development.yaml'
/** The workflow lasts about this long at this speed when nobody kills it. */
const SPEED = '8'
const SPAN_MS = 9_000
const PATIENCE_MS = 120_000

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

function start(args: readonly string[], env: NodeJS.ProcessEnv): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, output })))
  return { child, ended }
}

async function startStandIn(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { child, ended } = start(['stand-in', '--port', '0', '--limit', 'create=none', '--speed', SPEED], {})
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const ready = /stand-in listening on (\S+)/.exec(text)
      if (ready?.[1] !== undefined) resolve(ready[1])
    })
    child.on('close', () => reject(new Error(`The stand-in ended: ${text}`)))
  })
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** One run: started, killed once at a random moment, resumed until it ends. */
async function oneRun(
  dataDir: string,
  url: string,
  killAfterMs: number,
): Promise<{ killed: boolean; completed: boolean; said: string }> {
  const env = { CODEGEN_API_BASE_URL: url, CODEGEN_API_TOKEN: '' }
  const flags = ['--data-dir', dataDir, '--json', '--grace', '1s', '--limit', 'codegen.create=none']
  const first = start(['run', WORKFLOW, '--backend', 'codegen', '--input', 'feature_request=Add login', ...flags], env)
  const timer = setTimeout(() => first.child.kill('SIGKILL'), killAfterMs)
  const { code, signal, output } = await first.ended
  clearTimeout(timer)
  if (signal !== 'SIGKILL') return { killed: false, completed: code === 0, said: output }
  const second = start(['resume', ...flags], env)
  const patience = setTimeout(() => second.child.kill('SIGKILL'), PATIENCE_MS)
  const resumed = await second.ended
  clearTimeout(patience)
  return { killed: true, completed: resumed.code === 0, said: output + resumed.output }
}

const dataRoot = await mkdtemp(join(tmpdir(), 'troupe-crash-'))
const standIn = await startStandIn()
let killed = 0
let completed = 0
let runs = 0
const problems: string[] = []
try {
  while (killed < kills && runs < kills * 3) {
    const dataDir = join(dataRoot, String(runs++))
    const result = await oneRun(dataDir, standIn.url, 400 + random() * SPAN_MS)
    if (result.killed) killed++
    if (result.completed) completed++
    else problems.push(`run ${runs} did not complete:\n${result.said.slice(-3_000)}`)
  }
  const creations = (await (await fetch(`${standIn.url}/_stand-in/creations`)).json()) as Record<string, number>
  const turns = (await (await fetch(`${standIn.url}/_stand-in/turns`)).json()) as Record<string, number>
  for (const [key, count] of Object.entries(creations))
    if (count !== 1) problems.push(`${key} was created ${count} times`)
  const doubledTurns = Object.values(turns).filter((count) => count !== 1).length
  for (const problem of problems) console.error(problem)
  console.log(
    JSON.stringify({
      case: 'crash',
      runs,
      kills: killed,
      completed,
      creations: Object.keys(creations).length,
      doubled: Object.values(creations).filter((count) => count !== 1).length,
      doubledTurns,
    }),
  )
} finally {
  await standIn.stop()
  await rm(dataRoot, { recursive: true, force: true })
}
process.exitCode = problems.length === 0 && killed >= kills ? 0 : 1
