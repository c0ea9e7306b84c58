import { chmod, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type GitWorld, gitWorld, never, RUN } from './repository.ts'

/** A worktree at work, and what is collected of it. */
async function atWork(files?: Readonly<Record<string, string>>) {
  const world = await gitWorld(files)
  const prepared = await world.prepare('spec')
  const { path } = prepared
  return {
    world,
    prepared,
    path,
    git: (...args: string[]) => world.git(path, ...args),
    collect: () => world.worktrees.collect(prepared, 'what was left', never),
    text: (commit: string, file: string) => world.git(world.top, 'show', `${commit}:${file}`),
  }
}

const tip = ({ git, top }: GitWorld) => git(top, 'rev-parse', `troupe/${RUN}/spec/1`)

describe('collected work', () => {
  it('is nothing where nothing changed', async () => {
    const { world, collect, prepared } = await atWork()
    const { branch, base } = prepared
    const none = { commit: base, commits: 0, files: [], fileCount: 0, added: 0, removed: 0 }
    const work = { repository: world.top, branch, base, ...none }
    expect(await collect()).toEqual({ work, conflictsLeft: [], stashed: false })
    expect(world.refs()).toEqual(['spec/1/base', 'spec/1/final', 'spec/1/ready', 'spec/1/start'])
  })

  it('is all that is not ignored: changed, new, deleted, renamed, binary, linked, executable', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'A\nA\n', 'new/deep.txt': 'new\n', 'x.log': 'ignored', 'node_modules/x/y': '1' })
    await rm(join(path, 'b.txt'))
    await writeFile(join(path, 'picture'), Buffer.from([0, 1, 2, 255]))
    await symlink('/etc/hostname', join(path, 'link'))
    await writeFile(join(path, 'run.sh'), 'true\n')
    await chmod(join(path, 'run.sh'), 0o755)
    const { work } = await collect()
    expect(work).toMatchObject({ commits: 1, fileCount: 6, added: 5, removed: 2 })
    expect(work.files).toEqual([
      { path: 'a.txt', added: 2, removed: 1 },
      { path: 'b.txt', added: 0, removed: 1 },
      { path: 'link', added: 1, removed: 0 },
      { path: 'new/deep.txt', added: 1, removed: 0 },
      { path: 'picture', added: null, removed: null },
      { path: 'run.sh', added: 1, removed: 0 },
    ])
    expect(git('show', '--no-patch', '--format=%an <%ae>|%s|%P', work.commit)).toBe(
      `troupe <troupe@localhost>|what was left|${world.base}`,
    )
    expect(tip(world)).toBe(work.commit)
    expect(git('status', '--porcelain', '--branch')).toBe(`## troupe/${RUN}/spec/1`)
  })

  it('has the names that the agent chose', async () => {
    const { world, path, collect } = await atWork()
    const names = [' a b', '"quoted"', "'", '-rf', '--', ':(exclude)x', '[ab]*', 'new\nline', 'tab\t', 'ünï🎉', 'é/ö']
    await world.write(path, Object.fromEntries(names.map((name) => [name, 'x\n'])))
    const { work } = await collect()
    expect(work.files.map((file) => file.path).sort()).toEqual([...names].sort())
    expect(world.tree(work.commit).sort()).toEqual(['.gitignore', 'a.txt', 'b.txt', ...names].sort())
  })

  it('names a hundred files and counts all', async () => {
    const { world, path, collect } = await atWork()
    await world.write(path, Object.fromEntries([...Array(250).keys()].map((n) => [`f${n}`, 'x\ny\n'])))
    const { work } = await collect()
    expect(work.files).toHaveLength(100)
    expect(work).toMatchObject({ fileCount: 250, added: 500, removed: 0 })
  })

  it('counts the commits of the agent with the one of what it left', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'one\n' })
    git('commit', '-qam', 'one')
    await world.write(path, { 'a.txt': 'two\n' })
    git('commit', '-qam', 'two')
    const clean = await collect()
    expect(clean.work).toMatchObject({ commits: 2, commit: git('rev-parse', 'HEAD') })
    await world.write(path, { 'a.txt': 'three\n' })
    expect((await collect()).work).toMatchObject({ commits: 3, added: 1, removed: 1 })
  })

  it('is committed once, however often it is collected', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'A\n' })
    const first = await collect()
    expect(await collect()).toEqual(first)
    git('switch', '-q', '--detach', world.base)
    await world.write(path, { 'a.txt': 'other\n' })
    const detached = await collect()
    expect(await collect()).toEqual(detached)
  })

  it('holds a change of the same second and size', async () => {
    const { world, path, collect, text } = await atWork()
    const before = await stat(join(path, 'a.txt'))
    await world.write(path, { 'a.txt': 'X\n' })
    await utimes(join(path, 'a.txt'), before.atime, before.mtime)
    expect(text((await collect()).work.commit, 'a.txt')).toBe('X')
  })

  it('holds what is ignored but was added, and not what was taken out of git and ignored', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'kept.log': 'wanted\n', '.gitignore': '*.log\nb.txt\n' })
    git('add', '-f', 'kept.log')
    git('rm', '-q', '--cached', 'b.txt')
    expect(world.tree((await collect()).work.commit)).toEqual(['.gitignore', 'a.txt', 'kept.log'])
  })

  it('is what was committed where the folder has gone', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'A\n' })
    git('commit', '-qam', 'one')
    const commit = git('rev-parse', 'HEAD')
    await rm(path, { recursive: true })
    expect((await collect()).work).toMatchObject({ commit, commits: 1 })
    expect(world.refs()).toContain('spec/1/final')
  })
})

