import { lstat, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { BackendError } from '../../domain/errors.ts'
import { formatKey } from '../../domain/ids.ts'
import { type AttemptRefs, attemptBranch, moveRefs, readRefs, readStart, refsOf, type Start } from './attempt-refs.ts'
import { mergeNeeds } from './merge-needs.ts'
import { refused, type Site } from './repository-site.ts'
import { adminOf } from './stage-work.ts'
import { STASH } from './stash.ts'
import { clear, discard, forget, holdsFiles, realPlace, registered, removeLeftLocks } from './worktree-places.ts'
import type { PreparedWorktree, WorktreeOrder } from './worktrees.ts'

/**
 * Makes the worktree of an attempt, in steps that can each be the last of this process: where it begins is written to refs first; then
 * the worktree is made and filled; a last ref says that it is complete. Without that ref nobody has worked there, and what is there is
 * made again. With it, what is there is work, and stays as it is.
 */
export async function prepareWorktree(site: Site, order: WorktreeOrder): Promise<PreparedWorktree> {
  const { clock, commonDir, top } = site
  const refs = refsOf(attemptBranch(order.key))
  const path = await clock.operation(realPlace(order.path))
  if (`${path}${sep}`.startsWith(top + sep))
    throw refused(
      `The worktree of ${formatKey(order.key)} cannot be in ${top} itself: ${path}. Choose a place outside it.`,
    )
  // Each call of git takes as long as all else here: what is there is asked for at once.
  const found = await readRefs(site.git, [refs.start, refs.head, refs.ready, STASH])
  const begun = found.has(refs.start) ? await readStart(site.git, refs) : undefined
  const start = begun ?? (await begin(site, order, { refs, path, found }))
  const prepared: PreparedWorktree = {
    repository: top,
    path: order.path,
    branch: refs.branch,
    base: start.base,
    conflicts: start.conflicts,
    stash: start.stash,
  }
  const ready = found.has(refs.ready)
  const hasBranch = begun === undefined || found.has(refs.head)
  const reason = formatKey(order.key)
  const known = await clock.operation(registered(commonDir, path))
  const there = await clock.operation(holdsFiles(path))
  await clock.operation(removeLeftLocks(commonDir, refs, known?.admin))
  if (ready && there) {
    await reattach(site, refs, { path, admin: known?.admin, reason, hasBranch })
    return prepared
  }
  if (there && !ready && known === undefined && start.path !== path) throw occupied(path)
  await make(site, refs, { path, admin: known?.admin, reason, hasBranch })
  await fill(site, refs, path, start)
  if (!ready) await moveRefs(site.git, [{ ref: refs.ready, from: undefined, to: start.base }])
  return prepared
}

/** Decides where the attempt begins, and keeps that in git. */
async function begin(
  site: Site,
  order: WorktreeOrder,
  at: { readonly refs: AttemptRefs; readonly path: string; readonly found: ReadonlyMap<string, string> },
): Promise<Start> {
  const { git, clock } = site
  const { refs, path, found } = at
  if (await clock.operation(holdsFiles(path))) throw occupied(path)
  const { base, merging, conflicts } = await mergeNeeds(git, order)
  const start: Start = { path, base, merging, conflicts, stash: found.get(STASH) ?? null }
  const blob = await git.line(['hash-object', '-w', '--stdin'], { input: JSON.stringify(start) })
  const tip = found.get(refs.head)
  if (tip !== undefined && tip !== base) {
    const what = `There is a branch ${refs.branch} already, with commits that troupe knows nothing of.`
    throw refused(`${what} Rename it (git branch -m ${refs.branch} NAME), then retry.`)
  }
  await moveRefs(git, [
    { ref: refs.base, from: undefined, to: base },
    { ref: refs.start, from: undefined, to: blob },
    { ref: refs.merging, from: undefined, to: merging?.commit },
    { ref: refs.head, from: tip, to: base },
  ]).catch((error) => {
    throw namespaceTaken(error) ?? error
  })
  return start
}

/** A branch `troupe` keeps all branches `troupe/...` from being made. */
function namespaceTaken(error: unknown): BackendError | undefined {
  if (!(error instanceof BackendError)) return undefined
  const [, name] = /'refs\/heads\/([^']+)' exists; cannot create/.exec(error.message) ?? []
  if (name === undefined) return undefined
  return refused(
    `The branch '${name}' is in the way of troupe's own branches. Rename it (git branch -m ${name} NAME), then retry.`,
  )
}

