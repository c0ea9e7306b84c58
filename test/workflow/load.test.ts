import { describe, expect, it } from 'vitest'
import { loadWorkflow } from '../../src/workflow/load.ts'
import { mistakesIn } from './mistakes.ts'

const load = (text: string, file = 'flow.yaml') => loadWorkflow({ file, text })

describe('loadWorkflow', () => {
  it('fills in every default', () => {
    expect(load('name: small\ntasks:\n  only: { prompt: Do it }\n')).toEqual({
      name: 'small',
      inputs: {},
      concurrency: 20,
      limits: {},
      resources: {},
      budget: {},
      roles: { default: '#{role}: ' },
      tasks: [
        {
          id: 'only',
          prompt: 'Do it',
          needs: [],
          maxItems: 100,
          backend: 'codegen',
          priority: 'normal',
          uses: [],
          timeoutMs: 2_700_000,
          stuckAfterMs: 900_000,
          retry: { attempts: 3, delayMs: 2000, factor: 2, maxDelayMs: 300_000, onTimeout: false },
          onFailure: 'escalate',
        },
      ],
    })
  })

  it('lets a task override the file’s defaults, and those override ours', () => {
    const workflow = load(`
name: whole
description: Everything at once
inputs:
  topic: { type: string, required: true, description: What about }
  count: { type: integer, default: 3 }
defaults:
  backend: simulated
  repository: acme/shop
  model: big
  timeout: 10m
  retry: { attempts: 5, delay: 1s }
  onFailure: fail
  simulate: { duration: 2s, logs: [a] }
concurrency: 8
limits: { codegen: { create: 10/1m, standard: none } }
resources: { staging: 2 }
budget: { agentRuns: 40, duration: 4h, managerTurns: 9 }
roles: { Tester: "@{role} " }
manager: { prompt: "Watch {{ inputs.topic }}", reportEvery: 5s, simulate: { duration: 1s } }
tasks:
  plan:
    role: Planner
    prompt: Plan
    output: { type: object }
    repository: 7
    estimate: { duration: 1m }
  work:
    needs: [plan]
    if: tasks.plan.failed == 0
    forEach: tasks.plan.output.parts
    maxItems: 5
    prompt: "{{ item }}"
    timeout: 1h
    retry: { delay: 250ms, onTimeout: true }
    onFailure: continue
    uses: [staging]
    priority: high
    images: [a.png]
    agentType: coder
    estimate: 90s
    simulate: { duration: 1s, failures: 1, outcome: complete }
  tidy: { needs: [work], if: always, prompt: Tidy }
`)
    const common = { backend: 'simulated', model: 'big', stuckAfterMs: 900_000, uses: [], priority: 'normal' }
    const retry = { attempts: 5, delayMs: 1000, factor: 2, maxDelayMs: 300_000, onTimeout: false }
    expect(workflow).toEqual({
      name: 'whole',
      description: 'Everything at once',
      inputs: {
        topic: { type: 'string', required: true, description: 'What about' },
        count: { type: 'integer', required: false, default: 3 },
      },
      concurrency: 8,
      limits: { codegen: { create: { max: 10, windowMs: 60_000 }, standard: 'none' } },
      resources: { staging: 2 },
      budget: { agentRuns: 40, durationMs: 14_400_000, managerTurns: 9 },
      roles: { default: '#{role}: ', Tester: '@{role} ' },
      manager: {
        prompt: 'Watch {{ inputs.topic }}',
        backend: 'simulated',
        repository: 'acme/shop',
        model: 'big',
        timeoutMs: 600_000,
        reportEveryMs: 5000,
        simulate: { durationMs: 1000 },
      },
      tasks: [
        {
          ...common,
          id: 'plan',
          role: 'Planner',
          prompt: 'Plan',
          needs: [],
          maxItems: 100,
          output: { type: 'object' },
          repository: '7',
          timeoutMs: 600_000,
          retry,
          onFailure: 'fail',
          estimateMs: 60_000,
          simulate: { durationMs: 2000, logs: ['a'] },
        },
        {
          ...common,
          id: 'work',
          prompt: '{{ item }}',
          needs: ['plan'],
          if: { kind: 'expression', source: 'tasks.plan.failed == 0' },
          forEach: { task: 'plan', path: ['parts'] },
          maxItems: 5,
          repository: 'acme/shop',
          agentType: 'coder',
          images: ['a.png'],
          priority: 'high',
          uses: ['staging'],
          timeoutMs: 3_600_000,
          retry: { ...retry, delayMs: 250, onTimeout: true },
          onFailure: 'continue',
          estimateMs: 90_000,
          simulate: { durationMs: 1000, logs: ['a'], failures: 1, outcome: 'complete' },
        },
        {
          ...common,
          id: 'tidy',
          prompt: 'Tidy',
          needs: ['work'],
          if: { kind: 'always' },
          maxItems: 100,
          repository: 'acme/shop',
          timeoutMs: 600_000,
          retry,
          onFailure: 'fail',
          simulate: { durationMs: 2000, logs: ['a'] },
        },
      ],
    })
  })

  it('reads JSON, with tabs, and says where its mistakes are', () => {
    const text = '{\n\t"name": "x",\n\t"tasks": {\n\t\t"a": {\n\t\t\t"prompt": "y"\n\t\t}\n\t}\n}\n'
    expect(load(text, 'flow.json')).toEqual(load('name: x\ntasks: { a: { prompt: y } }'))
    expect(mistakesIn(text.replace('"prompt"', '"promt"'), 'flow.json')).toEqual([
      '4:3 tasks.a.prompt: is missing; it must be text',
      `5:4 tasks.a.promt: is an unknown key; did you mean 'prompt'?`,
    ])
  })

  it('lets anchors share what tasks have in common', () => {
    const workflow = load('name: x\ntasks:\n  a: &same { prompt: y, timeout: 1m }\n  b: *same\n')
    expect(workflow.tasks.map(({ id, timeoutMs }) => [id, timeoutMs])).toEqual([
      ['a', 60_000],
      ['b', 60_000],
    ])
  })

  it('accepts the $schema key that editors use', () => {
    expect(mistakesIn('{"$schema": "./workflow.schema.json", "name": "x", "tasks": {"a": {"prompt": "y"}}}')).toEqual(
      [],
    )
  })
})

