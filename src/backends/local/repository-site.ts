import { realpath } from 'node:fs/promises'
import pLimit, { type LimitFunction } from 'p-limit'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { Git } from './git.ts'

/** `merge-tree --write-tree` came with it. */
const OLDEST_GIT = [2, 38] as const

/** One repository, as a call works in it. */
export interface Site {
  readonly clock: Clock
  /** Called in the top folder. */
  readonly git: Git
  readonly top: string
  /** Where objects, branches and git's own folders of worktrees are, links followed. */
  readonly commonDir: string
  /** Runs what changes the list of worktrees: one at a time in a repository. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

/** Of all repositories of this process; what runs in them at the same time would disturb each other whoever asks for it. */
const lists = new Map<string, LimitFunction>()

/** Where a repository is. */
export interface Places {
  readonly top: string
  readonly commonDir: string
}

/** Where the repository is that a folder lies in. Throws BackendError `refused`, which says what is wrong. */
export async function placesOf(clock: Clock, git: Git): Promise<Places> {
  const [top, common] = await askPlaces(git)
  return { top, commonDir: await clock.operation(realpath(common)) }
}

/** A repository to work in. */
export function openSite(clock: Clock, git: Git, { top, commonDir }: Places): Site {
  const list = lists.get(commonDir) ?? pLimit(1)
  lists.set(commonDir, list)
  return { clock, git: git.at(top), top, commonDir, exclusively: (work) => list(work) }
}

/** The commit that the repository's HEAD is at. Throws BackendError `refused` where there is none yet. */
export async function headOf({ git, top }: Site): Promise<string> {
  const head = await git.commit('HEAD')
  if (head !== undefined) return head
  throw refused(`The repository ${top} has no commit yet. Commit something first: agents begin at a commit.`)
}

/** Throws BackendError `refused` where git is missing or too old. */
export async function checkVersion(git: Git): Promise<void> {
  const said = await git.at('/').line(['version'])
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(said) ?? []
  const [oldMajor, oldMinor] = OLDEST_GIT
  if (Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor)) return
  throw refused(`git is too old here: '${said}'. Install git ${oldMajor}.${oldMinor} or newer.`)
}

/** Its top folder, and where git keeps what is of the whole repository. */
async function askPlaces(git: Git): Promise<readonly [top: string, commonDir: string]> {
  const [top = '', common = '', ...more] = (await tell(git, '--show-toplevel', '--git-common-dir')).split('\n')
  if (more.length === 0) return [top, common]
  // A name has a line's end in it.
  return [await tell(git, '--show-toplevel'), await tell(git, '--git-common-dir')]
}

async function tell(git: Git, ...what: readonly ('--show-toplevel' | '--git-common-dir')[]): Promise<string> {
  try {
    return await git.line(['rev-parse', '--path-format=absolute', ...what])
  } catch (error) {
    if (!(error instanceof BackendError) || error.kind !== 'crashed') throw error
    const said = error.message.replace(/^git rev-parse failed in /, '')
    throw refused(
      `Local agents need a git repository with files: ${said}. Start it in one, or make one with 'git init'.`,
    )
  }
}

/** What no further attempt can change. */
export function refused(message: string): BackendError {
  return new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
