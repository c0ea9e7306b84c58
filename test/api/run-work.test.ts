import { describe, expect, it } from 'vitest'
import { createRunViews } from '../../src/api/run-views.ts'
import type { AttemptWork } from '../../src/domain/local-work.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'

const RUN = 'run_1'
const states = ['preparing', 'working', 'complete'] as const
const attempts: readonly AttemptWork[] = states.map((state) => ({
  ...{ task: state, attempt: 1, backend: 'acp:claude', state, turns: 1, continued: 0, denied: [] },
}))

async function statesOf(status: string, isCarried: boolean): Promise<readonly string[]> {
  const orchestrator = new FakeOrchestrator()
  orchestrator.add(runView({ run: RUN, status }))
  orchestrator.work.set(RUN, attempts)
  if (!isCarried) orchestrator.forget(RUN)
  const views = createRunViews(orchestrator, orchestrator.reader())
  return (await views.work(RUN)).map(({ state }) => state)
}

describe('what local agents do in a run', () => {
  it('goes on where the run is carried', async () => {
    expect(await statesOf('running', true)).toEqual(states)
  })

  it('is interrupted where nobody carries the run, and where it has ended', async () => {
    const interrupted = ['interrupted', 'interrupted', 'complete']
    expect(await statesOf('running', false)).toEqual(interrupted)
    expect(await statesOf('cancelled', true)).toEqual(interrupted)
  })
})
