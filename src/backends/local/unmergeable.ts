import { BackendError } from '../../domain/errors.ts'
import type { AttemptKey } from '../../domain/ids.ts'
import { mergeBranch } from './attempt-refs.ts'

/** The work of one task that another needs. */
export interface NeededCommit {
  readonly task: string
  readonly branch: string
  readonly commit: string
}

const MOST_FILES = 10
const MOST_TASKS = 5
const NAME = 200

/** Says which work cannot be merged with which, where, and what a person can do. */
export async function unmergeable(conflict: {
  readonly key: AttemptKey
  /** What could be merged, and `base`, all of it merged. */
  readonly merged: readonly NeededCommit[]
  readonly base: string
  readonly open: readonly NeededCommit[]
  conflictsOf(a: string, b: string): Promise<readonly string[]>
}): Promise<BackendError> {
  const { key, merged, base, open, conflictsOf } = conflict
  const told: string[] = []
  for (const need of open.slice(0, MOST_TASKS)) {
    const { others, files } = await opponents(need, { merged, base, conflictsOf })
    told.push(`${named([need])} conflicts with ${named(others)} in ${listed(files)}`)
  }
  if (open.length > MOST_TASKS) told.push(`${open.length - MOST_TASKS} more conflict`)
  const message =
    `What '${key.task}' needs cannot be merged: ${told.join('; ')}. ` +
    `Merge it by hand: ${steps(key, [...merged, ...open])}; then retry '${key.task}'. ` +
    `Or retry it with --resolve, and its own agent resolves the conflicts first.`
  return new BackendError(message, { kind: 'conflict', retryable: false, certain: true })
}

/** The first that it cannot be merged with; all of them together, where each alone could be. */
async function opponents(
  need: NeededCommit,
  { merged, base, conflictsOf }: Pick<Parameters<typeof unmergeable>[0], 'merged' | 'base' | 'conflictsOf'>,
): Promise<{ readonly others: readonly NeededCommit[]; readonly files: readonly string[] }> {
  for (const other of merged) {
    const files = await conflictsOf(other.commit, need.commit)
    if (files.length > 0) return { others: [other], files }
  }
  return { others: merged, files: await conflictsOf(base, need.commit) }
}

function named(needs: readonly NeededCommit[]): string {
  const names = needs.slice(0, MOST_TASKS).map(({ task, branch }) => `'${task}' (branch ${branch})`)
  return andMore(names, needs.length)
}

function listed(files: readonly string[]): string {
  return andMore(files.slice(0, MOST_FILES).map(quoted), files.length)
}

/** Names of files come from agents. */
function quoted(file: string): string {
  const short = file.length > NAME ? `${file.slice(0, NAME)}...` : file
  return /^[\w./@+-]+$/.test(short) ? short : JSON.stringify(short)
}

function andMore(items: readonly string[], all: number): string {
  const rest = all - items.length
  return rest > 0 ? `${items.join(', ')} and ${rest} more` : items.join(', ')
}

function steps(key: AttemptKey, needs: readonly NeededCommit[]): string {
  const [first, ...rest] = needs.map(({ commit }) => commit.slice(0, 12))
  const merges = rest.slice(0, MOST_TASKS).map((commit) => `git merge ${commit}`)
  const all = rest.length > MOST_TASKS ? [...merges, `and so on for ${rest.length - MOST_TASKS} more`] : merges
  return [`git switch -c ${mergeBranch(key)} ${first}`, ...all].join(', ')
}
