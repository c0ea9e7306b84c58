import { describe, expect, it } from 'vitest'
import { serveApi } from '../support/api-server.ts'
import { type ControlFixture, serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView, taskView } from '../support/fake-orchestrator.ts'

const RUN = 'run_00000001'
const END = { type: 'transition', from: 'finishing', to: 'completed' } as const
const DONE = { status: 'completed', exitCode: 0 } as const

/** A command line; its own orchestrator is what lies on the disk. */
async function withDisk(): Promise<FakeCli> {
  const cli = new FakeCli()
  cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
  cli.orchestrator.add(runView({ run: RUN }))
  return cli
}

/** A command line whose folder another process holds. */
async function withHolder(): Promise<{ cli: FakeCli; holder: ControlFixture }> {
  const holder = await serveControl()
  const cli = await withDisk()
  cli.holder = holder.client
  holder.orchestrator.add(runView({ run: RUN }))
  return { cli, holder }
}

function end(orchestrator: FakeCli['orchestrator'], run = RUN): void {
  orchestrator.append(run, 1, END)
  orchestrator.settle(run, DONE)
}

const json = (lines: readonly string[]) => lines.map((line) => JSON.parse(line))
const shown = (cli: FakeCli) => json(cli.stdout.lines).map(({ seq, type }) => seq ?? type)

describe('troupe watch RUN beside a holder', () => {
  it('shows what happens from here on, and exits with 0 when the run has ended, however that was', async () => {
    const { cli, holder } = await withHolder()
    holder.orchestrator.append(RUN, 3)
    const ended = cli.run('watch', RUN)
    await cli.stdout.until(/watched/)
    holder.orchestrator.append(RUN, 1, { type: 'alert', data: { message: 'look' } })
    // What a view tells may be ahead of the stream, never behind it.
    holder.orchestrator.settle(RUN, { status: 'failed', exitCode: 1, reason: 'spec failed' })
    holder.orchestrator.append(RUN, 1, { type: 'transition', from: 'finishing', to: 'failed' })
    expect(await ended).toBe(0)
    expect(cli.stdout.lines.slice(0, 3)).toEqual([
      `${RUN} feature watched`,
      '12:00:00 supervisor alert: look',
      '12:00:00 supervisor finishing -> failed',
    ])
    expect(cli.stdout.text).toMatch(new RegExp(`${RUN} failed, 0 of 0 completed`))
    expect([cli.taken, holder.orchestrator.calls]).toEqual([[], []])
  })

  it('gives the records as JSON lines, those too that were before, and the result last', async () => {
    const { cli, holder } = await withHolder()
    holder.orchestrator.append(RUN, 3)
    const ended = cli.run('watch', 'last', '--json', '--from-start')
    await cli.stdout.until(/"seq":3/)
    end(holder.orchestrator)
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([1, 2, 3, 4, 'result'])
    expect(json(cli.stdout.lines).at(-1)).toEqual({
      type: 'result',
      run: RUN,
      status: 'completed',
      standIn: false,
      tasks: [],
    })
  })

  it('draws the tree on a terminal', async () => {
    const { cli, holder } = await withHolder()
    cli.stdout.isTerminal = true
    holder.orchestrator.change(RUN, { tasks: [taskView({ task: 'spec', state: 'running' })] })
    const drawn = new Promise<void>((resolve) => {
      cli.onTick = () => {
        if (cli.frames.some((lines) => lines.some((line) => line.includes('spec')))) resolve()
      }
    })
    const ended = cli.run('watch', RUN)
    await drawn
    end(holder.orchestrator)
    expect(await ended).toBe(0)
  })

  it.each(['a holder', 'the disk'])('shows a run that has ended already, at once, from %s', async (from) => {
    const { cli, holder } = await withHolder()
    const { orchestrator } = from === 'a holder' ? holder : cli
    if (from === 'the disk') cli.holder = undefined
    orchestrator.append(RUN, 2)
    end(orchestrator)
    expect([await cli.run('watch', RUN, '--json'), shown(cli)]).toEqual([0, ['result']])
    cli.stdout.text = ''
    expect([await cli.run('watch', RUN, '--json', '--from-start'), shown(cli)]).toEqual([0, [1, 2, 3, 'result']])
  })

  it('says once that the holder has ended, and goes on through the next one without losing or repeating a record', async () => {
    const { cli, holder } = await withHolder()
    const ended = cli.run('watch', RUN, '--json', '--from-start')
    holder.orchestrator.append(RUN, 2)
    await cli.stdout.until(/"seq":2/)
    // What the dead holder left on the disk: one record more than it could tell.
    cli.orchestrator.append(RUN, 3)
    cli.holder = undefined
    await holder.kill()
    await cli.stderr.until(/has ended/)
    const next = await serveControl()
    next.orchestrator.add(runView({ run: RUN }))
    next.orchestrator.append(RUN, 5)
    cli.holder = next.client
    await cli.stdout.until(/"seq":5/)
    end(next.orchestrator)
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([1, 2, 3, 4, 5, 6, 'result'])
    expect(cli.stderr.lines).toEqual([
      `The process that carried ${RUN} has ended: this waits for the next. Begin one with troupe resume ${RUN} --data-dir ${cli.env['TROUPE_DATA_DIR']}`,
    ])
  })

  it('finds the end on the disk when the holder ended before it could tell, and says nothing of it', async () => {
    const { cli, holder } = await withHolder()
    const ended = cli.run('watch', RUN, '--json', '--from-start')
    holder.orchestrator.append(RUN, 1)
    await cli.stdout.until(/"seq":1/)
    cli.orchestrator.append(RUN, 1)
    end(cli.orchestrator)
    cli.holder = undefined
    await holder.kill()
    expect([await ended, shown(cli), cli.stderr.text]).toEqual([0, [1, 2, 'result'], ''])
  })

  it('leaves the run alone at Ctrl-C and says how it stands', async () => {
    const { cli, holder } = await withHolder()
    const ended = cli.run('watch', RUN, '--json', '--from-start')
    holder.orchestrator.append(RUN, 1)
    await cli.stdout.until(/"seq":1/)
    cli.signal('SIGINT')
    expect([await ended, shown(cli)]).toEqual([130, [1, 'result']])
    expect(cli.stderr.lines).toEqual([`${RUN}: No longer watched.`])
    expect(holder.orchestrator.calls).toEqual([])
  })

  it('ends when nobody takes what it writes any more', async () => {
    const { cli, holder } = await withHolder()
    const ended = cli.run('watch', RUN, '--json', '--from-start')
    holder.orchestrator.append(RUN, 1)
    await cli.stdout.until(/"seq":1/)
    cli.stdout.leave()
    expect([await ended, shown(cli)]).toEqual([0, [1]])
  })

  it.each(['run_2', 'nonsense'])('exits with 2 for %s, which is no run', async (name) => {
    const { cli } = await withHolder()
    expect(await cli.run('watch', name)).toBe(2)
    expect(cli.stderr.text).toMatch(/does not exist/)
  })
})

