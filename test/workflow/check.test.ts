import { describe, expect, it } from 'vitest'
import { mistakesIn } from './mistakes.ts'

/** Mistakes in a workflow of these tasks; line 1 is the name, line 2 `tasks:`. */
const inTasks = (tasks: string) => mistakesIn(`name: x\ntasks:\n${tasks}\n`)
const inTop = (top: string) => mistakesIn(`name: x\n${top}\ntasks: { a: { prompt: y } }\n`)

describe('shape', () => {
  it('refuses unknown keys everywhere and suggests the near one', () => {
    expect(
      mistakesIn(`nam: x
name: x
defaults: { retry: { attemps: 3 } }
tasks:
  a: { prompt: y, simulate: { outcom: error }, wat: 1 }
`),
    ).toEqual([
      `1:1 nam: is an unknown key; did you mean 'name'?`,
      `3:22 defaults.retry.attemps: is an unknown key; did you mean 'attempts'?`,
      `5:31 tasks.a.simulate.outcom: is an unknown key; did you mean 'outcome'?`,
      '5:48 tasks.a.wat: is an unknown key; known here: role, prompt, needs, if, forEach, output, maxItems, backend, repository, model, agentType, images, priority, uses, timeout, stuckAfter, retry, onFailure, estimate, approval, check, setup, permissions, onConflict, simulate',
    ])
  })

  it.each([
    ['alerts: {}', '2:1 alerts'],
    ['limits: { codegen: { grace: 30s } }', '2:22 limits.codegen.grace'],
  ])('refuses what later versions will carry out: %s', (top, place) => {
    const [mistake, ...others] = inTop(top)
    expect([mistake?.startsWith(`${place}: is not supported by this version yet`), others]).toEqual([true, []])
  })

  it('refuses unknown backends, and agents of this machine without a name', () => {
    expect(
      inTasks(`  a: { prompt: y, backend: acp }
  b: { prompt: y, backend: codgen }
  c: { prompt: y, backend: "command:Claude Code" }
  d: { prompt: y, backend: acp:claud }
  e: { prompt: y, backend: command:my-own-2 }`),
    ).toEqual([
      '3:28 tasks.a.backend: names no agent; write which, such as acp:claude',
      `4:28 tasks.b.backend: must be codegen, simulated, command:NAME or acp:NAME, not "codgen"; did you mean 'codegen'?`,
      '5:28 tasks.c.backend: must be codegen, simulated, command:NAME or acp:NAME, not "command:Claude Code"',
    ])
  })

  it('takes the cost in an estimate, and refuses one below nothing', () => {
    expect(inTasks('  a: { prompt: y, estimate: { duration: 1m, cost: 0.5 } }')).toEqual([])
    expect(inTasks('  a: { prompt: y, estimate: { cost: -1 } }')).toEqual([
      '3:37 tasks.a.estimate.cost: must be at least 0',
    ])
  })

  it('explains durations, limits and other values', () => {
    expect(
      mistakesIn(`name: x
concurrency: 0
limits: { codegen: { create: fast, setup: 5/1m }, command: {} }
resources: { db: none }
inputs: { a: { type: text }, n: { type: integer, default: 1.5 } }
tasks:
  a: { prompt: y, timeout: 45x, stuckAfter: 5, needs: b, onFailure: retry, maxItems: 1.5, role: "" }
  b: { prompt: y, timeout: 400d, repository: "a b", retry: { factor: 0.5 }, uses: [db, db], if: "" }
`),
    ).toEqual([
      '2:14 concurrency: must be at least 1',
      '3:30 limits.codegen.create: "fast" is not a limit; write calls/window such as 10/1m, or none',
      '3:36 limits.codegen.setup: is an unknown key; known here: create, standard, shared',
      '3:51 limits.command: is an unknown key; known here: codegen',
      '4:18 resources.db: must be a number, not "none"',
      '5:22 inputs.a.type: must be one of string, number, integer, boolean, object, array, not "text"',
      '5:59 inputs.n.default: must be a whole number, not 1.5',
      '7:28 tasks.a.timeout: "45x" is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
      '7:45 tasks.a.stuckAfter: must be text, not 5; put it in quotes or add its unit',
      '7:55 tasks.a.needs: must be a list, not "b"; write [b]',
      '7:69 tasks.a.onFailure: must be one of escalate, fail, skip, continue, not "retry"',
      '7:86 tasks.a.maxItems: must be a whole number, not 1.5',
      '7:91 tasks.a.role: is empty; name a role',
      '8:28 tasks.b.timeout: is too long; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
      '8:46 tasks.b.repository: must be owner/name, or the id of a repository',
      '8:70 tasks.b.retry.factor: must be at least 1',
      `8:88 tasks.b.uses[1]: 'db' is named twice`,
      '8:93 tasks.b.if: is empty; write a comparison, always or failed',
    ])
  })

  it('refuses ids that are none, and those of troupe itself', () => {
    expect(
      inTasks('  1a: { prompt: y }\n  a.b: { prompt: y }\n  manager: { prompt: y }\n  supervisor: { prompt: y }'),
    ).toEqual([
      '3:3 tasks.1a: "1a" is no task id: use letters, digits, _ and -, beginning with a letter, at most 64 characters',
      '4:3 tasks.a.b: "a.b" is no task id: use letters, digits, _ and -, beginning with a letter, at most 64 characters',
      `5:3 tasks.manager: the id 'manager' belongs to troupe itself; choose another`,
      `6:3 tasks.supervisor: the id 'supervisor' belongs to troupe itself; choose another`,
    ])
  })

  it('refuses what is no JSON Schema as output', () => {
    expect(
      inTasks(
        '  a: { prompt: y, output: { type: strng } }\n  b: { prompt: y, output: [] }\n  c: { prompt: y, output: { $ref: "#/x" } }',
      ),
    ).toEqual([
      '3:27 tasks.a.output: is not a valid JSON Schema: type must be equal to one of the allowed values',
      '4:27 tasks.b.output: must be a JSON Schema: a mapping such as { type: object }',
      `5:27 tasks.c.output: is not a valid JSON Schema: can't resolve reference #/x from id #`,
    ])
  })
})

