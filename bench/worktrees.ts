import { execFile, execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type PreparedWorktree, Worktrees } from '../src/backends/local/worktrees.ts'
import { realClock } from '../src/host/clock.ts'

const run = promisify(execFile)
const A_FOLDER = 100
const CHANGED = 20

/** Worktrees of one repository, all at once: made, worked in, collected, cleaned. */
export async function measureWorktrees(files: number, worktrees: number) {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  try {
    const { top, base } = await makeRepository(folder, files)
    const own = { PATH: process.env['PATH'], HOME: folder }
    const site = new Worktrees({ clock: realClock, env: own })
    const { signal } = new AbortController()
    const byGit = (name: string) =>
      run('git', ['-C', top, 'worktree', 'add', '-q', '-b', name, join(folder, 'git', name)], { env: own })
    await byGit('warm-up')
    const gitAlone = await timed(() => byGit('one'))
    const keys = Array.from({ length: worktrees }, (_, n) => ({ run: 'run_1', task: `t${n}`, attempt: 1 }))
    const path = (task: string) => join(folder, 'trees', task)
    const order = { repository: top, base, needs: [], onConflict: 'escalate' as const }
    const prepare = () => Promise.all(keys.map((key) => site.prepare({ ...order, key, path: path(key.task) }, signal)))
    const alone = await timed(() =>
      site.prepare({ ...order, key: { run: 'run_1', task: 'alone', attempt: 1 }, path: path('alone') }, signal),
    )
    const prepared = await timed(prepare)
    const again = await timed(prepare)
    await Promise.all(prepared.result.map(work))
    const every = <T>(call: (one: PreparedWorktree) => Promise<T>) =>
      timed(() => Promise.all(prepared.result.map(call)))
    const collected = await every((one) => site.collect(one, 'bench', signal))
    const unchanged = await every((one) => site.collect(one, 'bench', signal))
    const cleaned = await every((one) => site.clean(one, join(folder, 'kept'), signal))
    return {
      files,
      worktrees,
      changedFiles: collected.result.map(({ work }) => work.fileCount).reduce((sum, count) => sum + count, 0),
      gitAddOneMs: gitAlone.ms,
      prepareOneMs: alone.ms,
      prepareMs: prepared.ms,
      prepareAgainMs: again.ms,
      collectMs: collected.ms,
      collectAgainMs: unchanged.ms,
      cleanMs: cleaned.ms,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeRepository(folder: string, files: number): Promise<{ top: string; base: string }> {
  const top = join(folder, 'repository')
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_AUTHOR_DATE: '@0 +0000', GIT_COMMITTER_DATE: '@0 +0000' }
  const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost']
  const git = (...args: string[]) => execFileSync('git', ['-C', top, ...identity, ...args], { env, encoding: 'utf8' })
  for (let n = 0; n < files; n++) {
    const place = join(top, `d${Math.floor(n / A_FOLDER)}`)
    if (n % A_FOLDER === 0) await mkdir(place, { recursive: true })
    await writeFile(join(place, `f${n}.txt`), `${n}\n`.padEnd(4_096, `line ${n}\n`))
  }
  git('init', '-q')
  git('add', '-A')
  git('commit', '-qm', 'base')
  git('repack', '-adq')
  return { top, base: git('rev-parse', 'HEAD').trim() }
}

async function work({ path }: PreparedWorktree): Promise<void> {
  for (let n = 0; n < CHANGED; n++) await writeFile(join(path, 'd0', `f${n}.txt`), 'changed\n')
  for (let n = 0; n < CHANGED; n++) await writeFile(join(path, `new${n}.txt`), 'new\n')
}

async function timed<T>(call: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const begin = performance.now()
  const result = await call()
  return { ms: Math.round(performance.now() - begin), result }
}
