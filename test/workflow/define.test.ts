import { describe, expect, it } from 'vitest'
import { defineWorkflow, type WorkflowDefinition } from '../../src/workflow/define.ts'
import type { TaskDefinition } from '../../src/workflow/schema.ts'
import { mistakesIn, mistakesOf } from './mistakes.ts'

describe('defineWorkflow', () => {
  it('makes the same workflow as the file', () => {
    const definition: WorkflowDefinition = {
      name: 'typed',
      inputs: { topic: { type: 'string', required: true } },
      tasks: {
        a: { prompt: '{{ inputs.topic }}', timeout: '5m', role: undefined },
        b: { prompt: 'then', needs: ['a'], retry: { attempts: 1, delay: undefined } },
      },
    }
    const workflow = defineWorkflow(definition)
    expect(mistakesIn(JSON.stringify(definition))).toEqual([])
    expect(workflow.tasks.map(({ id, timeoutMs, retry }) => [id, timeoutMs, retry.attempts, retry.delayMs])).toEqual([
      ['a', 300_000, 3, 2000],
      ['b', 2_700_000, 1, 2000],
    ])
    expect(JSON.parse(JSON.stringify(workflow))).toEqual(workflow)
  })

  it('names every mistake by its path', () => {
    const definition: WorkflowDefinition = {
      name: 'x',
      tasks: {
        a: { prompt: '{{ tasks.b.result }}', needs: ['c'], timeout: 'soon' },
        b: { prompt: 'y' },
      },
    }
    expect(mistakesOf(() => defineWorkflow(definition))).toEqual([
      '0:0 tasks.a.timeout: "soon" is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
      `0:0 tasks.a.needs[0]: there is no task 'c'; there is: a, b`,
      `0:0 tasks.a.prompt: tasks.b.result is of a task that this one does not need; add 'b' to its needs`,
    ])
  })

  it('refuses values that are no JSON', () => {
    const output: Record<string, unknown> = {}
    output['self'] = output
    const odd = { name: 'x', tasks: { a: { prompt: 'y', simulate: { output: new Date(0) } } } }
    const circular = { name: 'x', tasks: { a: { prompt: 'y', output } } }
    expect(mistakesOf(() => defineWorkflow(odd as unknown as WorkflowDefinition))).toEqual([
      '0:0 tasks.a.simulate.output: is not a JSON value',
    ])
    expect(mistakesOf(() => defineWorkflow(circular as unknown as WorkflowDefinition))).toEqual([
      '0:0 tasks.a.output: must be a JSON Schema: a mapping such as { type: object }',
    ])
    expect(mistakesOf(() => defineWorkflow(null as unknown as WorkflowDefinition))).toEqual([
      '0:0 must be a mapping, not empty',
    ])
  })
})

describe('a workflow of 50,000 tasks', () => {
  const SIZE = 50_000
  const define = (task: (n: number) => TaskDefinition): WorkflowDefinition => ({
    name: 'large',
    tasks: Object.fromEntries(Array.from({ length: SIZE }, (_, n) => [`t${n}`, task(n)])),
  })
  const needs = (n: number) => (n === 0 ? [] : [`t${n - 1}`])

  // What is quadratic would take minutes, longer than a test may.
  it.each([
    ['that share a prompt', define((n) => ({ prompt: 'Do it', needs: needs(n) }))],
    ['that all read the first', define((n) => ({ prompt: n === 0 ? 'y' : '{{ tasks.t0.result }}', needs: needs(n) }))],
    [
      'that each read another far behind',
      define((n) => ({ prompt: n === 0 ? 'y' : `{{ tasks.t${Math.floor(n * 0.37)}.result }}`, needs: needs(n) })),
    ],
  ])('%s is checked in linear time', (_, definition) => {
    expect(defineWorkflow(definition).tasks.length).toEqual(SIZE)
  })

  it('with one circle through all of them is refused without running out of stack', () => {
    const definition = define((n) => ({ prompt: 'y', needs: [`t${(n + 1) % SIZE}`] }))
    expect(mistakesOf(() => defineWorkflow(definition))).toEqual([
      `0:0 tasks.t0.needs[0]: a circle of needs: ${[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `t${n}`).join(' -> ')} -> ... -> ${[9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => `t${SIZE - n}`).join(' -> ')} -> t0; remove one of these needs`,
    ])
  })
})
