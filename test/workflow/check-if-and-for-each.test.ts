import { describe, expect, it } from 'vitest'
import { mistakesIn } from './mistakes.ts'

/** Mistakes in a workflow of these tasks; line 1 is the name, line 2 `tasks:`. */
const inTasks = (tasks: string) => mistakesIn(`name: x\ntasks:\n${tasks}\n`)

describe('conditions', () => {
  const condition = (text: string) =>
    inTasks(`  a: { prompt: y }\n  b: { prompt: y, needs: [a], if: ${JSON.stringify(text)} }`)

  it.each([
    'always',
    'failed',
    'tasks.a.failed == 0',
    'tasks.a.output.count > 3 and tasks.a.status != "failed" or tasks.a.result contains "ok"',
    '0 == tasks.a.failed',
    'tasks.a.output.parts[0].name == nil',
  ])('accepts %s', (text) => {
    expect(condition(text)).toEqual([])
  })

  it.each([
    ['0', `'0' is not compared with anything`],
    ['tasks.a.failed', `'tasks.a.failed' is not compared with anything`],
    ['tasks.a.failed == 0 and tasks.a.result', `'tasks.a.result' is not compared with anything`],
    ['tasks.a.failed ==', `lacks a value after '=='`],
    ['== 0', 'lacks a comparison at its beginning'],
    ['tasks.a.failed == 0 and', 'ends with and'],
    ['tasks.a.failed == 0 tasks.a.failed == 0', `has 'tasks.a.failed' where and / or is expected`],
    ['tasks.a.results | size == 0', 'cannot use filters'],
    ['{{ tasks.a.failed }} == 0', 'is an expression, not a template'],
    ['(1..3) == 2', 'cannot compare a range'],
    ['tasks.a.failed = 0', `cannot be read from '= 0' on`],
    ['not tasks.a.failed == 0', 'lacks a comparison at its beginning'],
    ['   ', 'is empty'],
    ['item == 1', `'item' exists only in the prompt of a task with forEach`],
    ['tasks.c.failed == 0', 'tasks.c.failed is of a task that does not exist'],
  ])('refuses %s', (text, why) => {
    const mistakes = condition(text)
    expect([mistakes.length, mistakes[0]?.includes(`tasks.b.if: ${why}`)]).toEqual([1, true])
  })

  it('refuses `failed` where nothing can fail', () => {
    expect(inTasks('  a: { prompt: y, if: failed }')).toEqual([
      `3:23 tasks.a.if: 'failed' runs a task when one it needs failed, and this one needs none`,
    ])
  })
})

describe('forEach', () => {
  const schema =
    '{ type: object, properties: { parts: { type: array }, name: { type: string }, open: {}, deep: { $ref: "#" } } }'
  const each = (source: string, more = '') =>
    inTasks(
      `  a: { prompt: y, output: ${schema} }\n  o: { prompt: y }\n  b: { prompt: "{{ item }}", needs: [a], forEach: ${source} }${more}`,
    )

  it.each(['tasks.a.output.parts', 'tasks.a.output.open', 'tasks.a.output.open.x.y', 'tasks.a.output.deep.parts'])(
    'accepts %s',
    (source) => {
      expect(each(source)).toEqual([])
    },
  )

  it.each([
    [
      'tasks.a.result',
      'write tasks.X.output, tasks.X.output.path or tasks.X.outputs, where X is a task with an output schema',
    ],
    [
      'inputs.list',
      'write tasks.X.output, tasks.X.output.path or tasks.X.outputs, where X is a task with an output schema',
    ],
    [
      'tasks.a.output',
      `tasks.a.output is no list in the output schema of task 'a': the schema says that it is of type object, not array`,
    ],
    [
      'tasks.a.output.prts',
      `tasks.a.output.prts is no list in the output schema of task 'a': the schema has no property 'prts'; it has: parts, name, open, deep`,
    ],
    [
      'tasks.a.output.name',
      `tasks.a.output.name is no list in the output schema of task 'a': the schema says that it is of type string, not array`,
    ],
    [
      'tasks.a.output.name.x',
      `tasks.a.output.name.x is no list in the output schema of task 'a': 'x' is looked for in a value of type string`,
    ],
    ['tasks.nope.output.x', `tasks.nope.output.x is of a task that does not exist; there is: a, o, b`],
  ])('refuses %s', (source, why) => {
    expect(each(source)).toEqual([`5:51 tasks.b.forEach: ${why}`])
  })

  it('needs an output schema, and the task itself', () => {
    expect(each('tasks.o.output.x')).toEqual([
      `5:51 tasks.b.forEach: task 'o' has no output schema; give it one in which tasks.o.output.x is of type array`,
      `5:51 tasks.b.forEach: tasks.o.output.x is of a task that this one does not need; add 'o' to its needs`,
    ])
  })

  it('may take the lists, or the outputs, of the items of another forEach', () => {
    const schema = '{ type: object, properties: { x: { type: array } } }'
    expect(
      each(
        'tasks.a.output.parts',
        `
  c: { prompt: y, needs: [b], forEach: tasks.b.output.x }
  d: { prompt: y, needs: [e], forEach: tasks.e.output.x }
  e: { prompt: y, needs: [a], forEach: tasks.a.output.parts, output: ${schema} }
  f: { prompt: y, needs: [e], forEach: tasks.e.outputs }
  g: { prompt: y, needs: [e], forEach: tasks.e.output.z }`,
      ),
    ).toEqual([
      `6:40 tasks.c.forEach: task 'b' has no output schema; give it one in which tasks.b.output.x is of type array`,
      `10:40 tasks.g.forEach: tasks.e.output.z is no list in the output schema of task 'e': the schema has no property 'z'; it has: x`,
    ])
  })
})
