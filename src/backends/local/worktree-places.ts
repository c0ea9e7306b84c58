import { execFile } from 'node:child_process'
import { chmod, lstat, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'
import type { AttemptRefs } from './attempt-refs.ts'
import { makeFolders } from './make-folders.ts'

const run = promisify(execFile)

/** A worktree as git has registered it: `admin` is git's own folder of it. */
export interface RegisteredWorktree {
  readonly admin: string
  readonly path: string
}

/** Where a worktree is or will be, as git writes it: links on the way to it are followed. Makes the folder that it lies in. */
export async function realPlace(path: string): Promise<string> {
  await makeFolders(dirname(path))
  return join(await realpath(dirname(path)), basename(path))
}

/** The worktrees that git knows at `path`, and below it: an agent may have made some inside its own. */
export async function registeredAt(commonDir: string, path: string): Promise<readonly RegisteredWorktree[]> {
  const folder = join(commonDir, 'worktrees')
  const names = await readdir(folder).catch(() => [])
  const all = await Promise.all(
    names.map(async (name) => {
      const admin = join(folder, name)
      const file = (await readFile(join(admin, 'gitdir'), 'utf8').catch(() => '')).replace(/\n$/, '')
      return { admin, path: dirname(file) }
    }),
  )
  return all.filter((one) => one.path === path || one.path.startsWith(path + sep))
}

/** The worktree that lies exactly at `path`. */
export async function registered(commonDir: string, path: string): Promise<RegisteredWorktree | undefined> {
  return (await registeredAt(commonDir, path)).find((one) => one.path === path)
}

/** Whether a folder with anything in it is there. */
export async function holdsFiles(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length > 0
}

/** Whether it is a folder with nothing in it. */
async function isEmptyFolder(path: string): Promise<boolean> {
  const entries = await readdir(path).catch(() => undefined)
  return entries?.length === 0 && (await lstat(path)).isDirectory()
}

/** Removes the locks that a killed git has left behind on what belongs to one attempt alone. None of its processes may live. */
export async function removeLeftLocks(commonDir: string, refs: AttemptRefs, admin: string | undefined): Promise<void> {
  const names = ['index', 'HEAD', 'ORIG_HEAD', 'MERGE_HEAD']
  const own = admin === undefined ? [] : names.map((name) => join(admin, `${name}.lock`))
  const folder = join(commonDir, dirname(refs.final))
  const kept = await readdir(folder, { recursive: true }).catch(() => [])
  const shared = kept.filter((file) => file.endsWith('.lock')).map((file) => join(folder, file))
  const all = [...own, ...shared, join(commonDir, `${refs.head}.lock`)]
  await Promise.all(all.map((file) => rm(file, { force: true })))
}

/** Removes git's own folder of a worktree. First the lock: what is left after a kill is git's to prune then. */
export async function forget(admin: string): Promise<void> {
  await rm(join(admin, 'locked'), { force: true })
  await rm(admin, { recursive: true, force: true })
}

/** Empties the place of a worktree. A folder that is empty stays: somebody may have been started in it. */
export async function clear(path: string): Promise<void> {
  if (!(await isEmptyFolder(path))) await discard(path)
}

/**
 * Removes a worktree's folder, however many files it holds. It goes at once, under another name, so that a removal that outlives this
 * process never meets what is made there anew.
 */
export async function discard(path: string): Promise<void> {
  const gone = `${path}.gone`
  await removeFolder(gone)
  await rename(path, gone).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') await removeFolder(path)
  })
  await removeFolder(gone)
}

/** Also where folders in it may not be written to. */
async function removeFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  // Several times as fast as Node's, and not at the cost of this process. What it leaves, or does not know how to, comes after.
  await run('rm', ['-rf', '--', path]).catch(() => {})
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 })
  await remove().catch(async () => {
    await makeWritable(path)
    await remove()
  })
}

async function makeWritable(folder: string): Promise<void> {
  const { mode } = await lstat(folder)
  await chmod(folder, mode | 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name))
}
