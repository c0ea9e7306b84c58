import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../src/domain/workflow.ts'
import type { SettledTask } from '../src/host/run-projection.ts'
import { neededWork, type WorkSources, workspaceOf } from '../src/needed-work.ts'
import { completeWorkflow } from '../src/workflow/complete.ts'
import type { TaskDefinition } from '../src/workflow/schema.ts'

const collected = (commit: string) => ({
  repository: '/home/shop',
  branch: `troupe/run_1/${commit}/1`,
  base: 'base',
  commit,
  commits: 1,
  files: [],
  fileCount: 0,
  added: 0,
  removed: 0,
})
const completed = (commit?: string, attempt = 1): SettledTask => ({
  status: 'completed',
  attempt,
  seq: 1,
  ...(commit === undefined ? {} : { collected: collected(commit) }),
})
const skipped: SettledTask = { status: 'skipped', attempt: 1, seq: 1 }

function sources(
  tasks: Record<string, Partial<TaskDefinition>>,
  settled: Record<string, SettledTask>,
  items: Record<string, number> = {},
): WorkSources & { readonly all: ReadonlyMap<string, TaskSpec> } {
  const whole = Object.fromEntries(Object.entries(tasks).map(([id, task]) => [id, { prompt: 'x', ...task }]))
  const all = new Map(completeWorkflow({ name: 'x', tasks: whole }).tasks.map((task) => [task.id, task]))
  const spec = (id: string) => {
    const found = all.get(id)
    if (found === undefined) throw new Error(id)
    return found
  }
  return {
    all,
    spec,
    settled: new Map(Object.entries(settled)),
    expansions: new Map(Object.entries(items)),
    directory: '/home/shop',
  }
}

function needed(of: string, from: ReturnType<typeof sources>) {
  return neededWork(from.spec(of), from)
}

describe('the work that a task starts from', () => {
  it('is nothing where it needs nothing', () => {
    expect(needed('a', sources({ a: {} }, {}))).toEqual([])
  })

  it('is that of what it needs directly, which holds what that has needed', () => {
    const from = sources(
      { a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } },
      { a: completed('a1'), b: completed('b2', 2) },
    )
    expect(needed('c', from)).toEqual([{ task: 'b', attempt: 2, commit: 'b2' }])
  })

  it('is that of each item of a forEach', () => {
    const from = sources(
      { plan: {}, build: { needs: ['plan'], forEach: 'tasks.plan.output' }, review: { needs: ['build'] } },
      { plan: completed('p'), 'build[0]': completed('b0'), 'build[1]': completed('b1') },
      { build: 2 },
    )
    expect(needed('review', from)).toEqual([
      { task: 'build[0]', attempt: 1, commit: 'b0' },
      { task: 'build[1]', attempt: 1, commit: 'b1' },
    ])
  })

  it('is that of what lies behind a forEach without items', () => {
    const from = sources(
      { plan: {}, build: { needs: ['plan'], forEach: 'tasks.plan.output' }, review: { needs: ['build'] } },
      { plan: completed('p') },
      { build: 0 },
    )
    expect(needed('review', from)).toEqual([{ task: 'plan', attempt: 1, commit: 'p' }])
  })

  it('is that of what lies behind a need that was skipped or has failed', () => {
    const from = sources(
      { a: {}, b: { needs: ['a'] }, c: { needs: ['b'], if: 'always' } },
      { a: completed('a1'), b: skipped },
    )
    expect(needed('c', from)).toEqual([{ task: 'a', attempt: 1, commit: 'a1' }])
  })

  it('takes what is on the branch of a need that a person completed, and what lies behind it', () => {
    const from = sources({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } }, { a: completed('a1'), b: completed() })
    expect(needed('c', from)).toEqual([
      { task: 'b', attempt: 1 },
      { task: 'a', attempt: 1, commit: 'a1' },
    ])
  })

  it('takes the attempt whose late result was adopted', () => {
    const from = sources({ a: {}, b: { needs: ['a'] } }, { a: { ...completed('a1', 3), adopted: 1 } })
    expect(needed('b', from)).toEqual([{ task: 'a', attempt: 1, commit: 'a1' }])
  })

  it('takes nothing from another repository but what lies behind it', () => {
    const from = sources(
      { a: {}, docs: { needs: ['a'], repository: '../docs' }, b: { needs: ['docs'] } },
      { a: completed('a1'), docs: completed('d1') },
    )
    expect(needed('b', from)).toEqual([{ task: 'a', attempt: 1, commit: 'a1' }])
  })
})

describe('the worktree that an attempt is given', () => {
  it('lies in the repository of the folder that the run was started in, unless its task says otherwise', () => {
    const from = sources({ a: {}, b: { repository: '../docs' } }, {})
    expect(workspaceOf(from.spec('a'), false, from)).toEqual({
      repository: '/home/shop',
      needs: [],
      onConflict: 'escalate',
      setup: [],
      permissions: { rest: 'reject', deadlineMs: 600_000, allow: [] },
    })
    expect(workspaceOf(from.spec('b'), false, from).repository).toBe('/home/docs')
  })

  it('holds the conflicts where a person said that its agent resolves them', () => {
    const from = sources({ a: {} }, {})
    expect(workspaceOf(from.spec('a'), true, from).onConflict).toBe('agent')
  })
})
