import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataFolderReader } from '../src/data-folder-reader.ts'
import type { BudgetRaise } from '../src/domain/budget.ts'
import type { Orchestrator } from '../src/domain/orchestration.ts'
import type { RunRecord } from '../src/domain/record.ts'
import type { TaskView } from '../src/domain/views.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const clock = createVirtualClock()
const MINUTE = 60_000
let dataDir: string
let orchestrator: Orchestrator

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-'))
  orchestrator = await createLocalOrchestrator({ dataDir, clock })
})
afterEach(async () => {
  await orchestrator.close()
  await rm(dataDir, { recursive: true })
})

interface Given {
  readonly tasks: object
  readonly budget?: object
  readonly defaults?: object
  readonly manager?: object
  readonly concurrency?: number
}

async function begin({ defaults, ...rest }: Given): Promise<string> {
  const given = {
    name: 'budget',
    defaults: { backend: 'simulated', timeout: '1d', retry: { attempts: 1 }, ...defaults },
    ...rest,
  }
  return orchestrator.start(defineWorkflow(given as never), {}, {})
}

/** Runs until nothing goes on by itself; a person looked away for as long. */
async function quiet(run: string): Promise<void> {
  await clock.runUntil(orchestrator.settled(run))
}

async function elapse(ms: number): Promise<void> {
  await clock.runUntil(new Promise<void>((resolve) => clock.setTimeout(resolve, ms)))
}

async function raise(run: string, budget: BudgetRaise): Promise<void> {
  await orchestrator.command(run, { type: 'continue', budget })
  await quiet(run)
}

async function restarted(run: string): Promise<void> {
  await orchestrator.close()
  orchestrator = await createLocalOrchestrator({ dataDir, clock })
  await orchestrator.resume(run)
}

const states = (run: string) => Object.fromEntries(orchestrator.view(run).tasks.map(({ task, state }) => [task, state]))
const budgetOf = (run: string) => orchestrator.view(run).budget
const useOf = (run: string) =>
  orchestrator
    .view(run)
    .tasks.map(({ task, agentRuns, ranMs, cost, tokens }: TaskView) => [task, agentRuns, ranMs, cost, tokens])
const alertsOf = (run: string, code: string) =>
  orchestrator.view(run).alerts.flatMap((alert) => (alert.code === code ? [alert.message] : []))

/** Tasks in a row, each of a minute. */
function row(count: number, more: object = {}): object {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `t${i}`,
      {
        prompt: 'x',
        role: 'coder',
        simulate: { duration: '1m', ...more },
        ...(i === 0 ? {} : { needs: [`t${i - 1}`] }),
      },
    ]),
  )
}

describe('a budget of dollars', () => {
  it('pauses before an agent run that would exceed it, says why, and goes on when it is raised', async () => {
    const run = await begin({ tasks: row(3, { cost: 2 }), budget: { cost: 3 } })
    await quiet(run)
    expect([orchestrator.view(run).status, states(run)]).toEqual([
      'paused',
      { t0: 'completed', t1: 'pending', t2: 'waiting' },
    ])
    expect(orchestrator.view(run).reason).toBe('The budget of 3 dollars is used up: 2 used, 2 expected of t1')
    expect(budgetOf(run)?.cost).toEqual({ used: 2, allowed: 3 })
    await raise(run, { cost: 3 })
    expect([orchestrator.view(run).status, budgetOf(run)?.cost]).toEqual(['completed', { used: 6, allowed: 6 }])
  })

  it('counts what failed attempts have used', async () => {
    const tasks = {
      a: { prompt: 'x', retry: { attempts: 3 }, simulate: { duration: '1m', cost: 0.1, tokens: 7, failures: 2 } },
    }
    const run = await begin({ tasks, budget: { cost: 5 } })
    await quiet(run)
    expect(budgetOf(run)?.cost).toEqual({ used: 0.3, allowed: 5 })
    expect(useOf(run)).toEqual([['a', 3, 3 * MINUTE, 0.3, 21]])
    expect(orchestrator.view(run).tasks[0]?.attempts.map(({ cost, tokens }) => [cost, tokens])).toEqual([
      [0.1, 7],
      [0.1, 7],
      [0.1, 7],
    ])
  })

  it('sets estimates aside before it begins several at one instant, and gives back what they did not use', async () => {
    const task = { prompt: 'x', estimate: { cost: 2 }, simulate: { duration: '1m', cost: 0.5 } }
    const run = await begin({ tasks: { a: task, b: task, c: task, d: task }, budget: { cost: 5 } })
    await elapse(30_000)
    expect(states(run)).toEqual({ a: 'running', b: 'running', c: 'pending', d: 'pending' })
    expect(budgetOf(run)?.cost).toEqual({ used: 0, reserved: 4, allowed: 5 })
    expect(orchestrator.view(run).reason).toBe(
      'The budget of 5 dollars is used up: 0 used, 4 set aside for agents at work, 2 expected of c',
    )
    await quiet(run)
    expect(budgetOf(run)?.cost).toEqual({ used: 1, allowed: 5 })
    // There is room again without a raise.
    await orchestrator.command(run, { type: 'continue' })
    await quiet(run)
    expect([orchestrator.view(run).status, budgetOf(run)?.cost]).toEqual(['completed', { used: 2, allowed: 5 }])
  })

  it('kills nothing that is at work when it pauses', async () => {
    const tasks = { ...row(2, { cost: 9 }), long: { prompt: 'x', simulate: { duration: '1h', cost: 1 } } }
    const run = await begin({ tasks, budget: { cost: 5 } })
    await quiet(run)
    expect(states(run)).toEqual({ t0: 'completed', t1: 'pending', long: 'completed' })
    expect(budgetOf(run)?.cost).toEqual({ used: 10, allowed: 5 })
  })

  it('is counted once, however often the process ends', async () => {
    const run = await begin({ tasks: row(3, { cost: 2 }), budget: { cost: 4 } })
    await elapse(90_000)
    await restarted(run)
    await quiet(run)
    expect([budgetOf(run)?.cost, orchestrator.view(run).status]).toEqual([{ used: 4, allowed: 4 }, 'paused'])
    await raise(run, { cost: 1 })
    await orchestrator.checkpoint()
    await restarted(run)
    expect(budgetOf(run)?.cost?.allowed).toBe(5)
    await raise(run, { cost: 1 })
    expect([budgetOf(run)?.cost, orchestrator.view(run).status]).toEqual([{ used: 6, allowed: 6 }, 'completed'])
  })

  it('pays for what was stopped', async () => {
    const run = await begin({
      tasks: { a: { prompt: 'x', simulate: { duration: '1h', cost: 3 } } },
      budget: { cost: 5 },
    })
    await elapse(MINUTE)
    await orchestrator.command(run, { type: 'cancel' })
    await quiet(run)
    expect([orchestrator.view(run).status, budgetOf(run)?.cost]).toEqual(['cancelled', { used: 3, allowed: 5 }])
  })
})

