import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AttemptWork, CollectedWork } from '../../src/domain/local-work.ts'
import { serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { commitFiles, git, makeRepository } from '../support/git-repository.ts'
import { serving } from '../support/serving.ts'

const RUN = 'run_1'
const branchOf = (task: string, attempt = 1) => `troupe/${RUN}/${task}/${attempt}`

function attemptOf(part: Partial<AttemptWork> & Pick<AttemptWork, 'task'>): AttemptWork {
  return { attempt: 1, backend: 'acp:claude', state: 'complete', turns: 1, continued: 0, denied: [], ...part }
}

function workOf(part: Pick<CollectedWork, 'repository' | 'branch' | 'base' | 'commit'>): CollectedWork {
  return { commits: 1, files: [], fileCount: 0, added: 0, removed: 0, ...part }
}

/** A command line whose only run did `attempts`. */
function cliWith(attempts: readonly AttemptWork[], status = 'completed'): FakeCli {
  const cli = new FakeCli()
  cli.orchestrator.add(runView({ run: RUN, status }))
  cli.orchestrator.work.set(RUN, attempts)
  return cli
}

/** A repository in which attempts worked: each on its own branch, from the branch of another where it says so. */
async function repository() {
  const folder = await temporaryFolder()
  const base = await makeRepository(folder)
  const attempt = async (task: string, from = 'main', number = 1): Promise<AttemptWork> => {
    const begin = await git(folder, 'rev-parse', from)
    await git(folder, 'checkout', '-q', '-b', branchOf(task, number), from)
    const commit = await commitFiles(folder, { [`${task}.txt`]: `${number}\n` })
    await git(folder, 'checkout', '-q', 'main')
    const work = workOf({ repository: folder, branch: branchOf(task, number), base: begin, commit })
    return attemptOf({ task, attempt: number, work, branch: work.branch })
  }
  return { folder, base, attempt }
}

const takeOverOf = async (cli: FakeCli) => {
  await cli.run('work', RUN, '--json')
  return JSON.parse(cli.stdout.lines.at(-1) ?? '').takeOver
}

describe('troupe work', () => {
  it('says of each attempt what it did, by whom, and where that lies', async () => {
    const work: CollectedWork = {
      repository: '/no/such/repository',
      branch: branchOf('build', 2),
      base: 'a'.repeat(40),
      commit: 'b'.repeat(40),
      commits: 2,
      files: [
        { path: 'src/a.ts', added: 10, removed: 2 },
        { path: 'logo.png', added: null, removed: null },
      ],
      fileCount: 3,
      added: 11,
      removed: 2,
    }
    const cli = cliWith(
      [
        attemptOf({ task: 'plan', work: { ...work, branch: branchOf('plan'), commit: work.base }, turns: 1 }),
        attemptOf({ task: 'build', state: 'failed', reason: 'It was killed.', branch: branchOf('build') }),
        attemptOf({
          task: 'build',
          attempt: 2,
          backend: 'command:codex',
          state: 'working',
          turns: 3,
          continued: 1,
          branch: branchOf('build', 2),
          worktree: '/state/troupe/build.2',
          session: 'c0ffee',
          stashed: true,
          work,
          denied: ['write /etc/passwd', 'fetch https://example.com'],
          kept: { folder: '/data/ignored', files: ['.env', 'out.log'] },
        }),
      ],
      'running',
    )
    const holder = await serveControl()
    holder.orchestrator.add(runView({ run: RUN, status: 'running' }))
    cli.holder = holder.client
    expect(await cli.run('work', 'last')).toBe(0)
    expect(cli.stdout.lines).toEqual([
      'run_1 feature, running',
      '✔ plan, acp:claude complete',
      '    branch troupe/run_1/plan/1',
      '    did    nothing that git sees, at aaaaaaaaaa',
      '✖ build, acp:claude failed',
      '    why    It was killed.',
      '    branch troupe/run_1/build/1',
      '● build attempt 2, command:codex working, 3 turns, continued once after troupe had ended',
      '    branch troupe/run_1/build/2',
      '    did    aaaaaaaaaa..bbbbbbbbbb: 2 commits, 3 files, +11 -2',
      '           src/a.ts +10 -2',
      '           logo.png (binary)',
      '           and 1 more',
      '    denied write /etc/passwd',
      '           fetch https://example.com',
      '    stash  it has changed meanwhile, and all worktrees share it: git stash list',
      '    tree   /state/troupe/build.2',
      '    kept   .env, out.log in /data/ignored',
      '    agent  session c0ffee',
    ])
  })

  it('says that an agent is interrupted where no process carries its run', async () => {
    const attempts = (['working', 'preparing', 'failed', 'not-started'] as const).map((state) =>
      attemptOf({ task: state, state }),
    )
    const cli = cliWith(attempts, 'running')
    const lines = [
      'run_1 feature, running',
      '‖ working, acp:claude interrupted',
      '‖ preparing, acp:claude interrupted',
      '✖ failed, acp:claude failed',
      '⊘ not-started, acp:claude not started',
    ]
    await cli.run('work', RUN)
    expect(cli.stdout.lines).toEqual(lines)
    const holder = await serveControl()
    holder.orchestrator.add(runView({ run: RUN, status: 'running', carried: false }))
    cli.holder = holder.client
    await cli.run('work', RUN)
    expect(cli.stdout.lines).toEqual([...lines, ...lines])
  })

  it('says that a run used no local agent, and which run does not exist', async () => {
    const cli = cliWith([])
    expect([await cli.run('work', RUN), cli.stdout.lines]).toEqual([
      0,
      ['run_1 feature, completed', 'No local agent was used in it.'],
    ])
    expect(await cli.run('work', 'run_9')).toBe(2)
    expect(cli.stderr.text).toContain('Run run_9 does not exist')
  })

  it('lets nothing that agents or file names say reach the terminal as a control', async () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\u202ename'
    const work = { ...workOf({ repository: evil, branch: evil, base: evil, commit: `${evil}2` }), fileCount: 1 }
    const files = [{ path: `${evil}\n✔ all tests pass`, added: 1, removed: 0 }]
    const attempt = attemptOf({ task: 'a', reason: evil, worktree: evil, session: evil, work: { ...work, files } })
    const cli = cliWith([{ ...attempt, denied: [evil], kept: { folder: evil, files: [evil] } }])
    await cli.run('work', RUN)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(cli.stdout.text)).toBe(false)
    expect(cli.stdout.lines.filter((line) => line.startsWith('✔ all tests pass'))).toEqual([])
  })

  it('names the one branch that holds all others', async () => {
    const { folder, attempt } = await repository()
    const plan = await attempt('plan')
    const build = await attempt('build', branchOf('plan'))
    const review = await attempt('review', branchOf('build'))
    const cli = cliWith([plan, build, review])
    await cli.run('work', RUN)
    expect(cli.stdout.lines.slice(-5)).toEqual([
      '',
      `Take it over in ${folder}, one branch holds all of it:`,
      `  git merge ${branchOf('review')}`,
      '',
      `Then, to remove worktrees and branches that are merged: troupe work run_1 --clean`,
    ])
    await git(folder, 'merge', '-q', branchOf('review'))
    await cli.run('work', RUN)
    expect(cli.stdout.lines.at(-3)).toBe(`All of it is in what is checked out in ${folder}.`)
  })

  it('names every branch that no other contains; only the newest completed attempt of a task counts', async () => {
    const { folder, attempt } = await repository()
    const one = await attempt('one')
    const late = await attempt('two', 'main', 1)
    const two = await attempt('two', 'main', 2)
    const failed: AttemptWork = { ...(await attempt('three')), state: 'failed' }
    const branches = [branchOf('one'), branchOf('two', 2)]
    expect(await takeOverOf(cliWith([one, late, two, failed]))).toEqual([{ repository: folder, branches, gone: [] }])
  })

  it('names the branch of one that changed nothing where that holds the merged work of others', async () => {
    const { folder, attempt } = await repository()
    const one = await attempt('one')
    const two = await attempt('two')
    await git(folder, 'checkout', '-q', '-b', branchOf('review'), branchOf('one'))
    await git(folder, 'merge', '-q', '--no-edit', branchOf('two'))
    const merged = await git(folder, 'rev-parse', 'HEAD')
    await git(folder, 'checkout', '-q', 'main')
    const work = workOf({ repository: folder, branch: branchOf('review'), base: merged, commit: merged })
    const review = attemptOf({ task: 'review', work, branch: work.branch })
    const branches = [branchOf('review')]
    expect(await takeOverOf(cliWith([one, two, review]))).toEqual([{ repository: folder, branches, gone: [] }])
  })

  it('says why it cannot tell how, and of a repository that is gone', async () => {
    const gone = attemptOf({
      task: 'a',
      work: workOf({ repository: '/no/such/repository', branch: branchOf('a'), base: '1', commit: '2' }),
    })
    expect(await takeOverOf(cliWith([gone]))).toEqual([
      {
        repository: '/no/such/repository',
        branches: [],
        gone: [],
        trouble: expect.stringContaining('/no/such/repository'),
      },
    ])
  })

  it('does not take a branch that somebody removed for merged, unless another holds it', async () => {
    const { folder, attempt } = await repository()
    const one = await attempt('one')
    const two = await attempt('two')
    const three = await attempt('three', branchOf('two'))
    for (const task of ['one', 'two']) await git(folder, 'branch', '-q', '-D', branchOf(task))
    const cli = cliWith([one, two, three])
    await cli.run('work', RUN)
    expect(cli.stdout.lines.slice(-6, -2)).toEqual([
      '',
      `${branchOf('one')} was removed before it was merged.`,
      `Take it over in ${folder}, one branch holds the rest:`,
      `  git merge ${branchOf('three')}`,
    ])
  })

  it('asks a server elsewhere, whose repositories are not here', async () => {
    const attempts = [attemptOf({ task: 'a', branch: branchOf('a') })]
    const { orchestrator, url } = await serving()
    orchestrator.add(runView({ run: RUN, status: 'completed' }))
    orchestrator.work.set(RUN, attempts)
    const cli = new FakeCli()
    expect(await cli.run('work', RUN, '--url', url, '--json')).toBe(0)
    expect(cli.stdout.lines.map((line) => JSON.parse(line))).toEqual([
      { run: RUN, status: 'completed', attempts, takeOver: [] },
    ])
    expect(await cli.run('work', RUN, '--url', url, '--clean')).toBe(2)
    expect(cli.stderr.text).toContain('--clean belongs to the machine that the work is on')
  })
})

