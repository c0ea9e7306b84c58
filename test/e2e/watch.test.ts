import { spawn } from 'node:child_process'
import { describe, expect } from 'vitest'
import { inTerminal, range, recordsOf, resultOf } from './command-line.ts'

/** Its second task ends when a person says so. */
const STEPS = `
name: steps
defaults: { backend: simulated, retry: { attempts: 1 } }
tasks:
  first: { prompt: Begin, simulate: { duration: 50ms } }
  second: { prompt: Go on, needs: [first], simulate: { duration: 1h } }
  third: { prompt: End, needs: [second], simulate: { duration: 50ms } }
`
const SHORT = `
name: short
defaults: { backend: simulated }
tasks: { only: { prompt: Be quick, simulate: { duration: 50ms } } }
`
const SLOW = `
name: slow
defaults: { backend: simulated }
tasks: { only: { prompt: Take your time, simulate: { duration: 10m } } }
`

const seqsOf = (stdout: string) => recordsOf(stdout).map(({ seq }) => seq)

describe.concurrent('troupe watch', () => {
  inTerminal('sees every record once although the process that carries the run is killed', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const carrier = terminal.start(['run', await terminal.workflow(STEPS), '--data-dir', dataDir, '--json'])
    const run = await carrier.run()
    const [one, all] = [[run], []].map((name) =>
      terminal.start(['watch', ...name, '--from-start', '--json', '--data-dir', dataDir]),
    )
    if (!one || !all) throw new Error('Neither was started.')
    await Promise.all([carrier, one, all].map((command) => command.sawState('second', 'running')))
    carrier.signal('SIGKILL')
    await Promise.all([one, all].map((command) => command.saw(/has ended/, 'stderr')))
    const next = terminal.start(['resume', '--data-dir', dataDir])
    await next.saw(/resumed/)
    await terminal.troupe(['task', run, 'second', 'complete', '--result', '"done"', '--data-dir', dataDir])
    const resumed = await next.ended
    const ended = await one.ended
    await all.sawState('supervisor', 'completed')
    all.signal('SIGINT')
    const left = await all.ended

    const last = (await terminal.records(run, dataDir)).length
    expect([resumed.code, ended.code, left.code]).toEqual([0, 0, 130])
    expect(seqsOf(ended.stdout)).toEqual(range(1, last))
    expect(seqsOf(left.stdout)).toEqual(range(1, last))
    expect(resultOf(ended.stdout).status).toBe('completed')
    expect(ended.stderr.split('\n').filter((line) => line.includes('has ended')).length).toBe(1)
  })

  inTerminal('shows on a server elsewhere what troupe run shows on the folder that it serves', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const token = 'a-token-of-this-test'
    const server = terminal.start(['serve', '--port', '0', '--data-dir', dataDir], { TROUPE_TOKEN: token })
    const [, url = ''] = await server.saw(/^troupe serve listening on (\S+)\n/)
    const runner = terminal.start(['run', await terminal.workflow(SHORT), '--data-dir', dataDir, '--json'])
    const run = await runner.run()
    const flags = [run, '--url', url, '--json', '--from-start']
    const watcher = terminal.start(['watch', ...flags], { TROUPE_TOKEN: token })
    const stranger = terminal.start(['watch', ...flags], { TROUPE_TOKEN: 'not-the-token-of-this' })
    const [ran, watched, refused] = await Promise.all([runner.ended, watcher.ended, stranger.ended])
    expect([ran.code, watched.code, watched.stdout]).toEqual([0, 0, ran.stdout])
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toBe('troupe: The token is not known here.\n')
  })

  inTerminal('ends when whoever reads along has gone, and leaves the run alone', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const carrier = terminal.start(['run', await terminal.workflow(SLOW), '--data-dir', dataDir, '--json'])
    await carrier.sawState('only', 'running')
    const cli = process.env['TROUPE_TEST_CLI'] ?? 'dist/cli/main.js'
    const words = [cli, 'watch', '--from-start', '--json', '--data-dir', dataDir]
    const watcher = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = new Promise((resolve) => watcher.on('exit', resolve))
    watcher.stdout.once('data', () => watcher.stdout.destroy())
    await new Promise((resolve) => watcher.stdout.once('close', resolve))
    // The next record finds nobody who takes it.
    await terminal.troupe(['pause', 'last', '--data-dir', dataDir])
    expect(await ended).toBe(0)
    expect((await terminal.show(await carrier.run(), dataDir)).status).toBe('paused')
  })
})
