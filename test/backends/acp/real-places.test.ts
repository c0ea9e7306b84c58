import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { insideOf } from '../../../src/backends/acp/real-places.ts'
import { temporaryFolder } from '../../host/temporary-folder.ts'

it('knows where paths lead: through `..`, links, links to what is not there yet, and links to links', async () => {
  const folder = await temporaryFolder()
  const [root, outside] = [join(folder, 'w'), join(folder, 'outside')]
  await Promise.all([mkdir(join(root, 'sub'), { recursive: true }), mkdir(join(outside, 'deep'), { recursive: true })])
  await writeFile(join(root, '.git'), 'gitdir: elsewhere')
  await symlink(outside, join(root, 'out'))
  await symlink(join(outside, 'new.txt'), join(root, 'dangling'))
  await symlink('dangling', join(root, 'twice'))
  await symlink('sub', join(root, 'in'))
  await symlink('loop', join(root, 'loop'))
  await symlink(join(outside, 'deep'), join(root, 'deep'))
  await symlink(root, join(folder, 'alias'))
  const good = [
    'a.txt',
    './sub/new/file.txt',
    join(root, 'sub/../a.txt'),
    'in/a.txt',
    root,
    `file://${root}/a.txt`,
    join(folder, 'alias', 'a.txt'),
    '.gitignore',
    '.github/x.yml',
  ]
  const bad = [
    '../outside/a.txt',
    join(root, '..', 'w2', 'a.txt'),
    `${root}2/a.txt`,
    'out/a.txt',
    'dangling',
    'twice',
    'loop/a.txt',
    // Taken as text it would be inside.
    'deep/../a.txt',
    '.git',
    '.git/hooks/pre-commit',
    '~/a.txt',
    '/etc/passwd',
    'https://example.test/a',
    'a\0b',
  ]
  const isInside = await insideOf(root, [...good, ...bad])
  expect(good.filter((path) => !isInside(path))).toEqual([])
  expect(bad.filter(isInside)).toEqual([])
  expect(isInside('never asked')).toBe(false)
})
