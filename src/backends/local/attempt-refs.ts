import { type AttemptKey, portableTaskId } from '../../domain/ids.ts'
import type { Git } from './git.ts'

/** What git keeps of one attempt. Nothing else holds where it began, so that a data folder that is lost loses no work. */
export interface AttemptRefs {
  readonly branch: string
  readonly head: string
  /** The commit where its agent began. */
  readonly base: string
  /** A blob: {@link Start}. */
  readonly start: string
  /** The commit whose merge was left open in the worktree. */
  readonly merging: string
  /** Set once the worktree is complete: from then on there may be work in it. */
  readonly ready: string
  /** What was left in the worktree, committed. */
  readonly final: string
  /** Commits that were its work once and that `final` does not contain. */
  readonly aside: string
  /** What was left in worktrees that its agent made inside its own. */
  readonly nested: string
}

/** How an attempt began. */
export interface Start {
  /** Where its worktree was to be. */
  readonly path: string
  readonly base: string
  readonly merging: { readonly commit: string; readonly label: string } | null
  readonly conflicts: readonly string[]
  readonly stash: string | null
}

/** Of an attempt: `troupe/RUN/TASK/ATTEMPT`. */
export function attemptBranch({ run, task, attempt }: AttemptKey): string {
  return `troupe/${run}/${portableTaskId(task)}/${attempt}`
}

/** Where a person merges what a task needs. No attempt is called so: attempts are numbers. */
export function mergeBranch({ run, task }: Pick<AttemptKey, 'run' | 'task'>): string {
  return `troupe/${run}/${portableTaskId(task)}/merge`
}

export function refsOf(branch: string): AttemptRefs {
  const own = (name: string) => `refs/${branch}/${name}`
  return {
    branch,
    head: `refs/heads/${branch}`,
    base: own('base'),
    start: own('start'),
    merging: own('merging'),
    ready: own('ready'),
    final: own('final'),
    aside: own('aside'),
    nested: own('nested'),
  }
}

/** Undefined where the attempt has not begun. */
export async function readStart(git: Git, refs: AttemptRefs): Promise<Start | undefined> {
  const { code, text } = await git.ask(['cat-file', 'blob', refs.start], { answers: [1, 128] })
  return code === 0 ? (JSON.parse(text) as Start) : undefined
}

/** What each ref points at, of those that exist. */
export async function readRefs(git: Git, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const text = await git.line(['for-each-ref', '--format=%(objectname) %(refname)', ...names])
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}

/** Sets refs, all or none. `from` undefined: it must not exist yet; `to` undefined: it goes. */
export async function moveRefs(
  git: Git,
  moves: readonly { readonly ref: string; readonly from: string | undefined; readonly to: string | undefined }[],
): Promise<void> {
  const lines = moves
    .filter(({ from, to }) => from !== to)
    .map(({ ref, from, to }) => {
      if (from === undefined) return `create ${ref} ${to}\n`
      return to === undefined ? `delete ${ref} ${from}\n` : `update ${ref} ${to} ${from}\n`
    })
  if (lines.length > 0) await git.ask(['update-ref', '-m', 'troupe', '--stdin'], { input: lines.join('') })
}
