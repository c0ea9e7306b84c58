import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'

async function folderWith(...runs: readonly (readonly [run: string, status: string])[]) {
  const cli = new FakeCli()
  const dataDir = await temporaryFolder()
  cli.env = { TROUPE_DATA_DIR: dataDir }
  for (const [run, status] of runs) {
    cli.orchestrator.add(runView({ run, status }))
    cli.orchestrator.append(run, 3)
  }
  return { cli, dataDir }
}

const json = (lines: readonly string[]) => lines.map((line) => JSON.parse(line))

describe('troupe resume', () => {
  it('shows only what comes after the restore, even what comes before resume has returned', async () => {
    const { cli } = await folderWith(['run_1', 'running'])
    cli.orchestrator.onBegun = (run) => {
      cli.orchestrator.append(run, 2)
      cli.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
    }
    expect(await cli.run('resume', '--json')).toBe(0)
    expect(json(cli.stdout.lines).map(({ seq, type }) => seq ?? type)).toEqual([4, 5, 'result'])
  })

  it('resumes all unfinished runs and exits with the code of the worst, results last', async () => {
    const { cli } = await folderWith(
      ['run_1', 'running'],
      ['run_2', 'completed'],
      ['run_3', 'running'],
      ['run_4', 'running'],
    )
    const outcomes = new Map([
      ['run_1', { status: 'completed', exitCode: 0 }],
      ['run_3', { status: 'failed', exitCode: 1 }],
      ['run_4', { status: 'running', exitCode: 3 }],
    ] as const)
    cli.orchestrator.onBegun = (run) => {
      cli.orchestrator.append(run)
      const outcome = [...outcomes].find(([id]) => id === run)?.[1]
      if (outcome) cli.orchestrator.settle(run, outcome)
    }
    expect(await cli.run('resume', '--json')).toBe(1)
    expect(json(cli.stdout.lines).map(({ run, seq, status }) => [run, seq ?? status])).toEqual([
      ['run_1', 4],
      ['run_3', 4],
      ['run_4', 4],
      ['run_1', 'completed'],
      ['run_3', 'failed'],
      ['run_4', 'running'],
    ])
    expect(cli.orchestrator.calls).toEqual([['resume', undefined]])
  })

  it('replaces the settings that are given', async () => {
    const { cli } = await folderWith(['run_1', 'running'])
    cli.orchestrator.onBegun = (run) => cli.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
    await cli.run('resume', 'last', '--speed', '60', '--limit', 'codegen.create=none')
    expect(cli.orchestrator.calls).toEqual([['resume', 'run_1', { speed: 60, limits: { 'codegen.create': 'none' } }]])
  })

  it('says that there is nothing to resume and exits 0', async () => {
    const { cli, dataDir } = await folderWith(['run_1', 'completed'])
    expect(await cli.run('resume')).toBe(0)
    expect(cli.stdout.text).toBe(`Nothing to resume in ${dataDir}: no run is unfinished.\n`)
  })

  it('makes no data folder where there is none', async () => {
    const { cli } = await folderWith()
    expect(await cli.run('resume', '--json', '--data-dir', '/no/such/folder')).toBe(0)
    expect([cli.stdout.text, cli.taken]).toEqual(['', []])
    expect(cli.stderr.text).toBe('Nothing to resume in /no/such/folder: no run is unfinished.\n')
  })

  it('tells how a run ended that is asked for by its name', async () => {
    const { cli } = await folderWith(['run_1', 'failed'])
    expect(await cli.run('resume', 'run_1', '--json')).toBe(1)
    expect(json(cli.stdout.lines)).toEqual([
      { type: 'result', run: 'run_1', status: 'failed', standIn: false, tasks: [] },
    ])
    expect(cli.taken).toEqual([])
  })

  it.each(['run_2', '../etc', 'last'])('refuses a run that does not exist (%s)', async (name) => {
    const { cli, dataDir } = await folderWith()
    await mkdir(join(dataDir, 'runs'))
    expect(await cli.run('resume', name)).toBe(2)
    expect([cli.stdout.text, cli.taken]).toEqual(['', []])
    expect(cli.stderr.text).toMatch(/does not exist/)
  })
})
