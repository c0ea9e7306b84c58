import { describe, expect, it } from 'vitest'
import { Git } from '../../../src/backends/local/git.ts'
import { realClock } from '../../../src/host/clock.ts'
import { gitWorld, never } from './repository.ts'

const gitAt = (folder: string, own: Readonly<Record<string, string>>, signal: AbortSignal = never) =>
  new Git({ clock: realClock, folder, signal, own, set: {} })

describe('git', () => {
  it('takes nothing from the hook that troupe may run in', async () => {
    const { top, base, env } = await gitWorld()
    const own = { ...env, GIT_DIR: '/nowhere', GIT_INDEX_FILE: '/nowhere/index', GIT_AUTHOR_NAME: 'somebody' }
    expect(await gitAt(top, own).line(['rev-parse', 'HEAD'])).toBe(base)
    expect(await gitAt(top, own).line(['var', 'GIT_AUTHOR_IDENT'])).toMatch(/^troupe <troupe@localhost> /)
  })

  it('runs no hook, signs nothing and asks nobody', async () => {
    const { top, env } = await gitWorld()
    const git = gitAt(top, env)
    expect(await git.line(['config', 'core.hooksPath'])).toBe('/dev/null')
    expect(await git.line(['config', 'commit.gpgsign'])).toBe('false')
    expect(await git.line(['-c', 'alias.asks=!echo $GIT_TERMINAL_PROMPT $GIT_OPTIONAL_LOCKS $LC_ALL', 'asks'])).toBe(
      '0 0 C',
    )
  })

  it('hands over what git printed where its exit code is an answer, and its words where it is none', async () => {
    const { top, env } = await gitWorld()
    const git = gitAt(top, env)
    expect(await git.ask(['config', 'no.such'], { answers: [1] })).toEqual({ code: 1, text: '' })
    await expect(git.ask(['cat-file', 'blob', 'nothing'])).rejects.toMatchObject({
      kind: 'crashed',
      retryable: true,
      certain: true,
      message: `git cat-file failed in ${top}: fatal: Not a valid object name nothing`,
    })
  })

  it('passes names with newlines and input through unchanged', async () => {
    const { top, env } = await gitWorld()
    const git = gitAt(top, env)
    const blob = await git.line(['hash-object', '-w', '--stdin'], { input: 'text' })
    await git.ask(['update-index', '-z', '--index-info'], { input: `100644 ${blob}\tnew\n"line"\0` })
    expect(await git.list(['ls-files', '-z'])).toEqual(['.gitignore', 'a.txt', 'b.txt', 'new\n"line"'])
  })

  it('says where there is no git', async () => {
    const { top } = await gitWorld()
    await expect(gitAt(top, { PATH: '/nowhere' }).line(['version'])).rejects.toMatchObject({
      kind: 'refused',
      message: 'git is not installed, or not on the PATH. Install git 2.38 or newer.',
    })
  })

  it('ends git, and what it has started, when it is told to', async () => {
    const { top, env, folder } = await gitWorld()
    const gone = new AbortController()
    const mark = `${folder}/started`
    const waiting = gitAt(top, env, gone.signal).line(['-c', `alias.waits=!echo > '${mark}'; sleep 3600`, 'waits'])
    const rejected = expect(waiting).rejects.toThrow('enough')
    const { existsSync } = await import('node:fs')
    await expect.poll(() => existsSync(mark)).toBe(true)
    gone.abort(new Error('enough'))
    // It resolves only when every holder of its output has gone, `sleep` among them.
    await rejected
  })

  it('waits while another git holds a lock', async () => {
    const { top, env, base } = await gitWorld()
    const { rm, writeFile } = await import('node:fs/promises')
    const lock = `${top}/.git/refs/heads/x.lock`
    await writeFile(lock, '')
    const pauses: number[] = []
    const clock = {
      ...realClock,
      setTimeout: (fn: () => void, ms: number) => {
        if (ms > 1_000) return realClock.setTimeout(fn, ms)
        pauses.push(ms)
        if (pauses.length === 3) return realClock.setTimeout(() => rm(lock).then(fn), 0)
        return realClock.setTimeout(fn, 0)
      },
    }
    const git = new Git({ clock, folder: top, signal: never, own: env, set: {} })
    await git.ask(['update-ref', 'refs/heads/x', base])
    expect(pauses).toEqual([50, 100, 200])
  })
})