describe('troupe watch RUN without a holder', () => {
  it('shows what is on the disk, and what comes to be there', async () => {
    const cli = await withDisk()
    cli.orchestrator.append(RUN, 2)
    const ended = cli.run('watch', RUN, '--json', '--from-start')
    await cli.stderr.until(/waits/)
    cli.orchestrator.append(RUN, 1500)
    end(cli.orchestrator)
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([...Array.from({ length: 1503 }, (_, index) => index + 1), 'result'])
    expect(cli.stderr.lines).toEqual([
      `No process carries ${RUN} now: this waits for the next. Begin one with troupe resume ${RUN} --data-dir ${cli.env['TROUPE_DATA_DIR']}`,
    ])
    expect([cli.taken, cli.orchestrator.calls]).toEqual([[], []])
  })

  it('ends at Ctrl-C', async () => {
    const cli = await withDisk()
    const ended = cli.run('watch', RUN)
    await cli.stdout.until(/No process carries/)
    cli.signal('SIGINT')
    expect(await ended).toBe(130)
  })
})

describe('troupe watch', () => {
  it('shows the records of all runs, a line each with its run', async () => {
    const { cli, holder } = await withHolder()
    holder.orchestrator.append(RUN, 1)
    const ended = cli.run('watch')
    await cli.stdout.until(/Watching all runs/)
    holder.orchestrator.add(runView({ run: 'run_00000002' }))
    holder.orchestrator.append('run_00000002', 1, { type: 'run' })
    await cli.stdout.until(/run_00000002/)
    end(holder.orchestrator)
    await cli.stdout.until(/completed/)
    cli.signal('SIGTERM')
    expect(await ended).toBe(143)
    expect(cli.stdout.lines).toEqual([
      'Watching all runs.',
      '12:00:00 run_00000002 supervisor run',
      `12:00:00 ${RUN} supervisor finishing -> completed`,
    ])
  })

  it('goes from a holder to the disk and to the next holder without losing or repeating a record of any run', async () => {
    const { cli, holder } = await withHolder()
    const ended = cli.run('watch', '--json', '--from-start')
    const names = () => json(cli.stdout.lines).map(({ run, seq }) => `${run} ${seq}`)
    holder.orchestrator.append(RUN, 2)
    await cli.stdout.until(/"seq":2/)
    cli.orchestrator.append(RUN, 3)
    cli.orchestrator.add(runView({ run: 'run_00000002' }))
    cli.orchestrator.append('run_00000002', 1)
    cli.holder = undefined
    await holder.kill()
    await cli.stderr.until(/has ended/)
    cli.orchestrator.append('run_00000002', 1)
    await cli.stdout.until(/"seq":2,[^\n]*run_00000002/)

    const next = await serveControl()
    next.orchestrator.add(runView({ run: RUN }))
    next.orchestrator.append(RUN, 3)
    next.orchestrator.add(runView({ run: 'run_00000002' }))
    next.orchestrator.append('run_00000002', 3)
    cli.holder = next.client
    await cli.stdout.until(/"seq":3,[^\n]*run_00000002/)
    cli.signal('SIGINT')
    expect(await ended).toBe(130)
    expect(names()).toEqual([`${RUN} 1`, `${RUN} 2`, `${RUN} 3`, 'run_00000002 1', 'run_00000002 2', 'run_00000002 3'])
  })

  it('shows what happens on the disk from here on when nobody holds the folder', async () => {
    const cli = await withDisk()
    cli.orchestrator.append(RUN, 2)
    const ended = cli.run('watch', '--json')
    await cli.stderr.until(/waits/)
    cli.orchestrator.append(RUN, 1)
    await cli.stdout.until(/"seq":3/)
    cli.signal('SIGINT')
    expect([await ended, shown(cli)]).toEqual([130, [3]])
  })
})

