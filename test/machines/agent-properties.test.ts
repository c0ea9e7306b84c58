import fc from 'fast-check'
import { describe, it } from 'vitest'
import { AgentModel, type Happening } from './agent-model.ts'

const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('answer' as const) },
    { weight: 2, arbitrary: fc.constant('command' as const) },
    { weight: 2, arbitrary: fc.constant('time' as const) },
    { weight: 1, arbitrary: fc.constant('late' as const) },
  ),
  pick: fc.nat(1_000),
})
const check = fc.constantFrom<{ readonly check?: number }[]>({}, {}, { check: 0 }, { check: 2 })
const policy = fc.record({
  attempts: fc.integer({ min: 1, max: 4 }),
  canCancel: fc.boolean(),
  canPrompt: fc.boolean(),
  canSteer: fc.boolean(),
  approval: fc.constantFrom<('ask' | 'given')[]>('ask', 'given'),
  onTimeout: fc.boolean(),
  onFailure: fc.constantFrom('escalate' as const, 'fail' as const, 'skip' as const, 'continue' as const),
})

describe('an agent, in whatever order things happen', () => {
  it('has one live attempt, counts attempts by retries alone, ends by evidence or command alone, leaves no slot, doubt or timer', async () => {
    const property = fc.asyncProperty(
      fc.tuple(policy, check).map(([given, checked]) => ({ ...given, ...checked })),
      fc.array(happening, { minLength: 20, maxLength: 60, size: 'max' }),
      async (given, happenings) => {
        await new AgentModel(given).run(happenings)
      },
    )
    await fc.assert(property, { seed: 20260101, numRuns: 250 })
  })
})
