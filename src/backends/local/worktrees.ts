import type { Clock } from '../../domain/clock.ts'
import type { AttemptKey } from '../../domain/ids.ts'
import type { CollectedWork, NeededWork } from '../../domain/local-work.ts'
import { aloneInWorktree } from './alone-in-worktree.ts'
import { abandonWorktree, cleanWorktree } from './clean-worktree.ts'
import { collectWork } from './collect-work.ts'
import { Git } from './git.ts'
import { prepareWorktree } from './prepare-worktree.ts'
import { removeRunBranches } from './remove-branches.ts'
import { checkVersion, headOf, openSite, type Places, placesOf, type Site } from './repository-site.ts'

export interface WorktreeOrder {
  readonly key: AttemptKey
  /** A folder in a repository. */
  readonly repository: string
  /** The commit of the run, from which everything begins that needs nothing. */
  readonly base: string
  readonly needs: readonly NeededWork[]
  readonly onConflict: 'escalate' | 'agent'
  /** Where the worktree is to be, absolute, outside the repository. */
  readonly path: string
  /** Nobody has begun it before: no killed troupe can have left a git at work there. */
  readonly isNew?: boolean
}

/** Plain JSON. */
export interface PreparedWorktree {
  /** The repository's top folder. */
  readonly repository: string
  readonly path: string
  readonly branch: string
  /** Where the agent begins. */
  readonly base: string
  /** Files with conflict markers, left for the agent. */
  readonly conflicts: readonly string[]
  /** The newest entry of the stash then. */
  readonly stash: string | null
}

export interface Repository {
  readonly top: string
  readonly commonDir: string
  /** The commit that HEAD is at. */
  readonly head: string
}

export interface Collection {
  readonly work: CollectedWork
  /** Files that still hold conflict markers; all that conflicted, where the agent gave up a merge that it was left with. */
  readonly conflictsLeft: readonly string[]
  /** The agent has put something on the stash, which all worktrees share. */
  readonly stashed: boolean
}

export interface Cleaning {
  /** Ignored files that were kept, relative. */
  readonly kept: readonly string[]
  /** Ignored folders, links and larger files that were not, relative; the first of them. */
  readonly left: readonly string[]
}

/**
 * The worktrees of attempts. The user's own tree, index, HEAD, stash and configuration are never touched, and no hook runs. Every method
 * may be called again after the process was killed in it, and throws BackendError.
 */
export class Worktrees {
  readonly #clock: Clock
  readonly #own: Readonly<Record<string, string | undefined>>
  readonly #places = new Map<string, Places>()
  #isNewEnough = false

  /** `env`: troupe's own environment, of which git is given what it needs. */
  constructor(options: { readonly clock: Clock; readonly env?: Readonly<Record<string, string | undefined>> }) {
    this.#clock = options.clock
    this.#own = options.env ?? process.env
  }

  /** Throws BackendError `refused`: no repository, no commit, git missing or too old. */
  async open(folder: string, signal: AbortSignal): Promise<Repository> {
    const site = await this.#site(folder, signal)
    return { top: site.top, commonDir: site.commonDir, head: await headOf(site) }
  }

  /** Throws BackendError `conflict`, which names tasks, branches, files and what to do. Work that is there is left as it is. */
  async prepare(order: WorktreeOrder, signal: AbortSignal): Promise<PreparedWorktree> {
    const site = await this.#site(order.repository, signal)
    return aloneInWorktree(site, order.path, (alone) => prepareWorktree(alone, order), order.isNew)
  }

  /** Commits what was left. None of the attempt's processes may live. */
  async collect(prepared: PreparedWorktree, message: string, signal: AbortSignal): Promise<Collection> {
    const site = await this.#site(prepared.repository, signal)
    return aloneInWorktree(site, prepared.path, (alone) => collectWork(alone, prepared, message))
  }

  /** Removes the worktree, and keeps ignored files in a folder. None of the attempt's processes may live. */
  async clean(prepared: PreparedWorktree, keepIn: string, signal: AbortSignal): Promise<Cleaning> {
    const site = await this.#site(prepared.repository, signal)
    return aloneInWorktree(site, prepared.path, (alone) => cleanWorktree(alone, prepared, keepIn))
  }

  /** Removes what was made of a worktree that no agent was told of. None of the attempt's processes may live. */
  async abandon(repository: string, path: string, signal: AbortSignal): Promise<void> {
    const site = await this.#site(repository, signal)
    return aloneInWorktree(site, path, (alone) => abandonWorktree(alone, path))
  }

  /** Removes branches of a run that are merged somewhere else, and says which are not, or are still in use. */
  async removeBranches(
    repository: string,
    run: string,
    signal: AbortSignal,
  ): Promise<{ readonly removed: readonly string[]; readonly unmerged: readonly string[] }> {
    return removeRunBranches((await this.#site(repository, signal)).git, run)
  }

  async #site(folder: string, signal: AbortSignal): Promise<Site> {
    const clock = this.#clock
    const git = new Git({ clock, folder, signal, own: this.#own, set: {} })
    if (!this.#isNewEnough) await checkVersion(git)
    this.#isNewEnough = true
    const places = this.#places.get(folder) ?? (await placesOf(clock, git))
    this.#places.set(folder, places)
    return openSite(clock, git, places)
  }
}
