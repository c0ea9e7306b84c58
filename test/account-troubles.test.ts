import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../src/domain/record.ts'
import type { Workflow } from '../src/domain/workflow.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { inWorld, type Network, type World } from './simulation/world.ts'

const MINUTE = 60_000
/** The account's limits would hold back what the circuit lets through. */
const UNLIMITED = { limits: { 'codegen.create': 'none', 'codegen.shared': 'none', 'codegen.standard': 'none' } }

/** So many tasks side by side, each with three attempts. */
function wide(tasks: number, simulate: object, more: object = {}): Workflow {
  const names = Array.from({ length: tasks }, (_, index) => `task${index}`)
  return defineWorkflow({
    name: 'wide',
    concurrency: 30,
    defaults: { repository: 'acme/shop', retry: { attempts: 3, delay: '2s' }, ...more },
    tasks: Object.fromEntries(names.map((name) => [name, { prompt: 'Work', simulate }])),
  } as never)
}

/** A network that can be taken away; nothing has left when it is. */
function cuttable(): { isCut: boolean; readonly network: Network } {
  const cable: { isCut: boolean; readonly network: Network } = {
    isCut: false,
    network: (request, deliver) =>
      cable.isCut
        ? Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' }))
        : deliver(request),
  }
  return cable
}

function alerts(records: readonly RunRecord[]): unknown[] {
  const codes = records.flatMap(({ type, data }) => (type === 'alert' ? [data?.['code']] : []))
  return codes.filter((code) => String(code).startsWith('circuit'))
}

const isAlert = (code: string) => (record: RunRecord) => record.type === 'alert' && record.data?.['code'] === code

const expectOneEach = (world: World, run: string, tasks: number) =>
  expect(world.standIn.creations()).toEqual(
    Object.fromEntries(Array.from({ length: tasks }, (_, index) => [`${run}/task${index}/1`, 1])),
  )

describe('a provider that cannot be reached for ten minutes', () => {
  it('is tried a few times by one of 40 tasks while the others wait and say why, and all complete at the first attempt', async () => {
    const cable = cuttable()
    await inWorld({ network: cable.network }, async (world) => {
      cable.isCut = true
      const run = await world.start(wide(40, { duration: '1m', result: 'Done.' }))
      await world.until(isAlert('circuit-open'))
      const before = world.creates.length
      await world.clock.advance(MINUTE)
      const [task] = world.orchestrator.view(run).tasks.filter(({ waitingFor }) => waitingFor?.kind === 'circuit')
      expect(task?.waitingFor?.detail).toMatch(
        /^\d+ calls in a row failed \(unreachable: Codegen could not .*\); the next creation is tried at 2026/,
      )
      expect(task?.waitingFor?.until).toBeGreaterThan(world.clock.now())
      await world.clock.advance(9 * MINUTE)
      expect(world.creates.length - before).toBeLessThanOrEqual(8)
      cable.isCut = false
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expectOneEach(world, run, 40)
      expect(alerts(world.records)).toEqual(['circuit-open', 'circuit-closed'])
    })
  })

  it('is tried no sooner because the process dies and another takes the folder', async () => {
    const cable = cuttable()
    await inWorld({ network: cable.network }, async (world) => {
      cable.isCut = true
      const run = await world.start(wide(40, { duration: '1m', result: 'Done.' }))
      await world.until(isAlert('circuit-open'))
      await world.clock.advance(2.5 * MINUTE)
      const [{ waitingFor } = {}] = world.orchestrator.view(run).tasks
      const until = waitingFor?.until ?? 0
      expect(until).toBeGreaterThan(world.clock.now() + MINUTE)
      world.kill()
      await world.open()
      await world.resumed()
      const before = world.creates.length
      await world.clock.advance(until - world.clock.now() - 1)
      expect(world.creates.length).toEqual(before)
      cable.isCut = false
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expectOneEach(world, run, 40)
      expect(alerts(await world.stored(run))).toEqual(['circuit-open', 'circuit-closed'])
    })
  })
})

describe('a provider that answers 503 for ten minutes while agents are at work', () => {
  it('puts no task before a person: what was asked for is looked up again and again until somebody answers', async () => {
    let isDown = false
    const network: Network = (request, deliver) =>
      isDown ? Promise.resolve(new Response('{"message":"Down."}', { status: 503 })) : deliver(request)
    await inWorld({ network }, async (world) => {
      const run = await world.start(wide(40, { duration: '1m', result: 'Done.' }))
      await world.clock.advance(30_000)
      isDown = true
      world.clock.setTimeout(() => {
        isDown = false
      }, 10 * MINUTE)
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expectOneEach(world, run, 40)
      expect(alerts(world.records)).toEqual(['circuit-open', 'circuit-closed'])
    })
  })
})

describe('agents of which each fails', () => {
  const hopeless = { duration: '20s', failures: 100 }

  it('are created about ten times, and then as probes that grow rare, until one completes', async () => {
    await inWorld({ unlimited: true }, async (world) => {
      const run = await world.start(wide(20, hopeless, { onFailure: 'fail' }), UNLIMITED)
      await world.until(isAlert('circuit-open'))
      await world.clock.advance(30 * MINUTE)
      // All twenty were at work when the tenth had failed.
      expect(world.creates.length).toBeLessThanOrEqual(20 + 6)
      const [waiting] = world.orchestrator.view(run).tasks.filter(({ waitingFor }) => waitingFor?.kind === 'circuit')
      expect(waiting?.waitingFor?.detail).toMatch(/^\d+ agent runs in a row failed \(agent-failed: /)
      expect(world.orchestrator.limits()).toMatchObject({ circuits: { codegen: { calls: { state: 'closed' } } } })
    })
  })

  it('hold up a second run of that account, which is told when it begins, until one of its agents completes as a probe', async () => {
    await inWorld({ unlimited: true }, async (world) => {
      const first = await world.start(wide(12, hopeless, { onFailure: 'fail', retry: { attempts: 1 } }), UNLIMITED)
      expect((await world.settled(first))?.status).toEqual('failed')
      const second = await world.start(wide(5, { duration: '20s', result: 'Done.' }), UNLIMITED)
      expect(await world.settled(second)).toEqual({ run: second, status: 'completed', exitCode: 0 })
      expect(alerts(await world.stored(second))).toEqual(['circuit-open', 'circuit-closed'])
    })
  })

  it('are tried at once when a person lets their paused run go on', async () => {
    await inWorld({ unlimited: true }, async (world) => {
      const run = await world.start(wide(20, hopeless, { onFailure: 'fail' }), UNLIMITED)
      await world.until(isAlert('circuit-open'))
      await world.clock.advance(10_000)
      const before = world.creates.length
      await world.orchestrator.command(run, { type: 'pause' })
      await world.orchestrator.command(run, { type: 'continue' })
      await world.clock.advance(1_000)
      expect(world.creates.length).toEqual(before + 1)
    })
  })

  it('are tried at once when a person retries one of their tasks', async () => {
    await inWorld({ unlimited: true }, async (world) => {
      const tasks = wide(12, hopeless, { onFailure: 'escalate', retry: { attempts: 1 } })
      const run = await world.start(tasks, UNLIMITED)
      expect((await world.settled(run))?.exitCode).toEqual(3)
      const before = world.creates.length
      await world.orchestrator.commandTask(run, 'task0', { type: 'retry' })
      await world.orchestrator.commandTask(run, 'task1', { type: 'retry' })
      await world.clock.advance(1_000)
      expect(world.creates.length).toEqual(before + 1)
    })
  })
})
