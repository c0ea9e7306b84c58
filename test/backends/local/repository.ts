import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type PreparedWorktree, type WorktreeOrder, Worktrees } from '../../../src/backends/local/worktrees.ts'
import type { NeededWork } from '../../../src/domain/local-work.ts'
import { realClock } from '../../../src/host/clock.ts'
import { temporaryFolder } from '../../host/temporary-folder.ts'

export const RUN = 'run_1'
export const never = new AbortController().signal

/** A real repository, worktrees of it, and a person and agents who use git there. */
export interface GitWorld {
  readonly folder: string
  readonly top: string
  readonly base: string
  readonly env: Readonly<Record<string, string>>
  readonly worktrees: Worktrees
  /** What git prints, trimmed. Fails with what it says. */
  git(folder: string, ...args: string[]): string
  write(folder: string, files: Readonly<Record<string, string>>): Promise<void>
  order(task: string, extra?: Partial<WorktreeOrder> & { attempt?: number }): WorktreeOrder
  prepare(task: string, extra?: Partial<WorktreeOrder> & { attempt?: number }): Promise<PreparedWorktree>
  /** A task that has written files and was collected. */
  done(task: string, files: Readonly<Record<string, string>>, extra?: Partial<WorktreeOrder>): Promise<NeededWork>
  /** Refs of the attempts, relative to `refs/troupe/RUN/`, sorted. */
  refs(): string[]
  /** The paths of a commit's tree. */
  tree(commit: string): string[]
}

/** A repository with one commit. */
export async function gitWorld(
  files: Readonly<Record<string, string>> = { 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': '*.log\nnode_modules/\n' },
): Promise<GitWorld> {
  const folder = await temporaryFolder()
  const top = join(folder, 'repository')
  const env = { PATH: process.env['PATH'] ?? '', HOME: join(folder, 'home') }
  const identity = {
    GIT_AUTHOR_NAME: 'p',
    GIT_AUTHOR_EMAIL: 'p@x',
    GIT_COMMITTER_NAME: 'p',
    GIT_COMMITTER_EMAIL: 'p@x',
  }
  const git = (at: string, ...args: string[]) =>
    execFileSync('git', ['-C', at, ...args], { env: { ...env, ...identity }, encoding: 'utf8', stdio: 'pipe' }).trim()
  await mkdir(top)
  await mkdir(env.HOME)
  git(top, 'init', '-q', '-b', 'main')
  await write(top, files)
  git(top, 'add', '-A')
  git(top, 'commit', '-qm', 'base')
  const base = git(top, 'rev-parse', 'HEAD')
  const worktrees = new Worktrees({ clock: realClock, env })
  const order: GitWorld['order'] = (task, { attempt = 1, ...extra } = {}) => ({
    key: { run: RUN, task, attempt },
    repository: top,
    base,
    needs: [],
    onConflict: 'escalate',
    path: join(folder, 'trees', `${task}.${attempt}`),
    ...extra,
  })
  const prepare: GitWorld['prepare'] = (task, extra) => worktrees.prepare(order(task, extra), never)
  return {
    folder,
    top,
    base,
    env,
    worktrees,
    git,
    write,
    order,
    prepare,
    done: async (task, changed, extra) => {
      const prepared = await prepare(task, extra)
      await write(prepared.path, changed)
      const { work } = await worktrees.collect(prepared, task, never)
      return { task, attempt: 1, commit: work.commit }
    },
    refs: () =>
      git(top, 'for-each-ref', '--format=%(refname)', `refs/troupe/${RUN}`)
        .split('\n')
        .map((ref) => ref.slice(`refs/troupe/${RUN}/`.length)),
    tree: (commit) =>
      execFileSync('git', ['-C', top, 'ls-tree', '-r', '-z', '--name-only', commit], { env, encoding: 'utf8' })
        .split('\0')
        .slice(0, -1),
  }
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}