describe('a server elsewhere (--url)', () => {
  it('is watched, read and listed, with no folder of this machine in what is said', async () => {
    const { url, orchestrator } = await serveApi()
    const cli = new FakeCli()
    orchestrator.add(
      runView({ run: RUN, tasks: [taskView({ task: 'spec', state: 'escalated.failed', commands: ['retry'] })] }),
    )
    orchestrator.append(RUN, 2)
    const ended = cli.run('watch', 'last', '--url', url, '--from-start')
    await cli.stdout.until(/12:00:00/)
    end(orchestrator)
    expect(await ended).toBe(0)
    expect(await cli.run('show', RUN, '--url', url)).toBe(0)
    expect(cli.stdout.text).toMatch(/can {4}retry/)
    expect(cli.stdout.text).not.toMatch(/Next:|troupe /)
    cli.stdout.text = ''
    expect(await cli.run('runs', '--url', url, '--json')).toBe(0)
    expect(json(cli.stdout.lines)).toEqual(orchestrator.runs())
  })

  it('is waited for when it ends and begins again', async () => {
    const { url, orchestrator, kill, again } = await serveApi()
    const cli = new FakeCli()
    orchestrator.add(runView({ run: RUN }))
    const ended = cli.run('watch', RUN, '--url', url, '--json', '--from-start')
    orchestrator.append(RUN, 1)
    await cli.stdout.until(/"seq":1/)
    await kill()
    await cli.stderr.until(/no answer/)
    orchestrator.append(RUN, 1)
    await again()
    await cli.stderr.until(/answers again/)
    end(orchestrator)
    expect([await ended, shown(cli)]).toEqual([0, [1, 2, 3, 'result']])
    expect(cli.stderr.lines).toEqual([
      `There is no answer from ${url}: the stream ended (1006). It is tried again until there is one.`,
      `${url} answers again.`,
    ])
  })

  it.each([
    ['http://127.0.0.1:1', /no answer from/],
    ['nonsense', /write it as in/],
  ])('exits with 2 when it is %s, where nobody answers', async (url, words) => {
    const cli = new FakeCli()
    expect(await cli.run('watch', RUN, '--url', url)).toBe(2)
    expect(cli.stderr.text).toMatch(words)
  })
})
