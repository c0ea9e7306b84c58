import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { expandForEach } from '../../src/workflow/for-each.ts'

const spec = { id: 'execute', forEach: { task: 'plan', path: ['work', 'tasks'] }, maxItems: 3 }

describe('expandForEach', () => {
  it('finds the items at the path', () => {
    expect(expandForEach(spec, { output: { work: { tasks: [{ a: 1 }, 'b', null] } } })).toEqual({
      items: [{ a: 1 }, 'b', null],
    })
    expect(expandForEach({ ...spec, forEach: { task: 'plan', path: [] } }, { output: [] })).toEqual({ items: [] })
  })

  it.each<[Json, string]>([
    [null, 'tasks.plan.output.work is missing in the result of task plan'],
    [{ work: [] }, 'tasks.plan.output.work.tasks is missing in the result of task plan'],
    [{ work: { constructor: 1 } }, 'tasks.plan.output.work.tasks is missing in the result of task plan'],
    [{ work: { tasks: { a: 1 } } }, 'tasks.plan.output.work.tasks is an object, not a list'],
    [{ work: { tasks: 'a, b' } }, 'tasks.plan.output.work.tasks is a string, not a list'],
    [{ work: { tasks: null } }, 'tasks.plan.output.work.tasks is empty, not a list'],
    [{ work: { tasks: [1, 2, 3, 4] } }, 'tasks.plan.output.work.tasks has 4 items, and maxItems allows 3'],
  ])('refuses %j', (output, why) => {
    expect(() => expandForEach(spec, { output })).toThrow(`Task execute cannot be expanded: ${why}.`)
  })

  const items = [
    { id: 'plan[0]', output: { work: { tasks: [1] } } },
    { id: 'plan[1]', output: undefined },
    { id: 'plan[2]', output: { work: { tasks: [2, 3] } } },
  ]

  it('takes the lists of all items that completed, in their order, where the upstream task has items itself', () => {
    expect(expandForEach(spec, { items })).toEqual({ items: [1, 2, 3] })
    expect(expandForEach(spec, { items: [] })).toEqual({ items: [] })
  })

  it('makes one item of each output for tasks.X.outputs', () => {
    const outputs = { ...spec, forEach: { task: 'plan', path: [], outputs: true } } as const
    expect(expandForEach(outputs, { items })).toEqual({ items: [items[0]?.output, items[2]?.output] })
    expect(expandForEach(outputs, { output: 'alone' })).toEqual({ items: ['alone'] })
  })

  it('names the item whose output has no list, and counts the items of all', () => {
    const bad = [...items, { id: 'plan[3]', output: { work: {} } }]
    expect(() => expandForEach(spec, { items: bad })).toThrow(
      'Task execute cannot be expanded: tasks.plan[3].output.work.tasks is missing in the result of task plan[3].',
    )
    expect(() => expandForEach({ ...spec, maxItems: 2 }, { items })).toThrow(
      'Task execute cannot be expanded: tasks.plan.output.work.tasks has 3 items, and maxItems allows 2.',
    )
  })
})
