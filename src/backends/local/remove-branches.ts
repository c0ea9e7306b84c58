import { moveRefs, readRefs } from './attempt-refs.ts'
import type { Git } from './git.ts'
import { refused } from './repository-site.ts'

const HEADS = 'refs/heads/'

/** Removes what git keeps of a run, as far as the repository's other branches, tags or HEAD contain it; names the branches. */
export async function removeRunBranches(
  git: Git,
  run: string,
): Promise<{ readonly removed: readonly string[]; readonly unmerged: readonly string[] }> {
  if (!/^\w+$/.test(run)) throw refused(`'${run}' is not the id of a run.`)
  const own = await readRefs(git, [`${HEADS}troupe/${run}/`, `refs/troupe/${run}/`])
  const branches = [...own.keys()].filter((ref) => ref.startsWith(HEADS))
  const unmerged = await unmergedCommits(git, own)
  const inUse = await checkedOut(git, branches)
  const stays = (ref: string) => unmerged.has(own.get(ref) ?? '') || inUse.has(ref)
  const kept = branches.filter(stays)
  const gone = branches.filter((ref) => !stays(ref))
  const attempts = gone.map((ref) => `refs/${ref.slice(HEADS.length)}/`)
  const orphaned = [...own.keys()].filter((ref) => {
    const attempt = attempts.some((prefix) => ref.startsWith(prefix))
    return attempt && !unmerged.has(own.get(ref) ?? '')
  })
  await moveRefs(
    git,
    [...gone, ...orphaned].map((ref) => ({ ref, from: own.get(ref), to: undefined })),
  )
  const named = (refs: readonly string[]) => refs.map((ref) => ref.slice(HEADS.length)).sort()
  return { removed: named(gone), unmerged: named(kept) }
}

/** Those of the run's commits that nothing outside of troupe's own branches contains. */
async function unmergedCommits(git: Git, own: ReadonlyMap<string, string>): Promise<ReadonlySet<string>> {
  const all = await readRefs(git, [HEADS, 'refs/remotes/', 'refs/tags/'])
  const outside = [...all.keys()].filter((ref) => !ref.startsWith(`${HEADS}troupe/`))
  const head = (await git.commit('HEAD')) === undefined ? [] : ['^HEAD']
  const commits = [...own].filter(([ref]) => !ref.endsWith('/start')).map(([, commit]) => commit)
  if (commits.length === 0) return new Set()
  const input = [...commits, ...head, ...outside.map((ref) => `^${ref}`)].join('\n')
  return new Set((await git.line(['rev-list', '--stdin'], { input: `${input}\n` })).split('\n'))
}

/** An attempt that is at work, or a worktree of a person. */
async function checkedOut(git: Git, branches: readonly string[]): Promise<ReadonlySet<string>> {
  if (branches.length === 0) return new Set()
  const items = await git.list(['worktree', 'list', '--porcelain', '-z'])
  return new Set(items.filter((item) => item.startsWith('branch ')).map((item) => item.slice('branch '.length)))
}
