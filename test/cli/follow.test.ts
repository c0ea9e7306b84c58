import { describe, expect, it } from 'vitest'
import { type ControlFixture, serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { workflowFile } from '../support/workflow-file.ts'

const RUN = 'run_00000001'

/** A command line whose folder another process holds. */
async function withHolder(): Promise<{ cli: FakeCli; holder: ControlFixture }> {
  const holder = await serveControl()
  const cli = new FakeCli()
  cli.holder = holder.client
  cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
  return { cli, holder }
}

const start = async (cli: FakeCli) => cli.run('run', await workflowFile(), '--input', 'request=x', '--json')
const json = (lines: readonly string[]) => lines.map((line) => JSON.parse(line))
const shown = (cli: FakeCli) => json(cli.stdout.lines).map(({ seq, type }) => seq ?? type)

describe('a second troupe run', () => {
  it('goes through the holder, says so, and exits as the run ends', async () => {
    const { cli, holder } = await withHolder()
    const ended = start(cli)
    await cli.stdout.until(/"seq":1/)
    holder.orchestrator.append(RUN, 2)
    holder.orchestrator.settle(RUN, { status: 'failed', exitCode: 1, reason: 'spec failed' })
    expect(await ended).toBe(1)
    expect(shown(cli)).toEqual([1, 2, 3, 'result'])
    expect(cli.stderr.lines).toEqual([
      `Process ${process.pid} holds ${cli.env['TROUPE_DATA_DIR']}: this goes through it, and its account settings apply.`,
      `${RUN}: spec failed`,
    ])
    expect([cli.taken, holder.control.admission.carried()]).toEqual([[], [RUN]])
  })

  it('only detaches at Ctrl-C', async () => {
    const { cli, holder } = await withHolder()
    const ended = start(cli)
    await cli.stdout.until(/"seq":1/)
    cli.signal('SIGINT')
    expect(await ended).toBe(130)
    expect(json(cli.stdout.lines).at(-1)).toEqual({
      type: 'result',
      run: RUN,
      status: 'running',
      standIn: false,
      tasks: [],
    })
    expect(cli.stderr.lines.at(-1)).toBe(`${RUN}: Detached: the run goes on in process ${process.pid}.`)
    expect([holder.orchestrator.closed, holder.orchestrator.view(RUN).status]).toEqual([false, 'running'])
  })

  it('takes the folder and goes on when the holder dies, without losing or repeating a record', async () => {
    const { cli, holder } = await withHolder()
    const ended = start(cli)
    await cli.stdout.until(/"seq":1/)
    // What the dead holder left on the disk: one record more than it could tell.
    cli.orchestrator.add(runView({ run: RUN }))
    cli.orchestrator.append(RUN, 2)
    cli.orchestrator.onBegun = (run) => {
      cli.orchestrator.append(run)
      cli.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
    }
    cli.holder = undefined
    await holder.kill()
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([1, 2, 3, 'result'])
    expect([cli.taken, cli.orchestrator.calls]).toEqual([[{ intents: 'open' }], [['resume', RUN]]])
  })

  it('follows the next holder when another process was quicker', async () => {
    const { cli, holder } = await withHolder()
    const ended = start(cli)
    await cli.stdout.until(/"seq":1/)
    const next = await serveControl()
    next.orchestrator.add(runView({ run: RUN }))
    next.orchestrator.append(RUN, 3)
    next.orchestrator.onBegun = (run) => next.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
    cli.holder = next.client
    await holder.kill()
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([1, 2, 3, 'result'])
    expect(next.orchestrator.calls).toEqual([['resume', RUN]])
  })

  it('finds the end on the disk when the holder ended before it could tell', async () => {
    const { cli, holder } = await withHolder()
    const ended = start(cli)
    await cli.stdout.until(/"seq":1/)
    cli.orchestrator.add(runView({ run: RUN, status: 'completed' }))
    cli.orchestrator.append(RUN, 2)
    cli.orchestrator.resume = async () => {
      cli.orchestrator.forget(RUN)
      return []
    }
    cli.holder = undefined
    holder.control.farewell()
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([1, 2, 'result'])
  })

  it('waits for a holder that is ending, and starts the run itself then', async () => {
    const { cli, holder } = await withHolder()
    holder.control.refuse()
    cli.orchestrator.onBegun = (run) => cli.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
    cli.onTick = () => {
      cli.holder = undefined
    }
    expect(await start(cli)).toBe(0)
    expect([holder.orchestrator.calls, shown(cli)]).toEqual([[], [1, 'result']])
  })

  it('starts nothing twice when the holder dies before it answers', async () => {
    const { cli, holder } = await withHolder()
    holder.orchestrator.start = () => {
      void holder.kill()
      return new Promise(() => undefined)
    }
    expect(await start(cli)).toBe(2)
    expect([cli.taken, cli.stdout.text]).toEqual([[], ''])
    expect(cli.stderr.text).toMatch(/may have taken effect: look with troupe runs/)
  })

  it('gives up when the folder is neither free nor answered for', async () => {
    const { cli, holder } = await withHolder()
    await holder.kill()
    expect(await start(cli)).toBe(2)
    expect(cli.stderr.text).toMatch(/held by a process that does not answer/)
  })
})

describe('troupe resume beside a holder', () => {
  it('makes the holder carry the run, and shows what is new', async () => {
    const { cli, holder } = await withHolder()
    holder.orchestrator.add(runView({ run: RUN }))
    holder.orchestrator.append(RUN, 3)
    const ended = cli.run('resume', RUN, '--json')
    await cli.stderr.until(/this goes through it/)
    holder.orchestrator.append(RUN)
    holder.orchestrator.settle(RUN, { status: 'completed', exitCode: 0 })
    expect(await ended).toBe(0)
    expect(shown(cli)).toEqual([4, 'result'])
    expect(holder.control.admission.carried()).toEqual([RUN])
  })
})
