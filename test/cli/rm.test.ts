import { describe, expect, it } from 'vitest'
import type { ControlClient } from '../../src/client/control-client.ts'
import { NotFoundError } from '../../src/domain/errors.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'

async function alone(): Promise<FakeCli> {
  const cli = new FakeCli()
  cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
  cli.orchestrator.add(runView({ run: 'run_1', status: 'failed' }))
  cli.orchestrator.add(runView({ run: 'run_2', status: 'running' }))
  cli.orchestrator.add(runView({ run: 'run_3', name: 'other\u001b[2J', status: 'completed' }))
  return cli
}

/** A holder of the folder that can only list and remove, and answers removals as a test says. */
function besideHolder(cli: FakeCli, remove: ControlClient['remove']): void {
  const { orchestrator } = cli
  cli.holder = { runs: async () => orchestrator.runs(), remove } as ControlClient
}

describe('rm without a holder', () => {
  it('takes the folder with intents closed, deletes a finished run and says which', async () => {
    const cli = await alone()
    expect(await cli.run('rm', 'run_1')).toBe(0)
    expect([cli.taken, cli.orchestrator.calls, cli.orchestrator.closed]).toEqual([
      [{ intents: 'closed' }],
      [['remove', 'run_1', 'delete']],
      true,
    ])
    expect(cli.stdout.text).toBe('run_1 (feature, failed): deleted\n')
  })

  it('archives instead when asked to; the run may be named last', async () => {
    const cli = await alone()
    expect(await cli.run('rm', 'last', '--archive')).toBe(0)
    expect(cli.orchestrator.calls).toEqual([['remove', 'run_3', 'archive']])
    expect(cli.stdout.text).toBe(`run_3 (other, completed): archived to ${cli.env['TROUPE_DATA_DIR']}/archive/run_3\n`)
  })

  it('refuses a run that has not ended and says what to do', async () => {
    const cli = await alone()
    const folder = cli.env['TROUPE_DATA_DIR']
    expect(await cli.run('rm', 'run_2')).toBe(2)
    expect(cli.orchestrator.calls).toEqual([])
    expect(cli.stderr.text).toBe(
      `troupe: run_2 is running: only a finished run can be removed. Cancel it first: troupe cancel run_2 --data-dir ${folder}\n`,
    )
  })

  it.each([
    [['rm', 'run_9'], 'troupe: Run run_9 does not exist. '],
    [['rm', 'no run'], "troupe: Run 'no run' does not exist. "],
    [['rm', 'run_1', '--data-dir', '/no/such/folder'], 'troupe: The data folder /no/such/folder does not exist. '],
  ])('says what does not exist, with code 2: %j', async (words, expected) => {
    const cli = await alone()
    expect([await cli.run(...words), cli.stderr.text.slice(0, expected.length)]).toEqual([2, expected])
  })
})

describe('rm beside a holder', () => {
  it('has the holder remove the run and takes no folder', async () => {
    const cli = await alone()
    const asked: unknown[] = []
    besideHolder(cli, async (...given) => void asked.push(given))
    expect(await cli.run('rm', 'run_3', '--archive')).toBe(0)
    expect([asked, cli.taken, cli.orchestrator.calls]).toEqual([[['run_3', 'archive']], [], []])
  })

  it('passes on what the holder refuses', async () => {
    const cli = await alone()
    besideHolder(cli, async (run) => {
      throw new NotFoundError(`Run ${run}`, 'It was removed meanwhile.')
    })
    expect(await cli.run('rm', 'run_1')).toBe(2)
    expect(cli.stderr.text).toBe('troupe: Run run_1 does not exist. It was removed meanwhile.\n')
  })

  it('takes a run that is gone for removed when only the answer was lost, and never removes the one before', async () => {
    const cli = await alone()
    const asked: string[] = []
    const { HolderGoneError } = await import('../../src/client/holder-gone-error.ts')
    besideHolder(cli, async (run, how = 'delete') => {
      asked.push(run)
      await cli.orchestrator.remove(run, how)
      cli.holder = undefined
      throw new HolderGoneError('fake', { sent: true, why: 'broke off' })
    })
    expect(await cli.run('rm', 'last')).toBe(0)
    expect([asked, cli.orchestrator.calls]).toEqual([['run_3'], [['remove', 'run_3', 'delete']]])
    expect(cli.stdout.text).toBe('run_3 (other, completed): deleted\n')
  })
})
