import { describe, expect, it } from 'vitest'
import type { PullRequest } from '../src/domain/report.ts'
import type { TaskSpec } from '../src/domain/workflow.ts'
import type { ResultStore } from '../src/host/result-store.ts'
import type { RunHost } from '../src/host/run-host.ts'
import { RunProjection } from '../src/host/run-projection.ts'
import { TaskOutcomes } from '../src/task-outcomes.ts'

/** The prompt of a task that needs `plan` and the two items of `execute`, which opened these. */
function promptOf(prompt: string, opened: Readonly<Record<string, readonly PullRequest[]>>): Promise<string> {
  const projection = new RunProjection()
  projection.expansions.set('execute', 2)
  for (const id of ['plan', 'execute[0]', 'execute[1]']) {
    const pullRequests = opened[id] ?? []
    projection.settled.set(id, { status: 'completed', attempt: 1, seq: 1, result: 'done', pullRequests })
  }
  const tasks = [
    { id: 'plan', needs: [] },
    { id: 'execute', needs: ['plan'] },
    { id: 'review', needs: ['plan', 'execute'], prompt },
  ] as unknown as readonly TaskSpec[]
  const host = { projection, workflow: { tasks } } as unknown as RunHost
  return new TaskOutcomes(() => host, {}, {} as ResultStore).promptText('review', undefined)
}

describe('the prompt of a task whose needs opened pull requests', () => {
  const opened = {
    plan: [{ branch: 'feat/plan', url: 'https://code.invalid/1' }],
    'execute[1]': [{ branch: 'feat/one' }],
  }

  it('says on which branches their work is', async () => {
    expect(await promptOf('Review {{ tasks.plan.status }}', opened)).toBe(
      'Review completed\n\n> Work of the tasks this one needs: plan on branch "feat/plan" ("https://code.invalid/1"), execute[1] on branch "feat/one"',
    )
  })

  it('does not where it names them itself', async () => {
    expect(await promptOf('Review {% for b in tasks.execute.branches %}{{ b }}{% endfor %}', opened)).toBe(
      'Review "feat/one"',
    )
  })

  it('does not where there are none', async () => {
    expect(await promptOf('Review', {})).toBe('Review')
  })
})
