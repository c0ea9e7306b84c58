import { describe, expect, it } from 'vitest'
import { evaluateCondition, toCondition } from '../../src/workflow/condition.ts'
import { templateView } from '../../src/workflow/template-view.ts'

const scope = {
  inputs: { level: 'high', n: 2 },
  tasks: {
    a: templateView({
      status: 'completed',
      result: 'all [troupe:x] ok',
      output: { count: 3, flag: true, list: ['x'] },
      pullRequests: [],
    }),
    b: templateView({ status: 'failed', pullRequests: [] }),
  },
}

describe('evaluateCondition', () => {
  it.each([
    ['tasks.a.failed == 0', true],
    ['tasks.b.failed == 0', false],
    ['tasks.b.status == "failed"', true],
    ['tasks.a.output.count > 3', false],
    ['tasks.a.output.count >= 3 and inputs.level == "high"', true],
    ['tasks.a.output.flag == true', true],
    ['tasks.a.result contains "[troupe:x]"', true],
    ['tasks.a.output.list contains "x"', true],
    ['tasks.b.output == nil', true],
    ['tasks.b.output.deep.deeper == 1', false],
    ['tasks.a.output.nope > 1', false],
    ['tasks.a.failed == 1 or inputs.n == 2', true],
  ])('%s is %s', (source, holds) => {
    expect(evaluateCondition({ kind: 'expression', source }, scope)).toEqual(holds)
  })

  it('refuses an expression that was never checked', () => {
    expect(() => evaluateCondition({ kind: 'expression', source: '1' }, scope)).toThrow(/'1' is not compared/)
  })
})

it('the words always and failed are no expressions', () => {
  expect([' always ', 'failed', 'tasks.a.failed == 0'].map(toCondition)).toEqual([
    { kind: 'always' },
    { kind: 'failed' },
    { kind: 'expression', source: 'tasks.a.failed == 0' },
  ])
})
