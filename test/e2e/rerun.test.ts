import { describe, expect } from 'vitest'
import { inTerminal, recordsOf, resultOf } from './command-line.ts'

const DEFAULTS = 'defaults: { repository: acme/shop, retry: { attempts: 1 }, onFailure: fail }'
/** The first attempt of `shaky` fails, and the run with it. */
const SHAKY = `
name: shaky
${DEFAULTS}
tasks:
  shaky: { prompt: Try, simulate: { duration: 20ms, failures: 1, result: Mended. } }
  after: { prompt: Go on, needs: [shaky], simulate: { duration: 20ms, result: After. } }
`
const LONG = `
name: long
${DEFAULTS}
tasks: { slow: { prompt: Take your time, simulate: { duration: 10m, result: Slow. } } }
`

describe.concurrent('troupe rerun', () => {
  inTerminal('opens a run that has ended, and resume sees it through', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const inFolder = ['--data-dir', dataDir]
    const failed = await terminal.troupe(['run', await terminal.workflow(SHAKY), ...inFolder, '--json'])
    expect(failed.code).toBe(1)
    const { run } = resultOf(failed.stdout)
    const refused = await terminal.troupe(['rerun', run, 'nobody', ...inFolder])
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toContain('Task nobody does not exist.')

    const reopened = await terminal.troupe(['rerun', run, 'shaky', ...inFolder])
    expect([reopened.code, reopened.stderr]).toEqual([0, ''])
    expect(reopened.stdout).toMatch(
      / shaky: rerun taken \(record \d+\), now pending\. Nothing runs now: go on with troupe/,
    )
    const listed = await terminal.troupe(['runs', '--json', ...inFolder])
    expect(JSON.parse(listed.stdout)).toMatchObject({ run, status: 'running' })

    const resumed = await terminal.troupe(['resume', ...inFolder, '--json'])
    expect(resumed.code).toBe(0)
    expect(resultOf(resumed.stdout)).toMatchObject({
      run,
      status: 'completed',
      tasks: [
        { task: 'shaky', state: 'completed', attempts: 2 },
        { task: 'after', state: 'completed', attempts: 2 },
      ],
    })
    expect(new Set(recordsOf(resumed.stdout).map(({ run: of }) => of))).toEqual(new Set([run]))
  })

  inTerminal(
    'goes through the process that holds the folder, which stays until the run has ended again',
    async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const inFolder = ['--data-dir', dataDir]
      const failed = await terminal.troupe(['run', await terminal.workflow(SHAKY), ...inFolder, '--json'])
      const { run } = resultOf(failed.stdout)
      const holder = terminal.start(['run', await terminal.workflow(LONG), ...inFolder, '--json'])
      await holder.sawState('slow', 'running')
      const taken = await terminal.troupe(['rerun', run, 'shaky', ...inFolder])
      expect([taken.code, taken.stderr]).toEqual([0, ''])
      expect(taken.stdout).toMatch(/ shaky: rerun taken \(record \d+\), now \w+\.\n$/)
      const watched = await terminal.troupe(['watch', run, ...inFolder, '--json'])
      expect([watched.code, resultOf(watched.stdout).status]).toEqual([0, 'completed'])
      const cancelled = await terminal.troupe(['cancel', await holder.run(), ...inFolder])
      expect(cancelled.code).toBe(0)
      expect((await holder.ended).code).toBe(1)
    },
  )
})
