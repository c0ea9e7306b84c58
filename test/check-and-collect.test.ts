import { describe, expect, it } from 'vitest'
import type { Backend, TurnPrompt } from '../src/domain/backend.ts'
import type { CheckResult, CollectedWork } from '../src/domain/local-work.ts'
import { createMemoryJournal } from '../src/host/memory-journal.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { beginRun, readLines, restoreRun } from './actors/process.ts'
import { World } from './actors/world.ts'

const workflow = defineWorkflow({
  name: 'x',
  defaults: { backend: 'acp:claude', retry: { attempts: 1 } },
  tasks: { a: { prompt: 'Do it', check: { run: ['npm', 'test'], rounds: 2 } } },
})
const FAILED: CheckResult = { passed: false, command: ['npm', 'test'], exitCode: 1, output: '1 failed', ms: 3_000 }
const PASSED: CheckResult = { ...FAILED, passed: true, exitCode: 0, output: '' }
const WORK: CollectedWork = {
  repository: '/shop',
  branch: 'troupe/run_1/a/1',
  base: 'b0',
  commit: 'c1',
  commits: 1,
  files: [],
  fileCount: 0,
  added: 0,
  removed: 0,
}

/** A world whose agents have worktrees; each check ends as the next of `results`, after `takes` ms. */
class LocalWorld extends World {
  readonly checked: number[] = []
  readonly told: string[] = []
  readonly #results: CheckResult[]

  constructor(results: readonly CheckResult[]) {
    super(createVirtualClock())
    this.#results = [...results]
  }

  override backend(): Backend {
    const backend = super.backend()
    return {
      ...backend,
      capabilities: { ...backend.capabilities, worktree: true },
      prompt: (ref, message: TurnPrompt, signal) => {
        this.told.push(message.text.split('\n', 1)[0] ?? '')
        return backend.prompt(ref, message, signal)
      },
      check: async (_ref, { turn }) => {
        this.checked.push(turn)
        return this.#results[this.checked.length - 1] ?? PASSED
      },
      collect: async () => WORK,
    }
  }
}

const statesIn = (lines: string[]) =>
  readLines(lines).flatMap(({ type, actor, to }) => (type === 'transition' && actor.id === 'a' ? [to] : []))

describe('a task whose work is checked', () => {
  it('completes when the check passes: what failed went back to its agent, and its work is in the record', async () => {
    const world = new LocalWorld([FAILED, PASSED])
    const lines: string[] = []
    const run = beginRun({ world, workflow, journal: createMemoryJournal(lines) })
    await world.clock.advance(600_000)
    expect([run.host.status, world.checked, Object.fromEntries(world.creations)]).toEqual([
      'completed',
      [1, 2],
      { 'run_1/a/1': 1 },
    ])
    expect(world.told).toEqual(['troupe ran npm test in your worktree, and it failed (exit code 1).'])
    expect(statesIn(lines)).toEqual([
      'pending',
      'creating',
      'running',
      'reporting.checking',
      'reporting.mending',
      'running',
      'reporting.checking',
      'reporting',
      'completed',
    ])
    const records = readLines(lines)
    expect(records.flatMap(({ data }) => (data?.['check'] === undefined ? [] : [data['check']]))).toEqual([
      { round: 1, of: 3, command: 'npm test', passed: false, exitCode: 1, ms: 3_000 },
      { round: 2, of: 3, command: 'npm test', passed: true, exitCode: 0, ms: 3_000 },
    ])
    expect(records.flatMap(({ data }) => (typeof data?.['note'] === 'string' ? [data['note']] : []))).toEqual([
      'check 1 of at most 3 is run: npm test',
      'check 2 of at most 3 is run: npm test',
    ])
    expect(run.host.projection.settled.get('a')?.collected).toEqual(WORK)
  })

  it('is put before a person when no round and no attempt is left', async () => {
    const world = new LocalWorld([FAILED, FAILED, FAILED])
    const run = beginRun({ world, workflow })
    await world.clock.advance(600_000)
    expect([run.outcome()?.exitCode, world.checked]).toEqual([3, [1, 2, 3]])
    expect(run.host.actors.context('a')?.['failure']).toMatchObject({ kind: 'check-failed' })
  })

  it('is told of a failing check once, whenever the process ends meanwhile', async () => {
    for (const state of ['reporting.checking', 'reporting.mending']) {
      const world = new LocalWorld([FAILED, PASSED])
      const lines: string[] = []
      const first = beginRun({ world, workflow, journal: createMemoryJournal(lines) })
      for (let i = 0; i < 100_000 && first.host.actors.state('a') !== state; i++) await world.clock.advance(1)
      expect(first.host.actors.state('a')).toBe(state)
      first.close()
      const second = restoreRun({ world, workflow }, lines)
      await world.clock.advance(600_000)
      expect([state, second.host.status, Object.fromEntries(world.prompts)]).toEqual([
        state,
        'completed',
        { 'run_1/a/1/2': 1 },
      ])
    }
  })
})
