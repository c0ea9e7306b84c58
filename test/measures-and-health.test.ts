import { rm } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { AccountCalls } from '../src/account-calls.ts'
import type { BackendErrorKind } from '../src/domain/backend.ts'
import { DataFolderError } from '../src/domain/errors.ts'
import type { Measure } from '../src/domain/measure.ts'
import { FolderCheck } from '../src/folder-check.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'
import { inWorld } from './simulation/world.ts'

const one = (backend: 'codegen' | 'simulated', simulate = {}) =>
  defineWorkflow({
    name: 'one',
    defaults: { backend, repository: 'acme/shop', retry: { attempts: 1 } },
    tasks: { one: { prompt: 'One', simulate: { duration: '10s', ...simulate } } },
  })

describe('who observes an orchestrator', () => {
  it('is told of each group of records that became durable: all of a run, and no more after leaving', async () => {
    await inWorld({}, async (world) => {
      const commits: Measure[] = []
      const stop = world.orchestrator.observe((measure) => {
        if (measure.type === 'commit') commits.push(measure)
      })
      const run = await world.start(one('simulated'))
      await world.settled(run)
      const { seq } = world.orchestrator.view(run)
      const counted = commits.map((measure) => (measure.type === 'commit' ? measure.records : 0))
      expect(counted.reduce((sum, records) => sum + records, 0)).toBe(seq)
      // Virtual time stands still while a real disk works.
      expect(commits[0]).toEqual({ type: 'commit', run, records: 2, ms: 0 })
      stop()
      const before = commits.length
      await world.settled(await world.start(one('simulated')))
      expect(commits).toHaveLength(before)
    })
  })

  it('is told of each call to Codegen, from its sending to its answer', async () => {
    await inWorld({}, async (world) => {
      const calls = new Map<string, Measure>()
      world.orchestrator.observe((measure) => {
        if (measure.type === 'call') calls.set(measure.operation, measure)
      })
      await world.settled(await world.start(one('codegen')))
      const operations = ['listOrganizations', 'listRepositories', 'createRun', 'getRun']
      expect([...calls.values()]).toEqual(
        operations.map((operation) => ({ type: 'call', account: 'codegen', operation, outcome: 'ok', ms: 200 })),
      )
    })
  })

  it('is told what a call failed with', async () => {
    await inWorld({ faults: { error: 1 } }, async (world) => {
      const outcomes = new Set<string>()
      world.orchestrator.observe((measure) => {
        if (measure.type === 'call') outcomes.add(`${measure.operation} ${measure.outcome}`)
      })
      await world.start(one('codegen'))
      await world.clock.advance(60_000)
      expect([...outcomes]).toEqual(['listOrganizations unreachable'])
    })
  })

  it('is told of the agents of the simulated backend', async () => {
    await inWorld({}, async (world) => {
      const calls: Measure[] = []
      world.orchestrator.observe((measure) => {
        if (measure.type === 'call') calls.push(measure)
      })
      await world.settled(await world.start(one('simulated')))
      expect(calls[0]).toEqual({ type: 'call', account: 'simulated', operation: 'createRun', outcome: 'ok', ms: 0 })
    })
  })
})

describe('a backend', () => {
  const reachability = (outcome: 'ok' | BackendErrorKind, message?: string) => {
    const calls = new AccountCalls(createVirtualClock(Date.UTC(2026, 0, 2)))
    calls.note('codegen', { operation: 'getRun', outcome, ms: 5, ...(message === undefined ? {} : { message }) })
    return calls.reachability('codegen')
  }
  const at = '2026-01-02T00:00:00.000Z'

  it('is reachable when its last call was answered, also with a refusal', () => {
    expect(reachability('ok')).toEqual({ reachable: 'yes', at })
    for (const outcome of ['limit', 'quota', 'auth', 'refused', 'not-found', 'invalid'] as const) {
      expect(reachability(outcome, 'No.')).toEqual({ reachable: 'yes', at, message: 'No.' })
    }
  })

  it('is not when nobody answered, or not what the service answers', () => {
    for (const outcome of ['unreachable', 'timeout', 'unknown-outcome'] as const) {
      expect(reachability(outcome, 'Nobody there.')).toEqual({ reachable: 'no', at, message: 'Nobody there.' })
    }
  })

  it('is unknown before its first call', () => {
    expect(new AccountCalls(createVirtualClock()).reachability('codegen')).toEqual({ reachable: 'unknown' })
  })
})

