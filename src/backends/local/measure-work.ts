import type { CollectedWork, FileChange } from '../../domain/local-work.ts'
import type { Git } from './git.ts'
import type { PreparedWorktree } from './worktrees.ts'

/** How many files are named; all are counted. */
const MOST_FILES = 100

/** What lies between where an agent began and what it left. */
export async function measureWork(
  git: Git,
  work: { readonly prepared: PreparedWorktree; readonly commit: string; readonly merging: string | undefined },
): Promise<CollectedWork> {
  const { prepared, commit, merging } = work
  const { repository, branch, base } = prepared
  // The commits of a merge that was the agent's to finish are not its own.
  const others = merging === undefined ? [] : [`^${merging}`]
  const commits = Number(await git.line(['rev-list', '--count', commit, `^${base}`, ...others]))
  const changes = (await git.list(['diff-tree', '-r', '-z', '--numstat', '--no-renames', base, commit])).map(parse)
  return {
    repository,
    branch,
    base,
    commit,
    commits,
    files: changes.slice(0, MOST_FILES),
    fileCount: changes.length,
    added: sum(changes.map(({ added }) => added)),
    removed: sum(changes.map(({ removed }) => removed)),
  }
}

function parse(entry: string): FileChange {
  const [added = '', removed = ''] = entry.split('\t', 2)
  const path = entry.slice(added.length + removed.length + 2)
  return { path, added: count(added), removed: count(removed) }
}

/** `-` for binary files. */
function count(text: string): number | null {
  return text === '-' ? null : Number(text)
}

function sum(counts: readonly (number | null)[]): number {
  return counts.reduce<number>((all, one) => all + (one ?? 0), 0)
}
