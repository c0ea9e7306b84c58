import { execFile } from 'node:child_process'
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { gitWorld, never, RUN } from './repository.ts'

const admins = (top: string) => join(top, '.git', 'worktrees')

describe('a new worktree', () => {
  it('is a locked checkout of its own branch, which begins at the base of the run', async () => {
    const world = await gitWorld()
    const path = join(world.folder, 'trees', 'spec.1')
    const prepared = await world.prepare('spec')
    expect(prepared).toEqual({
      repository: world.top,
      path,
      branch: `troupe/${RUN}/spec/1`,
      base: world.base,
      conflicts: [],
      stash: null,
    })
    expect(world.git(path, 'status', '--porcelain')).toBe('')
    expect(world.git(path, 'branch', '--show-current')).toBe(`troupe/${RUN}/spec/1`)
    expect(await readFile(join(admins(world.top), 'spec.1', 'locked'), 'utf8')).toBe(`${RUN}/spec/1\n`)
    expect(world.refs()).toEqual(['spec/1/base', 'spec/1/ready', 'spec/1/start'])
  })

  it('is made in an empty folder that is there, which stays the one it was', async () => {
    const world = await gitWorld()
    const path = join(world.folder, 'trees', 'spec.1')
    await mkdir(path, { recursive: true })
    const before = await open(path)
    await world.prepare('spec')
    const { ino, nlink } = await before.stat()
    await before.close()
    expect([ino, nlink > 0]).toEqual([(await stat(path)).ino, true])
    expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('a\n')
  })

  it('has a branch that can be named in a shell where the task is an item', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('execute[0]')
    expect(prepared.branch).toBe(`troupe/${RUN}/execute.0/1`)
  })

  it('leaves all that is the users as it was: tree, index, stash, configuration, and hooks that would fail', async () => {
    const world = await gitWorld()
    const { top, git } = world
    for (const hook of ['pre-commit', 'post-checkout', 'commit-msg', 'reference-transaction', 'post-commit']) {
      await writeFile(join(top, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${world.folder}/hook-ran\nexit 1\n`)
      await chmod(join(top, '.git', 'hooks', hook), 0o755)
    }
    await world.write(top, { 'a.txt': 'stashed\n' })
    git(top, '-c', 'core.hooksPath=/dev/null', 'stash')
    await world.write(top, { 'a.txt': 'dirty\n', 'new.txt': 'untracked\n', 'b.txt': 'staged\n' })
    git(top, '-c', 'core.hooksPath=/dev/null', 'add', 'b.txt')
    const state = async () => [
      git(top, 'status', '--porcelain=v2', '--branch'),
      git(top, 'stash', 'list'),
      git(top, 'rev-parse', 'HEAD'),
      await readFile(join(top, '.git', 'config'), 'utf8'),
      await readFile(join(top, '.git', 'index'), 'hex'),
      await readFile(join(top, 'a.txt'), 'utf8'),
    ]
    const before = await state()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'the agents\n' })
    const { stashed } = await world.worktrees.collect(prepared, 'done', never)
    await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)
    expect(await state()).toEqual(before)
    expect(stashed).toBe(false)
    await expect(readFile(join(world.folder, 'hook-ran'))).rejects.toThrow('ENOENT')
  })

  it('is made eight at once', async () => {
    const world = await gitWorld()
    const tasks = ['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8']
    const prepared = await Promise.all(tasks.map((task) => world.prepare(task)))
    const branches = prepared.map(({ path }) => world.git(path, 'branch', '--show-current'))
    expect(branches).toEqual(tasks.map((task) => `troupe/${RUN}/${task}/1`))
  })

  it('is made while somebody else makes worktrees there', async () => {
    const world = await gitWorld()
    const tasks = ['t1', 't2', 't3', 't4']
    const theirs = tasks.map((name) => {
      const args = ['-C', world.top, 'worktree', 'add', '-b', `their-${name}`, join(world.folder, 'theirs', name)]
      // Theirs fail at times when made all at once: git itself reads what another has half made.
      return new Promise<void>((resolve) => execFile('git', args, { env: world.env }, () => resolve()))
    })
    const prepared = await Promise.all(tasks.map((task) => world.prepare(task)))
    await Promise.all(theirs)
    expect(prepared.map(({ path }) => world.git(path, 'status', '--porcelain'))).toEqual(['', '', '', ''])
  })

  it('is made in a repository that has worktrees and submodules, from a folder below its top', async () => {
    const world = await gitWorld({ 'a.txt': 'a\n', 'below/b.txt': 'b\n' })
    const library = join(world.folder, 'library')
    await mkdir(library)
    world.git(library, 'init', '-q')
    world.git(library, 'commit', '-q', '--allow-empty', '-m', 'library')
    world.git(world.top, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
    world.git(world.top, 'commit', '-qm', 'with a submodule')
    world.git(world.top, 'worktree', 'add', '-q', join(world.folder, 'own'))
    const base = world.git(world.top, 'rev-parse', 'HEAD')
    const prepared = await world.prepare('spec', { repository: join(world.folder, 'own', 'below'), base })
    await world.write(prepared.path, { 'a.txt': 'changed\n' })
    const { work } = await world.worktrees.collect(prepared, 'done', never)
    expect(work.files).toEqual([{ path: 'a.txt', added: 1, removed: 1 }])
    expect(await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)).toEqual({ kept: [], left: [] })
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(2)
  })
})

describe('a worktree that is prepared again', () => {
  it('keeps the work in it: files, index, commits, and another branch', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    const { path } = prepared
    world.git(path, 'switch', '-qc', 'feature')
    await world.write(path, { 'a.txt': 'committed\n' })
    world.git(path, 'commit', '-qam', 'one')
    await world.write(path, { 'a.txt': 'changed\n', 'b.txt': 'staged\n', 'new.txt': 'new\n' })
    world.git(path, 'add', 'b.txt')
    const before = world.git(path, 'status', '--porcelain=v2', '--branch')
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(world.git(path, 'status', '--porcelain=v2', '--branch')).toBe(before)
  })

  it('loses the locks that a killed git left behind', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await writeFile(join(admins(world.top), 'spec.1', 'index.lock'), '')
    await writeFile(join(admins(world.top), 'spec.1', 'HEAD.lock'), '')
    await writeFile(join(world.top, '.git', 'refs', 'heads', `${prepared.branch}.lock`), '')
    expect(await world.prepare('spec')).toEqual(prepared)
    world.git(prepared.path, 'commit', '-q', '--allow-empty', '-m', 'works')
  })

  it('tells the base it began at, whatever the run and its needs say now', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    world.git(world.top, 'commit', '-q', '--allow-empty', '-m', 'later')
    expect(await world.prepare('spec', { base: world.git(world.top, 'rev-parse', 'HEAD') })).toEqual(prepared)
  })

  it('is made again from its branch where its folder has gone', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'committed\n' })
    world.git(prepared.path, 'commit', '-qam', 'one')
    await rm(prepared.path, { recursive: true })
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(await readFile(join(prepared.path, 'a.txt'), 'utf8')).toBe('committed\n')
  })

  it('is made again from its branch after it was cleaned', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'done\n' })
    await world.worktrees.collect(prepared, 'done', never)
    await world.worktrees.clean(prepared, join(world.folder, 'kept'), never)
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(await readFile(join(prepared.path, 'a.txt'), 'utf8')).toBe('done\n')
  })

  it('is tied to its repository again where the agent removed the file that ties it', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'changed\n' })
    await rm(join(prepared.path, '.git'))
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(world.git(prepared.path, 'status', '--porcelain')).toBe('M a.txt')
  })

  it('keeps its files, ignored ones too, where git has forgotten it', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'changed\n', 'x.log': 'ignored\n' })
    await rm(join(admins(world.top), 'spec.1'), { recursive: true })
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(world.git(prepared.path, 'status', '--porcelain', '--ignored')).toBe('M a.txt\n!! x.log')
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(2)
  })

  it('keeps its files where the place of all worktrees was moved', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await world.write(prepared.path, { 'a.txt': 'changed\n', 'x.log': 'ignored\n' })
    await rename(join(world.folder, 'trees'), join(world.folder, 'moved'))
    const path = join(world.folder, 'moved', 'spec.1')
    expect(await world.prepare('spec', { path })).toEqual({ ...prepared, path })
    expect(world.git(path, 'status', '--porcelain', '--ignored')).toBe('M a.txt\n!! x.log')
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(2)
  })
})

describe('a worktree whose making was cut off', () => {
  const unready = `refs/troupe/${RUN}/spec/1/ready`

  it('is made where only its branch is there', async () => {
    const world = await gitWorld()
    world.git(world.top, 'branch', `troupe/${RUN}/spec/1`)
    expect(await world.prepare('spec')).toMatchObject({ base: world.base })
  })

  it('is made where only its refs are there', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    world.git(world.top, 'worktree', 'remove', '-f', '-f', prepared.path)
    world.git(world.top, 'update-ref', '-d', unready)
    world.git(world.top, 'branch', '-D', prepared.branch)
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(world.git(prepared.path, 'status', '--porcelain', '--branch')).toBe(`## ${prepared.branch}`)
  })

  it('is made where its folder is there without files', async () => {
    const world = await gitWorld()
    await mkdir(join(world.folder, 'trees', 'spec.1'), { recursive: true })
    expect(await world.prepare('spec')).toMatchObject({ base: world.base })
  })

  it.each([
    [
      'half of its files and no index',
      (path: string, admin: string) => Promise.all([rm(join(path, 'a.txt')), rm(join(admin, 'index'))]),
    ],
    ['the lock of its index', (_: string, admin: string) => writeFile(join(admin, 'index.lock'), '')],
    ['no file that ties it to the repository', (path: string) => rm(join(path, '.git'))],
    ['no folder', (path: string) => rm(path, { recursive: true })],
    ['no folder of git', (_: string, admin: string) => rm(admin, { recursive: true })],
    ['half a folder of git', (_: string, admin: string) => rm(join(admin, 'gitdir'))],
    [
      'nothing in its folder of git but the lock',
      (_: string, admin: string) =>
        Promise.all(['gitdir', 'HEAD', 'commondir', 'index'].map((file) => rm(join(admin, file)))),
    ],
  ])('is made anew where it has %s', async (_, damage) => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    world.git(world.top, 'update-ref', '-d', unready)
    await damage(prepared.path, join(admins(world.top), 'spec.1'))
    expect(await world.prepare('spec')).toEqual(prepared)
    expect(world.git(prepared.path, 'status', '--porcelain', '--branch')).toBe(`## ${prepared.branch}`)
    expect(world.refs()).toContain('spec/1/ready')
  })
})

describe('a worktree that cannot be made', () => {
  it('is refused inside the repository', async () => {
    const world = await gitWorld()
    const path = join(world.top, '.troupe', 'spec')
    await expect(world.prepare('spec', { path })).rejects.toMatchObject({
      kind: 'refused',
      message: `The worktree of ${RUN}/spec/1 cannot be in ${world.top} itself: ${path}. Choose a place outside it.`,
    })
  })

  it('is refused where files of somebody are, which stay', async () => {
    const world = await gitWorld()
    const path = join(world.folder, 'mine')
    await world.write(path, { 'precious.txt': 'mine' })
    await expect(world.prepare('spec', { path })).rejects.toMatchObject({ kind: 'refused', certain: true })
    expect(await readFile(join(path, 'precious.txt'), 'utf8')).toBe('mine')
  })

  it('is refused where the branch has commits of somebody, which stay', async () => {
    const world = await gitWorld()
    world.git(world.top, 'switch', '-qc', `troupe/${RUN}/spec/1`)
    world.git(world.top, 'commit', '-q', '--allow-empty', '-m', 'mine')
    await expect(world.prepare('spec')).rejects.toMatchObject({ kind: 'refused', retryable: false })
    expect(world.refs()).toEqual([''])
  })

  it('is refused where a branch keeps all others of troupe from being made', async () => {
    const world = await gitWorld()
    world.git(world.top, 'branch', 'troupe')
    await expect(world.prepare('spec')).rejects.toMatchObject({
      kind: 'refused',
      message:
        "The branch 'troupe' is in the way of troupe's own branches. Rename it (git branch -m troupe NAME), then retry.",
    })
  })
})

describe('a folder that is opened', () => {
  it('is a repository with a commit', async () => {
    const { top, base, worktrees } = await gitWorld({ 'below/a.txt': 'a' })
    expect(await worktrees.open(join(top, 'below'), never)).toEqual({ top, commonDir: join(top, '.git'), head: base })
  })

  it('is refused without a commit, without files, without a repository, and where it is none', async () => {
    const { folder, git, worktrees } = await gitWorld()
    const made = (name: string, ...options: string[]) => git(folder, 'init', '-q', ...options, name)
    made('new')
    made('bare', '--bare')
    const message = async (name: string) =>
      worktrees.open(join(folder, name), never).catch((error: Error) => error.message)
    expect(await message('new')).toBe(
      `The repository ${join(folder, 'new')} has no commit yet. Commit something first: agents begin at a commit.`,
    )
    expect(await message('bare')).toContain('this operation must be run in a work tree')
    expect(await message('home')).toContain('not a git repository')
    expect(await message('nowhere')).toContain('No such file or directory')
  })
})
