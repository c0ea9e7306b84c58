import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { serve } from '../src/server.ts'
import { parseInputs } from '../src/workflow/inputs.ts'
import { loadWorkflow } from '../src/workflow/load.ts'
import { inWorld } from './simulation/world.ts'
import { FakeOrchestrator, runView, taskView } from './support/fake-orchestrator.ts'

const ROOT = resolve(import.meta.dirname, '..')
const EXAMPLES = join(ROOT, 'examples')
/** What the examples that need inputs are given. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'feature-development.yaml': { feature_request: 'Add login' },
}

/** Agents and their attempts by example; the manager last. */
const AGENTS: Readonly<Record<string, readonly string[]>> = {
  'feature-development.yaml': [
    ...['research 1', 'spec 1', 'plan 1', 'execute[0] 1', 'execute[1] 1', 'execute[2] 1', 'execute[3] 1', 'review 1'],
    'manager 1',
  ],
  'hybrid.yaml': ['design 1', 'backend 2', 'frontend 1', 'migrate 1', 'integrate 1'],
  'parallel.yaml': ['security 1', 'performance 1', 'accessibility 1', 'dependencies 1', 'report 1'],
  'sequential.yaml': ['research 1', 'write 1', 'review 1'],
}

describe('the examples', () => {
  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('%s runs to completion', async (name) => {
    const workflow = loadWorkflow({ file: name, text: readFileSync(join(EXAMPLES, name), 'utf8') })
    await inWorld({}, async (world) => {
      const run = await world.orchestrator.start(workflow, parseInputs(workflow, INPUTS[name] ?? {}), {})
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const { tasks, manager, alerts } = world.orchestrator.view(run)
      const agents = manager === undefined ? tasks : [...tasks, manager]
      expect(agents.map(({ task, attempt }) => `${task} ${attempt}`)).toEqual(AGENTS[name])
      expect(agents.map(({ state }) => state)).toEqual(agents.map(() => 'completed'))
      expect(alerts).toEqual([])
    })
  })

  it('typed-workflow.ts runs as a program, prints each transition and the results', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'troupe-example-'))
    try {
      const { code, stdout, stderr } = await runProgram('typed-workflow.ts', dataDir)
      expect([code, stderr]).toEqual([0, ''])
      const lines = stdout.trimEnd().split('\n')
      for (const task of ['features', 'fixes', 'notes']) {
        expect(lines.filter((line) => line.startsWith(`${task}: `))).toEqual([
          `${task}: start -> pending`,
          `${task}: pending -> creating`,
          `${task}: creating -> running`,
          `${task}: running -> reporting`,
          `${task}: reporting -> completed`,
        ])
      }
      expect(lines.at(-4)).toMatch(/^run_\w+ completed$/)
      expect(lines.at(-1)).toMatch(
        /^notes \(https:.*\): Gift cards and login are here; refunds are exact to the cent\.$/,
      )
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('embedding.ts serves from its own process, and started again gives the same run', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'troupe-example-'))
    try {
      const first = await runProgram('embedding.ts', dataDir)
      expect([first.code, first.stderr]).toEqual([0, ''])
      const lines = first.stdout.trimEnd().split('\n')
      expect(lines[0]).toMatch(/^Serving at (http:\/\/127\.0\.0\.1:\d+) \(read \1\/docs\)$/)
      expect(lines.filter((line) => line.startsWith('summary: ')).at(-1)).toBe('summary: completed')
      const last = lines.slice(-2)
      expect(last[0]).toMatch(/^run_\w+ completed: Two findings: check uploads first\.$/)
      expect(last[1]).toBe('security completed, speed completed, summary completed')
      const second = await runProgram('embedding.ts', dataDir)
      expect(second.stdout.trimEnd().split('\n').slice(1)).toEqual(last)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('watch-run.ts says who needs a person, what failed, and how the run ended', async () => {
    const run = 'run_00000001'
    const orchestrator = new FakeOrchestrator()
    const spec = { task: 'spec', state: 'escalated.failed', why: 'It failed 3 times.', commands: ['retry', 'skip'] }
    orchestrator.add(runView({ run, tasks: [taskView(spec)] }))
    orchestrator.append(run, 1, { type: 'run' })
    const agent = (id: string) => ({ task: id, actor: { kind: 'agent', id } }) as const
    orchestrator.append(run, 1, { ...agent('spec'), to: 'escalated.failed' })
    orchestrator.append(run, 1, { ...agent('plan'), type: 'alert', data: { message: 'not told of' } })
    orchestrator.append(run, 1, { ...agent('plan'), to: 'failed', data: { failure: { message: 'no plan' } } })
    orchestrator.append(run, 1, { to: 'failed' })
    const token = 'a-token-of-this-test'
    const server = await serve(orchestrator, { port: 0, tokens: [{ name: 'reader', token, access: 'watch' }] })
    try {
      const program = await runWith({ TROUPE_TOKEN: token }, 'watch-run.ts', server.url, run)
      expect(program).toEqual({
        code: 0,
        stderr: '',
        stdout: [
          `${run} spec needs a person: It failed 3 times. It takes: retry, skip.`,
          `${run} plan failed: {"message":"no plan"}`,
          `${run} failed`,
          '',
        ].join('\n'),
      })
    } finally {
      await server.close()
    }
  })
})

/** Runs a program of the examples from its source; tsconfig.json says that `troupe` is this package's own source. */
function runProgram(name: string, ...args: readonly string[]) {
  return runWith({}, name, ...args)
}

/** The same, with these environment variables besides. */
function runWith(env: Readonly<Record<string, string>>, name: string, ...args: readonly string[]) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((end) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(EXAMPLES, name), ...args], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on('close', (code) => end({ code, stdout, stderr }))
  })
}
