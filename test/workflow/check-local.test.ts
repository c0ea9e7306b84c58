import { describe, expect, it } from 'vitest'
import type { Workflow } from '../../src/domain/workflow.ts'
import { defineWorkflow, type WorkflowDefinition } from '../../src/workflow/define.ts'
import type { TaskDefaults, TaskDefinition } from '../../src/workflow/schema.ts'
import { withBackend } from '../../src/workflow-backends.ts'
import { mistakesIn } from './mistakes.ts'

const ELSEWHERE =
  "is for agents of this machine, which work in a git worktree (such as command:claude or acp:codex), and 'codegen' is none; leave it out"
const COMMANDS = 'must be a command and its arguments, such as [npm, test], or a list of these; no shell reads it'

/** What a task of this definition has to do with its worktree. */
function localOf(definition: Omit<WorkflowDefinition, 'name'>, id = 'a') {
  const workflow = defineWorkflow({ name: 'x', ...definition })
  return pick(workflow, id)
}

function pick({ tasks }: Workflow, id: string) {
  const { check, setup, permissions, onConflict } = tasks.find((task) => task.id === id) ?? {}
  return { check, setup, permissions, onConflict }
}

const NOTHING = { check: undefined, setup: undefined, permissions: undefined, onConflict: undefined }

describe('what an agent of this machine is given', () => {
  it('has its units and defaults filled in', () => {
    const a: TaskDefinition = {
      prompt: 'y',
      backend: 'acp:claude',
      check: { run: ['npm', 'test'] },
      setup: ['npm', 'ci'],
      permissions: {},
      onConflict: 'agent',
    }
    expect(localOf({ tasks: { a } })).toEqual({
      check: { commands: [['npm', 'test']], rounds: 3, timeoutMs: 600_000 },
      setup: [['npm', 'ci']],
      permissions: { rest: 'reject', deadlineMs: 600_000, allow: [] },
      onConflict: 'agent',
    })
  })

  it('may be several commands, one after the other', () => {
    const tasks: WorkflowDefinition['tasks'] = {
      a: {
        prompt: 'y',
        backend: 'command:codex',
        check: { run: [['npm', 'run', 'lint'], ['make']], rounds: 0, timeout: '90s' },
        setup: [
          ['npm', 'ci'],
          ['npm', 'run', 'build'],
        ],
        permissions: { rest: 'ask', deadline: '1h', allow: ['fetch'] },
        onConflict: 'escalate',
      },
    }
    expect(localOf({ tasks })).toEqual({
      check: { commands: [['npm', 'run', 'lint'], ['make']], rounds: 0, timeoutMs: 90_000 },
      setup: [
        ['npm', 'ci'],
        ['npm', 'run', 'build'],
      ],
      permissions: { rest: 'ask', deadlineMs: 3_600_000, allow: ['fetch'] },
      onConflict: undefined,
    })
  })

  it('is written in words of their own, and a check as a mapping: what a shell would have read is shown as it is meant', () => {
    const text = `name: x
defaults: { backend: command:claude }
tasks:
  a: { prompt: y, check: npm test }
  b: { prompt: y, check: [npm, test] }
  c: { prompt: y, check: { run: [npm test] } }
  d: { prompt: y, setup: [[npm ci], ['/opt/my tools/build']] }
`
    expect(mistakesIn(text)).toEqual([
      '4:26 tasks.a.check: must be a mapping, not "npm test"; such as {"run":["npm","test"]}',
      '5:26 tasks.b.check: must be a mapping, not a list; such as {"run":["npm","test"]}',
      '6:33 tasks.c.check.run: no shell reads it: write each word on its own, [npm, test]',
      '7:27 tasks.d.setup[0]: no shell reads it: write each word on its own, [npm, ci]',
    ])
  })

  it('comes from what is given for all unless it says otherwise, also that there is none', () => {
    const defaults: TaskDefaults = {
      backend: 'acp:codex',
      check: { run: ['make'] },
      setup: ['make', 'deps'],
    }
    const tasks: WorkflowDefinition['tasks'] = { a: { prompt: 'y' }, b: { prompt: 'y', check: { run: [] }, setup: [] } }
    expect(localOf({ defaults, tasks })).toMatchObject({
      check: { commands: [['make']], rounds: 3 },
      setup: [['make', 'deps']],
    })
    expect(localOf({ defaults, tasks }, 'b')).toEqual(NOTHING)
  })

  it('is given to what a manager plans, which can choose no command of its own', () => {
    const workflow = defineWorkflow({
      name: 'x',
      defaults: { backend: 'acp:claude', check: { run: ['make'] }, setup: ['make', 'deps'] },
      manager: { plan: true, objective: 'z' },
    })
    expect(workflow.manager?.planning?.defaults).toMatchObject({
      check: { commands: [['make']], rounds: 3, timeoutMs: 600_000 },
      setup: [['make', 'deps']],
    })
  })

  it('stays behind where a run moves its agents to a backend without worktrees', () => {
    const workflow = defineWorkflow({
      name: 'x',
      defaults: { check: { run: ['make'] } },
      manager: { plan: true, objective: 'z' },
      tasks: { a: { prompt: 'y', backend: 'acp:claude', permissions: { rest: 'ask' } } },
    })
    expect(pick(withBackend(workflow, 'simulated'), 'a')).toEqual(NOTHING)
    expect(withBackend(workflow, 'simulated').manager?.planning?.defaults.check).toBe(undefined)
    expect(pick(withBackend(workflow, 'command:claude'), 'a')).toMatchObject({ check: { rounds: 3 } })
  })
})

