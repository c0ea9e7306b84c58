import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type AttemptRefs, moveRefs, readRefs, readStart, refsOf } from './attempt-refs.ts'
import { conflictsLeft } from './conflict-markers.ts'
import type { Git } from './git.ts'
import { measureWork } from './measure-work.ts'
import type { Site } from './repository-site.ts'
import { adminOf, stageWork } from './stage-work.ts'
import { hasStashed } from './stash.ts'
import { holdsFiles, realPlace, registered, removeLeftLocks } from './worktree-places.ts'
import type { Collection, PreparedWorktree } from './worktrees.ts'

/** The worktree as its agent left it. */
interface Left {
  /** Called with git's own folder of the worktree named, whatever the agent did to the file that names it. */
  readonly git: Git
  readonly path: string
  readonly admin: string | undefined
  /** Undefined on a branch without a commit. */
  readonly head: string | undefined
  readonly onBranch: boolean
  /** Commits whose merge is under way, where HEAD does not contain them. */
  readonly merging: readonly string[]
  readonly inMerge: boolean
}

/**
 * Commits all that is not ignored, wherever the agent's HEAD is: to `final` first, then to the attempt's branch. Commits that were the
 * attempt's once and are not contained in that stay under `aside`. The agent can go on working in the worktree.
 */
export async function collectWork(site: Site, prepared: PreparedWorktree, message: string): Promise<Collection> {
  const { clock, commonDir } = site
  const refs = refsOf(prepared.branch)
  const path = await clock.operation(realPlace(prepared.path))
  const admin = (await clock.operation(registered(commonDir, path)))?.admin
  await clock.operation(removeLeftLocks(commonDir, refs, admin))
  const start = await readStart(site.git, refs)
  const known = await readRefs(site.git, [refs.head, refs.final])
  const stashed = await hasStashed(site.git, refs.branch, prepared.stash)
  const merging = start?.merging?.commit
  const measured = (commit: string) => measureWork(site.git, { prepared, commit, merging })
  if (!(await clock.operation(holdsFiles(path)))) {
    const commit = known.get(refs.final) ?? known.get(refs.head) ?? prepared.base
    if (!known.has(refs.final)) await moveRefs(site.git, [{ ref: refs.final, from: undefined, to: commit }])
    return { work: await measured(commit), conflictsLeft: [], stashed }
  }
  const left = await look(site, refs, path, admin)
  const unmerged = await unmergedFiles(left)
  const commit = await save(site, prepared, left, { refs, known, message })
  const files = [...new Set([...prepared.conflicts, ...unmerged])].sort()
  const remaining = (await mergedIn(site.git, merging, commit))
    ? await clock.operation(conflictsLeft(path, files))
    : prepared.conflicts
  return { work: await measured(commit), conflictsLeft: remaining, stashed }
}

/** An agent that gave the merge up has left out the work of a task; no file tells. */
async function mergedIn(git: Git, merging: string | undefined, commit: string): Promise<boolean> {
  return merging === undefined || (await git.holds(['merge-base', '--is-ancestor', merging, commit]))
}

async function look(site: Site, refs: AttemptRefs, path: string, admin: string | undefined): Promise<Left> {
  const folder = admin ?? site.commonDir
  const git = site.git.at(path, { GIT_DIR: folder, GIT_WORK_TREE: path })
  if (admin === undefined) {
    const head = (await git.commit(refs.head)) ?? (await git.commit(refs.base))
    return { git, path, admin, head, onBranch: false, merging: [], inMerge: false }
  }
  const { text } = await git.ask(['symbolic-ref', '--quiet', 'HEAD'], { answers: [1, 128] })
  const head = await git.commit('HEAD')
  const file = await site.clock.operation(readFile(join(admin, 'MERGE_HEAD'), 'utf8').catch(() => ''))
  const merging: string[] = []
  for (const name of file.split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line))) {
    const commit = await git.commit(name)
    const contained = head !== undefined && (await git.holds(['merge-base', '--is-ancestor', name, head]))
    if (commit !== undefined && !contained) merging.push(commit)
  }
  return { git, path, admin, head, onBranch: text.trim() === refs.head, merging, inMerge: file !== '' }
}

async function unmergedFiles({ git, admin }: Left): Promise<readonly string[]> {
  if (admin === undefined) return []
  const { text } = await git.ask(['ls-files', '-z', '--unmerged'], { answers: [128] })
  const entries = text.split('\0').filter((entry) => entry !== '')
  return [...new Set(entries.map((entry) => entry.slice(entry.indexOf('\t') + 1)))]
}

