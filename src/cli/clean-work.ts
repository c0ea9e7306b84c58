import { join } from 'node:path'
import { attemptFolder } from '../backends/local/attempt-notes.ts'
import { foldersOf, KEPT } from '../backends/local/attempt-work.ts'
import { BackendError } from '../domain/errors.ts'
import type { AttemptWork } from '../domain/local-work.ts'
import type { LocalTools } from './local-tools.ts'

/** What was removed of a run's work, and what stays, each with its reason. */
export interface CleanedWork {
  readonly worktrees: readonly string[]
  readonly branches: readonly string[]
  readonly left: readonly { readonly what: string; readonly why: string }[]
}

/**
 * Removes the worktrees of a finished run that are still there, and those of its branches that are merged. What would be lost stays: a
 * worktree whose work was not collected, a branch that nothing else contains.
 */
export async function cleanWork(
  { worktrees }: Pick<LocalTools, 'worktrees'>,
  { run, runFolder }: { readonly run: string; readonly runFolder: string },
  attempts: readonly AttemptWork[],
): Promise<CleanedWork> {
  const { signal } = new AbortController()
  const removed: string[] = []
  const branches: string[] = []
  const left: { what: string; why: string }[] = []
  const tried = async (what: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      left.push({ what, why: error.message })
    }
  }
  for (const { task, attempt, worktree: path, work } of attempts) {
    if (path === undefined) continue
    if (work === undefined) {
      left.push({ what: path, why: 'its work was not collected' })
      continue
    }
    const { repository, branch, base } = work
    const keepIn = join(attemptFolder(runFolder, { task, attempt }), KEPT)
    await tried(path, async () => {
      await worktrees.clean({ repository, path, branch, base, conflicts: [], stash: null }, keepIn, signal)
      removed.push(path)
    })
  }
  const repositories = new Set(attempts.flatMap(({ work }) => work?.repository ?? []))
  for (const folder of await foldersOf(runFolder)) {
    if (!repositories.has(folder))
      await tried(folder, async () => void repositories.add((await worktrees.open(folder, signal)).top))
  }
  for (const repository of repositories) {
    await tried(repository, async () => {
      const result = await worktrees.removeBranches(repository, run, signal)
      branches.push(...result.removed)
      left.push(...result.unmerged.map((what) => ({ what, why: 'it is not merged, or a worktree has it checked out' })))
    })
  }
  return { worktrees: removed, branches, left }
}
