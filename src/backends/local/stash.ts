import type { Git } from './git.ts'

/** Its newest entry. */
export const STASH = 'refs/stash'

/** All worktrees of a repository share one stash. Null where it is empty. */
async function stashOf(git: Git): Promise<string | null> {
  return (await git.commit(STASH)) ?? null
}

/**
 * Whether an agent has put something away there since `before`. What people and other agents put away at the same time does not count:
 * git notes the branch with each; without one the agent's own work may be in it.
 */
export async function hasStashed(git: Git, branch: string, before: string | null): Promise<boolean> {
  if ((await stashOf(git)) === before) return false
  if ((await stashOf(git)) === null) return false
  const entries = await git.list(['log', '-z', '--walk-reflogs', '--no-show-signature', '--format=%H %gs', STASH, '--'])
  const known = entries.findIndex((entry) => before !== null && entry.startsWith(before))
  const added = known < 0 ? entries : entries.slice(0, known)
  return added.some(
    (entry) => entry.includes(` on ${branch}:`) || entry.includes(`On ${branch}:`) || entry.includes('(no branch)'),
  )
}
