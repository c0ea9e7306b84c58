import { z } from 'zod'
import type { AttemptWork, CollectedWork, FileChange } from '../../domain/local-work.ts'
import { component } from './component.ts'
import { names, runId, taskId } from './values.ts'

const lines = z.int().nonnegative()

const fileChange = component<FileChange>('FileChange')(
  z
    .object({ path: z.string(), added: lines.nullable(), removed: lines.nullable() })
    .describe('Lines are null for binary files.'),
)

/** What git knows of an attempt's work. */
export const collectedWork = component<CollectedWork>('CollectedWork')(
  z
    .object({
      repository: z.string().describe('Its top folder, on the machine that carries the run.'),
      branch: z.string(),
      base: z.string().describe('Where its agent began: the run’s base, or the merged work of what it needs.'),
      commit: z.string().describe('All that it left; `base` where nothing changed.'),
      commits: z.int().nonnegative(),
      files: z.array(fileChange).describe('The first of them, by path.'),
      fileCount: z.int().nonnegative(),
      added: lines,
      removed: lines,
    })
    .describe('What git knows of it: no text of an agent, but the names of files are its choice.'),
)

const attemptWork = component<AttemptWork>('AttemptWork')(
  z.object({
    task: taskId,
    attempt: z.int().positive(),
    backend: z.string().describe('Backend and agent: `acp:claude`.'),
    state: z
      .enum(['preparing', 'working', 'interrupted', 'complete', 'failed', 'cancelled', 'not-started'])
      .describe(
        '`interrupted`: its turn is not over, and nothing goes on now. `not-started`: it was let go before its first prompt left.',
      ),
    reason: z.string().describe('What went wrong.').exactOptional(),
    branch: z.string().exactOptional(),
    worktree: z.string().describe('Where its worktree is, as long as there is one.').exactOptional(),
    session: z.string().describe('The agent’s own id of the conversation.').exactOptional(),
    turns: z.int().nonnegative(),
    continued: z.int().nonnegative().describe('How often it was continued after troupe had ended under it.'),
    work: collectedWork.exactOptional(),
    stashed: z
      .literal(true)
      .describe('The stash has changed while it worked: all worktrees of a repository share it.')
      .exactOptional(),
    denied: names.describe('Tool calls that were refused, the first of them.'),
    kept: z
      .object({ folder: z.string(), files: names })
      .describe('Ignored files of its worktree that were kept, and where.')
      .exactOptional(),
  }),
)

/** What the attempts of a run did at local agents. */
export const runWork = component<{ readonly run: string; readonly attempts: readonly AttemptWork[] }>('RunWork')(
  z.object({ run: runId, attempts: z.array(attemptWork).describe('In the order in which they began.') }),
)
