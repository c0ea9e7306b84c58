import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createControlClient } from '../../src/client/control-client.ts'
import { HolderGoneError } from '../../src/client/holder-gone-error.ts'
import { CommandRefusedError, NotFoundError } from '../../src/domain/errors.ts'
import type { RunSettings } from '../../src/domain/orchestration.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import type { ManagerSpec, TaskSpec, Workflow } from '../../src/domain/workflow.ts'
import { serveControl, temporaryFolder } from '../support/control-socket.ts'
import { record, runView, taskView } from '../support/fake-orchestrator.ts'

const RUN = 'run_1'

/** A checked workflow with every optional part, to see that nothing is lost or refused on the way. */
const WORKFLOW: Required<Workflow> = {
  name: 'feature',
  description: 'all of it',
  inputs: { request: { type: 'string', required: false, default: 'x', description: 'what' } },
  concurrency: 4,
  limits: { codegen: { create: { max: 10, windowMs: 60_000 }, logs: 'none' } },
  resources: { staging: 1 },
  budget: { agentRuns: 5, durationMs: 1000, managerTurns: 3 },
  roles: { default: '#{role}: ' },
  manager: {
    prompt: 'lead',
    backend: 'codegen',
    repository: 'a/b',
    model: 'm',
    timeoutMs: 1,
    reportEveryMs: 1,
    simulate: { turns: 1 },
    planning: {
      objective: 'o',
      rounds: 3,
      repositories: ['a/c'],
      defaults: {
        maxItems: 20,
        backend: 'codegen',
        priority: 'low',
        uses: [],
        timeoutMs: 1,
        stuckAfterMs: 1,
        retry: { attempts: 3, delayMs: 1, factor: 2, maxDelayMs: 5, onTimeout: false },
        onFailure: 'escalate',
      },
    },
  } satisfies Required<ManagerSpec>,
  tasks: [
    {
      id: 'spec',
      role: 'Spec',
      prompt: 'p',
      needs: [],
      if: { kind: 'expression', source: 'a == 1' },
      forEach: { task: 'plan', path: ['tasks'], outputs: true },
      maxItems: 20,
      output: { type: 'object' },
      backend: 'codegen',
      repository: 'a/b',
      model: 'm',
      agentType: 't',
      images: ['a.png'],
      priority: 'high',
      uses: ['staging'],
      timeoutMs: 1,
      stuckAfterMs: 1,
      retry: { attempts: 3, delayMs: 1, factor: 2, maxDelayMs: 5, onTimeout: false },
      onFailure: 'escalate',
      estimateCost: 0.5,
      estimateMs: 10,
      simulate: { fail: 1 },
      approval: true,
      planned: true,
      check: { commands: [['npm', 'test']], rounds: 3, timeoutMs: 600_000 },
      setup: [['npm', 'ci']],
      permissions: { rest: 'ask', deadlineMs: 60_000, allow: ['fetch'] },
      onConflict: 'agent',
    } satisfies Required<TaskSpec>,
  ],
}

async function withRun() {
  const fixture = await serveControl()
  fixture.orchestrator.add(runView({ run: RUN, tasks: [taskView({ task: 'execute[0]', state: 'running' })] }))
  return fixture
}