describe('what only an agent of this machine can have', () => {
  it('is refused where a task of another backend says it, at its place', () => {
    expect(
      mistakesIn(`name: x
tasks:
  a: { prompt: y, check: { run: [npm, test] } }
  b: { prompt: y, backend: codegen, setup: [npm, ci], permissions: { rest: ask }, onConflict: agent }
  c: { prompt: y, backend: acp:claude, check: { run: [npm, test] } }
`),
    ).toEqual([
      `3:19 tasks.a.check: ${ELSEWHERE}`,
      `4:37 tasks.b.setup: ${ELSEWHERE}`,
      `4:55 tasks.b.permissions: ${ELSEWHERE}`,
      `4:83 tasks.b.onConflict: ${ELSEWHERE}`,
    ])
  })

  it('does not apply where it is given for all', () => {
    const text = 'name: x\ndefaults: { check: { run: [npm, test] }, onConflict: agent }\ntasks: { a: { prompt: y } }\n'
    expect(mistakesIn(text)).toEqual([])
  })

  it('is no line for a shell, and names what is wrong with it', () => {
    expect(
      mistakesIn(`name: x
defaults:
  backend: acp:claude
  check: { runs: [a], rounds: 21, timeout: soon }
  setup: npm ci
  permissions: { rest: allow, allow: ["fetch all"] }
  onConflict: merge
tasks:
  a: { prompt: y, setup: [[npm, ci], []] }
  b: { prompt: y, check: { run: [npm, 5] } }
`),
    ).toEqual([
      `4:3 defaults.check.run: ${COMMANDS}`,
      `4:12 defaults.check.runs: is an unknown key; did you mean 'run'?`,
      '4:31 defaults.check.rounds: must be at most 20',
      '4:44 defaults.check.timeout: "soon" is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
      `5:10 defaults.setup: ${COMMANDS}`,
      '6:24 defaults.permissions.rest: must be one of reject, ask, not "allow"',
      '6:39 defaults.permissions.allow[0]: "fetch all" is no kind of tool call; write one such as fetch',
      '7:15 defaults.onConflict: must be one of escalate, agent, not "merge"',
      `9:26 tasks.a.setup: ${COMMANDS}`,
      `10:33 tasks.b.check.run: ${COMMANDS}`,
    ])
  })
})

describe('the repository of an agent of this machine', () => {
  it('is a folder, which may have a space in its name', () => {
    expect(
      mistakesIn(`name: x
defaults: { backend: acp:claude, repository: ../My shop }
tasks:
  a: { prompt: y }
  b: { prompt: y, backend: codegen, repository: My shop }
`),
    ).toEqual(['5:49 tasks.b.repository: must be owner/name, or the id of a repository'])
  })
})
