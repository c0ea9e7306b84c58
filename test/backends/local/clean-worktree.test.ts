import { chmod, mkdir, readFile, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { gitWorld, never } from './repository.ts'

async function collected(files: Readonly<Record<string, string>>) {
  const world = await gitWorld({ 'a.txt': 'a\n', '.gitignore': '*.log\n.env\nnode_modules/\ndist/\n' })
  const prepared = await world.prepare('spec')
  await world.write(prepared.path, files)
  const { work } = await world.worktrees.collect(prepared, 'done', never)
  const keepIn = join(world.folder, 'kept')
  return { world, prepared, work, keepIn, clean: () => world.worktrees.clean(prepared, keepIn, never) }
}

describe('a worktree that is cleaned', () => {
  it('has gone, and left its branch and its work', async () => {
    const { world, work, prepared, clean } = await collected({ 'a.txt': 'A\n' })
    expect(await clean()).toEqual({ kept: [], left: [] })
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(1)
    expect(world.git(world.top, 'rev-parse', prepared.branch)).toBe(work.commit)
    await expect(readFile(join(prepared.path, 'a.txt'))).rejects.toThrow('ENOENT')
  })

  it('stays where its work was not collected', async () => {
    const world = await gitWorld()
    const prepared = await world.prepare('spec')
    await expect(world.worktrees.clean(prepared, join(world.folder, 'kept'), never)).rejects.toMatchObject({
      kind: 'refused',
      message: `The worktree ${prepared.path} stays: its work was not collected yet.`,
    })
    expect(world.git(prepared.path, 'status', '--porcelain')).toBe('')
  })

  it('leaves single ignored files behind, and names the folders and what is too large', async () => {
    const large = 'x'.repeat(1024 * 1024 + 1)
    const ignored = { '.env': 'KEY=1', 'sub/x.log': 'log', ' -odd\n"name".log': 'odd', 'large.log': large }
    const { prepared, clean, keepIn } = await collected({
      ...ignored,
      'sub/y': 'y',
      'node_modules/a/b': 'c',
      'dist/d': 'e',
    })
    await symlink('/etc/hostname', join(prepared.path, 'link.log'))
    expect(await clean()).toEqual({
      kept: [' -odd\n"name".log', '.env', 'sub/x.log'],
      left: ['dist/', 'large.log', 'link.log', 'node_modules/'],
    })
    expect(await readFile(join(keepIn, '.env'), 'utf8')).toBe('KEY=1')
    expect(await readFile(join(keepIn, 'sub/x.log'), 'utf8')).toBe('log')
  })

  it('leaves 16 MB behind and no more', async () => {
    const files = [...Array(18).keys()].map((n) => [`${String(n).padStart(2, '0')}.log`, 'x'.repeat(1024 * 1024)])
    const { clean } = await collected(Object.fromEntries(files))
    const { kept, left } = await clean()
    expect([kept.length, left]).toEqual([16, ['16.log', '17.log']])
  })

  it('can be cleaned again, and tells the same of what it kept', async () => {
    const { clean } = await collected({ '.env': 'KEY=1', 'node_modules/a': '1' })
    expect(await clean()).toEqual({ kept: ['.env'], left: ['node_modules/'] })
    expect(await clean()).toEqual({ kept: ['.env'], left: [] })
  })

  it('goes where its folder, its file of git or its folder of git has gone before', async () => {
    const { world, prepared, clean } = await collected({})
    world.git(world.top, 'worktree', 'remove', '-f', '-f', prepared.path)
    await world.write(prepared.path, { 'half.txt': 'left by a removal that was cut off' })
    await clean()
    await expect(readFile(join(prepared.path, 'half.txt'))).rejects.toThrow('ENOENT')
  })

  it('goes though folders in it may not be written to', async () => {
    const { world, prepared, clean } = await collected({ 'dist/cache/deep/file': '1' })
    for (const folder of ['dist/cache/deep', 'dist/cache']) await chmod(join(prepared.path, folder), 0o555)
    await clean()
    expect(world.git(world.top, 'worktree', 'list').split('\n')).toHaveLength(1)
    await expect(readFile(join(prepared.path, 'dist/cache/deep/file'))).rejects.toThrow('ENOENT')
  })

  it('leaves the worktrees of others alone, also those whose folder is away for now', async () => {
    const { world, clean } = await collected({})
    const other = await world.prepare('other')
    world.git(world.top, 'worktree', 'add', '-q', join(world.folder, 'users'))
    await mkdir(join(world.folder, 'away'))
    world.git(world.folder, 'init', '-q', 'unrelated')
    await rename(join(world.folder, 'users'), join(world.folder, 'away', 'users'))
    await clean()
    await rename(join(world.folder, 'away', 'users'), join(world.folder, 'users'))
    expect(world.git(join(world.folder, 'users'), 'status', '--porcelain')).toBe('')
    expect(world.git(other.path, 'status', '--porcelain')).toBe('')
  })
})
