import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { expandForEach } from '../../src/workflow/for-each.ts'

const spec = { id: 'execute', forEach: { task: 'plan', path: ['work', 'tasks'] }, maxItems: 3 }

describe('expandForEach', () => {
  it('finds the items at the path', () => {
    expect(expandForEach(spec, { work: { tasks: [{ a: 1 }, 'b', null] } })).toEqual({ items: [{ a: 1 }, 'b', null] })
    expect(expandForEach({ ...spec, forEach: { task: 'plan', path: [] } }, [])).toEqual({ items: [] })
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
    expect(() => expandForEach(spec, output)).toThrow(`Task execute cannot be expanded: ${why}.`)
  })
})
