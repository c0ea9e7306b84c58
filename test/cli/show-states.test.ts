import { describe, expect, it } from 'vitest'
import { renderShow } from '../../src/cli/show-text.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import type { WaitingFor } from '../../src/domain/limiter.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import type { RunView, TaskView } from '../../src/domain/views.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { legalTaskCommands } from '../../src/machines/commands.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { isFinalState, publicState } from '../../src/machines/public-state.ts'
import { emptyFacts, foldRecord, type RunFacts } from '../../src/registry.ts'
import { buildRunView } from '../../src/run-view.ts'
import type { LiveKnowledge } from '../../src/task-view.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { agentInput, agentPaths } from '../machines/agent-events.ts'
import { managerInput, managerPaths } from '../machines/manager-events.ts'
import { walk } from '../machines/pure-steps.ts'

const RUN = 'run_1'
const URL = 'https://agents.invalid/1'
const AT = Date.UTC(2026, 0, 1, 12)
/** A record a second; a minute after the first one is now. */
const NOW = AT + 60_000
const iso = (ms: number) => new Date(ms).toISOString()
const SUPERVISOR = { kind: 'supervisor', id: 'supervisor' } as const

const workflow = defineWorkflow({
  name: 'feature',
  defaults: { backend: 'codegen' },
  tasks: {
    plan: { prompt: 'Plan', output: { type: 'object' } },
    each: { prompt: '{{ item }}', needs: ['plan'], forEach: 'tasks.plan.output.list' },
    review: { role: 'Reviewer', prompt: 'Review', needs: ['plan', 'each'] },
  },
})

type Part = Omit<Partial<JournalRecord>, 'host'> & Pick<JournalRecord, 'type' | 'actor'> & { readonly due?: number }

/** A run as records tell it. */
class Told {
  readonly facts: RunFacts = emptyFacts(RUN)

  constructor() {
    this.add({ type: 'run', actor: SUPERVISOR, data: { name: 'feature', inputs: {}, standIn: false } })
    this.add({ type: 'transition', actor: SUPERVISOR, to: 'running' })
  }

  add({ due, ...record }: Part): this {
    const seq = this.facts.seq + 1
    const timers = due === undefined ? [] : [['timer', {}, due] as const]
    foldRecord(this.facts, { seq, at: iso(AT + seq * 1_000), run: RUN, host: { v: 1, n: seq, timers }, ...record })
    return this
  }

  to(id: string, to: string, data: JsonObject = {}, more: { due?: number; attempt?: number } = {}): this {
    const actor = { kind: id === 'manager' ? 'manager' : 'agent', id } as const
    return this.add({ type: 'transition', actor, task: id, attempt: 1, to, data, ...more })
  }

  say(id: string, data: JsonObject, attempt = 1): this {
    return this.add({ type: 'progress', actor: { kind: 'agent', id }, task: id, attempt, data })
  }

  paused(kind: string, message: string): this {
    return this.add({ type: 'transition', actor: SUPERVISOR, to: 'paused', data: { reason: { kind, message } } })
  }
}

/** The lines of one task of `troupe show`, and its view. */
function shown(told: Told, task: string, live: Partial<LiveKnowledge> = {}) {
  const view = buildRunView(workflow, told.facts, { waiting: () => undefined, lastSign: () => undefined, ...live })
  const lines = linesOf(view)
  const start = lines.findIndex((line) => new RegExp(`^\\S ${task.replace(/[[\]]/g, '\\$&')} `).test(line))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('    '))
  return {
    lines: lines.slice(start, end < 0 ? undefined : end),
    view: [...view.tasks, ...(view.manager === undefined ? [] : [view.manager])].find((seen) => seen.task === task),
  }
}

function linesOf(view: RunView): readonly string[] {
  return renderShow(view, { width: 200, now: NOW, paint: (text) => text, dataDir: '.troupe' })
}

