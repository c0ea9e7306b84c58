import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../src/domain/json.ts'
import type { RunRecord } from '../src/domain/record.ts'
import type { TaskView } from '../src/domain/views.ts'
import { emptyFacts, foldRecord, type RunFacts } from '../src/registry.ts'
import { buildRunView } from '../src/run-view.ts'
import type { LiveKnowledge } from '../src/task-view.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const workflow = defineWorkflow({
  name: 'feature',
  defaults: { backend: 'codegen' },
  tasks: {
    plan: { role: 'Planner', prompt: 'Plan', output: { type: 'object' } },
    execute: { role: 'Executor', prompt: 'Do {{ item }}', needs: ['plan'], forEach: 'tasks.plan.output.tasks' },
    review: { prompt: 'Review', needs: ['plan', 'execute'] },
  },
})
const AT = Date.UTC(2026, 0, 1)
const at = (seq: number) => new Date(AT + seq * 1_000).toISOString()
const supervisor = { kind: 'supervisor', id: 'supervisor' } as const
const URL = 'https://agents.invalid/1'
const REF = { backend: 'x', id: '1', url: URL }

/** Facts of a run, one record a second. */
class Told {
  readonly facts: RunFacts = emptyFacts('run_1')

  add(record: Omit<RunRecord, 'seq' | 'at' | 'run'>): this {
    const seq = this.facts.seq + 1
    foldRecord(this.facts, { seq, at: at(seq), run: 'run_1', ...record })
    return this
  }
  run(to: string, data?: JsonObject): this {
    return this.add({ type: 'transition', actor: supervisor, to, ...(data ? { data } : {}) })
  }
  task(id: string, to: string, data?: JsonObject, attempt = 1): this {
    const kind = id === 'manager' ? 'manager' : 'agent'
    return this.add({ type: 'transition', actor: { kind, id }, task: id, attempt, to, ...(data ? { data } : {}) })
  }
  say(id: string, data: JsonObject): this {
    return this.add({ type: 'progress', actor: { kind: 'agent', id }, task: id, data })
  }
  plan(task: string, count: number): this {
    return this.add({ type: 'plan', actor: supervisor, task, data: { count } })
  }
  view(live?: LiveKnowledge) {
    return buildRunView(workflow, this.facts, live)
  }
  seen(id: string, live?: LiveKnowledge): TaskView | undefined {
    return this.view(live).tasks.find(({ task }) => task === id)
  }
}
const begun = () =>
  new Told()
    .add({ type: 'run', actor: supervisor, data: { name: 'feature', inputs: { a: 1 }, standIn: false } })
    .run('running')
const unstarted = {
  state: 'waiting',
  since: at(1),
  awaits: 'needs',
  attempt: 0,
  attempts: [],
  pullRequests: [],
  commands: [],
}

describe('the view of a run', () => {
  it('shows every task from the start, and what each waits for', () => {
    expect(begun().view()).toEqual({
      run: 'run_1',
      name: 'feature',
      status: 'running',
      since: at(2),
      standIn: false,
      startedAt: at(1),
      seq: 2,
      inputs: { a: 1 },
      tasks: [
        { ...unstarted, task: 'plan', role: 'Planner', needs: [], why: 'about to start' },
        { ...unstarted, task: 'execute', role: 'Executor', forEach: true, needs: ['plan'], why: 'waits for plan' },
        { ...unstarted, task: 'review', needs: ['plan', 'execute'], why: 'waits for plan, execute' },
      ],
      budget: { agentRuns: { used: 0 }, duration: { used: 1_000, since: at(2) } },
      counts: { waiting: 3 },
      alerts: [],
      commands: ['pause', 'cancel'],
    })
  })

  it('shows the items of a forEach task in its place, once they are known', () => {
    const told = begun().task('plan', 'completed').plan('execute', 2).task('execute[0]', 'completed')
    expect(told.view().tasks.map(({ task, state, needs }) => [task, state, needs])).toEqual([
      ['plan', 'completed', undefined],
      ['execute[0]', 'completed', undefined],
      ['execute[1]', 'waiting', []],
      ['review', 'waiting', ['execute']],
    ])
    expect(told.view().counts).toEqual({ completed: 2, waiting: 2 })
    told.task('execute[1]', 'failed')
    expect(told.seen('review')?.why).toBe('about to start')
  })

  it('shows a forEach task without items as nothing, and what needs it goes on', () => {
    const told = begun().task('plan', 'completed').plan('execute', 0)
    expect(told.view().tasks.map(({ task }) => task)).toEqual(['plan', 'review'])
    expect(told.seen('review')?.why).toBe('about to start')
  })

  it('shows a task with its attempts, links and pull requests', () => {
    const pullRequests = [{ url: 'https://code.invalid/1' }]
    const told = begun()
      .task('plan', 'pending')
      .task('plan', 'running', { ref: REF })
      .task('plan', 'completed', { outcome: { result: 'x', pullRequests } })
    expect(told.seen('plan')).toEqual({
      task: 'plan',
      role: 'Planner',
      state: 'completed',
      since: at(5),
      attempt: 1,
      attempts: [{ attempt: 1, state: 'completed', startedAt: at(3), url: URL, endedAt: at(5) }],
      url: URL,
      pullRequests,
      startedAt: at(3),
      endedAt: at(5),
      commands: ['rerun'],
    })
  })

  it('shows the manager beside the tasks, without commands', () => {
    const view = begun().task('manager', 'running.deciding', { ref: REF }).view()
    expect([view.manager?.state, view.manager?.why, view.manager?.commands, view.counts]).toEqual([
      'running.deciding',
      `its agent works at ${URL}`,
      [],
      { waiting: 3 },
    ])
  })

  it('says of a run that ended that what had not begun never will, and takes no command', () => {
    const told = begun().task('plan', 'running', { ref: REF }).run('cancelled')
    expect(told.view().commands).toEqual([])
    expect([told.seen('plan')?.commands, told.seen('review')?.why]).toEqual([[], 'the run ended before it began'])
  })

  it('does not change when more records come', () => {
    const told = begun().task('plan', 'pending')
    const view = told.view()
    const before = structuredClone(view)
    told.task('plan', 'running', { ref: REF }).task('plan', 'failed', { reason: 'no' })
    told.add({ type: 'alert', actor: supervisor, data: { code: 'x', message: 'y' } }).run('finishing')
    expect(view).toEqual(before)
  })
})

