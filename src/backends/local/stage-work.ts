import { copyFile, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { Git } from './git.ts'

/** The files of a folder and how they become a tree. */
export interface Staging {
  readonly clock: Clock
  /** Called in the folder, with it as the work tree and git's own folder of it named. */
  readonly git: Git
  readonly folder: string
  /** The index to use: a file of ours, not the agent's. */
  readonly index: string
  /** The agent's index: what it has staged, and what need not be read again. */
  readonly from?: string
  /** The commit whose files are there otherwise. */
  readonly head?: string
  /** Gitlinks of this commit are submodules, whatever `.gitmodules` says. */
  readonly base?: string
  readonly commonDir: string
}

/** The tree of all files that are not ignored, and the worktrees of the same repository that lie among them, relative. */
export interface Staged {
  readonly tree: string
  readonly nested: readonly string[]
  /** The agent's index was of no use. */
  readonly afresh: boolean
}

/** Deeper than that, repositories in repositories are left out. */
const DEEPEST = 8
const GITLINK = '160000'

/** Stages through an index of its own; the agent's stays as it is. */
export async function stageWork(staging: Staging): Promise<Staged> {
  const { clock, index, from, head } = staging
  const git = staging.git.with({ GIT_INDEX_FILE: index })
  const clear = () => clock.operation(Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })]))
  const afresh = async () => {
    await clear()
    await git.ask(head === undefined ? ['read-tree', '--empty'] : ['read-tree', head])
    return { ...(await treeOf(staging, git, 0)), afresh: true }
  }
  try {
    await clear()
    if (from === undefined || !(await clock.operation(copyIndex(from, index)))) return await afresh()
    // An index that a killed git has left in a state that cannot be written as a tree.
    return { ...(await treeOf(staging, git, 0)), afresh: false }
  } catch (error) {
    if (from === undefined || !(error instanceof BackendError) || error.kind !== 'crashed') throw error
    return await afresh()
  } finally {
    await clear()
  }
}

async function treeOf(staging: Staging, git: Git, depth: number): Promise<Omit<Staged, 'afresh'>> {
  const { folder, clock, commonDir } = staging
  const dropped = await foreignGitlinks(staging, git)
  if (dropped.length > 0) await git.ask(['update-index', '-z', '--force-remove', '--stdin'], { input: joined(dropped) })
  const others = await git.list(['ls-files', '-z', '--others', '--exclude-standard'])
  const embedded = others.filter((path) => path.endsWith('/')).map((path) => path.slice(0, -1))
  const skip = embedded.map((path) => `:(exclude,top,literal)${path}`)
  // What cannot be read is left out rather than keeping the rest from being saved.
  const add = ['add', '--all', '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul']
  await git.ask(add, { input: joined([':(top)', ...skip]), answers: [1] })
  const nested: string[] = []
  for (const path of embedded) {
    if (await clock.operation(isWorktreeOf(join(folder, path), commonDir))) nested.push(path)
    else if (depth < DEEPEST) nested.push(...(await addEmbedded(staging, git, path, depth)))
  }
  return { tree: await git.line(['write-tree']), nested }
}

/**
 * Adds a repository that an agent made inside the worktree as what it is to everybody else: files. git would keep no more than the name
 * of its commit, and fail where it has none. Its own history is not kept.
 */
async function addEmbedded(staging: Staging, git: Git, path: string, depth: number): Promise<readonly string[]> {
  const folder = join(staging.folder, path)
  const index = `${staging.index}.${depth}`
  const inner = git.at(folder, { GIT_WORK_TREE: folder, GIT_INDEX_FILE: index })
  const { clock } = staging
  try {
    await inner.ask(['read-tree', '--empty'])
    const { nested } = await treeOf({ ...staging, folder }, inner, depth + 1)
    const files = (await inner.list(['ls-files', '-z'])).map((file) => `${path}/${file}`)
    const asked = { input: joined(files), answers: [1] }
    const ignored = await git.list(['check-ignore', '-z', '--stdin', '--no-index'], asked)
    const gone = joined(ignored.map((file) => file.slice(path.length + 1)))
    if (ignored.length > 0) await inner.ask(['update-index', '-z', '--force-remove', '--stdin'], { input: gone })
    const tree = await inner.line(['write-tree'])
    if (files.length > ignored.length) await git.ask(['read-tree', `--prefix=${path}/`, tree])
    return nested.map((one) => `${path}/${one}`)
  } finally {
    await clock.operation(rm(index, { force: true }))
  }
}

/** Gitlinks that no `.gitmodules` tells of: repositories that an agent made and then added. */
async function foreignGitlinks({ base }: Staging, git: Git): Promise<readonly string[]> {
  const entries = await git.list(['ls-files', '-z', '--stage'])
  const links = entries
    .filter((entry) => entry.startsWith(GITLINK))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1))
  if (links.length === 0) return []
  const asked = ['config', '--null', '--file', '.gitmodules', '--get-regexp', String.raw`^submodule\..*\.path$`]
  const modules = await git.ask(asked, { answers: [1, 128] })
  const named = modules.text.split('\0').map((item) => item.slice(item.indexOf('\n') + 1))
  const before = base === undefined ? [] : await git.list(['ls-tree', '-r', '-z', base, '--', ...links])
  const old = before.filter((entry) => entry.startsWith(GITLINK)).map((entry) => entry.slice(entry.indexOf('\t') + 1))
  const submodules = new Set([...named, ...old])
  return links.filter((link) => !submodules.has(link))
}

/** Whether a folder is a worktree of this repository, which keeps its commits anyway. */
async function isWorktreeOf(folder: string, commonDir: string): Promise<boolean> {
  return (await adminOf(folder))?.startsWith(join(commonDir, 'worktrees') + sep) ?? false
}

/** git's own folder of a worktree, as the file in it says. */
export async function adminOf(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, '.git'), 'utf8').catch(() => '')
  const [, admin] = /^gitdir: (.+?)\n*$/s.exec(text) ?? []
  return admin === undefined ? undefined : resolve(folder, admin)
}

/**
 * False where there is none. Its time goes with it, rounded down: git reads a file again that is as new as the index, since it may have
 * been changed after it was looked at.
 */
async function copyIndex(from: string, to: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(from)
    await copyFile(from, to)
    const second = Math.floor(mtimeMs / 1_000)
    await utimes(to, second, second)
    return true
  } catch {
    return false
  }
}

function joined(items: readonly string[]): string {
  return items.map((item) => `${item}\0`).join('')
}
