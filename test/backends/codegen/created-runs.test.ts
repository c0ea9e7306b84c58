import { describe, expect, it } from 'vitest'
import type { CodegenRun } from '../../../src/backends/codegen/codegen-schemas.ts'
import { CreatedRuns } from '../../../src/backends/codegen/created-runs.ts'
import { BackendError } from '../../../src/domain/errors.ts'

const KEY = { run: 'run_1', task: 'a', attempt: 1 }
const answer = (rest: Partial<CodegenRun> = {}): CodegenRun => ({
  id: '5',
  organizationId: '7',
  status: 'ACTIVE',
  createdAt: null,
  url: null,
  result: null,
  summary: null,
  pullRequests: [],
  metadata: null,
  ...rest,
})
const refusal = (created: CreatedRuns, run: CodegenRun, key = KEY) => {
  try {
    return created.accept(run, key, '7')
  } catch (error) {
    return error instanceof BackendError && [error.kind, error.certain]
  }
}

describe('the answer to a create', () => {
  it.each([
    ['says nothing of itself', { organizationId: null, metadata: {} }],
    ['has the metadata of others', { metadata: { tool: 'x' } }],
    ['names the attempt', { metadata: { troupe: { ...KEY, attempt: '1' } } }],
  ])('is believed when it %s', (_, rest) => {
    expect(refusal(new CreatedRuns(), answer(rest))).toEqual(answer(rest))
  })

  it.each([
    ['of another organization', { organizationId: '8' }],
    ['of another run', { metadata: { troupe: { ...KEY, run: 'run_2' } } }],
    ['of another task', { metadata: { troupe: { ...KEY, task: 'b' } } }],
    ['of nobody that can be told', { metadata: { troupe: 'yes' } }],
  ])('leaves the outcome unknown when it is about an agent run %s', (_, rest) => {
    expect(refusal(new CreatedRuns(), answer(rest))).toEqual(['unknown-outcome', false])
  })

  it('leaves the outcome unknown when the id is that of another attempt, and is believed when it comes again', () => {
    const created = new CreatedRuns()
    expect(refusal(created, answer())).toEqual(answer())
    expect(refusal(created, answer(), { ...KEY, task: 'b' })).toEqual(['unknown-outcome', false])
    expect(refusal(created, answer())).toEqual(answer())
  })
})
