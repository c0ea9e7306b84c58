import { copyFile, lstat, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { readRefs, refsOf } from './attempt-refs.ts'
import type { Git } from './git.ts'
import { makeFolders } from './make-folders.ts'
import { refused, type Site } from './repository-site.ts'
import { discard, forget, holdsFiles, realPlace, registeredAt, removeLeftLocks } from './worktree-places.ts'
import type { Cleaning, PreparedWorktree } from './worktrees.ts'

const LARGEST_FILE = 1024 * 1024
const LARGEST_SUM = 16 * 1024 * 1024
/** How many files are kept, and how many of what is not are named. */
const MOST_KEPT = 1_000
const MOST_NAMED = 100

/**
 * Removes the worktree; its branch and refs stay. What git ignores would be lost without a word, so single files of it are kept, and
 * folders (`node_modules/`) are named. Throws BackendError `refused` where its work was not collected.
 */
export async function cleanWorktree(site: Site, prepared: PreparedWorktree, keepIn: string): Promise<Cleaning> {
  const { clock, commonDir } = site
  const refs = refsOf(prepared.branch)
  if ((await readRefs(site.git, [refs.final])).size === 0)
    throw refused(`The worktree ${prepared.path} stays: its work was not collected yet.`)
  const path = await clock.operation(realPlace(prepared.path))
  const known = await clock.operation(registeredAt(commonDir, path))
  const admin = known.find((one) => one.path === path)?.admin
  await clock.operation(removeLeftLocks(commonDir, refs, admin))
  const result = (await clock.operation(holdsFiles(path)))
    ? await keepIgnored(site, site.git.at(path, { GIT_DIR: admin ?? commonDir, GIT_WORK_TREE: path }), path, keepIn)
    : { kept: await clock.operation(filesIn(keepIn)), left: [] }
  // Not by `git worktree remove`: it refuses what an agent can do to a worktree, such as a repository of its own in it.
  await clock.operation(discard(path))
  await site.exclusively(async () => {
    for (const { admin } of known) await clock.operation(forget(admin))
  })
  return result
}

/** Removes a worktree that was never whole, or that no agent was told of: nothing of it is anybody's work. */
export async function abandonWorktree(site: Site, folder: string): Promise<void> {
  const { clock, commonDir } = site
  const path = await clock.operation(realPlace(folder))
  const known = await clock.operation(registeredAt(commonDir, path))
  await clock.operation(discard(path))
  await site.exclusively(async () => {
    for (const { admin } of known) await clock.operation(forget(admin))
  })
}

async function keepIgnored(site: Site, git: Git, path: string, keepIn: string): Promise<Cleaning> {
  const asked = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory']
  const ignored = await git.list(asked)
  return site.clock.operation(copyFiles(ignored, path, keepIn))
}

async function copyFiles(files: readonly string[], from: string, to: string): Promise<Cleaning> {
  const kept: string[] = []
  const left: string[] = []
  let sum = 0
  for (const file of files) {
    const found = file.endsWith('/') ? undefined : await lstat(join(from, file)).catch(() => undefined)
    const small = found?.isFile() === true && found.size <= LARGEST_FILE && sum + found.size <= LARGEST_SUM
    if (small && kept.length < MOST_KEPT && (await copied(join(from, file), join(to, file)))) {
      sum += found.size
      kept.push(file)
    } else if (left.length < MOST_NAMED) left.push(file)
  }
  return { kept, left }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await makeFolders(dirname(to))
    await copyFile(from, to)
    return true
  } catch {
    return false
  }
}

/** What an earlier call kept. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return files.sort().slice(0, MOST_KEPT)
}