describe('a budget of tokens', () => {
  it('expects of a task what finished tasks of its role used in the mean', async () => {
    const one = (tokens: number) => ({ prompt: 'x', role: 'coder', simulate: { duration: '1m', tokens } })
    const tasks = { a: one(100), b: { ...one(300), needs: ['a'] }, c: { ...one(200), needs: ['b'] } }
    const run = await begin({ tasks, budget: { tokens: 600 } })
    await quiet(run)
    expect(orchestrator.view(run).status).toBe('completed')
    const short = await begin({ tasks, budget: { tokens: 590 } })
    await quiet(short)
    expect(orchestrator.view(short).reason).toBe('The budget of 590 tokens is used up: 400 used, 200 expected of c')
    expect(budgetOf(short)?.tokens).toEqual({ used: 400, allowed: 590 })
  })
})

describe('a budget of agent runs', () => {
  it('is not exceeded by what is granted at one instant, and goes on by so many as it is raised', async () => {
    const tasks = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`t${i}`, { prompt: 'x' }]))
    const run = await begin({ tasks, budget: { agentRuns: 2 } })
    await quiet(run)
    expect(budgetOf(run)?.agentRuns).toEqual({ used: 2, allowed: 2 })
    await expect(orchestrator.command(run, { type: 'continue' })).rejects.toThrow(
      'The budget of 2 agent runs is used up; raise it, as in --budget agentRuns=+10.',
    )
    await raise(run, { agentRuns: 3 })
    expect(budgetOf(run)?.agentRuns).toEqual({ used: 5, allowed: 5 })
    await restarted(run)
    await raise(run, { agentRuns: 20 })
    expect([orchestrator.view(run).status, budgetOf(run)?.agentRuns]).toEqual(['completed', { used: 6, allowed: 25 }])
  })

  it('is not raised in a part that nothing bounds', async () => {
    const run = await begin({ tasks: row(2), budget: { agentRuns: 1, duration: '1h' } })
    await quiet(run)
    await expect(orchestrator.command(run, { type: 'continue', budget: { cost: 5 } })).rejects.toThrow(
      'Nothing bounds cost of this run: its budget has agentRuns, duration.',
    )
    expect(orchestrator.view(run).status).toBe('paused')
  })
})

