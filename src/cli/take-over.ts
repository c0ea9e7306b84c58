import { BackendError } from '../domain/errors.ts'
import type { AttemptWork, CollectedWork } from '../domain/local-work.ts'
import type { LocalTools } from './local-tools.ts'

/** How the work of a run in one repository is taken over. */
export interface TakeOver {
  /** Its top folder. */
  readonly repository: string
  /**
   * The branches that together hold all that the completed attempts did and HEAD does not hold yet; none of them contains another.
   */
  readonly branches: readonly string[]
  /** Branches that somebody removed before they were merged. */
  readonly gone: readonly string[]
  /** Why that cannot be told. */
  readonly trouble?: string
}

type Git = ReturnType<LocalTools['git']>

const HEADS = 'refs/heads/'
/** Commits that are compared by one call of git. */
const AT_ONCE = 1000

/** How to take over what a run did, by repository. Only the newest completed attempt of each task counts. */
export function takeOversOf(tools: Pick<LocalTools, 'git'>, attempts: readonly AttemptWork[]): Promise<TakeOver[]> {
  const newest = new Map<string, AttemptWork>()
  for (const attempt of attempts) if (attempt.state === 'complete') newest.set(attempt.task, attempt)
  const byRepository = new Map<string, CollectedWork[]>()
  for (const { work } of newest.values()) {
    if (work !== undefined) byRepository.set(work.repository, [...(byRepository.get(work.repository) ?? []), work])
  }
  const changed = [...byRepository].filter(([, works]) => works.some(hasChanged))
  return Promise.all(changed.map(([repository, works]) => takeOver(tools.git(repository), repository, works)))
}

/** One that changed nothing may still hold the merged work of others: it began there. */
function hasChanged({ base, commit }: CollectedWork): boolean {
  return commit !== base
}

async function takeOver(git: Git, repository: string, works: readonly CollectedWork[]): Promise<TakeOver> {
  try {
    const head = await git.line(['rev-parse', 'HEAD'])
    const commits = await commitsOf(git)
    const there = works.filter(({ branch }) => commits.has(branch))
    // Of two at one commit, the later holds the earlier.
    const branches = new Map(there.map(({ branch }) => [commits.get(branch) ?? '', branch]))
    branches.delete(head)
    const tips = await independent(git, [...branches.keys()])
    const lost: string[] = []
    for (const { branch, commit } of works.filter(hasChanged)) {
      if (!commits.has(branch) && !(await isHeld(git, commit, [head, ...tips]))) lost.push(branch)
    }
    return { repository, branches: tips.flatMap((commit) => branches.get(commit) ?? []).sort(), gone: lost }
  } catch (error) {
    if (error instanceof BackendError) return { repository, branches: [], gone: [], trouble: error.message }
    throw error
  }
}

/** What troupe's branches point at. */
async function commitsOf(git: Git): Promise<ReadonlyMap<string, string>> {
  const refs = await git.line(['for-each-ref', '--format=%(objectname) %(refname)', `${HEADS}troupe/`])
  return new Map(
    refs.split('\n').map((line) => {
      const [commit = '', ref = ''] = line.split(' ')
      return [ref.slice(HEADS.length), commit]
    }),
  )
}

/** Those of some commits that neither HEAD nor another of them contains. */
async function independent(git: Git, commits: readonly string[]): Promise<readonly string[]> {
  let tips: readonly string[] = []
  for (let from = 0; from < commits.length; from += AT_ONCE) {
    const asked = ['merge-base', '--independent', 'HEAD', ...tips, ...commits.slice(from, from + AT_ONCE)]
    tips = (await git.line(asked)).split('\n').filter((commit) => commits.includes(commit))
  }
  return tips
}

/** A commit that git no longer has is held by nothing. */
async function isHeld(git: Git, commit: string, by: readonly string[]): Promise<boolean> {
  try {
    return (await git.line(['rev-list', '--max-count=1', commit, ...by.map((held) => `^${held}`)])) === ''
  } catch (error) {
    if (error instanceof BackendError) return false
    throw error
  }
}
