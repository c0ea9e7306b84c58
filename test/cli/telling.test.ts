import { describe, expect, it } from 'vitest'
import { serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { type FakeOrchestrator, runView, taskView } from '../support/fake-orchestrator.ts'

/** Who a holder is told a command is from. */
const BY_SOCKET = { via: 'control' }
const RUN = 'run_1'

function fill(orchestrator: FakeOrchestrator, status = 'running'): void {
  const task = taskView({ task: 'execute[0]', state: 'escalated', commands: ['retry', 'skip'] })
  orchestrator.add(runView({ run: RUN, status, tasks: [task], commands: ['cancel', 'continue'] }))
}

async function alone(): Promise<FakeCli> {
  const cli = new FakeCli()
  cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
  fill(cli.orchestrator)
  return cli
}

async function besideHolder() {
  const cli = await alone()
  const holder = await serveControl()
  fill(holder.orchestrator)
  cli.holder = holder.client
  return { cli, holder }
}

describe('a command without a holder', () => {
  it('takes the folder with intents closed, makes its record durable, and names resume', async () => {
    const cli = await alone()
    expect(await cli.run('task', RUN, 'execute.0', 'retry', '--prompt', 'again')).toBe(0)
    expect([cli.taken, cli.orchestrator.closed]).toEqual([[{ intents: 'closed' }], true])
    expect(cli.orchestrator.calls).toEqual([
      ['resume', RUN],
      ['commandTask', RUN, 'execute[0]', { type: 'retry', prompt: 'again' }],
    ])
    expect(cli.stdout.text).toBe(
      `${RUN} execute[0]: retry taken (record 1), now escalated. Nothing runs now: go on with troupe resume ${RUN} --data-dir ${cli.env['TROUPE_DATA_DIR']}\n`,
    )
  })

  it('continues a run, which may be named last', async () => {
    const cli = await alone()
    expect(await cli.run('continue', 'last')).toBe(0)
    expect(cli.orchestrator.calls).toEqual([
      ['resume', RUN],
      ['command', RUN, { type: 'continue' }],
    ])
  })

  it('repeats a task, also of a run that has ended', async () => {
    const cli = await alone()
    const done = taskView({ task: 'execute[0]', state: 'completed', commands: ['rerun'] })
    cli.orchestrator.change(RUN, { status: 'completed', tasks: [done] })
    expect(await cli.run('rerun', 'last', 'execute.0')).toBe(0)
    expect([cli.taken, cli.orchestrator.closed]).toEqual([[{ intents: 'closed' }], true])
    expect(cli.orchestrator.calls).toEqual([
      ['resume', RUN],
      ['commandTask', RUN, 'execute[0]', { type: 'rerun' }],
    ])
    expect(cli.stdout.text).toContain(`${RUN} execute[0]: rerun taken (record 1), now `)
    expect(cli.stdout.text).toContain(`Nothing runs now: go on with troupe resume ${RUN} --data-dir `)
  })

  it('cancels a run and waits until all is settled', async () => {
    const cli = await alone()
    const { command } = cli.orchestrator
    cli.orchestrator.command = async (run, given) => {
      const reply = await command.call(cli.orchestrator, run, given)
      cli.orchestrator.settle(run, { status: 'cancelled', exitCode: 1 })
      return reply
    }
    expect(await cli.run('cancel', RUN)).toBe(0)
    expect([cli.stdout.text, cli.orchestrator.closed]).toEqual([`${RUN}: cancelled\n`, true])
  })

  it('keeps a cancel that is interrupted while it waits', async () => {
    const cli = await alone()
    const { settled } = cli.orchestrator
    cli.orchestrator.settled = (run, signal) => {
      queueMicrotask(() => cli.signal('SIGINT'))
      return settled.call(cli.orchestrator, run, signal)
    }
    expect(await cli.run('cancel', RUN)).toBe(130)
    expect(cli.stderr.text).toBe(
      `${RUN}: cancel taken; waiting until all of it is settled.\n` +
        `Stopped. The cancel is durable: go on with troupe resume ${RUN} --data-dir ${cli.env['TROUPE_DATA_DIR']}\n`,
    )
    expect(cli.orchestrator.closed).toBe(true)
  })

  it.each([
    [['task', RUN, 'execute.0', 'adopt'], /is escalated and cannot take 'adopt'\. It takes: retry, skip\./],
    [['task', RUN, 'none', 'retry'], /Task 'none' of run_1 does not exist/],
    [['task', 'run_2', 'execute.0', 'retry'], /Run run_2 does not exist/],
    [['task', RUN, '../x', 'retry'], /'\.\.\/x' is no task/],
    [['pause', RUN], /is running and cannot take 'pause'\. It takes: cancel, continue\./],
    [['cancel', 'nonsense'], /Run 'nonsense' does not exist/],
    [['cancel', RUN, '--data-dir', '/no/such/folder'], /data folder \/no\/such\/folder does not exist/],
  ])('is refused with what is legal, by exit code 2 (%j)', async (words, message) => {
    const cli = await alone()
    expect(await cli.run(...words)).toBe(2)
    expect(cli.stderr.text).toMatch(message)
    expect(cli.stdout.text).toBe('')
    expect(cli.orchestrator.closed).toBe(cli.taken.length > 0)
  })
})

describe('a command beside a holder', () => {
  it('goes through it', async () => {
    const { cli, holder } = await besideHolder()
    expect(await cli.run('task', RUN, 'execute.0', 'skip')).toBe(0)
    expect(cli.stdout.text).toBe(`${RUN} execute[0]: skip taken (record 1), now escalated.\n`)
    expect(holder.orchestrator.calls).toEqual([['commandTask', RUN, 'execute[0]', { type: 'skip' }, BY_SOCKET]])
    expect(cli.taken).toEqual([])
  })

  it('is refused as it would be here', async () => {
    const { cli } = await besideHolder()
    expect(await cli.run('task', RUN, 'execute.0', 'adopt')).toBe(2)
    expect(cli.stderr.text).toMatch(/It takes: retry, skip\./)
  })

  it('is not given twice when the holder dies before it answers', async () => {
    const { cli, holder } = await besideHolder()
    holder.orchestrator.commandTask = () => {
      void holder.kill()
      return new Promise(() => undefined)
    }
    expect(await cli.run('task', RUN, 'execute.0', 'retry')).toBe(2)
    expect([cli.taken, cli.orchestrator.calls]).toEqual([[], []])
    expect(cli.stderr.text).toMatch(/may have taken effect/)
  })

  it('waits for a cancel in this process when the holder dies meanwhile', async () => {
    const { cli, holder } = await besideHolder()
    holder.orchestrator.settled = () => {
      cli.holder = undefined
      // It was brought to its end before the holder died: nothing of it is left to be carried.
      cli.orchestrator.settle(RUN, { status: 'cancelled', exitCode: 1 })
      cli.orchestrator.resume = async (run) => {
        cli.orchestrator.forget(String(run))
        return []
      }
      void holder.kill()
      return new Promise(() => undefined)
    }
    expect(await cli.run('cancel', RUN)).toBe(0)
    expect(holder.orchestrator.calls).toEqual([['command', RUN, { type: 'cancel' }, BY_SOCKET]])
    expect([cli.stdout.text, cli.orchestrator.calls]).toEqual([`${RUN}: cancelled\n`, []])
  })
})