describe('the client of the control socket', () => {
  it('starts and resumes runs with exactly what it was given', async () => {
    const { client, orchestrator, control } = await withRun()
    const settings: Required<RunSettings> = {
      backend: 'simulated',
      limits: { 'codegen.create': 'none' as const },
      graceMs: 0,
      speed: 60,
      seed: 7,
      directory: '/home/me/shop',
      yes: true,
    }
    const run = await client.start(WORKFLOW, { request: 'y' }, settings)
    expect(await client.resume(RUN)).toEqual([RUN])
    expect(await client.resume(undefined, { yes: true })).toEqual([RUN, run])
    expect(orchestrator.calls).toEqual([
      ['start', 'feature', { request: 'y' }, settings],
      ['resume', RUN],
      ['resume', undefined, { yes: true }],
    ])
    expect(control.admission.carried()).toEqual([run, RUN])
  })

  it('reads what the orchestrator knows', async () => {
    const { client, orchestrator } = await withRun()
    orchestrator.append(RUN, 3)
    orchestrator.entries = [{ at: 5, type: 'output', text: 'hello' }]
    orchestrator.results.set('execute[0]', { task: 'execute[0]', attempt: 1, status: 'completed', result: 'ok' })
    expect(await client.runs()).toEqual(orchestrator.runs())
    expect(await client.view(RUN)).toEqual(orchestrator.view(RUN))
    expect(await client.task(RUN, 'execute[0]')).toEqual(orchestrator.view(RUN).tasks[0])
    expect(await client.records(RUN, 1, 1)).toEqual([record(RUN, 2)])
    expect(await client.logs(RUN, 'execute[0]', 10)).toEqual(orchestrator.entries)
    expect(await client.result(RUN, 'execute[0]')).toEqual(orchestrator.results.get('execute[0]'))
    expect(await client.limits()).toEqual(orchestrator.limits())
    expect(orchestrator.calls).toEqual([['logs', RUN, 'execute[0]', 10]])
  })

  it('throws what the orchestrator threw', async () => {
    const { client } = await withRun()
    await expect(client.view('run_2')).rejects.toEqual(
      new NotFoundError('Run run_2', 'troupe runs lists those that do.'),
    )
    const refused = new CommandRefusedError(`${RUN} execute[0]`, 'adopt', 'running', [])
    await expect(client.commandTask(RUN, 'execute[0]', { type: 'adopt' })).rejects.toEqual(refused)
  })

  it('knows that nothing was sent when nobody listens', async () => {
    const client = createControlClient(join(await temporaryFolder(), 'control.sock'))
    const error = await client.runs().catch((thrown: unknown) => thrown)
    expect([error instanceof HolderGoneError, error instanceof HolderGoneError && error.sent]).toEqual([true, false])
  })

  it('says that a command may have taken effect when the holder dies before it answers', async () => {
    const socketPath = join(await temporaryFolder(), 'control.sock')
    const dying = createServer((incoming) => incoming.socket.destroy())
    await new Promise<void>((resolve) => dying.listen(socketPath, resolve))
    onTestFinished(() => void dying.close())
    const error = await createControlClient(socketPath)
      .command(RUN, { type: 'cancel' })
      .catch((thrown: unknown) => thrown)
    expect([error instanceof HolderGoneError, error instanceof HolderGoneError && error.sent]).toEqual([true, true])
  })

  it('gives up waiting for an outcome when it is told to, and the holder stops waiting too', async () => {
    const { client } = await withRun()
    const leave = new AbortController()
    const waiting = client.outcome(RUN, leave.signal)
    leave.abort(new Error('left'))
    await expect(waiting).rejects.toEqual(new Error('left'))
  })
})

describe('following a run', () => {
  function collector() {
    const seen: number[] = []
    const waiters: { count: number; resolve: () => void }[] = []
    return {
      seen,
      onRecords: (records: readonly RunRecord[]) => {
        seen.push(...records.map(({ seq }) => seq))
        for (const { count, resolve } of waiters) if (seen.length >= count) resolve()
      },
      until: (count: number) =>
        new Promise<void>((resolve) => {
          waiters.push({ count, resolve })
          if (seen.length >= count) resolve()
        }),
    }
  }

  it('brings what was and what comes, each once, and ends when told to', async () => {
    const { client, orchestrator } = await withRun()
    orchestrator.append(RUN, 4)
    const { seen, onRecords, until } = collector()
    const leave = new AbortController()
    const following = client.follow(RUN, 1, onRecords, leave.signal)
    await until(3)
    orchestrator.append(RUN, 2)
    await until(5)
    leave.abort()
    await following
    expect(seen).toEqual([2, 3, 4, 5, 6])
  })

  it('goes on after a lost connection from the last seq without a gap or a repetition', async () => {
    const { client, orchestrator } = await withRun()
    orchestrator.append(RUN, 2)
    const { seen, onRecords, until } = collector()
    for (let last = 0; last < 6; last = seen.at(-1) ?? 0) {
      const leave = new AbortController()
      const following = client.follow(RUN, last, onRecords, leave.signal)
      await until(seen.length + 1)
      leave.abort()
      await following
      orchestrator.append(RUN, 2)
    }
    expect(seen).toEqual(seen.map((_, index) => index + 1))
  })

  it('notices that the holder has died', async () => {
    const { client, orchestrator, kill } = await withRun()
    orchestrator.append(RUN)
    const { onRecords, until } = collector()
    const following = client.follow(RUN, 0, onRecords, new AbortController().signal)
    await until(1)
    await kill()
    const error = await following.catch((thrown: unknown) => thrown)
    expect([error instanceof HolderGoneError, error instanceof HolderGoneError && error.sent]).toEqual([true, false])
  })

  it('is told why when the run is unknown', async () => {
    const { client } = await withRun()
    const following = client.follow('run_2', 0, () => undefined, new AbortController().signal)
    await expect(following).rejects.toEqual(new NotFoundError('Run run_2', 'troupe runs lists those that do.'))
  })
})