describe('why a task is where it is', () => {
  const failure = { kind: 'agent-failed', message: 'It broke', retryable: true }
  const why = (state: string, data?: JsonObject) =>
    begun()
      .task('plan', state, { ref: REF, ...data })
      .seen('plan')?.why

  it.each([
    ['creating', undefined, 'its agent is being created'],
    ['creating.reconciling', undefined, 'outcome unknown, reconciling'],
    ['running', undefined, `its agent works at ${URL}`],
    ['running.needsInput', undefined, `its agent is paused and waits for input at ${URL}`],
    ['running.idle', undefined, 'waits for news'],
    ['retrying', { failure }, 'attempt 1 failed: It broke; attempt 2 begins soon'],
    ['running.stopping', undefined, `past its deadline, its agent is being stopped at ${URL}`],
    ['running.prompting', undefined, 'is being told what settled'],
    ['reporting', undefined, 'its agent has ended, its report is being read'],
    ['recovering', { failure }, 'its failure is being looked into: It broke'],
    ['cancelling', undefined, `is being cancelled, its agent is to be stopped at ${URL}`],
    ['escalated', { failure, reason: 'It broke twice' }, 'It broke twice'],
    ['escalated', { failure }, 'It broke'],
    ['failed', { reason: 'failed by a person' }, 'failed by a person'],
  ] as const)('is one line: %s', (state, data, line) => expect(why(state, data)).toBe(line))

  it('says until when an unknown creation is looked for', () => {
    const told = begun()
      .task('plan', 'creating.reconciling')
      .say('plan', { until: at(90) })
    expect(told.seen('plan')?.why).toBe(`outcome unknown, reconciling until ${at(90)}`)
  })

  it('says what a pending task waits for, as the process knows it or as it was recorded', () => {
    const told = begun().task('plan', 'pending')
    expect(told.seen('plan')?.why).toBe('waits for a slot')
    const recorded = { kind: 'concurrency', name: 'run:run_1', since: AT }
    told.say('plan', { waitingFor: recorded })
    expect([told.seen('plan')?.waitingFor, told.seen('plan')?.why]).toEqual([
      recorded,
      'waits for a place at run:run_1',
    ])
    const known = {
      kind: 'rate',
      name: 'codegen.create',
      since: AT,
      until: AT + 60_000,
      detail: 'until 00:01',
    } as const
    const live = { waiting: () => known, lastSign: () => undefined }
    expect([told.seen('plan', live)?.waitingFor, told.seen('plan', live)?.why]).toEqual([
      known,
      'waits for the rate limit codegen.create: until 00:01',
    ])
  })

  it('says of a pending task of a paused run why that is paused', () => {
    const told = begun()
      .task('plan', 'pending')
      .run('paused', { reason: { kind: 'budget', message: 'The budget is used up' } })
    expect(told.seen('plan')?.why).toBe('The budget is used up')
  })

  it('says what a put-back create waits for and why', () => {
    const told = begun().task('plan', 'pending', { reason: 'The service cannot be reached' })
    const live: LiveKnowledge = {
      waiting: () => ({ kind: 'closed', name: 'plan', since: AT, until: AT + 1_000 }),
      lastSign: () => undefined,
    }
    expect(told.seen('plan', live)?.why).toBe('its creation was put back: The service cannot be reached')
  })

  it('says what a person may do, which is what its state takes', () => {
    const commands = (data: JsonObject) => begun().task('plan', 'running', data).seen('plan')?.commands
    expect(begun().task('plan', 'escalated').seen('plan')?.commands).toEqual([
      'retry',
      'complete',
      'skip',
      'fail',
      'cancel',
    ])
    expect(commands({})?.slice(-3)).toEqual(['steer', 'pause', 'cancel'])
    expect(commands({ paused: true })?.slice(-3)).toEqual(['steer', 'continue', 'cancel'])
    const steers = Array.from({ length: 5 }, () => ({ text: 'x', state: 'queued' }))
    expect(commands({ steers })?.slice(-2)).toEqual(['pause', 'cancel'])
  })
})