describe('needs', () => {
  it('refuses unknown and repeated ones, and resources that are not declared', () => {
    expect(inTasks('  plan: { prompt: y }\n  b: { prompt: y, needs: [plam, plan, plan], uses: [db] }')).toEqual([
      `4:27 tasks.b.needs[0]: there is no task 'plam'; did you mean 'plan'?`,
      `4:39 tasks.b.needs[2]: 'plan' is named twice`,
      `4:53 tasks.b.uses[0]: 'db' is not a declared resource; declare it under resources, with its capacity`,
    ])
  })

  it('names each circle as a path', () => {
    expect(
      inTasks(`  a: { prompt: y, needs: [c] }
  b: { prompt: y, needs: [a] }
  c: { prompt: y, needs: [b] }
  self: { prompt: y, needs: [self] }
  d: { prompt: y, needs: [a, self] }`),
    ).toEqual([
      '3:27 tasks.a.needs[0]: a circle of needs: a -> c -> b -> a; remove one of these needs',
      '6:30 tasks.self.needs[0]: a circle of needs: self -> self; remove one of these needs',
    ])
  })
})

describe('templates', () => {
  it('may read inputs, and tasks that are needed directly or not', () => {
    expect(
      mistakesIn(`name: x
inputs: { topic: { type: object } }
tasks:
  a: { prompt: "{{ inputs.topic.name }} {{ inputs }}" }
  b: { prompt: y, needs: [a] }
  c: { prompt: "{{ tasks.a.result }}{% for o in tasks.b.outputs %}{{ o.x }}{{ forloop.index }}{% endfor %}", needs: [b] }
`),
    ).toEqual([])
  })

  it('may not read other tasks, unknown names, properties or computed parts, each said at its place', () => {
    expect(
      inTasks(`  a: { prompt: y }
  b:
    needs: []
    prompt: |
      {{ tasks.a.result }} and {{ tasks.nope.result }}
        {{ tasks.b.result }} {{ foo.bar }} {{ inputs.topic }}
      {{ tasks[inputs.x].result }} {{ tasks }} {{ tasks.a }} {{ tasks.a.reslt }}
      {% if item %}{{ index }}{% endif %}`),
    ).toEqual([
      `7:10 tasks.b.prompt: tasks.a.result is of a task that this one does not need; add 'a' to its needs`,
      `7:35 tasks.b.prompt: tasks.nope.result is of a task that does not exist; there is: a, b`,
      '8:12 tasks.b.prompt (line 2): tasks.b.result is of the task itself',
      `8:33 tasks.b.prompt (line 2): the name 'foo.bar' is unknown; there is: inputs, tasks`,
      `8:47 tasks.b.prompt (line 2): there is no input 'topic'; declare it under inputs`,
      '9:10 tasks.b.prompt (line 3): tasks[…].result has a computed part; write names and numbers only, so that it can be checked before the run',
      `9:16 tasks.b.prompt (line 3): there is no input 'x'; declare it under inputs`,
      `9:39 tasks.b.prompt (line 3): 'tasks' needs a task and a property, such as tasks.plan.result`,
      '9:51 tasks.b.prompt (line 3): tasks.a needs a property: status, result, output, report, results, outputs, failed, pullRequests, branches',
      `9:65 tasks.b.prompt (line 3): a task has no property 'reslt'; did you mean 'result'?`,
      `10:13 tasks.b.prompt (line 4): 'item' exists only in the prompt of a task with forEach`,
      `10:23 tasks.b.prompt (line 4): 'index' exists only in the prompt of a task with forEach`,
    ])
  })

  it.each(['include', 'render', 'layout'])('may not use the tag %s, which opens files', (tag) => {
    expect(inTasks(`  a: { prompt: "hi {% ${tag} 'x' %} {{ foo }}" }`)).toEqual([
      `3:20 tasks.a.prompt: the tag {% ${tag} %} is not allowed; there is: assign, break, capture, case, comment, continue, for, if, raw, unless`,
      expect.stringContaining(`the name 'foo' is unknown`),
    ])
  })

  it('may not use the clock, chance, unknown filters or broken syntax', () => {
    expect(
      inTasks(`  a: { prompt: "{{ 'now' | date: '%s' }}" }
  b: { prompt: "{{ 'a' | shuffle }}" }
  c: { prompt: "code {{ here" }
  d: { prompt: "{% if true %}" }
  e: { prompt: "{% raw %}{{ anything }}{% endraw %}" }
  f: { prompt: "{% tablerow x in y %}{% endtablerow %}" }`),
    ).toEqual([
      `3:17 tasks.a.prompt: there is no filter 'date'`,
      `4:17 tasks.b.prompt: there is no filter 'shuffle'`,
      '5:22 tasks.c.prompt: is not valid Liquid: output "{{ here" not closed; text that holds {{ or {% itself goes between {% raw %} and {% endraw %}',
      '6:17 tasks.d.prompt: is not valid Liquid: tag {% if true %} not closed; text that holds {{ or {% itself goes between {% raw %} and {% endraw %}',
      '8:17 tasks.f.prompt: the tag {% tablerow %} is not allowed; there is: assign, break, capture, case, comment, continue, for, if, raw, unless',
    ])
  })

  it('of the manager see inputs only', () => {
    expect(
      mistakesIn(`name: x
inputs: { topic: { type: string } }
manager: { prompt: "{{ inputs.topc }} {{ tasks.a.result }}" }
tasks: { a: { prompt: y } }
`),
    ).toEqual([
      `3:24 manager.prompt: there is no input 'topc'; did you mean 'topic'?`,
      `3:42 manager.prompt: tasks.a.result is not known here; the manager's prompt sees inputs only`,
    ])
  })
})

it('a broken part hides no mistake elsewhere, and causes none', () => {
  expect(
    mistakesIn(`name: x
inputs: { topic: { type: sting } }
manager: { prompt: "{{ inputs.tpic }}", timeout: 5 }
tasks:
  a: { prompt: "{{ inputs.topic }}", timeout: 45x, needs: [nope] }
  b: { prompt: "{{ tasks.a.result }}", needs: a }
  c: 7
  d: { needs: [c], prompt: "{{ tasks.c.result }} {{ nope }}" }
`),
  ).toEqual([
    `2:26 inputs.topic.type: must be one of string, number, integer, boolean, object, array, not "sting"; did you mean 'string'?`,
    `3:24 manager.prompt: there is no input 'tpic'; did you mean 'topic'?`,
    '3:50 manager.timeout: must be text, not 5; put it in quotes or add its unit',
    '5:47 tasks.a.timeout: "45x" is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
    `5:60 tasks.a.needs[0]: there is no task 'nope'; there is: a, b, c, d`,
    '6:47 tasks.b.needs: must be a list, not "a"; write [a]',
    '7:6 tasks.c: must be a mapping, not 7',
    `8:53 tasks.d.prompt: the name 'nope' is unknown; there is: inputs, tasks`,
  ])
})
