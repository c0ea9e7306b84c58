import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { gitWorld, never, RUN } from './repository.ts'

describe('what an attempt begins with', () => {
  it('is the work of the one task that it needs', async () => {
    const world = await gitWorld()
    const a = await world.done('a', { 'a.txt': 'A\n' })
    expect(await world.prepare('c', { needs: [a] })).toMatchObject({ base: a.commit, conflicts: [] })
  })

  it('is what is on the branch of a task that a person completed, and nothing of one that has no branch', async () => {
    const world = await gitWorld()
    const a = await world.done('a', { 'a.txt': 'A\n' })
    const needs = [
      { task: 'a', attempt: 1 },
      { task: 'b', attempt: 1 },
    ]
    expect(await world.prepare('c', { needs })).toMatchObject({ base: a.commit })
    expect(await world.prepare('d', { needs: [{ task: 'b', attempt: 1 }] })).toMatchObject({ base: world.base })
  })

  it('is a merge of several, the same commit whenever it is made', async () => {
    const world = await gitWorld()
    const needs = [await world.done('a', { 'a.txt': 'A\n' }), await world.done('b', { 'b.txt': 'B\n' })]
    const { base, path } = await world.prepare('c', { needs })
    expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('A\n')
    expect(await readFile(join(path, 'b.txt'), 'utf8')).toBe('B\n')
    expect(world.git(path, 'log', '-1', '--format=%an <%ae> %s %p')).toBe(
      `troupe <troupe@localhost> troupe: merge the work of a and b ${needs.map(({ commit }) => commit?.slice(0, 7)).join(' ')}`,
    )
    expect(await world.prepare('c', { needs, attempt: 2 })).toMatchObject({ base })
  })

  it('holds no merge of what another need contains', async () => {
    const world = await gitWorld()
    const a = await world.done('a', { 'a.txt': 'A\n' })
    const b = await world.done('b', { 'b.txt': 'B\n' }, { needs: [a] })
    const unchanged = await world.done('n', {})
    expect(await world.prepare('c', { needs: [unchanged, a, b] })).toMatchObject({ base: b.commit })
  })

  it('is refused where the commit of a need is not in the repository', async () => {
    const world = await gitWorld()
    const commit = '1'.repeat(40)
    await expect(world.prepare('c', { needs: [{ task: 'a', attempt: 1, commit }] })).rejects.toMatchObject({
      kind: 'refused',
      message: `The work of task 'a', commit ${commit}, is not in this repository. Retry 'a', or fetch the commit.`,
    })
  })
})

