import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ansiPaint, plainPaint } from '../../src/cli/colours.ts'
import { displayWidth, escapeText } from '../../src/cli/terminal-text.ts'
import { renderTree } from '../../src/cli/tree.ts'
import type { TaskView } from '../../src/domain/views.ts'
import { NOON, runView, taskView } from '../support/fake-orchestrator.ts'

const NOW = Date.parse(NOON) + 125_000
const FRAME = { width: 100, height: 20, now: NOW, paint: plainPaint }
const began = { startedAt: NOON, attempt: 1 }

const TASKS: readonly TaskView[] = [
  taskView({ task: 'research', role: 'Research', state: 'completed', ...began, endedAt: '2026-01-02T12:01:00.000Z' }),
  taskView({ task: 'spec', role: 'Spec', state: 'running', ...began, attempt: 2, progress: 0.4, url: 'https://x/1' }),
  taskView({ task: 'execute', state: 'waiting' }),
  taskView({
    task: 'execute[0]',
    state: 'pending',
    waitingFor: { kind: 'rate', name: 'codegen.create', since: NOW, until: NOW + 12_000 },
  }),
  taskView({ task: 'execute[1]', state: 'escalated', ...began, why: 'no report:\u001b[31m retry or skip' }),
  taskView({ task: 'review', state: 'waiting', needs: ['execute'] }),
]

describe('the tree', () => {
  it('shows a run, its manager and each agent with state, attempt, time, progress and reason', () => {
    const manager = taskView({ task: 'manager', state: 'running.idle', ...began, why: 'waits for news' })
    const view = runView({ run: 'run_1', standIn: true, tasks: TASKS, manager })
    expect(renderTree([view], FRAME)).toEqual([
      '● run_1  feature  running  1/5  2m05s  stand-in',
      '  ● manager               running.idle     2m05s  waits for news',
      '  ✔ research     Research completed        1m00s',
      '  ● spec         Spec     running      #2  2m05s  ████░░░░░░ 40%  https://x/1',
      '  ○   execute[0]          pending                 waits for codegen.create 12s',
      '  !   execute[1]          escalated        2m05s  no report: retry or skip',
      '  · review                waiting                 needs execute',
    ])
  })

  it('says that a late result may be adopted, as long as it may', () => {
    const end = { attempt: 1, at: NOON, status: 'COMPLETE', pullRequests: [], usable: true }
    const late = (commands: readonly string[]) =>
      runView({
        run: 'run_1',
        tasks: [taskView({ task: 'a', state: 'running', ...began, attempt: 2, late: [{ ...end, commands }] })],
      })
    expect(renderTree([late(['adopt'])], FRAME)[1]).toBe(
      '  ● a running #2  2m05s  attempt 1 ended late: COMPLETE, may be adopted',
    )
    expect(renderTree([late([])], FRAME)[1]).toBe('  ● a running #2  2m05s')
  })

  it('counts a forEach task as one as long as it has no items', () => {
    const view = runView({ run: 'run_1', tasks: [taskView({ task: 'execute', state: 'waiting', forEach: true })] })
    expect(renderTree([view], FRAME).map((line) => line.trimEnd())).toEqual([
      '● run_1  feature  running  0/1  2m05s',
      '  · execute waiting',
    ])
  })

  it('folds what has ended first, then what waits, and never what needs somebody', () => {
    const tasks = [
      ...Array.from({ length: 12 }, (_, n) => taskView({ task: `done${n}`, state: 'completed' })),
      taskView({ task: 'work', state: 'running' }),
      ...Array.from({ length: 30 }, (_, n) => taskView({ task: `next${n}`, state: 'waiting' })),
      taskView({ task: 'stuck', state: 'escalated' }),
    ]
    expect(
      renderTree([runView({ run: 'run_1', tasks })], { ...FRAME, height: 6 }).map((line) => line.trimEnd()),
    ).toEqual([
      '● run_1  feature  running  12/44  2m05s',
      '  ● work   running',
      '  · next0  waiting',
      '  · next1  waiting',
      '  ! stuck  escalated',
      '  … 12 completed, 28 waiting',
    ])
  })

  it('shares the height among runs', () => {
    const views = ['run_1', 'run_2'].map((run) => runView({ run, tasks: TASKS }))
    const lines = renderTree(views, { ...FRAME, height: 8 })
    expect(lines.map((line) => line.slice(0, 7))).toEqual([
      '● run_1',
      '  ● spe',
      '  !   e',
      '  … 1 c',
      '● run_2',
      '  ● spe',
      '  !   e',
      '  … 1 c',
    ])
  })

  it('never exceeds its frame, whatever it is given', () => {
    const state = fc.constantFrom('waiting', 'pending', 'running', 'completed', 'failed', 'escalated.overdue', 'odd')
    const task = fc.record({
      task: fc.string({ minLength: 1 }),
      state,
      role: fc.string(),
      why: fc.string(),
      url: fc.string(),
    })
    fc.assert(
      fc.property(fc.array(task, { maxLength: 30 }), fc.nat(120), fc.nat(30), (tasks, width, height) => {
        const views = [runView({ run: 'run_1', name: '漢字', tasks: tasks.map(taskView) }), runView({ run: 'run_2' })]
        for (const paint of [plainPaint, ansiPaint]) {
          const lines = renderTree(views, { width, height, now: NOW, paint })
          expect(lines.length).toBeLessThanOrEqual(height)
          for (const line of lines) expect(displayWidth(escapeText(line))).toBeLessThanOrEqual(width)
        }
      }),
    )
  })
})
