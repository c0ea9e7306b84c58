import { expect, it } from 'vitest'
import { resultLine } from '../../src/cli/result-line.ts'
import { runView, taskView } from '../support/fake-orchestrator.ts'

it('names every agent in graph order, items but no forEach task, and the manager last', () => {
  const view = runView({
    run: 'run_1',
    status: 'completed',
    standIn: true,
    manager: taskView({ task: 'manager', state: 'completed', attempt: 1 }),
    tasks: [
      taskView({ task: 'plan', state: 'completed', attempt: 2, url: 'https://x/1' }),
      taskView({ task: 'execute', state: 'completed' }),
      taskView({
        task: 'execute[0]',
        state: 'completed',
        attempt: 1,
        pullRequests: [{ url: 'https://pr/1', title: 't' }],
      }),
      taskView({ task: 'later', state: 'waiting', forEach: true }),
      taskView({ task: 'review', state: 'skipped' }),
    ],
  })
  const none = { url: null, pullRequests: [] }
  expect(resultLine(view)).toEqual({
    type: 'result',
    run: 'run_1',
    status: 'completed',
    standIn: true,
    tasks: [
      { task: 'plan', state: 'completed', attempts: 2, url: 'https://x/1', pullRequests: [] },
      {
        task: 'execute[0]',
        state: 'completed',
        attempts: 1,
        url: null,
        pullRequests: [{ url: 'https://pr/1', title: 't' }],
      },
      { task: 'review', state: 'skipped', attempts: 0, ...none },
      { task: 'manager', state: 'completed', attempts: 1, ...none },
    ],
  })
})
