/** Features are built in a real repository by claude and codex, over both backends, as a new user types it. The model is a script. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { AttemptWork } from '../../src/domain/local-work.ts'
import { describeWithAgents } from '../support/describe-with-agents.ts'
import { git } from '../support/git-repository.ts'
import { after, atRepository, type LocalSite, plain, testOf } from './local-site.ts'

const FEATURE = `
name: feature
inputs: { feature_request: { type: string, required: true } }
defaults:
  check: { run: [node, --test], rounds: 2 }
tasks:
  plan:
    role: Planner
    backend: command:codex
    prompt: "Plan {{ inputs.feature_request }}"
    check: { run: [] }
    output: { type: object, required: [steps], properties: { steps: { type: array, items: { type: string } } } }
  build:
    role: Developer
    backend: acp:claude
    needs: [plan]
    forEach: tasks.plan.output.steps
    prompt: "Build {{ item }}"
  docs:
    role: Writer
    backend: command:claude
    needs: [plan]
    prompt: "Document {{ inputs.feature_request }}"
  review:
    role: Reviewer
    backend: acp:codex
    needs: [build, docs]
    prompt: "Review {{ tasks.build.results }}"
`
const WRONG = 'export const tax = (price) => price * 2'
const RIGHT = 'export const tax = (price) => price / 5'
const FEATURE_SCRIPT = {
  plan: [[{ read: 'src/cart.js' }, { report: { result: { steps: ['tax', 'discount'] } } }]],
  'build[0]': [
    [
      { write: { path: 'src/tax.js', content: `${WRONG}\n` } },
      { write: { path: 'test/tax.test.js', content: testOf('tax', 'tax', 'tax(100), 20') } },
      { report: { result: 'The tax is there.' } },
    ],
    [{ edit: { path: 'src/tax.js', old: WRONG, new: RIGHT } }, { report: { result: 'The tax is right.' } }],
  ],
  'build[1]': [
    [
      { write: { path: 'src/discount.js', content: 'export const discount = (price) => price / 2\n' } },
      { run: 'git add -A && git commit -qm Discount' },
      { report: { result: 'The discount is there.' } },
    ],
  ],
  docs: [[{ write: { path: 'docs/tax.md', content: 'A fifth.\n' } }, { report: { result: 'Documented.' } }]],
  review: [
    [
      { run: 'cat src/tax.js src/discount.js docs/tax.md' },
      { edit: { path: 'src/cart.js', old: 'export const SHIPPING = 5', new: 'export const SHIPPING = 0' } },
      { report: { result: 'All is well.' } },
    ],
  ],
}

const RATES = `
name: rates
tasks:
  price: { backend: "command:codex", prompt: Set the rate }
  tax: { backend: "acp:claude", prompt: Set the rate }
  release: { backend: "acp:codex", needs: [price, tax], prompt: Release it }
  notes: { backend: "command:claude", needs: [price, tax], prompt: Take notes }
`
const RATE = 'export const rate = 1'
const BOTH = 'export const rate = 6\n'

const LONG = `
name: long
tasks:
  slow: { backend: "acp:claude", prompt: Take your time }
  held: { backend: "command:codex", prompt: Wait }
  last: { backend: "command:claude", needs: [slow, held], prompt: End it }
`

const PLANNED = `
name: planned
defaults: { backend: "command:codex", check: { run: [test, -f, hello.md] } }
manager: { plan: true, objective: Greet people, backend: "acp:codex" }
`

/** The tests of the repository as it is checked out. */
const testsPass = (site: LocalSite) =>
  promisify(execFile)('node', ['--test'], { cwd: site.repository }).then(
    () => true,
    (error: { stdout: string }) => error.stdout,
  )

