import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Faults } from '../src/backends/codegen/stand-in/faults.ts'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../src/domain/clock.ts'
import type { RunRecord } from '../src/domain/record.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const ANSWER_MS = 200
const MINUTE = 60_000

interface Trouble {
  /** What the agent does, as the stand-in reads it from the prompt. */
  readonly script?: object
  readonly task?: object
  readonly defaults?: object
  readonly manager?: object
  readonly tasks?: number
  readonly faults?: Partial<Faults>
  /** Answers in place of the stand-in, so many ms after the first create. */
  readonly answer?: (request: Request, ms: number) => Response | undefined
}

/** One task (or several alike) whose agents get into trouble at the stand-in, in virtual time. */
async function troubled({ script = {}, task = {}, defaults = {}, manager, tasks = 1, faults = {}, answer }: Trouble) {
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock, faults })
  const prompts: string[] = []
  const createdAt: number[] = []
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-trouble-'))
  const orchestrator = await createLocalOrchestrator({
    dataDir,
    clock,
    environment: { baseUrl: 'http://codegen.invalid', token: 'token' },
    async fetch(input, init) {
      const request = new Request(input, init)
      if (request.method === 'POST' && request.url.endsWith('/agent/run')) {
        prompts.push(((await request.clone().json()) as { prompt: string }).prompt)
        createdAt.push(clock.now())
      }
      await sleep(clock, ANSWER_MS / 2)
      const own = answer?.(request, clock.now() - (createdAt[0] ?? clock.now()))
      const response = own ?? (await standIn.fetch(request))
      await sleep(clock, ANSWER_MS / 2)
      return response
    },
  })
  onTestFinished(async () => {
    await orchestrator.close()
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const prompt = `Work\n[simulate:${JSON.stringify({ durationMs: 30_000, ...script })}]`
  const names = Array.from({ length: tasks }, (_, index) => `work${index || ''}`)
  const workflow = defineWorkflow({
    name: 'work',
    defaults: { backend: 'codegen', retry: { attempts: 2 }, ...defaults },
    ...(manager === undefined ? {} : { manager: { prompt: '', ...manager } }),
    tasks: Object.fromEntries(names.map((name) => [name, { prompt, ...task }])),
  })
  const run = await orchestrator.start(workflow, {}, {})
  const records: RunRecord[] = []
  orchestrator.subscribe((_, more) => void records.push(...more))
  /** Until nothing of the run can go on by itself; how things stand then. */
  const settle = async () => {
    const settled = orchestrator.settled(run)
    await clock.runUntil(settled)
    const [work] = orchestrator.view(run).tasks
    return { state: work?.state, agents: prompts.length, exitCode: (await settled).exitCode }
  }
  const alerts = (code: string) =>
    records.filter(({ type, data }) => type === 'alert' && data?.['code'] === code).map(({ data }) => data?.['message'])
  const dataOf = (to: string) => records.filter((record) => record.to === to).map(({ data }) => data)
  return { clock, orchestrator, standIn, run, prompts, createdAt, settle, alerts, dataOf }
}

const NOT_FOUND = () => Response.json({ message: 'Agent run not found', status_code: 404 }, { status: 404 })
const isGet = (request: Request) => request.method === 'GET' && /\/agent\/run\/\d+$/.test(request.url)
const isList = (request: Request) => request.method === 'GET' && /\/agent\/runs\?/.test(request.url)

describe('an agent run that ends in trouble', () => {
  it.each([
    ['timeout', 'TIMEOUT', "reached the provider's own time limit", 'Take smaller steps'],
    ['max-iterations', 'MAX_ITERATIONS_REACHED', 'used up the number of steps', 'Do not go in circles'],
    ['out-of-tokens', 'OUT_OF_TOKENS', 'used up the tokens', 'Read only the files that you need'],
    ['error', 'ERROR', 'broke off with an error', 'Find out what it broke off at'],
  ])('is tried again as its trouble asks for, then put before a person: %s', async (outcome, status, why, advice) => {
    const { settle, prompts, dataOf, alerts } = await troubled({ script: { outcome } })
    expect(await settle()).toEqual({ state: 'escalated', agents: 2, exitCode: 3 })
    expect(prompts[0]).not.toContain('the one before failed')
    expect(prompts[1]).toContain(`This is attempt 2: the one before failed (agent-failed). The agent ${why}`)
    expect(prompts[1]).toContain(advice)
    expect(prompts[1]).toMatch(
      new RegExp(`\`\`\`text\nThe agent run ended with ${status}\n(ACTION .*\n(\\{.*\n)+)+ERROR: .*\n\`\`\``),
    )
    const failure = { kind: 'agent-failed', retryable: true, message: `The agent run ended with ${status}` }
    const told = { ...failure, why: expect.stringContaining(why) }
    expect(dataOf('retrying')).toEqual([{ failure: { ...told, again: true }, until: expect.stringMatching(/Z$/) }])
    expect(dataOf('escalated')).toEqual([
      { failure: { ...told, again: false }, reason: expect.stringMatching(/No attempt is left \(2 of 2\)\.$/) },
    ])
    expect(alerts('escalated').length).toBe(1)
  })

  it('is not started again when somebody stopped it at the backend', async () => {
    const { settle, dataOf } = await troubled({ script: { outcome: 'cancelled' } })
    expect(await settle()).toEqual({ state: 'escalated', agents: 1, exitCode: 3 })
    expect(dataOf('escalated')[0]?.['reason']).toBe(
      'The agent run was stopped at the backend (CANCELLED). Somebody stopped it at the backend, so it is not started again without being asked. It is not tried again by itself.',
    )
  })

  it('is not started again when its log says that no attempt can help', async () => {
    const logs = ['git clone', 'remote: Repository not found.']
    const { settle, dataOf } = await troubled({ script: { outcome: 'error', logs } })
    expect(await settle()).toEqual({ state: 'escalated', agents: 1, exitCode: 3 })
    expect(dataOf('escalated')[0]?.['reason']).toContain('Its log says that the repository cannot be reached.')
  })

  it('tells whoever comes after a person asked for another attempt what had happened', async () => {
    const { orchestrator, clock, run, settle, prompts } = await troubled({ script: { outcome: 'cancelled' } })
    await settle()
    await clock.runUntil(orchestrator.commandTask(run, 'work', { type: 'retry' }))
    expect(await settle()).toEqual({ state: 'escalated', agents: 2, exitCode: 3 })
    expect(prompts[1]).toContain('was stopped by somebody on purpose')
  })

  it('is tried again without its log when that cannot be read', async () => {
    const answer = (request: Request) =>
      request.url.includes('/logs') ? new Response('<html>', { status: 200 }) : undefined
    const { settle, prompts } = await troubled({ script: { outcome: 'timeout' }, answer })
    expect(await settle()).toEqual({ state: 'escalated', agents: 2, exitCode: 3 })
    expect(prompts[1]).toContain('```text\nThe agent run ended with TIMEOUT\n```')
  })
})

describe('an agent run that vanished', () => {
  it('is tried again once three answers and the list agree', async () => {
    const { settle, prompts, dataOf } = await troubled({ script: { outcome: 'vanish' } })
    expect(await settle()).toEqual({ state: 'escalated', agents: 2, exitCode: 3 })
    expect(prompts[1]).toContain('the one before failed (not-found). The backend no longer knows the agent run')
    expect(dataOf('recovering').map((data) => (data?.['failure'] as { kind: string } | undefined)?.kind)).toEqual([
      'not-found',
      'not-found',
    ])
  })

  it('is watched on when it is listed, and completes once', async () => {
    const answer = (request: Request, ms: number) => (isGet(request) && ms < 25_000 ? NOT_FOUND() : undefined)
    const { settle } = await troubled({ answer })
    expect(await settle()).toEqual({ state: 'completed', agents: 1, exitCode: 0 })
  })

  it('is watched on as long as the list cannot be read', async () => {
    const answer = (request: Request, ms: number) => {
      if (ms > 3 * MINUTE) return undefined
      if (isGet(request)) return NOT_FOUND()
      return isList(request) ? new Response('<html>', { status: 200 }) : undefined
    }
    const { settle, dataOf } = await troubled({ answer })
    expect(await settle()).toEqual({ state: 'completed', agents: 1, exitCode: 0 })
    expect(dataOf('recovering')).toEqual([])
  })
})

describe('an agent that is paused', () => {
  const paused = { script: { outcome: 'paused', result: 'Which database?\nOld or new?' }, task: { timeout: '1h' } }

  it('is put before a person, with what it asks and where to answer, and goes on with the answer', async () => {
    const { standIn, orchestrator, clock, run, settle, alerts, dataOf } = await troubled(paused)
    expect(await settle()).toEqual({ state: 'running.needsInput', agents: 1, exitCode: 3 })
    const url = orchestrator.view(run).tasks[0]?.url ?? ''
    expect(alerts('needs-input')).toEqual([`work asks: Needs input: Which database? Old or new? (answer at ${url})`])
    expect(dataOf('running.needsInput')).toEqual([{ note: 'it asks: Needs input: Which database? Old or new?' }])
    const id = Number(/\d+$/.exec(url)?.[0])
    const body = JSON.stringify({ agent_run_id: id, prompt: 'The new one' })
    const headers = { authorization: 'Bearer person', 'content-type': 'application/json' }
    const resume = 'http://codegen.invalid/v1/organizations/1/agent/run/resume'
    expect((await standIn.fetch(new Request(resume, { method: 'POST', body, headers }))).status).toBe(200)
    await clock.runUntil(() => orchestrator.view(run).tasks[0]?.state === 'completed')
    expect(await settle()).toEqual({ state: 'completed', agents: 1, exitCode: 0 })
  })

  it('is still bound by its deadline', async () => {
    const { orchestrator, clock, run, settle, createdAt } = await troubled(paused)
    await settle()
    await clock.runUntil(() => orchestrator.view(run).tasks[0]?.state === 'escalated.overdue')
    expect(Math.round((clock.now() - (createdAt[0] ?? 0)) / MINUTE)).toBe(60)
  })
})

describe('attempts that fail in a row', () => {
  it('are made further and further apart', async () => {
    const retry = { attempts: 5, delay: '10s', factor: 3, maxDelay: '1m' }
    const { settle, createdAt, dataOf } = await troubled({
      script: { outcome: 'error', durationMs: 10 },
      task: { retry },
    })
    expect(await settle()).toEqual({ state: 'escalated', agents: 5, exitCode: 3 })
    const waited = dataOf('retrying').map((data) => Date.parse(String(data?.['until'])))
    const pauses = waited.map((until, i) => until - (createdAt[i] ?? 0))
    const least = [5_000, 15_000, 30_000, 30_000]
    const most = [25_000, 45_000, 75_000, 75_000]
    // Half to the whole of 10, 30, 60 and 60 s, and what it takes to see the failure.
    expect(pauses.map((ms, i) => ms >= (least[i] ?? 0) && ms < (most[i] ?? 0))).toEqual([true, true, true, true])
    expect(waited.map((until, i) => (createdAt[i + 1] ?? 0) >= until)).toEqual([true, true, true, true])
  })

  it('begin at once when a person asks for another', async () => {
    const retry = { attempts: 3, delay: '5m' }
    const { orchestrator, clock, run, createdAt } = await troubled({ script: { outcome: 'error' }, task: { retry } })
    await clock.runUntil(() => orchestrator.view(run).tasks[0]?.state === 'retrying')
    const asked = clock.now()
    await clock.runUntil(orchestrator.commandTask(run, 'work', { type: 'retry' }))
    await clock.runUntil(() => createdAt.length === 2)
    expect((createdAt[1] ?? 0) - asked).toBeLessThan(1_000)
  })

  it('wait as long as the provider asked for', async () => {
    const retry = { attempts: 2, delay: '1s' }
    let refusals = 0
    const refuse = (request: Request) => {
      const isCreate = request.method === 'POST' && request.url.endsWith('/agent/run')
      if (!isCreate || refusals > 0) return undefined
      refusals++
      return Response.json(
        { message: 'slow down', status_code: 429 },
        { status: 429, headers: { 'retry-after': '120' } },
      )
    }
    const { settle, createdAt } = await troubled({ script: { outcome: 'error' }, task: { retry }, answer: refuse })
    expect(await settle()).toEqual({ state: 'escalated', agents: 3, exitCode: 3 })
    expect((createdAt[1] ?? 0) - (createdAt[0] ?? 0)).toBeGreaterThanOrEqual(120_000)
  })
})

describe('a manager in trouble', () => {
  it('goes through the same table, and the run goes on without it', async () => {
    const { settle, prompts, alerts } = await troubled({
      script: { durationMs: 10 * MINUTE },
      manager: { prompt: 'Manage\n[simulate:{"durationMs":10000,"outcome":"timeout"}]' },
    })
    expect(await settle()).toEqual({ state: 'completed', agents: 4, exitCode: 0 })
    const [first, ...further] = prompts.filter((prompt) => prompt.startsWith('Manage'))
    expect(first).not.toContain('the one before failed')
    expect(further.map((prompt) => prompt.includes("reached the provider's own time limit"))).toEqual([true, true])
    expect(alerts('manager-failed')).toEqual([
      "The run goes on without its manager. The agent run ended with TIMEOUT. The agent reached the provider's own time limit. No attempt is left (3 of 3).",
    ])
  })
})

describe('garbage and stale answers', () => {
  it('end no agent run: each is created once and completes', async () => {
    const faults = { stale: 0.3, garbage: 0.2, error: 0.1 }
    const { settle, standIn, orchestrator, run } = await troubled({ tasks: 8, faults, defaults: { timeout: '4h' } })
    await settle()
    const states = orchestrator.view(run).tasks.map(({ state, attempt }) => [state, attempt])
    expect(states).toEqual(Array.from({ length: 8 }, () => ['completed', 1]))
    expect(Object.values(standIn.creations())).toEqual(Array.from({ length: 8 }, () => 1))
  })
})

describe('an agent that falls silent', () => {
  it('stays running, and is told of once a silence', async () => {
    const { orchestrator, clock, run, alerts, createdAt } = await troubled({
      script: { outcome: 'never' },
      task: { stuckAfter: '10m', timeout: '2h' },
    })
    await clock.runUntil(() => clock.now() - (createdAt[0] ?? clock.now()) > 90 * MINUTE)
    expect(orchestrator.view(run).tasks[0]?.state).toBe('running')
    const url = orchestrator.view(run).tasks[0]?.url
    expect(alerts('stuck')).toEqual([
      expect.stringMatching(
        /^work: no sign of life since .*Z \(10 min\)\. Last seen: ACTIVE, in its log: ACTION .*; look at /,
      ),
    ])
    expect(alerts('stuck')[0]).toContain(url)
  })
})