describe('troupe work --clean', () => {
  it('removes branches that are merged, and says which are not', async () => {
    const { folder, attempt } = await repository()
    const one = await attempt('one')
    const two = await attempt('two')
    await git(folder, 'merge', '-q', branchOf('one'))
    const cli = cliWith([one, two])
    cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
    expect(await cli.run('work', RUN, '--clean')).toBe(0)
    expect(cli.stdout.lines).toEqual([
      `Removed the branch ${branchOf('one')}`,
      `Left ${branchOf('two')}: it is not merged, or a worktree has it checked out`,
    ])
    expect((await git(folder, 'branch', '--format=%(refname:short)')).split('\n')).toEqual(['main', branchOf('two')])
  })

  it('removes worktrees whose work was collected, and keeps their ignored files', async () => {
    const { folder, base } = await repository()
    const cli = cliWith([])
    const dataDir = await temporaryFolder()
    cli.env = { TROUPE_DATA_DIR: dataDir }
    const key = { run: RUN, task: 'one', attempt: 1 }
    const path = join(await temporaryFolder(), 'one.1')
    const { worktrees } = cli.local
    const { signal } = new AbortController()
    const order = { key, repository: folder, base, needs: [], onConflict: 'escalate' as const, path }
    const prepared = await worktrees.prepare(order, signal)
    await commitFiles(path, { 'a.txt': 'a\n', '.gitignore': '*.log\n' })
    const { work } = await worktrees.collect(prepared, 'what was left', signal)
    const unknown = join(await temporaryFolder(), 'two.1')
    await mkdir(unknown)
    cli.orchestrator.work.set(RUN, [
      attemptOf({ task: 'one', worktree: path, work }),
      attemptOf({ task: 'two', worktree: unknown, state: 'failed' }),
    ])
    expect(await cli.run('work', RUN, '--clean', '--json')).toBe(0)
    expect(cli.stdout.lines.map((line) => JSON.parse(line))).toEqual([
      {
        run: RUN,
        worktrees: [path],
        branches: [],
        left: [
          { what: unknown, why: 'its work was not collected' },
          { what: branchOf('one'), why: 'it is not merged, or a worktree has it checked out' },
        ],
      },
    ])
    expect(await readdir(join(path, '..'))).toEqual([])
  })

  it('leaves a run alone that has not ended', async () => {
    const cli = cliWith([], 'running')
    expect(await cli.run('work', RUN, '--clean')).toBe(2)
    expect(cli.stderr.text).toBe(
      'troupe: run_1 is running: its worktrees and branches are still needed. Clean it when it has ended.\n',
    )
  })
})