/** Commits what was left and names it; the commit where nothing was. */
async function save(
  site: Site,
  prepared: PreparedWorktree,
  left: Left,
  { refs, known, message }: { refs: AttemptRefs; known: ReadonlyMap<string, string>; message: string },
): Promise<string> {
  const { git, path, admin, head, merging } = left
  const tip = known.get(refs.head)
  const last = known.get(refs.final)
  // On a branch without a commit, the work follows what there was before.
  const parents = [head ?? tip ?? prepared.base, ...merging]
  const { tree, nested, afresh } = await stageWork({
    clock: site.clock,
    git,
    folder: path,
    index: `${path}.index`,
    ...(admin === undefined ? {} : { from: join(admin, 'index') }),
    ...(head === undefined ? {} : { head }),
    base: prepared.base,
    commonDir: site.commonDir,
  })
  const commit = await committed(site, { tree, parents, last, message })
  const aside: string[] = []
  for (const old of new Set([tip, last]))
    if (old !== undefined && !(await git.holds(['merge-base', '--is-ancestor', old, commit]))) aside.push(old)
  const there = await readRefs(site.git, [refs.aside, refs.nested])
  const inner = await saveNested(site, left, nested, (name) => ({ ref: `${refs.nested}/${name}`, there }))
  const kept = [...aside.map((old) => [`${refs.aside}/${old}`, old] as const), ...inner]
  await moveRefs(site.git, [
    ...kept.map(([ref, to]) => ({ ref, from: there.get(ref), to })),
    { ref: refs.final, from: last, to: commit },
    { ref: refs.head, from: tip, to: commit },
  ])
  await bringInLine(site, left, commit, afresh)
  return commit
}

/**
 * The agent's index follows, and a merge that is committed is over. Asked of git rather than known: an earlier call may have been killed
 * after it had moved the branch, and the agent would commit the reverse of its own work.
 */
async function bringInLine(site: Site, left: Left, commit: string, afresh: boolean): Promise<void> {
  const { git, admin, head, onBranch, inMerge } = left
  if (admin === undefined) return
  const index = join(admin, 'index')
  if (afresh) await site.clock.operation(rm(index, { force: true }))
  else if (!onBranch) return
  const inLine =
    !afresh && commit === head && !inMerge && (await git.holds(['diff-index', '--cached', '--quiet', 'HEAD']))
  if (!inLine) await git.ask(['reset', '--mixed', '--quiet'])
}

/** No change makes no commit, also not where the agent's HEAD cannot follow. */
async function committed(
  site: Site,
  work: { tree: string; parents: readonly string[]; last: string | undefined; message: string },
): Promise<string> {
  const { tree, parents, last, message } = work
  const [parent = ''] = parents
  const shape = async (commit: string) =>
    site.git.line(['show', '--no-patch', '--no-show-signature', '--format=%T %P', commit])
  if (parents.length === 1 && (await shape(parent)).startsWith(tree)) return parent
  if (last !== undefined && (await shape(last)) === `${tree} ${parents.join(' ')}`) return last
  const date = `@${Math.floor(site.clock.now() / 1_000)} +0000`
  const git = site.git.with({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date })
  return git.line(['commit-tree', ...parents.flatMap((one) => ['-p', one]), '-F', '-', tree], { input: `${message}\n` })
}

/** Worktrees that the agent made inside its own: their branches stay, what they hold uncommitted is kept under refs of the attempt. */
async function saveNested(
  site: Site,
  left: Left,
  nested: readonly string[],
  refOf: (name: string) => { readonly ref: string; readonly there: ReadonlyMap<string, string> },
): Promise<readonly (readonly [ref: string, commit: string])[]> {
  const { clock, commonDir } = site
  const kept: [string, string][] = []
  for (const relative of nested) {
    const folder = join(left.path, relative)
    const admin = await clock.operation(adminOf(folder))
    if (admin === undefined) continue
    const git = site.git.at(folder, { GIT_DIR: admin, GIT_WORK_TREE: folder })
    const head = await git.commit('HEAD')
    if (head === undefined) continue
    const { ref, there } = refOf(basename(admin))
    const index = `${left.path}.index`
    const { tree } = await stageWork({ clock, git, folder, index, from: join(admin, 'index'), head, commonDir })
    const message = `troupe: what was left in ${relative}`
    kept.push([ref, await committed(site, { tree, parents: [head], last: there.get(ref), message })])
  }
  return kept
}
