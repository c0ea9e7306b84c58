/** What is wrong where local agents are to work is said at once, and nothing is left behind. Needs no real agent. */
import { mkdir, readdir, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { git, makeRepository } from '../support/git-repository.ts'
import { inTerminal, type Terminal } from './command-line.ts'
import { plain } from './local-site.ts'

const one = (backend: string, more = '') =>
  `name: one\ndefaults: { retry: { attempts: 1 }${more} }\ntasks: { only: { backend: "${backend}", prompt: Do it } }\n`
/** Agents that are described: one works, as far as the word of a shell goes, one is nowhere. */
const configIn = (folder: string) =>
  JSON.stringify({
    agents: {
      command: {
        quick: { program: 'sh', args: ['-c', 'echo did >> did.txt; echo done'] },
        absent: { program: 'no-such-agent' },
        looks: { program: 'sh', args: ['-c', 'cat', '{image}'] },
        goes: { program: join(folder, 'goes') },
        remover: { program: 'sh', args: ['-c', `rm '${join(folder, 'goes')}'; echo done`] },
      },
    },
  })

class Place {
  readonly folder: string
  readonly #home: string
  readonly #terminal: Terminal

  constructor(folder: string, home: string, terminal: Terminal) {
    this.folder = folder
    this.#home = home
    this.#terminal = terminal
  }

  troupe(...args: readonly string[]) {
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.#home }
    return this.#terminal.start(args, env, this.folder).ended
  }

  /** Refused before anything was made. */
  async refused(...args: readonly string[]): Promise<string> {
    const before = await readdir(this.folder)
    const { code, stdout, stderr } = await this.troupe(...args)
    expect([code, stdout, await readdir(this.folder), await readdir(this.#home)]).toEqual([2, '', before, []])
    return stderr.replaceAll(this.folder, 'HERE')
  }

  /** What git holds of troupe's, and what lies where worktrees are made. */
  async left(): Promise<readonly string[]> {
    const refs = await git(this.folder, 'for-each-ref', '--format=%(refname)', 'refs/heads/troupe')
    const trees = (await git(this.folder, 'worktree', 'list')).split('\n').slice(1)
    const work = await readdir(join(this.#home, '.local', 'state', 'troupe'), { recursive: true }).catch(() => [])
    return [
      ...refs.split('\n').filter((name) => name !== ''),
      ...trees,
      ...work.filter((name) => name.endsWith('tree')),
    ]
  }
}

/** A folder with these workflows, and with a home of its own for who types there. */
async function place(terminal: Terminal, make: (folder: string) => Promise<unknown>): Promise<Place> {
  const root = await realpath(await terminal.folder())
  const [folder, home] = [join(root, 'here'), join(root, 'home')]
  await mkdir(folder)
  await mkdir(home)
  await make(folder)
  await writeFile(join(folder, 'troupe.config.yaml'), configIn(folder))
  await writeFile(join(folder, 'drawing.svg'), '<svg/>')
  await writeFile(join(folder, 'goes'), '#!/bin/sh\n', { mode: 0o755 })
  const files = {
    acp: one('acp'),
    nobody: one('acp:nobody'),
    quick: one('command:quick'),
    absent: one('command:absent'),
    check: one('command:quick', ', check: { run: [no-such-check, all], rounds: 1 }'),
    unwritten: one('command:quick', ', check: { run: [./no-such-check, all], rounds: 1 }'),
    setup: one('command:quick', ', setup: [no-such-setup]'),
    image: one('command:quick', ', images: ["data:image/png;base64,cGl4ZWxz"]'),
    drawing: one('command:looks', ', images: [drawing.svg]'),
    goes: one('command:goes').replace(
      'only: {',
      'first: { backend: "command:remover", prompt: Do it }, only: { needs: [first],',
    ),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.yaml`), text)
  return new Place(folder, home, terminal)
}

const nothing = async () => undefined

describe.concurrent('a run of local agents', () => {
  inTerminal('is refused where its agents have no name, or one that nobody has', async ({ terminal }) => {
    const here = await place(terminal, makeRepository)
    expect(await here.refused('run', 'acp.yaml')).toEqual(
      'troupe: acp.yaml:3:27: tasks.only.backend: names no agent; write which, such as acp:claude\n',
    )
    expect(await here.refused('run', 'quick.yaml', '--backend', 'acp')).toEqual(
      'troupe: --backend acp: there is no such backend. There are: codegen, simulated, command:NAME, acp:NAME.\n',
    )
    expect(await here.refused('run', 'nobody.yaml')).toEqual(
      "troupe: There is no agent 'acp:nobody'. There are: acp:claude, acp:codex; describe others under agents: in troupe.config.yaml.\n",
    )
  })

  inTerminal('is refused outside of a repository, and in one without a commit', async ({ terminal }) => {
    const outside = await place(terminal, nothing)
    expect(await outside.refused('run', 'quick.yaml')).toEqual(
      'troupe: Local agents need a git repository with files: HERE: fatal: not a git repository (or any of the parent ' +
        "directories): .git. Start it in one, or make one with 'git init'.\n",
    )
    const empty = await place(terminal, (folder) => git(folder, 'init', '-q'))
    expect(await empty.refused('run', 'quick.yaml')).toEqual(
      'troupe: The repository HERE has no commit yet. Commit something first: agents begin at a commit.\n',
    )
  })

  inTerminal(
    'is refused where its agent, or the program of its check or setup, is not installed',
    async ({ terminal }) => {
      const here = await place(terminal, makeRepository)
      expect(await here.refused('run', 'absent.yaml')).toEqual(
        "troupe: The program 'no-such-agent' of absent was not found. Install it, or correct 'program' of the agent absent.\n",
      )
      expect(await here.refused('run', 'check.yaml')).toEqual(
        "troupe: tasks.only.check: the program 'no-such-check' was not found on the PATH. Install it, or correct its name.\n",
      )
      expect(await here.refused('run', 'setup.yaml')).toEqual(
        "troupe: tasks.only.setup: the program 'no-such-setup' was not found on the PATH. Install it, or correct its name.\n",
      )
    },
  )

  inTerminal('is refused where its agent cannot be shown an image', async ({ terminal }) => {
    const here = await place(terminal, makeRepository)
    expect(await here.refused('run', 'image.yaml')).toEqual(
      'troupe: tasks.only.images: command:quick cannot be shown images. Leave them out, or say in its description how it is shown one: an ' +
        'argument with {image}.\n',
    )
    expect(await here.refused('run', 'drawing.yaml')).toEqual(
      "troupe: tasks.only.images: 'HERE/drawing.svg' cannot be sent: agents of this machine are shown no SVG; make it a PNG.\n",
    )
  })

  inTerminal('asks a person where its agent went in the middle of it, and leaves no worktree', async ({ terminal }) => {
    const here = await place(terminal, makeRepository)
    const { code, stdout, stderr } = await here.troupe('run', 'goes.yaml')
    const why = "The program 'HERE/goes' of goes was not found. Install it, or correct 'program' of the agent goes."
    const said = plain(stdout.replaceAll(here.folder, 'HERE'))
    expect([code, stderr, said.includes(`only creating -> recovering: ${why}\n`)]).toEqual([3, '', true])
    expect(stdout).toContain('\nA person must decide\n')
    expect(await here.left()).toEqual([
      expect.stringMatching(/^refs\/heads\/troupe\/run_\w{18}\/first\/1$/),
      expect.stringMatching(/^refs\/heads\/troupe\/run_\w{18}\/only\/1$/),
    ])
    expect(await here.troupe('task', 'last', 'only', 'fail')).toMatchObject({ code: 0, stderr: '' })
    expect(await here.troupe('rm', 'last')).toMatchObject({ code: 0, stderr: '' })
    expect(await here.left()).toEqual([])
  })

  inTerminal(
    'asks a person where the program of its check is still not there when its agent is done',
    async ({ terminal }) => {
      const here = await place(terminal, makeRepository)
      const { code, stdout } = await here.troupe('run', 'unwritten.yaml')
      const why =
        'The check failed: ./no-such-check all (could not be started: there is no such program, or what its first line names ' +
        'is not installed. Install it, or correct its path.), also after its agent was told so once. It printed nothing.'
      expect([code, plain(stdout).includes(`only reporting.checking -> recovering: ${why}\n`)]).toEqual([3, true])
      const { stdout: work } = await here.troupe('work', 'last')
      // What it did before is kept.
      expect(plain(work)).toContain('  did  COMMIT..COMMIT: 2 commits, 1 file, +2 -0\n  did.txt +2 -0\n')
      expect(await here.left()).toEqual([expect.stringMatching(/^refs\/heads\/troupe\/run_\w{18}\/only\/1$/)])
    },
  )
})
