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
/** Agent runs of the workflow: the manager's, three in a row, four side by side, the review. */
const CREATIONS = 9
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

interface OneRun {
  /** `early`: killed before there was a run; `late`: it had ended before the kill. */
  readonly kill: 'early' | 'in time' | 'late'
  readonly run: string | undefined
  readonly completed: boolean
  readonly said: string
}

/** One run: started, killed once at a random moment, resumed until it ends. */
async function oneRun(dataDir: string, url: string, killAfterMs: number): Promise<OneRun> {
  const env = { CODEGEN_API_BASE_URL: url, CODEGEN_API_TOKEN: '' }
  const flags = ['--data-dir', dataDir, '--json', '--grace', '1s', '--limit', 'codegen.create=none']
  const first = start(['run', WORKFLOW, '--backend', 'codegen', '--input', 'feature_request=Add login', ...flags], env)
  const timer = setTimeout(() => first.child.kill('SIGKILL'), killAfterMs)
  const { signal, output } = await first.ended
  clearTimeout(timer)
  if (signal !== 'SIGKILL') return { kill: 'late', ...resultOf(output), said: output }
  const second = start(['resume', ...flags], env)
  const patience = setTimeout(() => second.child.kill('SIGKILL'), PATIENCE_MS)
  const resumed = await second.ended
  clearTimeout(patience)
  const result = resultOf(resumed.output)
  const said = output + resumed.output
  // Killed after its last record: there was nothing to resume.
  if (result.run === undefined && output.includes('"to":"completed"'))
    return { kill: 'late', ...resultOf(output), said }
  if (result.run === undefined && !output.includes('"seq":1,')) return { kill: 'early', ...result, said }
  return { kill: 'in time', ...result, said }
}

/** What the result line of a command's output says. */
function resultOf(output: string): Pick<OneRun, 'run' | 'completed'> {
  const line = output.split('\n').find((text) => text.startsWith('{"type":"result"'))
  if (line === undefined) return { run: undefined, completed: false }
  const { run, status } = JSON.parse(line) as { run: string; status: string }
  return { run, completed: status === 'completed' }
}

const dataRoot = await mkdtemp(join(tmpdir(), 'troupe-crash-'))
const standIn = await startStandIn()
const counts = { early: 0, 'in time': 0, late: 0 }
const completed = new Set<string>()
const problems: string[] = []
let runs = 0
try {
  while (counts['in time'] < kills && runs < kills * 3 + 10) {
    const dataDir = join(dataRoot, String(runs++))
    const { kill, run, completed: whole, said } = await oneRun(dataDir, standIn.url, 300 + random() * SPAN_MS)
    counts[kill]++
    if (kill === 'early') continue
    if (run !== undefined && whole) completed.add(run)
    else problems.push(`run ${runs} did not complete:\n${said.slice(-3_000)}`)
  }
  const creations = (await (await fetch(`${standIn.url}/_stand-in/creations`)).json()) as Record<string, number>
  const turns = (await (await fetch(`${standIn.url}/_stand-in/turns`)).json()) as Record<string, number>
  for (const [key, count] of Object.entries(creations))
    if (count !== 1) problems.push(`${key} was created ${count} times`)
  for (const run of completed) {
    const made = Object.keys(creations).filter((key) => key.startsWith(`${run}/`)).length
    if (made !== CREATIONS) problems.push(`${run} completed with ${made} creations instead of ${CREATIONS}`)
  }
  for (const problem of problems) console.error(problem)
  console.log(
    JSON.stringify({
      case: 'crash',
      kills: counts['in time'],
      killedBeforeARun: counts.early,
      killedTooLate: counts.late,
      completed: completed.size,
      creations: Object.keys(creations).length,
      doubledCreations: Object.values(creations).filter((count) => count !== 1).length,
      doubledTurns: Object.values(turns).filter((count) => count !== 1).length,
    }),
  )
} finally {
  await standIn.stop()
  await rm(dataRoot, { recursive: true, force: true })
}
process.exitCode = problems.length === 0 && counts['in time'] >= kills ? 0 : 1
