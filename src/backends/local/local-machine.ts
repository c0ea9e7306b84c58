import { createHash } from 'node:crypto'
import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import { type AttemptKey, portableTaskId } from '../../domain/ids.ts'
import { AttemptNotes } from './attempt-notes.ts'
import { type Guard, startGuard } from './guard-process.ts'
import { makeFolders } from './make-folders.ts'
import { OWNER_MARK, sweep } from './process-marks.ts'
import { defaultWorkDir, ownerOf } from './work-place.ts'
import { Worktrees } from './worktrees.ts'

/** What the local backends of one data folder share. */
export interface LocalMachineOptions {
  readonly clock: Clock
  /** Its real path tells one troupe's processes from another's. */
  readonly dataDir: string
  readonly runFolder: (run: string) => string
  /** troupe's own environment: agents get named parts of it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where worktrees and private homes are made. */
  readonly workDir?: string
  /** Nothing that was interrupted goes on before this resolves. */
  readonly gate: Promise<void>
}

/**
 * This machine as the local agents of one data folder use it: their marks, their places, their worktrees. Whoever makes it holds the
 * folder's lock, so that no other process may own what bears its mark.
 */
export class LocalMachine {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly gate: Promise<void>
  readonly worktrees: Worktrees
  readonly #options: LocalMachineOptions
  #ready: Promise<string> | undefined
  #guard: Promise<Guard | undefined> | undefined
  readonly #bases = new Map<string, Promise<string>>()

  constructor(options: LocalMachineOptions) {
    this.#options = options
    this.clock = options.clock
    this.env = options.env
    this.gate = options.gate
    this.worktrees = new Worktrees({ clock: options.clock, env: options.env })
  }

  /** Who owns the processes of this data folder. What an earlier troupe of it left running is killed first, once. */
  owner(): Promise<string> {
    this.#ready ??= this.#takeOver()
    return this.#ready
  }

  /** Sees to it that agents do not outlive this process, however that ends. */
  async guarded(): Promise<void> {
    const owner = await this.owner()
    // Without it the sweep at the next start remains.
    this.#guard ??= startGuard(owner, { clock: this.clock }).catch(() => undefined)
    await this.#guard
  }

  notes({ run, ...key }: AttemptKey): Promise<AttemptNotes> {
    const folder = join(this.#options.runFolder(run), 'local', `${portableTaskId(key.task)}.${key.attempt}`)
    return AttemptNotes.open(folder, this.clock)
  }

  /** A folder of this attempt's own outside of every repository, whether or not it exists. */
  async place({ run, task, attempt }: AttemptKey): Promise<string> {
    const { workDir = defaultWorkDir(this.env) } = this.#options
    return join(workDir, await this.owner(), run, `${portableTaskId(task)}.${attempt}`)
  }

  /** A home of its own for an attempt's agent. It outlives the attempt: its sessions lie there. */
  async home(key: AttemptKey): Promise<string> {
    const home = join(await this.place(key), 'home')
    await this.clock.operation(makeFolders(home))
    return home
  }

  /** A run is removed: its private homes go, and its branches that are merged elsewhere. A worktree that was left stays. */
  async forget(run: string, repositories: readonly string[]): Promise<void> {
    const { workDir = defaultWorkDir(this.env) } = this.#options
    const folder = join(workDir, await this.owner(), run)
    await this.clock.operation(removeHomes(folder))
    for (const repository of repositories) {
      // The repository may have gone, and its branches with it.
      await this.worktrees.removeBranches(repository, run, new AbortController().signal).catch(() => {})
    }
  }

  /** The commit that all of a run's work in a repository starts from: what is checked out there when the first of it starts. */
  base(run: string, repository: string, signal: AbortSignal): Promise<string> {
    const name = `${run} ${repository}`
    let base = this.#bases.get(name)
    if (base === undefined) {
      base = this.#baseOf(run, repository, signal)
      this.#bases.set(name, base)
      base.catch(() => this.#bases.delete(name))
    }
    return base
  }

  async close(): Promise<void> {
    await (await this.#guard)?.close()
  }

  async #takeOver(): Promise<string> {
    const { clock, dataDir } = this.#options
    const owner = await clock.operation(ownerOf(dataDir))
    await sweep(OWNER_MARK, owner, { clock })
    return owner
  }

  async #baseOf(run: string, repository: string, signal: AbortSignal): Promise<string> {
    const { top, head } = await this.worktrees.open(repository, signal)
    const name = `base-${createHash('sha256').update(top).digest('hex').slice(0, 16)}`
    const folder = join(this.#options.runFolder(run), 'local')
    const known = await this.clock.operation(readFile(join(folder, name), 'utf8').catch(() => ''))
    const commit = /^[0-9a-f]{40,64}$/.exec(known.trim())?.[0]
    if (commit !== undefined) return commit
    const notes = await AttemptNotes.open(folder, this.clock)
    await notes.write(name, `${head}\n`)
    return head
  }
}

async function removeHomes(folder: string): Promise<void> {
  for (const attempt of await readdir(folder).catch(() => [])) {
    await rm(join(folder, attempt, 'home'), { recursive: true, force: true }).catch(() => {})
    await rmdir(join(folder, attempt)).catch(() => {})
  }
  await rmdir(folder).catch(() => {})
}
