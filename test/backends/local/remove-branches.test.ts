import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { gitWorld, never, RUN } from './repository.ts'

describe('the branches of a run', () => {
  it('are removed where they are merged, and named where they are not', async () => {
    const world = await gitWorld()
    const merged = await world.done('merged', { 'a.txt': 'A\n' })
    await world.done('unmerged', { 'b.txt': 'B\n' })
    await world.done('unchanged', {})
    const inUse = await world.prepare('in-use')
    for (const task of ['merged', 'unmerged', 'unchanged'])
      await world.worktrees.clean(await world.prepare(task), join(world.folder, 'kept'), never)
    world.git(world.top, 'merge', '-q', merged.commit ?? '')
    world.git(world.top, 'branch', `troupe/run_2/merged/1`, 'HEAD')
    expect(await world.worktrees.removeBranches(world.top, RUN, never)).toEqual({
      removed: [`troupe/${RUN}/merged/1`, `troupe/${RUN}/unchanged/1`],
      unmerged: [`troupe/${RUN}/in-use/1`, `troupe/${RUN}/unmerged/1`],
    })
    expect(world.git(world.top, 'branch', '--format=%(refname:short)').split('\n')).toEqual([
      'main',
      inUse.branch,
      `troupe/${RUN}/unmerged/1`,
      'troupe/run_2/merged/1',
    ])
    expect(world.refs().filter((ref) => /^(merged|unchanged)/.test(ref))).toEqual([])
    expect(world.refs().filter((ref) => ref.startsWith('unmerged'))).toHaveLength(4)
  })

  it('stay where only another attempt contains them', async () => {
    const world = await gitWorld()
    const a = await world.done('a', { 'a.txt': 'A\n' })
    const b = await world.done('b', { 'b.txt': 'B\n' }, { needs: [a] })
    for (const task of ['a', 'b'])
      await world.worktrees.clean(await world.prepare(task), join(world.folder, 'kept'), never)
    const both = [`troupe/${RUN}/a/1`, `troupe/${RUN}/b/1`]
    expect(await world.worktrees.removeBranches(world.top, RUN, never)).toEqual({ removed: [], unmerged: both })
    world.git(world.top, 'tag', 'released', b.commit ?? '')
    expect(await world.worktrees.removeBranches(world.top, RUN, never)).toEqual({ removed: both, unmerged: [] })
    expect(await world.worktrees.removeBranches(world.top, RUN, never)).toEqual({ removed: [], unmerged: [] })
  })

  it('keep what was put aside and is contained nowhere else', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('a')
    await world.write(prepared.path, { 'a.txt': 'A\n' })
    await world.worktrees.collect(prepared, 'first', never)
    world.git(prepared.path, 'reset', '-q', '--hard', world.base)
    await world.worktrees.collect(prepared, 'second', never)
    await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)
    expect(await world.worktrees.removeBranches(world.top, RUN, never)).toMatchObject({ removed: [prepared.branch] })
    expect(world.refs()).toEqual([expect.stringMatching(/^a\/1\/aside\//)])
  })
})
