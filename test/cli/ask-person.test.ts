import { describe, expect, it } from 'vitest'
import { askPerson } from '../../src/cli/ask-person.ts'
import { parseRaises } from '../../src/cli/continue.ts'
import type { Orchestrator } from '../../src/domain/orchestration.ts'
import type { RunView, TaskView } from '../../src/domain/views.ts'

const escalated: TaskView = {
  task: 'spec',
  state: 'escalated',
  attempt: 1,
  attempts: [],
  pullRequests: [],
  why: 'The agent run ended with ERROR',
  commands: ['retry', 'complete', 'skip', 'fail'],
}
const view: RunView = {
  run: 'run_1',
  name: 'one',
  status: 'running',
  standIn: true,
  startedAt: '2026-01-01T00:00:00.000Z',
  seq: 9,
  inputs: {},
  tasks: [escalated],
  counts: { escalated: 1 },
  alerts: [],
  commands: ['pause', 'cancel'],
}

/** Answers the questions one after the other, and notes what was asked and what was told. */
function dialogue(shown: RunView, answers: (string | undefined)[]) {
  const told: unknown[] = []
  const asked: string[] = []
  const orchestrator = {
    view: () => shown,
    command: async (run: string, command: object) => void told.push([run, command]),
    commandTask: async (run: string, task: string, command: object) => void told.push([run, task, command]),
  } as unknown as Orchestrator
  const question = async (prompt: string) => {
    asked.push(prompt)
    return answers.shift()
  }
  return { told, asked, ask: () => askPerson(orchestrator, 'run_1', question) }
}

describe('asking the person at the terminal', () => {
  it('says what waits and why, and passes the answer on', async () => {
    const { told, asked, ask } = dialogue(view, ['ret'])
    expect(await ask()).toBe(true)
    expect(told).toEqual([['run_1', 'spec', { type: 'retry' }]])
    expect(asked[0]?.split('\n').slice(1)).toEqual([
      'spec is escalated: The agent run ended with ERROR',
      '  retry     a new attempt by a new agent',
      '  complete  take a result that you give',
      '  skip      leave it out, with what depends on it',
      '  fail      let it fail',
      '  leave     end this command; nothing is lost',
      '> ',
    ])
  })

  it('asks for the result of a task that is to be completed', async () => {
    const { told, ask } = dialogue(view, ['c', 'all done'])
    expect(await ask()).toBe(true)
    expect(told).toEqual([['run_1', 'spec', { type: 'complete', result: 'all done' }]])
  })

  it('asks again when the answer is none of those offered', async () => {
    const { told, asked, ask } = dialogue(view, ['', 'adopt', 'x', 'skip'])
    expect(await ask()).toBe(true)
    expect(told).toEqual([['run_1', 'spec', { type: 'skip' }]])
    expect(asked.slice(1)).toEqual(['> ', '> ', '> '])
  })

  it('offers what an attempt returned after it was given up', async () => {
    const at = '2026-01-01T00:00:00.000Z'
    const late = [{ attempt: 1, at, status: 'COMPLETE', pullRequests: [], usable: true, commands: ['adopt'] }]
    const overdue: TaskView = { ...escalated, state: 'escalated.overdue', late, commands: ['retry', 'adopt'] }
    for (const [answer, command] of [
      ['adopt 1', { type: 'adopt', attempt: 1 }],
      ['adopt', { type: 'adopt' }],
    ] as const) {
      const { told, asked, ask } = dialogue({ ...view, tasks: [overdue] }, [answer])
      expect(await ask()).toBe(true)
      expect(told).toEqual([['run_1', 'spec', command]])
      expect(asked[0]).toContain('  adopt 1   take what attempt 1 returned after it was given up\n')
    }
  })

  it('says what an agent asks', async () => {
    const asking: TaskView = { ...escalated, state: 'running.needsInput', why: 'it waits', asks: 'Which database?' }
    const { asked, ask } = dialogue({ ...view, tasks: [asking] }, ['skip'])
    await ask()
    expect(asked[0]?.split('\n')[1]).toBe('spec is running.needsInput: it waits. It asks: Which database?')
  })

  const waits = (state: string, ...commands: string[]): TaskView => ({ ...escalated, state, why: 'it waits', commands })

  it.each([
    ['approve', ['app'], { type: 'approve' }],
    ['reject', ['reject', 'Too early'], { type: 'reject', reason: 'Too early' }],
    ['reject without a reason', ['reject', ' '], { type: 'reject' }],
    ['pause', ['pause'], { type: 'pause' }],
    ['steer', ['steer', 'Mind the tests'], { type: 'steer', text: 'Mind the tests' }],
  ] as const)('asks whether a task may start: %s', async (_, answers, command) => {
    const task = waits('pending.approval', 'approve', 'reject', 'complete', 'skip', 'fail', 'steer', 'pause', 'cancel')
    const { told, asked, ask } = dialogue({ ...view, tasks: [task] }, [...answers])
    expect(await ask()).toBe(true)
    expect(told).toEqual([['run_1', 'spec', command]])
    expect(asked[0]).toContain('  approve   let it start\n  reject    do not let it start\n')
  })

  it('passes on what an agent, or the manager, is answered', async () => {
    const manager: TaskView = { ...waits('running.asking', 'answer', 'complete', 'fail'), task: 'manager' }
    const shown = { ...view, tasks: [waits('running.needsInput', 'answer', 'skip')], manager }
    const { told, ask } = dialogue(shown, ['answer', 'The old one', 'answer', 'Go on'])
    expect(await ask()).toBe(true)
    expect(told).toEqual([
      ['run_1', 'spec', { type: 'answer', text: 'The old one' }],
      ['run_1', 'manager', { type: 'answer', text: 'Go on' }],
    ])
  })

  it('lets a paused task go on, and leaves it when nothing is answered', async () => {
    const shown = { ...view, tasks: [waits('pending.paused', 'steer', 'continue')] }
    const first = dialogue(shown, ['continue'])
    expect(await first.ask()).toBe(true)
    expect(first.told).toEqual([['run_1', 'spec', { type: 'continue' }]])
    const second = dialogue(shown, ['steer', ' '])
    expect(await second.ask()).toBe(false)
    expect(second.told).toEqual([])
  })

  it('leaves everything as it is when the person leaves', async () => {
    for (const answer of ['leave', undefined]) {
      const { told, ask } = dialogue(view, [answer])
      expect(await ask()).toBe(false)
      expect(told).toEqual([])
    }
  })

  it('lets a paused run go on', async () => {
    const paused: RunView = {
      ...view,
      status: 'paused',
      reason: 'quota used up',
      tasks: [],
      commands: ['continue', 'cancel'],
    }
    const { told, ask } = dialogue(paused, ['co'])
    expect(await ask()).toBe(true)
    expect(told).toEqual([['run_1', { type: 'continue' }]])
  })
})

describe('raising a budget', () => {
  it('reads numbers and durations', () => {
    expect(parseRaises(['agentRuns=+20', 'duration=+1h', 'agentRuns=+1'])).toEqual({
      agentRuns: 21,
      duration: 3_600_000,
    })
  })

  it('refuses what is no raise, all at once', () => {
    expect(() => parseRaises(['agentRuns=20', 'costs=+1'])).toThrow(/agentRuns=20[\s\S]*costs=\+1/)
  })
})
