import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import type { PlanningSpec } from '../../src/domain/planning.ts'
import type { TaskSpec } from '../../src/domain/workflow.ts'
import { checkDecision, type PlanState } from '../../src/workflow/check-plan.ts'

const DEFAULTS = {
  maxItems: 100,
  backend: 'codegen',
  repository: 'acme/shop',
  priority: 'normal',
  uses: [],
  timeoutMs: 1_000,
  stuckAfterMs: 500,
  retry: { attempts: 3, delayMs: 1, factor: 2, maxDelayMs: 9, onTimeout: false },
  onFailure: 'escalate',
} as const satisfies PlanningSpec['defaults']
const PLANNING: PlanningSpec = { objective: 'Ship it', rounds: 5, defaults: DEFAULTS, repositories: ['acme/docs'] }
const LIST = { type: 'object', properties: { parts: { type: 'array' } } }
const THERE: TaskSpec = { ...DEFAULTS, id: 'there', prompt: 'x', needs: [], planned: true, output: LIST }

function check(result: Json, more: Partial<PlanState> = {}) {
  const tasks = new Map([['there', THERE]])
  const state = { planning: PLANNING, tasks, roles: undefined, agentRunsLeft: undefined, lastRound: false }
  return checkDecision(result, { ...state, ...more })
}
const delegate = (...tasks: readonly Json[]): Json => ({ decision: 'delegate', tasks: [...tasks] })
const refused = (...problems: readonly string[]) => ({ kind: 'refused', problems })