describe('a budget of time', () => {
  it('leaves out how long the run was paused', async () => {
    const run = await begin({ tasks: row(3), budget: { duration: '2m' } })
    await elapse(30_000)
    await orchestrator.command(run, { type: 'pause' })
    await elapse(24 * 60 * MINUTE)
    await orchestrator.command(run, { type: 'continue' })
    await quiet(run)
    expect(orchestrator.view(run).status).toBe('completed')
  })

  it('leaves out how long everything waited for a person', async () => {
    const tasks = {
      a: { prompt: 'x', simulate: { duration: '1m', failures: 1 } },
      b: { prompt: 'x', needs: ['a'], simulate: { duration: '1m' } },
    }
    const run = await begin({ tasks, budget: { duration: '10m' } })
    await quiet(run)
    expect(budgetOf(run)?.duration).toEqual({ used: MINUTE, allowed: 10 * MINUTE })
    await elapse(5 * 60 * MINUTE)
    await restarted(run)
    await elapse(5 * 60 * MINUTE)
    await orchestrator.commandTask(run, 'a', { type: 'retry' })
    await quiet(run)
    expect([orchestrator.view(run).status, budgetOf(run)?.duration]).toEqual([
      'completed',
      { used: 3 * MINUTE, allowed: 10 * MINUTE },
    ])
  })

  it('goes on while an agent is at work beside one that waits', async () => {
    const tasks = {
      a: { prompt: 'x', simulate: { duration: '1m', failures: 1 } },
      b: { prompt: 'x', simulate: { duration: '1h' } },
      c: { prompt: 'x', needs: ['b'] },
    }
    const run = await begin({ tasks, budget: { duration: '30m' } })
    await quiet(run)
    expect(orchestrator.view(run).reason).toBe('The budget of 30 minutes is used up')
    await raise(run, { duration: 60 * MINUTE })
    expect(states(run)).toEqual({ a: 'escalated', b: 'completed', c: 'completed' })
  })
})

describe('a budget of manager turns', () => {
  it('has a manager that does not plan told no more, says so once, and does not hold the run', async () => {
    const manager = { prompt: 'watch', reportEvery: '1m', backend: 'simulated', simulate: { duration: '1s' } }
    const run = await begin({ tasks: row(8), manager, budget: { managerTurns: 3 } })
    await quiet(run)
    expect([orchestrator.view(run).status, budgetOf(run)?.managerTurns]).toEqual(['completed', { used: 3, allowed: 3 }])
    expect(alertsOf(run, 'manager-turns')).toEqual([
      'The budget of 3 manager turns is used up: the manager is told no more',
    ])
  })
})

describe('what a record tells of a budget', () => {
  it('is what was set aside with the intent, and what was used with the end', async () => {
    const tasks = { a: { prompt: 'x', estimate: { cost: 2 }, simulate: { duration: '1m', cost: 0.5, tokens: 9 } } }
    const run = await begin({ tasks, budget: { cost: 5 } })
    await quiet(run)
    const records = await orchestrator.records(run, 0)
    const told = records.flatMap(({ to, data }: RunRecord) =>
      data?.['reserved'] === undefined && data?.['usage'] === undefined ? [] : [[to, data['reserved'], data['usage']]],
    )
    expect(told).toEqual([
      ['creating', { cost: 2 }, undefined],
      ['reporting', undefined, { cost: 0.5, tokens: 9 }],
    ])
  })
})

describe('an estimate that nobody gave', () => {
  it('is what finished tasks of its role took, so that of those that wait the longest begins first, after a restart too', async () => {
    const task = (role: string, duration: string, needs: readonly string[] = []) => ({
      prompt: 'x',
      role,
      needs,
      simulate: { duration },
    })
    const tasks = {
      quick: task('short', '1m'),
      slow: task('long', '1h', ['quick']),
      short1: task('short', '1m', ['slow']),
      short2: task('short', '1m', ['slow']),
      long1: task('long', '1h', ['slow']),
    }
    const run = await begin({ tasks, concurrency: 1 })
    await elapse(30 * MINUTE)
    await restarted(run)
    await quiet(run)
    const records = await orchestrator.records(run, 0)
    const order = records.flatMap(({ to, task: id }) => (to === 'creating' ? [id] : []))
    // One begins as soon as it may; of those that wait it is the long one.
    expect(order).toEqual(['quick', 'slow', 'short1', 'long1', 'short2'])
  })
})

describe('what the reports of a run claim', () => {
  it('is summed over its tasks, of the attempt that completed each', async () => {
    const one = (output: object, more: object = {}) => ({ prompt: 'x', simulate: { duration: '30s', output, ...more } })
    const tasks = {
      a: one({ files_modified: ['a.ts', 'b.ts'], tests_passed: true }, { pullRequests: 2 }),
      b: {
        ...one({ files_modified: ['b.ts'], tests_passed: 7, pr_created: true }, { failures: 1 }),
        retry: { attempts: 2 },
      },
      big: one({ files_modified: 3, text: 'x'.repeat(40_000) }),
    }
    const run = await begin({ tasks })
    await quiet(run)
    const { pullRequests = [], ...reported } = orchestrator.view(run).reported ?? {}
    expect(reported).toEqual({
      filesModified: 5,
      files: ['a.ts', 'b.ts'],
      prCreated: 1,
      testsPassed: { tasks: 2, failed: 0, tests: 7 },
      metrics: { duration_seconds: 90 },
    })
    expect(pullRequests.map(({ branch }) => branch)).toEqual(['troupe/a/1', 'troupe/a/2'])
    const stored = await openDataFolderReader(dataDir, clock).view(run)
    expect([stored.reported, stored.budget]).toEqual([orchestrator.view(run).reported, orchestrator.view(run).budget])
  })
})