describe('work of an agent that used git in its own way', () => {
  it('is collected from another branch; what was on its own before stays under a ref', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'first\n' })
    git('commit', '-qam', 'first')
    const left = git('rev-parse', 'HEAD')
    git('switch', '-qc', 'feature', world.base)
    await world.write(path, { 'b.txt': 'second\n' })
    const { work } = await collect()
    expect(work.files).toEqual([{ path: 'b.txt', added: 1, removed: 1 }])
    expect(tip(world)).toBe(work.commit)
    expect(world.refs()).toContain(`spec/1/aside/${left}`)
    expect(git('status', '--porcelain', '--branch')).toBe('## feature\n M b.txt')
  })

  it('is collected from a detached HEAD, from a branch without a commit, and without its own branch', async () => {
    const { world, path, collect, git, prepared } = await atWork()
    git('switch', '-q', '--detach')
    await world.write(path, { 'a.txt': 'detached\n' })
    const detached = (await collect()).work
    expect(detached).toMatchObject({ commits: 1, added: 1, removed: 1 })
    git('branch', '-D', prepared.branch)
    git('checkout', '-q', '--orphan', 'bare')
    const orphan = (await collect()).work
    expect(orphan).toMatchObject({ added: 1, removed: 1 })
    expect(tip(world)).toBe(orphan.commit)
    expect(git('merge-base', world.base, orphan.commit)).toBe(world.base)
  })

  it('is collected in the middle of a merge that it began, with the markers that are left', async () => {
    const { world, path, collect, git } = await atWork()
    git('switch', '-qc', 'other')
    await world.write(path, { 'a.txt': 'other\n', 'b.txt': 'other\n' })
    git('commit', '-qam', 'other')
    git('switch', '-q', `troupe/${RUN}/spec/1`)
    await world.write(path, { 'a.txt': 'mine\n', 'b.txt': 'mine\n' })
    git('commit', '-qam', 'mine')
    expect(() => git('merge', 'other')).toThrow()
    await world.write(path, { 'b.txt': 'resolved\n' })
    const { work, conflictsLeft } = await collect()
    expect(conflictsLeft).toEqual(['a.txt'])
    expect(git('log', '-1', '--format=%p', work.commit).split(' ')).toHaveLength(2)
    expect(git('status', '--porcelain', '--branch')).toBe(`## troupe/${RUN}/spec/1`)
    expect(() => git('rev-parse', '--verify', 'MERGE_HEAD')).toThrow()
  })

  it('is collected in the middle of a rebase, with the commits that it was to replace under a ref', async () => {
    const { world, path, collect, git } = await atWork()
    git('switch', '-qc', 'other')
    await world.write(path, { 'a.txt': 'other\n' })
    git('commit', '-qam', 'other')
    git('switch', '-q', `troupe/${RUN}/spec/1`)
    await world.write(path, { 'a.txt': 'mine\n' })
    git('commit', '-qam', 'mine')
    const mine = git('rev-parse', 'HEAD')
    expect(() => git('rebase', 'other')).toThrow()
    const { work, conflictsLeft } = await collect()
    expect(conflictsLeft).toEqual(['a.txt'])
    expect(world.refs()).toContain(`spec/1/aside/${mine}`)
    expect(git('merge-base', 'other', work.commit)).toBe(git('rev-parse', 'other'))
    git('rebase', '--quit')
    expect((await collect()).work.commit).toBe(work.commit)
  })

  it('is collected where a killed git left locks and a broken index behind', async () => {
    const { world, path, collect, text } = await atWork()
    const admin = join(world.top, '.git/worktrees/spec.1')
    await world.write(path, { 'a.txt': 'A\n' })
    await writeFile(join(admin, 'index'), 'cut off')
    await writeFile(join(admin, 'index.lock'), '')
    expect(text((await collect()).work.commit, 'a.txt')).toBe('A')
    expect(world.git(path, 'status', '--porcelain', '--branch')).toBe(`## troupe/${RUN}/spec/1`)
  })

  it('is brought in line with its branch where that was cut off before', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'A\n', 'new.txt': 'new\n' })
    const index = join(world.top, '.git/worktrees/spec.1/index')
    const before = await readFile(index)
    await collect()
    await writeFile(index, before)
    expect(git('status', '--porcelain')).not.toBe('')
    await collect()
    expect(git('status', '--porcelain')).toBe('')
  })

  it('is collected where it put things on the stash, which is told', async () => {
    const { world, path, collect, git, prepared } = await atWork()
    await world.write(path, { 'a.txt': 'A\n' })
    git('stash', '-q')
    expect(await collect()).toMatchObject({ stashed: true, work: { commit: prepared.base } })
    git('stash', 'pop', '-q')
    expect(await collect()).toMatchObject({ stashed: false, work: { added: 1 } })
    await world.write(world.top, { 'a.txt': 'the users\n' })
    world.git(world.top, 'stash', '-q')
    expect(await collect()).toMatchObject({ stashed: false })
  })

  it('is collected where it made its folder a repository of its own', async () => {
    const { world, path, collect, git, text, prepared } = await atWork()
    await rm(join(path, '.git'))
    git('init', '-q')
    await world.write(path, { 'a.txt': 'A\n' })
    git('add', '-A')
    git('commit', '-qm', 'in another repository')
    const { work } = await collect()
    expect(work).toMatchObject({ commits: 1, files: [{ path: 'a.txt', added: 1, removed: 1 }] })
    expect(text(work.commit, 'a.txt')).toBe('A')
    const kept = await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)
    expect(kept).toEqual({ kept: [], left: [] })
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(1)
  })

  it('holds the files of repositories that it made inside: with commits and without, added and not, one in another', async () => {
    const { world, path, collect, git } = await atWork()
    const inner = async (name: string, ...made: string[]) => {
      await mkdir(join(path, name), { recursive: true })
      world.git(join(path, name), 'init', '-q')
      await world.write(path, Object.fromEntries(made.map((file) => [`${name}/${file}`, 'x\n'])))
    }
    await inner('new', 'one', 'x.log', 'node_modules/big')
    await inner('lib/committed', 'two')
    world.git(join(path, 'lib/committed'), 'add', '-A')
    world.git(join(path, 'lib/committed'), 'commit', '-qm', 'inner')
    await inner('lib/committed/deeper', 'three', '.gitignore')
    await inner('linked', 'four')
    world.git(join(path, 'linked'), 'add', '-A')
    world.git(join(path, 'linked'), 'commit', '-qm', 'inner')
    git('add', 'linked')
    git('commit', '-qm', 'only the name of a commit')
    await inner('empty')
    const { work } = await collect()
    const expected = [
      'lib/committed/deeper/.gitignore',
      'lib/committed/deeper/three',
      'lib/committed/two',
      'linked/four',
      'new/one',
    ]
    expect(world.tree(work.commit)).toEqual(['.gitignore', 'a.txt', 'b.txt', ...expected])
    await world.write(path, { 'new/later': 'x\n', 'linked/four': 'changed\n' })
    const later = (await collect()).work
    expect(world.tree(later.commit)).toContain('new/later')
    expect(world.git(world.top, 'show', `${later.commit}:linked/four`)).toBe('changed')
    expect(await collect()).toMatchObject({ work: { commit: later.commit } })
    expect((await stat(join(path, 'linked', '.git'))).isDirectory()).toBe(true)
  })

  it('keeps what worktrees hold that it made inside its own, beside its work', async () => {
    const { world, path, collect, git, prepared } = await atWork()
    git('worktree', 'add', '-q', '-b', 'side', '.claude/worktrees/side')
    await world.write(path, { '.claude/worktrees/side/a.txt': 'side\n', 'b.txt': 'B\n' })
    const { work } = await collect()
    expect(work.files.map((file) => file.path)).toEqual(['b.txt'])
    expect(world.git(world.top, 'show', `refs/troupe/${RUN}/spec/1/nested/side:a.txt`)).toBe('side')
    expect((await collect()).work.commit).toBe(work.commit)
    await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(1)
  })

  it('holds submodules as the commits that they are at', async () => {
    const world = await gitWorld()
    const library = join(world.folder, 'library')
    await mkdir(library)
    world.git(library, 'init', '-q')
    world.git(library, 'commit', '-q', '--allow-empty', '-m', 'library')
    const local = ['-c', 'protocol.file.allow=always']
    world.git(world.top, ...local, 'submodule', '--quiet', 'add', library, 'lib')
    world.git(world.top, 'commit', '-qm', 'with a submodule')
    const base = world.git(world.top, 'rev-parse', 'HEAD')
    const prepared = await world.prepare('spec', { base })
    const { path } = prepared
    world.git(path, ...local, 'submodule', '--quiet', 'update', '--init')
    world.git(join(path, 'lib'), 'commit', '-q', '--allow-empty', '-m', 'newer')
    const { work } = await world.worktrees.collect(prepared, 'done', never)
    const newer = world.git(join(path, 'lib'), 'rev-parse', 'HEAD')
    expect(world.git(world.top, 'ls-tree', work.commit, 'lib')).toBe(`160000 commit ${newer}\tlib`)
  })
})

describe('an agent that goes on after its work was collected', () => {
  it('finds its index, HEAD and files in line, and commits by itself', async () => {
    const { world, path, collect, git } = await atWork()
    await world.write(path, { 'a.txt': 'one\n', 'new.txt': 'new\n' })
    git('add', 'new.txt')
    const first = await collect()
    expect(git('rev-parse', 'HEAD')).toBe(first.work.commit)
    await world.write(path, { 'a.txt': 'two\n' })
    git('commit', '-qam', 'by the agent')
    const second = await collect()
    expect(second.work).toMatchObject({ commits: 2, commit: git('rev-parse', 'HEAD') })
    expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('two\n')
    git('reset', '-q', '--hard', world.base)
    expect((await collect()).work).toMatchObject({ commits: 0, commit: world.base })
    expect(world.refs()).toContain(`spec/1/aside/${second.work.commit}`)
  })
})