const REF = { ref: { backend: 'codegen', id: '1', url: URL } }
const BROKE = {
  kind: 'agent-failed',
  message: 'The agent run ended with ERROR',
  retryable: true,
  why: 'The agent broke off with an error.',
}
const HEARD = 'steer --text TEXT | pause | cancel'
const DECIDE = 'retry [--prompt TEXT] | complete [--result JSON] | skip | fail [--reason TEXT]'
const RUNNING = `${DECIDE} | wait [DURATION] | ${HEARD}`
const PENDING = `complete [--result JSON] | skip | fail [--reason TEXT] | ${HEARD}`
const EACH = {
  retry: `troupe task ${RUN} plan retry [--prompt TEXT]     a new attempt by a new agent`,
  complete: `troupe task ${RUN} plan complete [--result JSON]  take a result that you give`,
  skip: `troupe task ${RUN} plan skip                      leave it out, with what depends on it`,
  fail: `troupe task ${RUN} plan fail [--reason TEXT]      let it fail`,
  wait: `troupe task ${RUN} plan wait [DURATION]           wait longer`,
  adopt: `troupe task ${RUN} plan adopt                     look again, or take it when it is done`,
  approve: `troupe task ${RUN} plan approve                   let it start`,
  reject: `troupe task ${RUN} plan reject [--reason TEXT]    do not let it start`,
  answer: `troupe task ${RUN} plan answer --text TEXT        answer what its agent asks`,
  steer: `troupe task ${RUN} plan steer --text TEXT         tell its agent something`,
  pause: `troupe task ${RUN} plan pause                     start nothing new for it`,
  continue: `troupe task ${RUN} plan continue                  let it go on`,
  cancel: `troupe task ${RUN} plan cancel                    end it, and stop its agent if that is possible`,
} as const
const can = (...names: (keyof typeof EACH)[]) =>
  names.map((name, index) => `    ${(index === 0 ? 'can' : '').padEnd(6)} ${EACH[name]}`)
const running = () => new Told().to('plan', 'running', REF, { due: AT + 3_600_000 })

/** Every state of an agent that is not final: what is shown of it, and its fields. */
const AGENT_STATES: Readonly<
  Record<string, readonly [told: Told, lines: readonly string[], fields: Partial<TaskView>]>