/** Where a worktree is to be, and what git knows of it. */
interface Place {
  readonly path: string
  readonly admin: string | undefined
  readonly reason: string
  readonly hasBranch: boolean
}

async function make(site: Site, refs: AttemptRefs, place: Place): Promise<void> {
  const { git, clock, exclusively } = site
  const { path, admin, reason, hasBranch } = place
  await clock.operation(clear(path))
  if (!hasBranch) await moveRefs(git, [{ ref: refs.head, from: undefined, to: await git.commit(refs.base) }])
  await exclusively(async () => {
    if (admin !== undefined) await clock.operation(forget(admin))
    const options = ['--no-checkout', '--lock', '--reason', reason, '--force', '--force']
    await git.ask(['worktree', 'add', ...options, path, refs.branch])
  })
}

/** Files, and the merge that is the agent's to finish. */
async function fill(site: Site, refs: AttemptRefs, path: string, start: Start): Promise<void> {
  const git = site.git.at(path)
  await git.ask(['reset', '--hard', '--quiet'])
  const { merging } = start
  if (merging === null || (await git.commit(refs.head)) !== start.base) return
  const { commit, label } = merging
  const name = (await git.commit(`refs/heads/${label}`)) === commit ? label : commit
  const options = ['--no-commit', '--no-ff', '--no-edit', '--no-stat', '--quiet', '--allow-unrelated-histories']
  await git.ask(['-c', 'merge.autoStash=false', 'merge', ...options, name], { answers: [1] })
  if ((await git.commit('MERGE_HEAD')) === commit) return
  const message = `git did not begin the merge of ${commit} in ${path}`
  throw new BackendError(message, { kind: 'crashed', retryable: true, certain: true })
}

/**
 * Ties a folder with work in it to the repository again: an agent may have removed the file in it, a person git's own folder of it or moved
 * the place of all worktrees. A repository of its own that an agent made there is left alone.
 */
async function reattach(site: Site, refs: AttemptRefs, place: Place): Promise<void> {
  const { clock, commonDir } = site
  const { path, reason, hasBranch } = place
  const moved = await clock.operation(adminOf(path))
  const admin = place.admin ?? ((await clock.operation(isAdmin(moved, commonDir))) ? moved : undefined)
  if (admin !== undefined) return clock.operation(link(path, admin))
  const spare = `${path}.again`
  const before = await clock.operation(registered(commonDir, spare))
  await make(site, refs, { path: spare, admin: before?.admin, reason, hasBranch })
  const made = await clock.operation(registered(commonDir, spare))
  if (made === undefined) throw occupied(path)
  const git = site.git.at(path, { GIT_DIR: made.admin, GIT_WORK_TREE: path })
  await git.ask(['reset', '--mixed', '--quiet'])
  await clock.operation(link(path, made.admin))
  await clock.operation(discard(spare))
}

async function isAdmin(folder: string | undefined, commonDir: string): Promise<boolean> {
  return folder !== undefined && dirname(folder) === join(commonDir, 'worktrees') && (await holdsFiles(folder))
}

async function link(path: string, admin: string): Promise<void> {
  await writeFile(join(admin, 'gitdir'), `${join(path, '.git')}\n`)
  const file = join(path, '.git')
  const found = await lstat(file).catch(() => undefined)
  if (found?.isDirectory() !== true) await writeFile(file, `gitdir: ${admin}\n`)
}

function occupied(path: string): BackendError {
  return refused(`There are files in ${path} that troupe has not put there. Move them away, then retry.`)
}
