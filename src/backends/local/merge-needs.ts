import { BackendError } from '../../domain/errors.ts'
import type { AttemptKey } from '../../domain/ids.ts'
import type { NeededWork } from '../../domain/local-work.ts'
import { attemptBranch, mergeBranch } from './attempt-refs.ts'
import type { Git } from './git.ts'
import { type NeededCommit, unmergeable } from './unmergeable.ts'

/** Where an attempt is to begin. */
export interface Beginning {
  readonly base: string
  /** What is to be merged in the worktree itself, where its conflicts stay for the agent. */
  readonly merging: { readonly commit: string; readonly label: string } | null
  /** Files with conflict markers. */
  readonly conflicts: readonly string[]
}

interface Merged {
  readonly tree: string
  readonly conflicts: readonly string[]
}

/**
 * Merges what a task needs, in the object store alone. The same needs give the same commits, whenever and wherever that is done: their
 * dates are those of what they merge. Throws BackendError `conflict` where a person is to merge.
 *
 * For an agent, all that merges by itself is merged first. A worktree can hold one open merge only: of several that conflict, the last is
 * left open, and those before are committed with the conflict markers in their files.
 */
export async function mergeNeeds(
  git: Git,
  order: {
    readonly key: AttemptKey
    readonly base: string
    readonly needs: readonly NeededWork[]
    readonly onConflict: 'escalate' | 'agent'
  },
): Promise<Beginning> {
  const all = await neededCommits(git, order)
  const [first, ...rest] = all
  if (first === undefined) return { base: order.base, merging: null, conflicts: [] }
  const byHand = await mergedByHand(git, order.key, all)
  if (byHand !== undefined) return { base: byHand, merging: null, conflicts: [] }
  if (rest.length === 0) return { base: first.commit, merging: null, conflicts: [] }
  const date = await newestDate(git, all)
  let base = first.commit
  const merged = [first]
  const open: NeededCommit[] = []
  for (const need of rest) {
    const { tree, conflicts } = await mergeTree(git, base, need.commit)
    if (conflicts.length > 0) open.push(need)
    else {
      base = await commitMerge(git, { tree, date, parents: [base, need.commit], of: [...merged, need], marked: false })
      merged.push(need)
    }
  }
  if (open.length === 0) return { base, merging: null, conflicts: [] }
  if (order.onConflict === 'escalate') {
    const conflictsOf = async (a: string, b: string) => (await mergeTree(git, a, b)).conflicts
    throw await unmergeable({ key: order.key, merged, open, base, conflictsOf })
  }
  return leaveOpen(git, { base, date, merged, open })
}

async function leaveOpen(
  git: Git,
  begun: {
    readonly base: string
    readonly date: string
    readonly merged: readonly NeededCommit[]
    readonly open: readonly NeededCommit[]
  },
): Promise<Beginning> {
  const { date, open } = begun
  let { base } = begun
  const merged = [...begun.merged]
  const marked = new Set<string>()
  for (const [index, need] of open.entries()) {
    const { tree, conflicts } = await mergeTree(git, base, need.commit)
    for (const file of conflicts) marked.add(file)
    if (conflicts.length > 0 && index === open.length - 1) {
      const label = (await git.commit(need.branch)) === need.commit ? need.branch : need.commit
      return { base, merging: { commit: need.commit, label }, conflicts: [...marked].sort() }
    }
    merged.push(need)
    const parents = [base, need.commit]
    base = await commitMerge(git, { tree, date, parents, of: merged, marked: conflicts.length > 0 })
  }
  return { base, merging: null, conflicts: [...marked].sort() }
}

/** The commits of what is needed, in the order of the needs, without those that another one contains. */
async function neededCommits(
  git: Git,
  { key, needs }: { readonly key: AttemptKey; readonly needs: readonly NeededWork[] },
): Promise<readonly NeededCommit[]> {
  const found: NeededCommit[] = []
  for (const { task, attempt, commit } of needs) {
    const branch = attemptBranch({ run: key.run, task, attempt })
    const tip = await git.commit(commit ?? `refs/heads/${branch}`)
    if (tip !== undefined && !found.some((one) => one.commit === tip)) found.push({ task, branch, commit: tip })
    if (tip === undefined && commit !== undefined) throw lost(task, commit)
  }
  if (found.length < 2) return found
  const heads = await git.line(['merge-base', '--independent', ...found.map(({ commit }) => commit)])
  const independent = new Set(heads.split('\n'))
  return found.filter(({ commit }) => independent.has(commit))
}

/** What a person has merged, where it holds everything that is needed. */
async function mergedByHand(git: Git, key: AttemptKey, needs: readonly NeededCommit[]): Promise<string | undefined> {
  const tip = await git.commit(`refs/heads/${mergeBranch(key)}`)
  if (tip === undefined) return undefined
  for (const { commit } of needs) if (!(await git.holds(['merge-base', '--is-ancestor', commit, tip]))) return undefined
  return tip
}

async function mergeTree(git: Git, ours: string, theirs: string): Promise<Merged> {
  const options = ['--write-tree', '--name-only', '--no-messages', '--allow-unrelated-histories', '-z']
  const { code, text } = await git.ask(['merge-tree', ...options, ours, theirs], { answers: [1] })
  const [tree = '', ...files] = text.split('\0').filter((item) => item !== '')
  if (code === 0) return { tree, conflicts: [] }
  return { tree, conflicts: [...new Set(files)].sort() }
}

/** Seconds since 1970 of the newest of them. */
async function newestDate(git: Git, commits: readonly NeededCommit[]): Promise<string> {
  const args = ['show', '--no-patch', '--no-show-signature', '--format=%ct', ...commits.map(({ commit }) => commit)]
  const dates = (await git.line(args)).split('\n').map(Number)
  return `@${Math.max(...dates)} +0000`
}

async function commitMerge(
  git: Git,
  merge: {
    readonly tree: string
    readonly date: string
    readonly parents: readonly string[]
    readonly of: readonly NeededCommit[]
    readonly marked: boolean
  },
): Promise<string> {
  const tasks = merge.of.map(({ task }) => task)
  const title = `troupe: merge the work of ${tasks.slice(0, -1).join(', ')} and ${tasks.at(-1)}`
  const message = merge.marked ? `${title}\n\nIts conflicts are in its files, between conflict markers.` : title
  const dated = git.with({ GIT_AUTHOR_DATE: merge.date, GIT_COMMITTER_DATE: merge.date })
  const parents = merge.parents.flatMap((parent) => ['-p', parent])
  return dated.line(['commit-tree', ...parents, '-F', '-', merge.tree], { input: `${message}\n` })
}

function lost(task: string, commit: string): BackendError {
  const message = `The work of task '${task}', commit ${commit}, is not in this repository. Retry '${task}', or fetch the commit.`
  return new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