> = {
  pending: [
    new Told().to('plan', 'pending'),
    [
      '○ plan pending',
      '    why    waits for a slot',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  there is room',
      `    can    troupe task ${RUN} plan ${PENDING}`,
    ],
    { awaits: 'slot' },
  ],
  'pending.approval': [
    new Told().to('plan', 'pending.approval'),
    [
      '○ plan pending.approval',
      '    why    a person must approve that it starts',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  a person approves or rejects it',
      ...can('approve', 'reject', 'complete', 'skip', 'fail', 'steer', 'pause', 'cancel'),
    ],
    { awaits: 'person' },
  ],
  'pending.paused': [
    new Told().to('plan', 'pending.paused', { paused: true }),
    [
      '○ plan pending.paused',
      '    why    a person paused it',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  a person lets it continue',
      ...can('complete', 'skip', 'fail', 'steer', 'continue', 'cancel'),
    ],
    { awaits: 'person' },
  ],
  creating: [
    new Told().to('plan', 'creating'),
    [
      '◌ plan creating',
      '    why    its agent is being created',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  the backend has answered',
      '    used   1 agent run, 57s',
      `    can    troupe task ${RUN} plan ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  'creating.reconciling': [
    new Told().to('plan', 'creating.reconciling').say('plan', { note: 'x', until: iso(NOW + 12_000) }),
    [
      '◌ plan creating.reconciling',
      '    why    outcome unknown, reconciling until 2026-01-01T12:01:12.000Z',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  2026-01-01T12:01:12.000Z (in 12s)',
      `    can    troupe task ${RUN} plan ${HEARD}`,
    ],
    { awaits: 'backend', until: iso(NOW + 12_000) },
  ],
  running: [
    running(),
    [
      '● plan running',
      '    why    its agent works',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  its agent ends, at the latest its deadline 2026-01-01T13:00:00.000Z (in 59m00s)',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${RUNNING}`,
    ],
    { awaits: 'agent', until: iso(AT + 3_600_000) },
  ],
  'running.needsInput': [
    running().to('plan', 'running.needsInput', { note: 'it asks: Which database?' }, { due: AT + 3_600_000 }),
    [
      '● plan running.needsInput',
      '    why    its agent is paused and waits for input',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      `    until  a person answers it at ${URL}, at the latest its deadline 2026-01-01T13:00:00.000Z (in 59m00s)`,
      '    asks   Which database?',
      `    at     ${URL}`,
      ...can('answer', 'retry', 'complete', 'skip', 'fail', 'wait', 'steer', 'pause', 'cancel'),
    ],
    { awaits: 'person', until: iso(AT + 3_600_000), asks: 'Which database?' },
  ],
  'running.answering': [
    running().to('plan', 'running.answering', { note: 'it asks: Which database?' }),
    [
      '● plan running.answering',
      '    why    its agent is being answered',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      '    asks   Which database?',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend', asks: 'Which database?' },
  ],
  'running.steering': [
    running().to('plan', 'running.steering', { steers: [{ text: 'Mind the tests', state: 'sent' }] }),
    [
      '● plan running.steering',
      '    why    its agent is being told what a person said',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      '    said   Mind the tests (on its way)',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  'running.stopping': [
    running().to('plan', 'running.stopping'),
    [
      '● plan running.stopping',
      '    why    past its deadline, its agent is being stopped',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${RUNNING}`,
    ],
    { awaits: 'backend' },
  ],
  reporting: [
    running().to('plan', 'reporting'),
    [
      '◉ plan reporting',
      '    why    its agent has ended, its report is being read',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  'reporting.repairing': [
    running().to('plan', 'reporting.repairing'),
    [
      '◉ plan reporting.repairing',
      '    why    its report does not fit and is being asked for once more',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  'reporting.checking': [
    running().to('plan', 'reporting.checking').say('plan', { note: 'check 2 of at most 4 is run: npm test' }),
    [
      '◉ plan reporting.checking',
      '    why    check 2 of at most 4 is run: npm test',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  'reporting.mending': [
    running()
      .to('plan', 'reporting.checking')
      .to('plan', 'reporting.mending', {
        check: { round: 1, of: 4, command: 'npm test', passed: false, exitCode: 1, ms: 3_000 },
      }),
    [
      '◉ plan reporting.mending',
      '    why    check 1 of at most 4 failed (npm test), its agent is being told so',
      '    since  2026-01-01T12:00:05.000Z (55s ago)',
      '    until  the backend has answered',
      '    check  1 of at most 4: npm test failed (exit code 1) in 3s',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'backend' },
  ],
  recovering: [
    running().to('plan', 'recovering', { failure: BROKE }),
    [
      '↻ plan recovering',
      '    why    its failure is being looked into: The agent run ended with ERROR',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      '    failed The agent broke off with an error.',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan cancel`,
    ],
    { awaits: 'backend' },
  ],
  retrying: [
    running().to('plan', 'retrying', { failure: BROKE }, { due: NOW + 30_000 }),
    [
      '↻ plan retrying',
      '    why    attempt 1 failed: The agent run ended with ERROR; attempt 2 begins at 2026-01-01T12:01:30.000Z',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  2026-01-01T12:01:30.000Z (in 30s), then attempt 2 begins',
      '    failed The agent broke off with an error.',
      `    at     ${URL}`,
      `    can    troupe task ${RUN} plan ${DECIDE} | ${HEARD}`,
    ],
    { awaits: 'time', until: iso(NOW + 30_000), nextAttempt: 2 },
  ],
  escalated: [
    running().to('plan', 'escalated', { failure: BROKE, reason: 'It broke. No attempt is left (2 of 2).' }),
    [
      '! plan escalated',
      '    why    It broke. No attempt is left (2 of 2).',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  a person decides',
      '    failed The agent run ended with ERROR. The agent broke off with an error.',
      `    at     ${URL}`,
      ...can('retry', 'complete', 'skip', 'fail', 'cancel'),
    ],
    { awaits: 'person' },
  ],
  'escalated.conflict': [
    new Told().to('plan', 'escalated.conflict', {
      failure: { kind: 'conflict', message: 'a and b both changed cart.ts.', why: 'What it needs cannot be merged.' },
      reason: 'a and b both changed cart.ts. What it needs cannot be merged. It is not tried again by itself.',
    }),
    [
      '! plan escalated.conflict',
      '    why    a and b both changed cart.ts. What it needs cannot be merged. It is not tried again by itself.',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  a person decides',
      `    can    troupe task ${RUN} plan retry --resolve [--prompt TEXT]  a new agent that is given the conflicts to resolve`,
      `           troupe task ${RUN} plan retry [--prompt TEXT]            a new attempt by a new agent`,
      `           troupe task ${RUN} plan complete [--result JSON]         take a result that you give`,
      `           troupe task ${RUN} plan skip                             leave it out, with what depends on it`,
      `           troupe task ${RUN} plan fail [--reason TEXT]             let it fail`,
      `           troupe task ${RUN} plan cancel                           end it, and stop its agent if that is possible`,
    ],
    { awaits: 'person' },
  ],
  'escalated.overdue': [
    running().to('plan', 'escalated.overdue', { ...REF, reason: `Past its deadline, still running at ${URL}` }),
    [
      '! plan escalated.overdue',
      '    why    Past its deadline, still running',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  a person decides, or its agent ends',
      `    at     ${URL}`,
      ...can('retry', 'complete', 'skip', 'fail', 'wait', 'adopt', 'cancel'),
    ],
    { awaits: 'person' },
  ],
  'escalated.doubtful': [
    new Told().to('plan', 'escalated.doubtful', { reason: 'Nobody knows whether an agent was created: no answer' }),
    [
      '! plan escalated.doubtful',
      '    why    Nobody knows whether an agent was created: no answer',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  a person decides',
      ...can('retry', 'complete', 'skip', 'fail', 'wait', 'adopt', 'cancel'),
    ],
    { awaits: 'person' },
  ],
  cancelling: [
    running().to('plan', 'cancelling'),
    [
      '◍ plan cancelling',
      '    why    is being cancelled, its agent is to be stopped',
      '    since  2026-01-01T12:00:04.000Z (56s ago)',
      '    until  the backend has answered',
      `    at     ${URL}`,
      '    can    nothing: it goes on by itself',
    ],
    { awaits: 'backend' },
  ],
}

describe('troupe show of a task that has not ended', () => {
  it.each(Object.keys(AGENT_STATES))('says why, since when, until when and what a person can do: %s', (state) => {
    const [told, lines, fields] = AGENT_STATES[state] ?? [new Told(), [], {}]
    const { lines: seen, view } = shown(told, 'plan')
    expect(seen).toEqual(lines)
    const { awaits, until, nextAttempt, asks } = view ?? {}
    expect(JSON.parse(JSON.stringify({ awaits, until, nextAttempt, asks }))).toEqual(fields)
    expect(view?.commands).toEqual(legalTaskCommands(state))
  })

  it('has a row for every state that an agent can rest in', () => {
    const states = Object.values(agentPaths).map(({ policy, events }) => {
      return publicState(walk(agentMachine, agentInput(policy), events).value)
    })
    expect(new Set(Object.keys(AGENT_STATES))).toEqual(new Set(states.filter((state) => !isFinalState(state))))
  })

  it('says when its agent was last seen to get on, where the process that watches it knows', () => {
    const { lines, view } = shown(running(), 'plan', { lastSign: () => NOW - 20_000 })
    expect(lines).toContain('    seen   its agent got on at 2026-01-01T12:00:40.000Z (20s ago)')
    expect(view?.lastSign).toBe('2026-01-01T12:00:40.000Z')
  })

  it('still says what its agent asks when its deadline has passed meanwhile', () => {
    const told = running().to('plan', 'running.needsInput', { note: 'it asks: Which database?' })
    told.to('plan', 'escalated.overdue', { ...REF, reason: 'Past its deadline' })
    expect(shown(told, 'plan').lines).toContain('    asks   Which database?')
  })

  it('says why the attempt before it failed', () => {
    const told = running().to('plan', 'retrying', { failure: BROKE }).to('plan', 'creating', {}, { attempt: 2 })
    expect(shown(told, 'plan').lines.slice(0, 6)).toEqual([
      '◌ plan creating, attempt 2',
      '    why    its agent is being created',
      '    since  2026-01-01T12:00:05.000Z (55s ago)',
      '    until  the backend has answered',
      '    used   1 agent run, 55s',
      '    failed The agent run ended with ERROR. The agent broke off with an error.',
    ])
  })

  it('says of a time that has passed how long ago that was', () => {
    const told = running().to('plan', 'retrying', { failure: BROKE }, { due: NOW - 5_000 })
    expect(shown(told, 'plan').lines).toContain('    until  2026-01-01T12:00:55.000Z (5s ago), then attempt 2 begins')
  })
})

/** Every kind of limit that may hold an attempt back. */
const WAITS: Readonly<
  Record<WaitingFor['kind'], readonly [waiting: Omit<WaitingFor, 'kind' | 'since'>, why: string, until: string]>
> = {
  concurrency: [
    { name: RUN, detail: '8 of 8 agents at work' },
    'waits for a place in this run: 8 of 8 agents at work',
    'there is room',
  ],
  rate: [
    { name: 'codegen.create', until: NOW + 12_000, detail: '10 of 10 in 1m' },
    'waits for the rate limit codegen.create: 10 of 10 in 1m',
    '2026-01-01T12:01:12.000Z (in 12s)',
  ],
  resource: [
    { name: 'database', detail: '1 of 1 in use' },
    'waits for the resource database: 1 of 1 in use',
    'there is room',
  ],
  closed: [
    { name: 'codegen.create', until: NOW + 30_000, detail: 'the provider refused a call because of its rate limit' },
    'waits until codegen.create is open again: the provider refused a call because of its rate limit',
    '2026-01-01T12:01:30.000Z (in 30s)',
  ],
  circuit: [
    { name: 'codegen', until: NOW + 60_000, detail: '5 creations in a row failed' },
    'nothing is created at codegen for now: 5 creations in a row failed',
    '2026-01-01T12:02:00.000Z (in 1m00s)',
  ],
  paused: [{ name: RUN, detail: 'Paused by a person' }, 'Paused by a person', 'a person lets the run continue'],
  quota: [
    { name: 'codegen', detail: 'HTTP 402' },
    'the quota of codegen is used up: HTTP 402',
    'a person lets the run continue',
  ],
  auth: [
    { name: 'codegen', detail: 'HTTP 401' },
    'codegen refuses the credentials: HTTP 401',
    'a person lets the run continue',
  ],
  budget: [
    { name: RUN, detail: 'The budget of 3 agent runs is used up' },
    'The budget of 3 agent runs is used up',
    'a person lets the run continue',
  ],
}

describe('troupe show of a task whose agent worked on this machine', () => {
  it('names the checks of its work, its branch and what it changed', () => {
    const collected = {
      repository: '/shop',
      branch: 'troupe/run_1/plan/1',
      base: 'b0',
      commit: 'c1',
      commits: 1,
      files: [{ path: 'src/cart.ts', added: 66, removed: 7 }],
      fileCount: 1,
      added: 66,
      removed: 7,
    }
    const check = { round: 1, of: 4, command: 'npm test', passed: true, exitCode: 0, ms: 4_000 }
    const told = running()
      .to('plan', 'reporting', { check })
      .to('plan', 'completed', { outcome: { result: 'done', pullRequests: [], collected } })
    const { lines, view } = shown(told, 'plan')
    expect(lines).toContain('    check  1 of at most 4: npm test passed in 4s')
    expect(lines.filter((line) => /troupe\/run_1\/plan\/1|src\/cart\.ts/.test(line))).toHaveLength(2)
    expect([view?.collected, view?.checks]).toEqual([collected, [{ ...check, attempt: 1, at: iso(AT + 4_000) }]])
  })
})

describe('troupe show of a task that a limit holds back', () => {
  it.each(Object.keys(WAITS) as WaitingFor['kind'][])(
    'names the limit, and until when if that is known: %s',
    (kind) => {
      const [waiting, why, until] = WAITS[kind]
      const isPause = until === 'a person lets the run continue'
      const told = new Told().to('plan', 'pending')
      if (isPause) told.paused(kind === 'paused' ? 'person' : kind, waiting.detail ?? '')
      const { lines, view } = shown(told, 'plan', { waiting: () => ({ kind, since: AT, ...waiting }) })
      const go = kind === 'budget' ? `troupe continue ${RUN} --budget agentRuns=+10` : `troupe continue ${RUN}`
      const own = `troupe task ${RUN} plan ${PENDING}`
      expect(lines).toEqual([
        '○ plan pending',
        `    why    ${why}`,
        '    since  2026-01-01T12:00:03.000Z (57s ago)',
        `    until  ${until}`,
        ...(isPause ? [`    can    ${go}`, `           ${own}`] : [`    can    ${own}`]),
      ])
      expect(view?.awaits).toBe(isPause ? 'person' : 'slot')
      expect(view?.waitingFor).toEqual({ kind, since: AT, ...waiting })
    },
  )

  it('says why its creation was put back', () => {
    const told = new Told().to('plan', 'pending', { reason: 'The service cannot be reached' })
    const waiting = { kind: 'closed', name: 'codegen', since: AT, until: NOW + 4_000 } as const
    expect(shown(told, 'plan', { waiting: () => waiting }).lines.slice(1, 4)).toEqual([
      '    why    its creation was put back: The service cannot be reached',
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      '    until  2026-01-01T12:01:04.000Z (in 4s)',
    ])
  })
})

describe('troupe show of a task that has not begun', () => {
  const waiting = (told: Told, task = 'review') => shown(told, task).lines

  it('names the tasks that it waits for, and how far each of them is', () => {
    expect(waiting(running())).toEqual([
      '· review Reviewer waiting',
      '    why    waits for plan, each',
      '    since  2026-01-01T12:00:01.000Z (59s ago)',
      '    until  plan settles (running), each settles (waiting)',
      '    can    nothing here: see what it waits for',
    ])
    expect(shown(running(), 'review').view).toMatchObject({
      awaits: 'needs',
      needs: ['plan', 'each'],
      since: iso(AT + 1_000),
    })
  })

  it('says where a person must act first', () => {
    expect(waiting(running().to('plan', 'escalated', { reason: 'It broke' }))[3]).toBe(
      '    until  plan settles (escalated, a person must act), each settles (waiting)',
    )
  })

  it('counts the items of a forEach task', () => {
    const told = running()
      .to('plan', 'completed')
      .add({ type: 'plan', actor: SUPERVISOR, task: 'each', data: { count: 3 } })
    told.to('each[0]', 'completed').to('each[1]', 'escalated')
    expect(waiting(told)[3]).toBe('    until  each settles (1 of 3, for 1 a person must act)')
  })

  it('starts at once when nothing is left to wait for', () => {
    expect(waiting(new Told(), 'plan')).toEqual([
      '· plan waiting',
      '    why    about to start',
      '    since  2026-01-01T12:00:01.000Z (59s ago)',
      '    until  it starts at once',
      '    can    nothing: it goes on by itself',
    ])
  })
})

/** Every state of the manager that is not final. */
const MANAGER_STATES: Readonly<Record<string, readonly [why: string, until: string]>> = {
  pending: ['waits for a slot', 'there is room'],
  creating: ['its agent is being created', 'the backend has answered'],
  'creating.reconciling': ['outcome unknown, reconciling', 'the backend has answered'],
  'running.deciding': ['its agent works', 'its agent ends'],
  'running.idle': ['waits for news', 'there is something to tell it'],
  'running.prompting': ['is being told what settled', 'the backend has answered'],
  reporting: ['its agent has ended, its report is being read', 'the backend has answered'],
  recovering: ['its failure is being looked into', 'the backend has answered'],
  retrying: ['attempt 1 failed; attempt 2 begins soon', 'its delay is over, then attempt 2 begins'],
  cancelling: ['is being cancelled', 'the backend has answered'],
}

describe('troupe show of the manager', () => {
  it.each(Object.entries(MANAGER_STATES))('says why, since when and until when: %s', (state, [why, until]) => {
    const told = new Told().to('manager', state)
    expect(shown(told, 'manager').lines.slice(1)).toEqual([
      `    why    ${why}`,
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      `    until  ${until}`,
      // With the intent of its creation an agent run is counted.
      ...(state === 'creating' ? ['    used   1 agent run, 57s'] : []),
      '    can    nothing: the tasks do not wait for it',
    ])
  })

  it('says when its turn must end', () => {
    const told = new Told().to('manager', 'running.deciding', REF, { due: NOW + 300_000 })
    expect(shown(told, 'manager').lines).toContain(
      '    until  its agent ends, at the latest its deadline 2026-01-01T12:06:00.000Z (in 5m00s)',
    )
  })

  it('has a row for every state that it can rest in', () => {
    const states = Object.values(managerPaths).map((events) =>
      publicState(walk(managerMachine, managerInput(), events).value),
    )
    expect(new Set(Object.keys(MANAGER_STATES))).toEqual(new Set(states.filter((state) => !isFinalState(state))))
  })
})

describe('troupe show of a run that does not go on', () => {
  const head = (view: RunView) => linesOf(view).slice(1, 5)

  it.each([
    ['person', 'Paused by a person', ''],
    ['quota', 'The quota of codegen is used up', ''],
    ['auth', 'codegen refuses the credentials', ''],
    ['disk', 'No room is left on the disk', ''],
    ['budget', 'The budget of 3 agent runs is used up', ' --budget agentRuns=+10'],
    ['budget', 'The budget of 60 minutes is used up', ' --budget duration=+1h'],
  ])('says why it is paused, since when, and how it is continued: %s (%s)', (kind, reason, raise) => {
    const view = buildRunView(workflow, new Told().paused(kind, reason).facts)
    expect(head(view)).toEqual([
      '‖ paused, 0 of 3 completed, 59s since 2026-01-01T12:00:01.000Z',
      reason,
      `Paused since 2026-01-01T12:00:03.000Z (57s), until a person lets it continue: troupe continue ${RUN}${raise}`,
      '',
    ])
    expect([view.since, view.reason, view.commands]).toEqual([iso(AT + 3_000), reason, ['continue', 'cancel']])
  })

  it('says that no process carries it, where that is known', () => {
    const view = { ...buildRunView(workflow, new Told().facts), carried: false }
    expect(head(view)[1]).toBe(`No process carries it, so nothing of it goes on until one does: troupe resume ${RUN}`)
  })

  it('does not say of an agent that it works where no process carries the run', () => {
    const view = { ...buildRunView(workflow, running().facts), carried: false }
    const whys = linesOf(view).filter((line) => line.startsWith('    why'))
    expect(whys.slice(0, 2)).toEqual([
      '    why    no process carries it now; before that: its agent works',
      '    why    waits for plan',
    ])
  })
})

describe('troupe show of an attempt that ended after it was given up', () => {
  const end = (more: object) => ({
    lateEnd: {
      holder: `${RUN}/plan/1`,
      status: 'COMPLETE',
      url: URL,
      usable: true,
      outcome: { result: 'Late.' },
      ...more,
    },
  })
  const late = (told: Told) => shown(told, 'plan').lines.filter((line) => /late|adopt/.test(line))

  it('says how it is used as long as its task is open', () => {
    const told = running().to('plan', 'running', {}, { attempt: 2 }).say('plan', end({}))
    expect(late(told)).toEqual([
      `    late   attempt 1 ended after it was given up: COMPLETE at ${URL}; use it with: troupe task ${RUN} plan adopt --attempt 1`,
      `    can    troupe task ${RUN} plan ${RUNNING} | adopt --attempt 1`,
    ])
  })

  it('offers it among the decisions where a person must decide', () => {
    const told = running().to('plan', 'escalated', { reason: 'It broke' }, { attempt: 2 }).say('plan', end({}))
    expect(late(told).at(-1)).toBe(
      `           troupe task ${RUN} plan adopt --attempt 1         take what attempt 1 returned after it was given up`,
    )
  })

  it('says why it is of no use', () => {
    const reason = 'The report does not fit'
    const told = running()
      .to('plan', 'running', {}, { attempt: 2 })
      .say('plan', end({ usable: false, reason }))
    expect(late(told)).toEqual([`    late   attempt 1 ended after it was given up: COMPLETE at ${URL}; ${reason}`])
  })

  it('offers nothing once the task has settled, and says whose result it took', () => {
    const told = running().to('plan', 'running', {}, { attempt: 2 }).say('plan', end({}))
    told.to('plan', 'completed', { outcome: { result: 'Late.', pullRequests: [], adopted: 1 } }, { attempt: 2 })
    expect(shown(told, 'plan').lines).toEqual([
      '✔ plan completed, attempt 2',
      '    why    a person adopted the late result of attempt 1',
      `    late   attempt 1 ended after it was given up: COMPLETE at ${URL}`,
    ])
  })
})
