import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Orchestrator } from '../src/domain/orchestration.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

describe('what a person says is checked before it is recorded', () => {
  const clock = createVirtualClock()
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

  async function quiet(tasks: object, more: object = {}): Promise<string> {
    const defaults = { backend: 'simulated', retry: { attempts: 1 } } as const
    const workflow = defineWorkflow({ name: 'one', defaults, tasks, ...more } as never)
    const run = await orchestrator.start(workflow, {}, {})
    await clock.runUntil(orchestrator.settled(run))
    return run
  }

  it('refuses a result that does not fit the output of the task, and the task still waits', async () => {
    const output = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } }
    const run = await quiet({ a: { prompt: 'a', output, simulate: { failures: 1 } } })
    await expect(orchestrator.commandTask(run, 'a', { type: 'complete', result: { a: 'x' } })).rejects.toThrow(
      /a cannot be completed with this result: .*integer/,
    )
    expect(orchestrator.view(run).tasks[0]?.state).toBe('escalated')
    await orchestrator.commandTask(run, 'a', { type: 'complete', result: { a: 1 } })
    expect(orchestrator.view(run).tasks[0]?.state).toBe('completed')
  })

  it('refuses to go on with a used-up budget unless it is raised', async () => {
    const run = await quiet({ a: { prompt: 'a' }, b: { needs: ['a'], prompt: 'b' } }, { budget: { agentRuns: 1 } })
    await expect(orchestrator.command(run, { type: 'continue' })).rejects.toThrow(/used up; raise it/)
    expect(orchestrator.view(run).status).toBe('paused')
    await orchestrator.command(run, { type: 'continue', budget: { agentRuns: 1 } })
    await clock.runUntil(orchestrator.settled(run))
    expect(orchestrator.view(run).status).toBe('completed')
  })
})
