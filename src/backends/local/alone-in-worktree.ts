import { createHash } from 'node:crypto'
import pLimit, { type LimitFunction } from 'p-limit'
import { sweep } from './process-marks.ts'
import type { Site } from './repository-site.ts'
import { realPlace } from './worktree-places.ts'

/** In the environment of every git that works on one worktree. */
const WORKTREE_MARK = 'TROUPE_WORKTREE'

/** Of all worktrees of this process that something is done to now. */
const turns = new Map<string, LimitFunction>()

/**
 * Does something to a worktree that nothing else does anything to: one call at a time, and first what a killed troupe left running is
 * killed too, unless nobody has been there before. A git that lived on would write into what is made anew, under locks that are taken for left over.
 */
export async function aloneInWorktree<T>(
  site: Site,
  path: string,
  work: (site: Site) => Promise<T>,
  isNew = false,
): Promise<T> {
  const { clock, git } = site
  const real = await clock.operation(realPlace(path))
  const mark = createHash('sha256').update(real).digest('hex').slice(0, 16)
  const turn = turns.get(real) ?? pLimit(1)
  turns.set(real, turn)
  try {
    return await turn(async () => {
      git.signal.throwIfAborted()
      if (!isNew) await sweep(WORKTREE_MARK, mark, { clock })
      return work({ ...site, git: git.with({ [WORKTREE_MARK]: mark }) })
    })
  } finally {
    if (turn.activeCount + turn.pendingCount === 0) turns.delete(real)
  }
}
