import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BackendError, DataFolderError } from '../../src/domain/errors.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { taskView } from '../support/fake-orchestrator.ts'
import { workflowFile } from '../support/workflow-file.ts'

const RUN = 'run_00000001'
const STAND_IN =
  'Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set: the embedded stand-in plays Codegen, no real agent works.'
const FIRST = { seq: 1, type: 'run' }
const base = { at: '2026-01-02T12:00:00.000Z', run: RUN, actor: { kind: 'supervisor', id: 'supervisor' } }

/** A command line whose run does what `live` says as soon as it was started. */
function cliWith(live: (cli: FakeCli, run: string) => void): FakeCli {
  const cli = new FakeCli()
  cli.orchestrator.onBegun = (run) => live(cli, run)
  return cli
}

function completes({ orchestrator }: FakeCli, run: string): void {
  const tasks = [taskView({ task: 'spec', state: 'completed', attempt: 1, url: 'https://x/1', commands: [] })]
  orchestrator.change(run, { tasks, standIn: true })
  orchestrator.append(run, 1, { from: 'running', to: 'completed' })
  orchestrator.settle(run, { status: 'completed', exitCode: 0 })
}

const json = (lines: readonly string[]) => lines.map((line) => JSON.parse(line))

describe('troupe run --json', () => {
  it('prints the records and the result line, nothing else, and says on stderr that the stand-in plays', async () => {
    const cli = cliWith(completes)
    expect(await cli.run('run', await workflowFile(), '--input', 'request=x', '--json', '--speed', '60')).toBe(0)
    expect(json(cli.stdout.lines)).toEqual([
      { ...base, ...FIRST },
      { ...base, seq: 2, type: 'transition', from: 'running', to: 'completed' },
      {
        type: 'result',
        run: RUN,
        status: 'completed',
        standIn: true,
        tasks: [{ task: 'spec', state: 'completed', attempts: 1, url: 'https://x/1', pullRequests: [] }],
      },
    ])
    expect(cli.stderr.lines).toEqual([STAND_IN])
    expect(cli.orchestrator.calls).toEqual([['start', 'feature', { request: 'x' }, { speed: 60 }]])
    expect([cli.taken, cli.orchestrator.closed, cli.orchestrator.subscribers]).toEqual([[{ intents: 'open' }], true, 0])
  })

  it('lets local agents work in the repository that it is typed in', async () => {
    const cli = cliWith(completes)
    cli.cwd = await temporaryFolder()
    const config = { agents: { acp: { claude: { program: process.execPath } } } }
    await writeFile(join(cli.cwd, 'troupe.config.yaml'), JSON.stringify(config))
    const repository = async (top: string) => ({ top, commonDir: `${top}/.git`, head: 'c0ffee' })
    cli.local = { ...cli.local, repository }
    const file = await workflowFile()
    await cli.run('run', file, '--input', 'request=x', '--json', '--backend', 'acp:claude')
    await cli.run('run', file, '--input', 'request=x', '--json', '--backend', 'simulated')
    expect(cli.orchestrator.calls.map((call) => call[3])).toEqual([
      { backend: 'acp:claude', directory: cli.cwd },
      { backend: 'simulated' },
    ])
  })

  it('starts nothing where a local agent is not known or has no repository to work in', async () => {
    const cli = cliWith(completes)
    cli.cwd = await temporaryFolder()
    const text = (backend: string) => `name: one\ntasks: { only: { prompt: Do it, backend: "${backend}" } }\n`
    expect(await cli.run('run', await workflowFile(text('acp:nobody')))).toBe(2)
    expect(await cli.run('run', await workflowFile(text('acp:claude')))).toBe(2)
    expect(cli.stderr.lines).toEqual([
      "troupe: There is no agent 'acp:nobody'. There are: acp:claude, acp:codex; describe others under agents: in troupe.config.yaml.",
      expect.stringMatching(/^troupe: Local agents need a git repository with files: .*not a git repository/),
    ])
    expect([cli.taken, cli.orchestrator.calls]).toEqual([[], []])
  })

  it.each([
    ['failed', 1],
    ['cancelled', 1],
    ['paused', 2],
    ['running', 3],
  ] as const)('ends with a run that is %s by exit code %i', async (status, exitCode) => {
    const cli = cliWith(({ orchestrator }, run) => orchestrator.settle(run, { status, exitCode, reason: 'because' }))
    expect(await cli.run('run', await workflowFile(), '--input', 'request=x', '--json')).toBe(exitCode)
    expect(json(cli.stdout.lines).at(-1)).toEqual({ type: 'result', run: RUN, status, standIn: false, tasks: [] })
    expect(cli.stderr.lines).toEqual([`${RUN}: because`])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('stops cleanly at %s, prints the result line last and exits %i', async (signal, exitCode) => {
    const cli = new FakeCli()
    const ended = cli.run('run', await workflowFile(), '--input', 'request=x', '--json')
    await cli.stdout.until(/"seq":1/)
    const { close } = cli.orchestrator
    cli.orchestrator.close = async () => {
      // What was under way becomes durable while the orchestrator closes.
      cli.orchestrator.append(RUN)
      await close.call(cli.orchestrator)
    }
    cli.signal(signal)
    expect(await ended).toBe(exitCode)
    expect(json(cli.stdout.lines).map(({ seq, type }) => seq ?? type)).toEqual([1, 2, 'result'])
    expect([cli.orchestrator.closed, cli.exits]).toEqual([true, []])
  })

  it('exits at once at a second Ctrl-C, with the result line, but not at the echo of the first', async () => {
    const cli = new FakeCli()
    const ended = cli.run('run', await workflowFile(), '--input', 'request=x', '--json')
    await cli.stdout.until(/"seq":1/)
    let isClosing: (finish: () => void) => void = () => undefined
    const closing = new Promise<() => void>((resolve) => {
      isClosing = resolve
    })
    cli.orchestrator.close = () => new Promise((resolve) => isClosing(resolve))
    cli.signal('SIGINT')
    const finishClosing = await closing
    // A wrapper may pass on what the terminal has sent to us already.
    cli.signal('SIGINT')
    expect(cli.exits).toEqual([])
    cli.time += 1000
    cli.signal('SIGINT')
    expect(cli.exits).toEqual([130])
    expect(json(cli.stdout.lines).at(-1)?.type).toBe('result')
    finishClosing()
    expect(await ended).toBe(130)
  })

  it('prints the result line even if the folder is lost, and exits 2', async () => {
    const cli = new FakeCli()
    cli.orchestrator.settled = () => Promise.reject(new DataFolderError('lost', 'd', 'Another troupe took the folder.'))
    expect(await cli.run('run', await workflowFile(), '--input', 'request=x', '--json')).toBe(2)
    expect(json(cli.stdout.lines).at(-1)).toEqual({
      type: 'result',
      run: RUN,
      status: 'running',
      standIn: false,
      tasks: [],
    })
    expect(cli.stderr.lines).toEqual(['troupe: Another troupe took the folder.'])
    expect(cli.orchestrator.closed).toBe(true)
  })

  it('lets the folder go when the run cannot be started', async () => {
    const cli = new FakeCli()
    cli.orchestrator.start = () =>
      Promise.reject(new BackendError('The token is not valid.', { kind: 'auth', retryable: false, certain: true }))
    expect(await cli.run('run', await workflowFile(), '--input', 'request=x', '--json')).toBe(2)
    expect([cli.stdout.text, cli.stderr.text]).toEqual(['', 'troupe: The token is not valid.\n'])
    expect(cli.orchestrator.closed).toBe(true)
  })

  it('goes on for runs that others began through it, and ends with the code of its own', async () => {
    const cli = new FakeCli()
    const ended = cli.run('run', await workflowFile(), '--input', 'request=x', '--json')
    await cli.stdout.until(/"seq":1/)
    const other = await cli.hold?.admission.admit(() =>
      cli.orchestrator.resume('run_00000001').then(() => ['run_other']),
    )
    cli.orchestrator.add({ ...cli.orchestrator.view(RUN), run: 'run_other' })
    completes(cli, RUN)
    await cli.stderr.until(/goes on for what else was begun through it: run_other/)
    expect([other, cli.orchestrator.closed]).toEqual([['run_other'], false])
    cli.orchestrator.settle('run_other', { status: 'failed', exitCode: 1 })
    expect(await ended).toBe(0)
    expect(json(cli.stdout.lines).map(({ seq, type }) => seq ?? type)).toEqual([1, 2, 'result'])
    expect(cli.orchestrator.closed).toBe(true)
  })

  it('keeps looking after a run that waits as long as another may still change it', async () => {
    const cli = new FakeCli()
    const ended = cli.run('run', await workflowFile(), '--input', 'request=x', '--json')
    await cli.stdout.until(/"seq":1/)
    cli.orchestrator.add({ ...cli.orchestrator.view(RUN), run: 'run_other' })
    await cli.hold?.admission.admit(async () => ['run_other'])
    cli.orchestrator.settle(RUN, { status: 'running', exitCode: 3 })
    completes(cli, RUN)
    cli.orchestrator.settle('run_other', { status: 'completed', exitCode: 0 })
    expect(await ended).toBe(0)
  })
})

describe('troupe run without a terminal', () => {
  it('prints a line a record, the table and what to type next', async () => {
    const cli = cliWith(completes)
    await cli.run('run', await workflowFile(), '--input', 'request=x', '--data-dir', 'my data')
    expect(cli.stdout.lines).toEqual([
      `${RUN} feature started`,
      STAND_IN,
      '12:00:00 supervisor run',
      '12:00:00 supervisor running -> completed',
      '',
      'task  state        attempts  agent run',
      'spec  ✔ completed  1         https://x/1',
      '',
      `✔ ${RUN} completed, 1 of 1 completed, 1 attempt, 0s, by the stand-in, not by real agents`,
      '',
      'Next:',
      `  troupe show ${RUN} --data-dir 'my data'`,
      `  troupe result ${RUN} spec --data-dir 'my data'`,
      `  troupe logs ${RUN} spec --data-dir 'my data'`,
    ])
  })

  it('names the commands that help a run on which a person must act', async () => {
    const cli = cliWith(({ orchestrator }, run) => {
      const stuck = taskView({ task: 'execute[0]', state: 'escalated', attempt: 1, commands: ['retry', 'skip'] })
      orchestrator.change(run, { tasks: [stuck] })
      orchestrator.settle(run, { status: 'running', exitCode: 3, reason: 'execute[0] waits for a person' })
    })
    expect(await cli.run('run', await workflowFile(), '--input', 'request=x')).toBe(3)
    expect(cli.stdout.lines.slice(-7)).toEqual([
      'execute[0] waits for a person',
      '',
      'Next:',
      `  troupe show ${RUN}`,
      `  troupe logs ${RUN} execute.0`,
      `  troupe task ${RUN} execute.0 retry|skip`,
      `  troupe resume ${RUN}`,
    ])
  })
})

describe('troupe run on a terminal', () => {
  it('draws the tree over again and prints the table below it', async () => {
    const cli = new FakeCli()
    cli.stdout.isTerminal = true
    cli.env = { NO_COLOR: '1' }
    const ended = cli.run('run', await workflowFile(), '--input', 'request=x')
    await cli.stdout.until(/started/)
    cli.orchestrator.change(RUN, { tasks: [taskView({ task: 'spec', state: 'running', attempt: 1 })] })
    await new Promise<void>((resolve) => {
      cli.onTick = resolve
    })
    await new Promise<void>((resolve) => {
      cli.onTick = resolve
    })
    completes(cli, RUN)
    expect(await ended).toBe(0)
    expect(cli.frames[0]).toEqual([`● ${RUN}  feature  running  0/1  0s`, '  ● spec running          '])
    expect(cli.stdout.text).toMatch(/spec {2}✔ completed {2}1/)
  })
})

describe('what keeps a run from being started', () => {
  const broken = 'name: x\ntasks:\n  a: { prompt: p, needs: [b] }\n  c: { prompt: p, wait: 3 }\n'

  it('is every mistake of the file and the flags at once, a line each', async () => {
    const cli = new FakeCli()
    const file = await workflowFile(broken)
    expect(await cli.run('run', file, '--input', 'nothing', '--input', 'a=@/no/such')).toBe(2)
    const named = [/^--input nothing: /, /^\/no\/such: /, /:3:.*b/, /:4:.*wait/]
    for (const wrong of named) expect(cli.stderr.lines.filter((line) => wrong.test(line)).length).toBe(1)
    expect([cli.taken, cli.stdout.text]).toEqual([[], ''])
  })

  it.each([
    [['--input', 'other=1'], /request[\s\S]*other|other[\s\S]*request/],
    [['--input', 'request=a', '--input', 'request=b'], /request: given twice/],
    [['--input', 'request=a', '--speed', 'fast'], /--speed fast/],
    [['--input', 'request=a', '--sped', '1'], /unknown option '--sped'[\s\S]*Try: troupe run --help/],
  ])('is said with exit code 2 (%j)', async (flags, message) => {
    const cli = new FakeCli()
    expect(await cli.run('run', await workflowFile(), ...flags)).toBe(2)
    expect([cli.taken, cli.stdout.text]).toEqual([[], ''])
    expect(cli.stderr.text).toMatch(message)
  })

  it.each([
    ['no such file', 'missing.yaml', /missing\.yaml: cannot be read: there is no such file/],
    ['a folder', '.', /cannot be read: it is a folder/],
    ['no text', 'binary.yaml', /binary\.yaml: cannot be read: it is no UTF-8 text/],
    ['too large', 'large.yaml', /large\.yaml: larger than 4 MB/],
  ])('can be the file itself: %s', async (_what, name, message) => {
    const folder = dirname(await workflowFile())
    await writeFile(join(folder, 'binary.yaml'), Buffer.from([0xff, 0xfe, 0x00]))
    await writeFile(join(folder, 'large.yaml'), Buffer.alloc(4 * 1024 * 1024 + 1, 'a'))
    const cli = new FakeCli()
    expect(await cli.run('run', join(folder, name), '--json')).toBe(2)
    expect(cli.stderr.text).toMatch(message)
  })

  it('is a word that is missing or unknown', async () => {
    const cli = new FakeCli()
    expect([await cli.run('run'), await cli.run('runn'), await cli.run()]).toEqual([2, 2, 2])
    expect(cli.stderr.text).toMatch(
      /Give a workflow file, or what is to be achieved[\s\S]*unknown command 'runn'[\s\S]*Did you mean/,
    )
  })

  it('takes inputs from files', async () => {
    const cli = cliWith(completes)
    const file = await workflowFile()
    const input = join(dirname(file), 'request.txt')
    await writeFile(input, 'from a file')
    await cli.run('run', file, '--input', `request=@${input}`)
    expect(cli.orchestrator.calls).toEqual([['start', 'feature', { request: 'from a file' }, {}]])
  })
})

it('says its version, and shows help', async () => {
  const cli = new FakeCli()
  expect([await cli.run('--version'), await cli.run('--help'), await cli.run('run', '--help')]).toEqual([0, 0, 0])
  expect(cli.stdout.text).toMatch(/^1\.2\.3\n[\s\S]*stand-in[\s\S]*--input <name=value>/)
})