describe('a file that is no workflow', () => {
  it.each([
    ['', '1:1 is empty; a workflow has a name and tasks'],
    ['# nothing\n', '1:1 is empty; a workflow has a name and tasks'],
    ['- a\n', '1:1 is a list; a workflow is a mapping with name and tasks'],
    ['hello', '1:1 is a single value; a workflow is a mapping with name and tasks'],
    ['name: x\n---\nname: y\n', '2:1 holds several documents; write one a file, without ---'],
    ['name: x\n\ttasks: 1\n', '2:1 not valid YAML: Tabs are not allowed as indentation'],
    ['name: !secret x\n', '1:7 not valid YAML: Unresolved tag: !secret'],
    ['['.repeat(100_000), '1:201 is nested too deeply'],
    ['- '.repeat(100_000), '1:400 is nested too deeply'],
  ])('is refused with its place (%#)', (text, mistake) => {
    expect(mistakesIn(text)[0]).toEqual(mistake)
  })

  it('is refused before it is parsed when it has more than 4 MB', () => {
    expect(mistakesIn('x'.repeat(4 * 1024 * 1024 + 1))).toEqual([
      '0:0 is 4.0 MB; a workflow file may have at most 4 MB',
    ])
  })

  it('names all syntax errors', () => {
    expect(mistakesIn('a: [1,\nb: "x\n').map((mistake) => mistake.slice(0, 24))).toEqual([
      '2:1 not valid YAML: Flow',
      '3:1 not valid YAML: Miss',
    ])
  })

  it('says in one line that the tasks are missing', () => {
    expect(mistakesIn('name: x')).toEqual([
      '1:1 tasks: is missing; a workflow has at least one task, unless its manager plans (manager: { plan: true })',
    ])
    expect(mistakesIn('name: x\ntasks: {}')).toEqual([
      '2:8 tasks: is empty; a workflow has at least one task, unless its manager plans (manager: { plan: true })',
    ])
    expect(mistakesIn('name: x\ntasks:')).toEqual(['2:1 tasks: must be a mapping, not empty'])
  })
})

describe('keys and anchors', () => {
  it('finds every duplicate key, and goes on with the first', () => {
    expect(mistakesIn('name: x\nname: z\ntasks:\n  a: { prompt: y, prompt: z }\n  a: 3\n')).toEqual([
      `2:1 the key 'name' is there twice; keep one of them`,
      `4:19 the key 'prompt' is there twice; keep one of them`,
      `5:3 the key 'a' is there twice; keep one of them`,
    ])
  })

  it('refuses keys that are no text, merge keys and __proto__', () => {
    expect(
      mistakesIn('name: x\n? [a]\n: 1\n<<: {}\ntasks: { a: { prompt: y, simulate: { output: { __proto__: 1 } } } }\n'),
    ).toEqual([
      '2:3 a key must be plain text',
      '4:1 merge keys (<<) are not supported; use defaults for what tasks have in common',
      `5:48 '__proto__' cannot be a key`,
    ])
  })

  it('refuses numbers that JSON cannot hold', () => {
    expect(mistakesIn('name: x\ntasks: { a: { prompt: y, simulate: { output: .inf } } }\n')).toEqual([
      '2:46 .inf is not a value that JSON can hold; put it in quotes if it is text',
    ])
  })

  it('refuses an alias bomb at once', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const items = level === 0 ? Array(9).fill('lol') : Array(9).fill(`*a${level - 1}`)
      return `a${level}: &a${level} [${items.join(', ')}]`
    })
    expect(mistakesIn(`name: x\n${levels.join('\n')}\n`)).toEqual([
      '8:20 the aliases of this file unfold into too much; write less with *a5, or use defaults',
    ])
  })

  it('refuses a long text that is repeated too often', () => {
    const uses = Array.from({ length: 20 }, (_, n) => `  t${n}: { prompt: *long }`)
    expect(mistakesIn(`name: &long ${'x'.repeat(1_000_000)}\ntasks:\n${uses.join('\n')}\n`)).toEqual([
      '10:17 the aliases of this file unfold into too much; write less with *long, or use defaults',
    ])
  })

  it('refuses an alias of itself, and one of nothing', () => {
    expect(mistakesIn('name: x\ntasks: { a: { prompt: y, simulate: { output: &o [*o], result: *none } } }\n')).toEqual([
      '2:50 the alias *o stands inside what it refers to',
      '2:63 the alias *none refers to an anchor that is not above it',
      '2:63 tasks.a.simulate.result: must be text, not empty',
    ])
  })

  it('refuses aliases that nest deeper than a file may', () => {
    const levels = Array.from({ length: 300 }, (_, level) => `  - &a${level} [${level === 0 ? 1 : `*a${level - 1}`}]`)
    expect(mistakesIn(`name: x\nfoo:\n${levels.join('\n')}\n`)).toEqual([
      '201:12 the aliases of this file unfold into too much; write less with *a197, or use defaults',
    ])
  })
})
