import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { RunSettings } from '../src/domain/orchestration.ts'
import { serve } from '../src/server.ts'
import { parseInputs } from '../src/workflow/inputs.ts'
import { loadWorkflow } from '../src/workflow/load.ts'
import { workflowSchema } from '../src/workflow/schema.ts'
import { readSource } from '../src/workflow/source.ts'
import { inWorld, type World } from './simulation/world.ts'
import { FakeOrchestrator, runView, taskView } from './support/fake-orchestrator.ts'

const ROOT = resolve(import.meta.dirname, '..')
const EXAMPLES = join(ROOT, 'examples')
/** What the examples that need inputs are given. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'feature-development.yaml': { feature_request: 'Add login' },
  'every-key.yaml': { feature: 'Gift cards' },
}

/** Where their agents are not installed everywhere. */
const SETTINGS: Readonly<Record<string, RunSettings>> = { 'every-key.yaml': { backend: 'simulated' } }

/** What a person says while they run. */
const PEOPLE: Readonly<Record<string, (world: World, run: string) => Promise<void>>> = {
  'approval.yaml': async (world, run) => {
    expect((await world.settled(run))?.exitCode).toBe(3)
    await world.orchestrator.commandTask(run, 'migrate', { type: 'approve' })
  },
  'every-key.yaml': async (world, run) => {
    expect((await world.settled(run))?.exitCode).toBe(3)
    await world.orchestrator.commandTask(run, 'plan', { type: 'approve' })
  },
  'budget.yaml': async (world, run) => {
    const outcome = await world.settled(run)
    expect([outcome?.status, outcome?.exitCode]).toEqual(['paused', 3])
    expect(world.orchestrator.view(run).tasks.map(({ state }) => state)).toEqual([
      ...['completed', 'completed', 'completed', 'pending', 'waiting'],
    ])
    await world.orchestrator.command(run, { type: 'continue', budget: { agentRuns: 2 } })
  },
}

/** Agents and their attempts by example, with their last state where that is not completed; the manager last. */
const AGENTS: Readonly<Record<string, readonly string[]>> = {
  'approval.yaml': ['plan 1', 'migrate 1', 'check 1'],
  'budget.yaml': ['survey 1', 'search 1', 'cart 1', 'history 1', 'report 1'],
  'conditions.yaml': [
    ...['test 1', 'lint 1 failed', 'screenshots 1 skipped', 'compare 1 skipped', 'release 1', 'tell 1'],
    ...['announce 1 skipped', 'tidy 1'],
  ],
  'every-key.yaml': ['plan 1', 'build[0] 2', 'build[1] 2', 'review 1', 'polish 1', 'tidy 1', 'manager 1'],
  'for-each.yaml': [
    ...['services 1', 'routes[0] 1', 'routes[1] 1'],
    ...[0, 1, 2, 3, 4, 5].map((index) => `check[${index}] 1`),
    ...[0, 1, 2, 3, 4, 5].map((index) => `note[${index}] 1`),
    'summary 1',
  ],
  'feature-development.yaml': [
    ...['research 1', 'spec 1', 'plan 1', 'execute[0] 1', 'execute[1] 1', 'execute[2] 1', 'execute[3] 1', 'review 1'],
    'manager 1',
  ],
  'hybrid.yaml': ['design 1', 'backend 2', 'frontend 1', 'migrate 1', 'integrate 1'],
  'parallel.yaml': ['security 1', 'performance 1', 'accessibility 1', 'dependencies 1', 'report 1'],
  'sequential.yaml': ['research 1', 'write 1', 'review 1'],
}

/** What people are told besides. */
const ALERTS: Readonly<Record<string, readonly string[]>> = {
  'approval.yaml': ['approval migrate'],
  'every-key.yaml': ['approval plan'],
}

describe('the examples', () => {
  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('%s runs to completion', async (name) => {
    const workflow = loadWorkflow({ file: name, text: readFileSync(join(EXAMPLES, name), 'utf8') })
    await inWorld({}, async (world) => {
      const settings = SETTINGS[name] ?? {}
      const run = await world.orchestrator.start(workflow, parseInputs(workflow, INPUTS[name] ?? {}), settings)
      await PEOPLE[name]?.(world, run)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      const { tasks, manager, alerts } = world.orchestrator.view(run)
      const agents = manager === undefined ? tasks : [...tasks, manager]
      const ends = agents.map(({ task, attempt, state }) => [task, attempt, ...(state === 'completed' ? [] : [state])])
      expect(ends.map((words) => words.join(' '))).toEqual(AGENTS[name])
      expect(alerts.map(({ code, task }) => `${code} ${task}`)).toEqual(ALERTS[name] ?? [])
    })
  })

  it('every-key.yaml leaves no key of the schema out', () => {
    const { value } = readSource({
      file: 'every-key.yaml',
      text: readFileSync(join(EXAMPLES, 'every-key.yaml'), 'utf8'),
    })
    expect(unusedKeys(workflowSchema, [value])).toEqual([])
    expect(unusedKeys(workflowSchema, [{ name: 'x', tasks: { a: { prompt: 'x' } } }]).slice(0, 2)).toEqual([
      '$schema',
      'description',
    ])
  })

  it('objective.ts plans, asks, and ends what it was asked for', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'troupe-example-'))
    try {
      const { code, stdout, stderr } = await runProgram('objective.ts', dataDir)
      expect([code, stderr]).toEqual([0, ''])
      const lines = stdout.trimEnd().split('\n')
      expect(lines.slice(0, 3)).toEqual(['research: completed', 'spec: completed', 'plan: completed'])
      expect(lines.filter((line) => /^execute\[\d\]: completed$/.test(line)).length).toBeGreaterThan(0)
      expect(lines.slice(-2)).toEqual(['review: completed', expect.stringMatching(/^run_\w+ completed$/)])
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  }, 120_000)

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

/** Keys of a schema that none of these values has, by path; each value lies where the schema is used. */
function unusedKeys(schema: unknown, values: readonly unknown[], path = ''): readonly string[] {
  const at = values.filter((value) => typeof value === 'object' && value !== null)
  if (schema instanceof z.ZodOptional) return unusedKeys(schema.unwrap(), values, path)
  if (schema instanceof z.ZodArray) return unusedKeys(schema.element, at.flatMap(Object.values), `${path}[]`)
  if (schema instanceof z.ZodRecord) return unusedKeys(schema.valueType, at.flatMap(Object.values), `${path}.*`)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unusedKeys(option, values, path))
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape).flatMap(([key, inner]) => {
    const name = path === '' ? key : `${path}.${key}`
    const found = at.flatMap((value) =>
      Object.hasOwn(value as object, key) ? [(value as Record<string, unknown>)[key]] : [],
    )
    return found.length === 0 ? [name] : unusedKeys(inner, found, name)
  })
}

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