describeWithAgents('a feature in a repository of one’s own', (agents) => {
  const it = atRepository(agents)

  it.concurrent('is built by agents of all four kinds, mended, merged, taken over', async ({ site }) => {
    const base = await site.begin({ 'feature.yaml': FEATURE })
    const own = await site.own()
    site.model.play(FEATURE_SCRIPT)
    const ran = await site.troupe('run', 'feature.yaml', '--input', 'feature_request=taxes')
    expect([ran.code, ran.stderr, after(ran.stdout, 'task ')]).toEqual([
      0,
      '',
      [
        'task  state  attempts  took  work',
        'plan  ✔ completed  1  TIME  no change',
        'build[0]  ✔ completed  1  TIME  COMMIT (2 commits, 2 files, +5 -0)',
        'build[1]  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -0)',
        'docs  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -0)',
        'review  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -1)',
        '',
        '✔ RUN completed, 5 of 5 completed, 5 attempts, TIME',
        expect.stringMatching(/^Used: \$0\.\d+, [\d,]+ tokens$/),
        '',
        'Next:',
        '  troupe show RUN',
        '  troupe result RUN review',
        '  troupe logs RUN review',
        '  troupe work RUN',
      ],
    ])
    const [run = ''] = /run_\w{18}/.exec(ran.stdout) ?? []
    const branch = (task: string) => `troupe/${run}/${task}/1`
    const [shown, work, json] = await Promise.all([
      site.troupe('show', run),
      site.troupe('work', run),
      site.troupe('work', run, '--json'),
    ])
    expect(after(shown.stdout, '✔ build[0]').slice(0, 10)).toEqual([
      '✔ build[0] Developer completed',
      '  agent  acp:claude',
      expect.stringMatching(/^ {2}used {2}1 agent run, TIME, \$0\.\d+, \d+ tokens$/),
      '  check  1 of at most 3: node --test failed (exit code 1) in TIME',
      '  check  2 of at most 3: node --test passed in TIME',
      '  branch troupe/RUN/build.0/1',
      '  did  COMMIT..COMMIT: 2 commits, 2 files, +5 -0',
      '  src/tax.js +1 -0',
      '  test/tax.test.js +4 -0',
      '✔ build[1] Developer completed',
    ])
    // The failing test went back to its agent, in the words of the test.
    const mended = site.model.requests.find(({ mark }) => mark.endsWith('/build[0]/1/2'))
    expect(mended?.told.join()).toMatch(/node --test.*exit code 1[\s\S]*200 !== 20/)
    const lines = after(work.stdout, 'RUN')
    expect([work.code, lines.slice(0, 5), lines.slice(-9)]).toEqual([
      0,
      [
        'RUN feature, completed',
        '✔ plan, command:codex complete',
        '  branch troupe/RUN/plan/1',
        '  did  nothing that git sees, at COMMIT',
        '  agent  SESSION',
      ],
      [
        '  branch troupe/RUN/review/1',
        '  did  COMMIT..COMMIT: 1 commit, 1 file, +1 -1',
        '  src/cart.js +1 -1',
        '  agent  SESSION',
        '',
        `Take it over in ${site.repository}, one branch holds all of it:`,
        '  git merge troupe/RUN/review/1',
        '',
        'Then, to remove worktrees and branches that are merged: troupe work RUN --clean',
      ],
    ])
    const { attempts, takeOver } = JSON.parse(json.stdout)
    expect(takeOver).toEqual([{ repository: site.repository, branches: [branch('review')], gone: [] }])
    const told = attempts.map(({ task, backend, state, turns, denied, work: did }: AttemptWork) => [
      ...[task, backend, state, turns, denied],
      did?.base === base,
    ])
    expect(told.sort()).toEqual([
      ['build[0]', 'acp:claude', 'complete', 2, [], true],
      ['build[1]', 'acp:claude', 'complete', 1, [], true],
      ['docs', 'command:claude', 'complete', 1, [], true],
      ['plan', 'command:codex', 'complete', 1, [], true],
      ['review', 'acp:codex', 'complete', 1, [], false],
    ])
    // Nothing of the person's own has changed so far.
    expect([await site.own(), await site.processes()]).toEqual([own, []])
    expect(await site.left()).toMatchObject({ trees: [], work: [] })

    const status = await site.git('status', '--short')
    await site.git('merge', '-q', branch('review'))
    expect([await testsPass(site), await site.git('status', '--short')]).toEqual([true, status])
    expect(await site.git('log', '--format=%s', '--topo-order', `${base}..`)).toEqual(
      [
        'troupe: review, attempt 1, turn 1',
        'troupe: merge the work of build[0], build[1] and docs',
        'troupe: docs, attempt 1, turn 1',
        'troupe: merge the work of build[0] and build[1]',
        'Discount',
        'troupe: build[0], attempt 1, turn 2',
        'troupe: build[0], attempt 1, turn 1',
      ].join('\n'),
    )
    const cleaned = await site.troupe('work', run, '--clean')
    const removed = ['build.0', 'build.1', 'docs', 'plan', 'review'].map(
      (task) => `Removed the branch ${branch(task)}\n`,
    )
    expect([cleaned.code, cleaned.stdout]).toEqual([0, removed.join('')])
    const gone = await site.troupe('rm', run)
    expect([gone.code, plain(gone.stdout)]).toEqual([0, 'RUN (feature, completed): deleted\n'])
    expect(await site.left()).toEqual({ refs: [], trees: [], work: [], runs: [] })
  })

  it.concurrent('goes on where work cannot be merged: by its agent, or by a person by hand', async ({ site }) => {
    const base = await site.begin({ 'rates.yaml': RATES })
    const own = await site.own()
    const set = (rate: number) => [
      [{ edit: { path: 'src/rate.js', old: RATE, new: `export const rate = ${rate}` } }, { report: {} }],
    ]
    site.model.play({
      price: set(2),
      tax: set(3),
      release: [[{ read: 'src/rate.js' }, { run: `printf '${BOTH.trim()}\\n' > src/rate.js` }, { report: {} }]],
      notes: [[{ read: 'src/rate.js' }, { write: { path: 'rates.md', content: 'Six.\n' } }, { report: {} }]],
    })
    const ran = await site.troupe('run', 'rates.yaml')
    const [run = ''] = /run_\w{18}/.exec(ran.stdout) ?? []
    const commit = async (task: string) => (await site.git('rev-parse', `troupe/${run}/${task}/1`)).slice(0, 12)
    const [price, tax] = [await commit('price'), await commit('tax')]
    const why = (task: string) =>
      `What '${task}' needs cannot be merged: 'tax' (branch troupe/${run}/tax/1) conflicts with 'price' (branch ` +
      `troupe/${run}/price/1) in src/rate.js. Merge it by hand: git switch -c troupe/${run}/${task}/merge ${price}, ` +
      `git merge ${tax}; then retry '${task}'. Or retry it with --resolve, and its own agent resolves the conflicts first.`
    const view = await site.view(run)
    expect([ran.code, view.tasks.map(({ task, state, failure }) => [task, state, failure?.message])]).toEqual([
      3,
      [
        ['price', 'completed', undefined],
        ['tax', 'completed', undefined],
        ['release', 'escalated.conflict', why('release')],
        ['notes', 'escalated.conflict', why('notes')],
      ],
    ])
    expect(ran.stdout).toContain(`troupe task ${run} release retry --resolve|retry|complete|skip|fail|cancel\n`)

    const resolving = await site.troupe('task', run, 'release', 'retry', '--resolve')
    expect([resolving.code, plain(resolving.stdout)]).toEqual([
      0,
      expect.stringMatching(
        /^RUN release: retry taken \(record \d+\), now pending\. Nothing runs now: go on with troupe resume RUN\n$/,
      ),
    ])
    // In a worktree of the person's own, because of what they are at.
    const mine = join(site.repository, '..', 'mine')
    await site.git('worktree', 'add', '-q', '--detach', mine)
    await git(mine, 'switch', '-q', '-c', `troupe/${run}/notes/merge`, price)
    await expect(git(mine, 'merge', tax)).rejects.toThrow()
    await writeFile(join(mine, 'src/rate.js'), BOTH)
    await git(mine, 'commit', '-qam', 'Both')
    await site.git('worktree', 'remove', mine)
    expect((await site.troupe('task', run, 'notes', 'retry')).code).toEqual(0)

    const resumed = await site.troupe('resume')
    expect([resumed.code, after(resumed.stdout, 'task ').slice(0, 5)]).toEqual([
      0,
      [
        'task  state  attempts  took  work',
        'price  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -1)',
        'tax  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -1)',
        'release  ✔ completed  2  TIME  COMMIT (1 commit, 1 file, +1 -1)',
        'notes  ✔ completed  2  TIME  COMMIT (1 commit, 1 file, +1 -0)',
      ],
    ])
    const readBy = (task: string) =>
      site.model.requests.findLast(({ mark, results }) => mark.includes(`/${task}/2/`) && results.length > 0)
        ?.results[0]?.text
    expect(readBy('release')).toMatch(
      /<{7}[\s\S]*export const rate = 2[\s\S]*={7}[\s\S]*export const rate = 3[\s\S]*>{7}/,
    )
    expect(readBy('notes')).toContain(BOTH.trim())
    expect([await site.own(), await site.processes()]).toEqual([own, []])

    const { stdout } = await site.troupe('work', run)
    const merges = [...stdout.matchAll(/^ {2}git merge (\S+)$/gm)].map(([, branch = '']) => branch)
    expect(merges).toEqual([`troupe/${run}/notes/2`, `troupe/${run}/release/2`])
    await site.git('stash', '-q', '-u')
    for (const branch of merges) await site.git('merge', '-q', '--no-edit', branch)
    await site.git('stash', 'pop', '-q', '--index')
    expect([await site.read('src/rate.js'), await testsPass(site)]).toEqual([BOTH, true])
    expect((await site.troupe('work', run, '--clean')).code).toEqual(0)
    expect(await site.left()).toEqual({ refs: [], trees: [], work: [], runs: [run] })
    expect(base).not.toEqual(await site.git('rev-parse', 'HEAD'))
  })

  it.concurrent('stops with its agents at Ctrl-C, and goes on in the same sessions', async ({ site }) => {
    await site.begin({ 'long.yaml': LONG })
    const own = await site.own()
    const written = (name: string) => ({ write: { path: name, content: 'Once.\n' } })
    site.model.play({
      slow: [[written('slow.txt'), { run: 'sleep 300' }, { report: {} }]],
      held: [[written('held.txt'), { hold: 'in the middle' }, { report: {} }]],
    })
    const command = site.start(['run', 'long.yaml', '--json'])
    await Promise.all([
      site.model.held('in the middle'),
      site.model.until(
        ({ mark, results, outcome }) => mark.includes('/slow/') && results.length === 1 && outcome === 'answered',
      ),
      command.sawState('slow', 'running'),
    ])
    const run = await command.run()
    command.signal('SIGINT')
    const stopped = await command.ended
    expect([stopped.code, stopped.stderr, await site.processes()]).toEqual([
      130,
      `${run}: Stopped, and with it the agents of this machine: each goes on where it was when the run is resumed.\n`,
      [],
    ])
    const sessions = await sessionsOf(site, run)
    site.model.play({
      slow: [[written('slow.txt'), { run: 'cat slow.txt' }, { report: {} }]],
      held: [[written('held.txt'), { report: {} }]],
      last: [[{ run: 'cat slow.txt held.txt' }, { report: {} }]],
    })
    const resumed = await site.troupe('resume')
    expect([resumed.code, after(resumed.stdout, 'task ').slice(0, 4)]).toEqual([
      0,
      [
        'task  state  attempts  took  work',
        'slow  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -0)',
        'held  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -0)',
        'last  ✔ completed  1  TIME  no change',
      ],
    ])
    expect(await sessionsOf(site, run)).toMatchObject(sessions)
    const last = site.model.requests.findLast(({ mark }) => mark.includes('/last/'))
    expect(last?.results.map(({ text }) => text)).toEqual(['Once.\nOnce.'])
    expect([await site.own(), await site.processes()]).toEqual([own, []])
    expect(await site.left()).toMatchObject({ trees: [], work: [] })
  })

  it.concurrent('is planned by a local manager, with roles, from an objective', async ({ site }) => {
    await site.begin({ 'roles.yaml': 'Writer: "You write. "\n' })
    site.model.play({
      manager: [
        [
          { read: 'README.md' },
          {
            report: {
              result: {
                decision: 'delegate',
                tasks: [{ id: 'greet', role: 'Writer', prompt: 'Write hello.md', needs: [] }],
              },
            },
          },
        ],
        [{ report: { result: { decision: 'finish', summary: 'Greeted.' } } }],
      ],
      greet: [[{ write: { path: 'hello.md', content: 'Hello\n' } }, { report: { result: 'Hello' } }]],
    })
    const flags = ['--objective', 'Greet people', '--backend', 'acp:claude', '--roles', 'roles.yaml']
    const ran = await site.troupe('run', ...flags)
    expect([ran.code, ran.stderr, after(ran.stdout, 'task ').slice(0, 3)]).toEqual([
      0,
      '',
      [
        'task  state  attempts  took  work',
        'greet  ✔ completed  1  TIME  COMMIT (1 commit, 1 file, +1 -0)',
        'manager  ✔ completed  1  TIME',
      ],
    ])
    const [greeter] = site.model.requests.filter(({ mark }) => mark.includes('/greet/'))
    expect(greeter?.told[0]).toMatch(/^You write\. Write hello\.md\n\nYou work in a git worktree of your own/)
    const { stdout } = await site.troupe('work', 'last')
    expect(after(stdout, 'Take it over')).toEqual([
      `Take it over in ${site.repository}, one branch holds all of it:`,
      '  git merge troupe/RUN/greet/1',
      '',
      'Then, to remove worktrees and branches that are merged: troupe work RUN --clean',
    ])
  })

  it.concurrent('is planned by one local agent for others, whose work is checked', async ({ site }) => {
    await site.begin({ 'planned.yaml': PLANNED })
    const greet = { id: 'greet', prompt: 'Write hello.md', needs: [] }
    site.model.play({
      manager: [
        [{ report: { result: { decision: 'delegate', tasks: [greet] } } }],
        [{ report: { result: { decision: 'finish', summary: 'Greeted.' } } }],
      ],
      greet: [
        [{ report: { result: 'It is there.' } }],
        [{ write: { path: 'hello.md', content: 'Hello\n' } }, { report: {} }],
      ],
    })
    const { code } = await site.troupe('run', 'planned.yaml')
    const view = await site.view('last')
    expect([code, view.decisions?.map(({ decision }) => decision)]).toEqual([0, ['delegate', 'finish']])
    expect(
      view.tasks.map(({ task, agent, state, checks }) => [task, agent, state, checks?.map(({ passed }) => passed)]),
    ).toEqual([['greet', 'command:codex', 'completed', [false, true]]])
  })
})

async function sessionsOf(site: LocalSite, run: string): Promise<Readonly<Record<string, string | undefined>>> {
  const { stdout } = await site.troupe('work', run, '--json')
  const { attempts } = JSON.parse(stdout) as { attempts: readonly AttemptWork[] }
  return Object.fromEntries(attempts.map(({ task, session }) => [task, session]))
}