describe('work that cannot be merged', () => {
  const conflicting = async () => {
    const world = await gitWorld()
    const a = await world.done('a', { 'a.txt': 'A\n', 'only a': '1' })
    const b = await world.done('b', { 'a.txt': 'B\n' })
    return { world, a, b, needs: [a, b] }
  }

  it('is told to a person: the tasks, their branches, the files, and what can be done', async () => {
    const { world, a, b, needs } = await conflicting()
    const [first, second] = needs.map(({ commit }) => commit?.slice(0, 12))
    await expect(world.prepare('c', { needs: [a, await world.done('x', { 'b.txt': 'x' }), b] })).rejects.toMatchObject({
      kind: 'conflict',
      retryable: false,
      certain: true,
      message: expect.stringContaining(
        `What 'c' needs cannot be merged: 'b' (branch troupe/${RUN}/b/1) conflicts with 'a' (branch troupe/${RUN}/a/1) in a.txt. ` +
          `Merge it by hand: git switch -c troupe/${RUN}/c/merge ${first}, git merge `,
      ),
    })
    await expect(world.prepare('c', { needs })).rejects.toThrow(
      `git merge ${second}; then retry 'c'. Or retry it with --resolve, and its own agent resolves the conflicts first.`,
    )
    expect(world.refs().filter((ref) => ref.startsWith('c/'))).toEqual([])
  })

  it('names files so that they cannot be taken for anything else, and not all of many', async () => {
    const world = await gitWorld()
    const names = [...Array(12).keys()].map((n) => `f${n}`)
    const all = (text: string) => Object.fromEntries([...names, ' a\n"b" é'].map((name) => [name, text]))
    const needs = [await world.done('a', all('A')), await world.done('b', all('B'))]
    await expect(world.prepare('c', { needs })).rejects.toThrow(
      'in " a\\n\\"b\\" é", f0, f1, f10, f11, f2, f3, f4, f5, f6 and 3 more.',
    )
  })

  it('is what a person has merged on the branch for that, once it holds all that is needed', async () => {
    const { world, a, b, needs } = await conflicting()
    world.git(world.top, 'branch', `troupe/${RUN}/c/merge`, a.commit ?? '')
    await expect(world.prepare('c', { needs })).rejects.toMatchObject({ kind: 'conflict' })
    world.git(world.top, 'switch', '-q', `troupe/${RUN}/c/merge`)
    world.git(world.top, 'merge', '-q', '-s', 'ours', '-m', 'by hand', b.commit ?? '')
    const byHand = world.git(world.top, 'rev-parse', 'HEAD')
    expect(await world.prepare('c', { needs })).toMatchObject({ base: byHand, conflicts: [] })
  })

  it('is left open in the worktree for the agent, which is told the files', async () => {
    const { world, a, b, needs } = await conflicting()
    const prepared = await world.prepare('c', { needs, onConflict: 'agent' })
    expect(prepared).toMatchObject({ base: a.commit, conflicts: ['a.txt'] })
    expect(world.git(prepared.path, 'rev-parse', 'MERGE_HEAD')).toBe(b.commit)
    expect(await readFile(join(prepared.path, 'a.txt'), 'utf8')).toBe(
      `<<<<<<< HEAD\nA\n=======\nB\n>>>>>>> troupe/${RUN}/b/1\n`,
    )
    expect(await world.prepare('c', { needs, onConflict: 'agent' })).toEqual(prepared)
  })

  it('is left open again where the making of the worktree was cut off in the merge', async () => {
    const { world, b, needs } = await conflicting()
    const prepared = await world.prepare('c', { needs, onConflict: 'agent' })
    world.git(world.top, 'update-ref', '-d', `refs/troupe/${RUN}/c/1/ready`)
    world.git(prepared.path, 'merge', '--abort')
    await writeFile(join(world.top, '.git/worktrees/c.1/index.lock'), '')
    expect(await world.prepare('c', { needs, onConflict: 'agent' })).toEqual(prepared)
    expect(world.git(prepared.path, 'rev-parse', 'MERGE_HEAD')).toBe(b.commit)
  })

  it('is committed once the agent has resolved it, and counts as none of its commits', async () => {
    const { world, a, b, needs } = await conflicting()
    const prepared = await world.prepare('c', { needs, onConflict: 'agent' })
    const early = await world.worktrees.collect(prepared, 'early', never)
    expect(early.conflictsLeft).toEqual(['a.txt'])
    await world.write(prepared.path, { 'a.txt': 'A and B\n' })
    const { work, conflictsLeft } = await world.worktrees.collect(prepared, 'done', never)
    expect(conflictsLeft).toEqual([])
    expect(work).toMatchObject({ base: a.commit, commits: 2, files: [{ path: 'a.txt', added: 1, removed: 1 }] })
    expect(world.git(world.top, 'merge-base', b.commit ?? '', work.commit)).toBe(b.commit)
    expect(world.git(prepared.path, 'status', '--porcelain', '--branch')).toBe(`## ${prepared.branch}`)
  })

  it('is still open where the agent gave the merge up, though no file holds a marker', async () => {
    const { world, needs } = await conflicting()
    const prepared = await world.prepare('c', { needs, onConflict: 'agent' })
    world.git(prepared.path, 'merge', '--abort')
    expect((await world.worktrees.collect(prepared, 'done', never)).conflictsLeft).toEqual(['a.txt'])
  })

  it('is committed with its markers where there is more than one, and the last left open', async () => {
    const { world, a, b } = await conflicting()
    const more = [await world.done('d', { 'a.txt': 'D\n' }), await world.done('e', { 'b.txt': 'E\n' })]
    const prepared = await world.prepare('c', { needs: [a, b, ...more], onConflict: 'agent' })
    expect(prepared.conflicts).toEqual(['a.txt'])
    expect(world.git(prepared.path, 'log', '-1', '--format=%s', prepared.base)).toBe(
      'troupe: merge the work of a, e and b',
    )
    expect(world.git(prepared.path, 'rev-parse', 'MERGE_HEAD')).toBe(more[0]?.commit)
    expect(await readFile(join(prepared.path, 'b.txt'), 'utf8')).toBe('E\n')
    const again = await world.prepare('c', { needs: [a, b, ...more], onConflict: 'agent', attempt: 2 })
    expect(again.base).toBe(prepared.base)
  })
})