describe('the health of a data folder', () => {
  it('is good when a file can be written, and names the backends in use', async () => {
    await inWorld({}, async (world) => {
      expect(await world.orchestrator.health()).toEqual({ writable: true, backends: {} })
      await world.settled(await world.start(one('codegen')))
      const { writable, backends } = await world.orchestrator.health()
      expect([writable, backends['codegen']?.reachable]).toEqual([true, 'yes'])
    })
  })

  it('says that its backend cannot be reached, and why', async () => {
    await inWorld({ faults: { error: 1 } }, async (world) => {
      await world.start(one('codegen'))
      await world.clock.advance(60_000)
      const { backends } = await world.orchestrator.health()
      expect(backends['codegen']).toEqual({
        reachable: 'no',
        at: expect.stringMatching(/^2026-01-01T00:0/),
        message: expect.stringMatching(/^Codegen could not list the organizations: /),
      })
      expect(JSON.stringify(backends)).not.toContain('token-of-the-test')
    })
  })

  it('is bad when the folder is gone, and says so', async () => {
    const dataDir = await temporaryFolder()
    const orchestrator = await createLocalOrchestrator({ dataDir, clock: createVirtualClock() })
    await rm(dataDir, { recursive: true })
    const { writable, problem } = await orchestrator.health()
    expect([writable, problem]).toEqual([
      false,
      expect.stringContaining(`Cannot write to the data folder in ${dataDir}`),
    ])
    await orchestrator.close().catch(() => {})
  })

  it('is bad while the journal of a run has failed, and names the run', async () => {
    const clock = createVirtualClock()
    const dataDir = await temporaryFolder()
    let full = false
    const check = async () => {
      if (full) throw new DataFolderError('full', dataDir, 'The disk is full.')
    }
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, lock: { check } })
    const run = await orchestrator.start(one('simulated'), {}, {})
    full = true
    await clock.runUntil(orchestrator.settled(run))
    expect(await orchestrator.health()).toEqual({
      writable: false,
      problem: `The journal of ${run} cannot be written: The disk is full.`,
      backends: { simulated: { reachable: 'unknown' } },
    })
    full = false
    await orchestrator.command(run, { type: 'continue' })
    expect((await orchestrator.health()).writable).toBe(true)
    await orchestrator.close()
  })

  it('is bad when another process has taken it, though no run goes on that would notice', async () => {
    const clock = createVirtualClock()
    const dataDir = await temporaryFolder()
    const check = async () => {
      throw new DataFolderError('lost', dataDir, 'Another process has taken it.')
    }
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, lock: { check } })
    expect(await orchestrator.health()).toEqual({
      writable: false,
      problem: 'Another process has taken it.',
      backends: {},
    })
    await orchestrator.close()
  })

  it('is bad when the disk does not answer within 2 s; one that hangs is not asked again', async () => {
    const clock = createVirtualClock()
    let asked = 0
    const answer = { give: () => {} }
    const probe = () => {
      asked++
      return new Promise<void>((resolve) => {
        answer.give = resolve
      })
    }
    const check = new FolderCheck({ path: 'data', probe }, clock)
    const late = 'The data folder data did not take a small file within 2 s. Look at the disk.'
    for (let i = 0; i < 2; i++) {
      const problem = check.problem()
      await clock.advance(2_000)
      expect([await problem, asked]).toEqual([late, 1])
    }
    const problem = check.problem()
    answer.give()
    expect(await problem).toBe(undefined)
    expect([asked, clock.pending()]).toEqual([1, 0])
    void check.problem()
    expect(asked).toBe(2)
  })
})