describe('a manager’s decision', () => {
  it('adds tasks with the defaults of the plan, which may need what was there before', () => {
    const tasks = [
      { id: 'a', role: 'R', prompt: 'Do {{ inputs.x }}', needs: ['there'], timeout: '2s', priority: 'high' },
      { id: 'b', prompt: 'For each', needs: ['there', 'a'], forEach: 'tasks.there.output.parts', if: 'always' },
    ]
    expect(check({ decision: 'delegate', reason: 'why', tasks })).toEqual({
      kind: 'delegate',
      reason: 'why',
      tasks: [
        {
          ...DEFAULTS,
          ...{ id: 'a', prompt: 'Do {{ inputs.x }}', needs: ['there'], planned: true, role: 'R' },
          ...{ timeoutMs: 2_000, priority: 'high' },
        },
        {
          ...DEFAULTS,
          ...{ id: 'b', prompt: 'For each', needs: ['there', 'a'], planned: true, if: { kind: 'always' } },
          forEach: { task: 'there', path: ['parts'] },
        },
      ],
    })
  })

  it('adds tasks in an order in which each follows what it needs, however they were written', () => {
    const chain = ['d', 'c', 'b', 'a'].map((id, at, all) => ({
      id,
      prompt: 'x',
      needs: ['there', ...all.slice(at + 1, at + 2)],
    }))
    const decision = check(delegate(...chain))
    expect(decision.kind === 'delegate' && decision.tasks.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('is refused in no time, however much of it is wrong', () => {
    const needs = Array.from({ length: 500 }, (_, n) => `${n}${'x'.repeat(150)}`)
    const tasks = Array.from({ length: 4 }, (_, n) => ({ id: `t${n}`, prompt: 'x', needs }))
    const decision = check(delegate(...tasks))
    expect(decision.kind === 'refused' && [decision.problems.length, decision.problems.at(-1)]).toEqual([
      21,
      'and 1980 more mistakes',
    ])
  })

  it.each([
    ['a pattern', { type: 'string', pattern: '(a+)+$' }, 'task a: output has a pattern, which a plan may not have'],
    [
      'patterns of keys',
      { properties: { x: { patternProperties: { '(a+)+$': {} } } } },
      'task a: output has a pattern, which a plan may not have',
    ],
    [
      'a schema that is too long',
      { title: 'x'.repeat(30_000) },
      'task a: output has 30012 characters; it may have 20000',
    ],
  ])(
    'is refused with %s: an agent wrote it, and it would be matched with what another returns',
    (_, output, problem) => {
      expect(check(delegate({ id: 'a', prompt: 'x', output }))).toEqual(refused(problem))
    },
  )

  it('may have properties that are called pattern', () => {
    const output = { type: 'object', properties: { pattern: { type: 'string' } } }
    expect(check(delegate({ id: 'a', prompt: 'x', output })).kind).toEqual('delegate')
  })

  it('is refused unread where it is too long for a record', () => {
    const tasks = Array.from({ length: 10 }, (_, n) => ({ id: `t${n}`, prompt: 'x'.repeat(49_000) }))
    const { length } = JSON.stringify(delegate(...tasks))
    expect(check(delegate(...tasks))).toEqual(
      refused(`the decision has ${length} characters of JSON; it may have 400000`),
    )
  })

  it.each(['two\nlines', '[troupe:r/a/1/1]', ' ', ''])('is refused with a role that is no name: %j', (role) => {
    const problem = 'result.tasks[0].role: must be letters, digits, spaces and _ . / -, at most 100 of them'
    expect(check(delegate({ id: 'a', prompt: 'x', role }))).toEqual(refused(problem))
  })

  it('may end the plan, or ask a person', () => {
    expect([
      check({ decision: 'finish', summary: 'Done' }),
      check({ decision: 'finish', summary: 'In vain', outcome: 'failed' }),
      check({ decision: 'ask', question: 'Which?' }),
    ]).toEqual([
      { kind: 'finish', summary: 'Done', outcome: 'completed' },
      { kind: 'finish', summary: 'In vain', outcome: 'failed' },
      { kind: 'ask', question: 'Which?' },
    ])
  })
})

describe('a decision is refused whole, with every reason, when', () => {
  const good = { id: 'good', prompt: 'x' }
  it.each<[string, Json, readonly string[], Partial<PlanState>?]>([
    ['it is none', 'delegate', ['result: Invalid input: expected object, received string']],
    ['its word is unknown', { decision: 'go' }, ['result.decision: must be one of delegate, finish, ask']],
    ['it adds nothing', delegate(), ['result.tasks: Too small: expected array to have >=1 items']],
    [
      'a task has keys that are not for it to set',
      delegate(good, { id: 'b', prompt: 'x', images: ['/etc/passwd'], backend: 'command' }),
      ['result.tasks[1]: unknown keys images, backend'],
    ],
    [
      'an id is none',
      delegate({ id: '../b', prompt: 'x' }),
      [
        'result.tasks[0].id: is no task id: use letters, digits, _ and -, beginning with a letter, at most 64 characters',
      ],
    ],
    [
      'ids are taken, doubled or reserved',
      delegate({ ...good, id: 'there' }, good, good, { ...good, id: 'manager' }),
      [
        'task there: there is such a task already; tasks are only added',
        'task good: the id is used twice',
        'task manager: the id belongs to troupe itself',
      ],
    ],
    [
      'it names unknown tasks, roles and repositories',
      delegate({ ...good, needs: ['ther', 'there', 'there'], role: 'Q', repository: 'evil/repo' }),
      [
        "task good: needs 'ther', and there is no such task; did you mean 'there'?",
        "task good: needs 'there' twice",
        "task good: the role 'Q' is unknown; there is: R, S",
        "task good: the repository 'evil/repo' is not one of this run's: acme/shop, acme/docs",
      ],
      { roles: ['R', 'S'] },
    ],
    [
      'its tasks need each other in a circle',
      delegate(
        { id: 'a', prompt: 'x', needs: ['c'] },
        { id: 'b', prompt: 'x', needs: ['a'] },
        { id: 'c', prompt: 'x', needs: ['b'] },
      ),
      ['a circle of needs: a -> c -> b -> a'],
    ],
    ['a task needs itself', delegate({ ...good, needs: ['good'] }), ['a circle of needs: good -> good']],
    [
      'a forEach has no list',
      delegate(
        { ...good, forEach: 'tasks.there.output.other', needs: ['there'] },
        { id: 'b', prompt: 'x', forEach: 'everything' },
        { id: 'c', prompt: 'x', forEach: 'tasks.there.output.parts' },
        { id: 'd', prompt: 'x', forEach: 'tasks.c.output', needs: ['c'] },
      ),
      [
        "task good: forEach reads no list: the schema has no property 'other'; it has: parts",
        'task b: forEach must be tasks.X.output, tasks.X.output.path or tasks.X.outputs',
        "task c: forEach reads 'there': add it to needs",
        "task d: forEach reads 'c', which has no output schema",
      ],
    ],
    [
      'its `failed` has no need',
      delegate({ ...good, if: 'failed' }),
      ['task good: "if": "failed" has no need that could fail'],
    ],
    [
      'the budget does not allow it',
      delegate(good, { id: 'b', prompt: 'x' }),
      ['2 tasks need more agent runs than the budget has left (1)'],
      { agentRunsLeft: 1 },
    ],
    [
      'it was to be the last',
      delegate(good),
      ['this was the last round: only the decision "finish" is possible'],
      { lastRound: true },
    ],
  ])('%s', (_, result, problems, more) => {
    expect(check(result, more)).toEqual(refused(...problems))
  })

  it('it makes more mistakes than one can read', () => {
    const tasks = Array.from({ length: 30 }, (_, n) => ({ id: `t${n}`, prompt: 'x', needs: ['no'] }))
    const found = check(delegate(...tasks))
    expect(found.kind === 'refused' && [found.problems.length, found.problems.at(-1)]).toEqual([
      21,
      'and 10 more mistakes',
    ])
  })
})
