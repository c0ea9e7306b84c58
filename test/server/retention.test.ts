import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../src/domain/errors.ts'
import type { RunSummary } from '../../src/domain/views.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import type { LogFields } from '../../src/server/log.ts'
import { createRetention, type RetentionOptions } from '../../src/server/retention.ts'

const HOUR = 3_600_000

/** Runs that can be removed; what was done to them is noted. */
class Folder {
  readonly clock = createVirtualClock()
  readonly removed: string[] = []
  readonly warned: unknown[] = []
  list: RunSummary[] = []
  /** Awaited by every removal. */
  before: (run: string) => Promise<void> = () => Promise.resolve()

  /** A run that ended so many hours ago; undefined: it has not. */
  add(run: string, endedHoursAgo: number | undefined, status = endedHoursAgo === undefined ? 'running' : 'completed') {
    const ago = (hours: number) => new Date(this.clock.now() - hours * HOUR).toISOString()
    const ended = endedHoursAgo === undefined ? {} : { endedAt: ago(endedHoursAgo) }
    this.list.push({ run, name: 'feature', status, standIn: false, startedAt: ago(1000), ...ended })
  }

  start(options: Pick<RetentionOptions, 'keepFor' | 'keepRuns'>) {
    return createRetention({
      ...options,
      how: 'archive',
      clock: this.clock,
      log: { info: () => undefined, warn: ({ run }: LogFields, message) => this.warned.push([run, message]) },
      orchestrator: {
        runs: () => this.list,
        remove: async (run, how) => {
          await this.before(run)
          this.list = this.list.filter((summary) => summary.run !== run)
          this.removed.push(`${how} ${run}`)
        },
      },
    })
  }
}

describe('retention', () => {
  it('removes finished runs that ended too long ago, oldest first, at once', async () => {
    const folder = new Folder()
    folder.add('run_1', 25)
    folder.add('run_2', 100, 'failed')
    folder.add('run_3', 23)
    folder.add('run_4', undefined)
    folder.add('run_5', 30, 'cancelled')
    folder.start({ keepFor: 24 * HOUR })
    await folder.clock.advance(0)
    expect(folder.removed).toEqual(['archive run_2', 'archive run_5', 'archive run_1'])
  })

  it('removes finished runs beyond the newest ones; those that are not finished do not count', async () => {
    const folder = new Folder()
    for (const [index, ended] of [5, 4, undefined, 3, 2, undefined].entries()) folder.add(`run_${index}`, ended)
    const removed = await folder.start({ keepRuns: 2 }).sweep()
    expect([removed, folder.removed]).toEqual([
      ['run_0', 'run_1'],
      ['archive run_0', 'archive run_1'],
    ])
  })

  it('takes age and number together', async () => {
    const folder = new Folder()
    for (const [index, ended] of [50, 40, 3, 2, 1].entries()) folder.add(`run_${index}`, ended)
    expect(await folder.start({ keepFor: 45 * HOUR, keepRuns: 3 }).sweep()).toEqual(['run_0', 'run_1'])
  })

  it('never calls a run old whose end is not known', async () => {
    const folder = new Folder()
    folder.add('run_1', undefined, 'completed')
    expect(await folder.start({ keepFor: 1 }).sweep()).toEqual([])
  })

  it('looks again every hour until it is closed', async () => {
    const folder = new Folder()
    folder.add('run_1', 0)
    folder.add('run_2', -10)
    const retention = folder.start({ keepFor: 90 * 60_000 })
    await folder.clock.advance(HOUR)
    expect(folder.removed).toEqual([])
    await folder.clock.advance(HOUR)
    expect(folder.removed).toEqual(['archive run_1'])
    retention.close()
    expect(folder.clock.pending()).toBe(0)
  })

  it('does nothing unless told what to keep', async () => {
    const folder = new Folder()
    folder.add('run_1', 10_000)
    folder.start({})
    await folder.clock.advance(2 * HOUR)
    expect([folder.removed, folder.clock.pending()]).toEqual([[], 0])
  })

  it('goes on when a run cannot be removed, says so, and tries it again an hour later', async () => {
    const folder = new Folder()
    for (const run of ['run_1', 'run_2', 'run_3']) folder.add(run, 10)
    folder.before = async (run) => {
      if (run === 'run_1') throw new Error('EACCES')
      if (run === 'run_2') throw new NotFoundError('Run run_2', 'It was removed by hand.')
    }
    folder.start({ keepFor: HOUR })
    await folder.clock.advance(0)
    const warning = ['run_1', 'A finished run could not be removed.']
    expect([folder.removed, folder.warned]).toEqual([['archive run_3'], [warning]])
    folder.before = () => Promise.resolve()
    await folder.clock.advance(HOUR)
    expect(folder.removed).toEqual(['archive run_3', 'archive run_1', 'archive run_2'])
  })

  it('removes one at a time: a removal that never ends is said and holds up nothing but removals', async () => {
    const folder = new Folder()
    for (const run of ['run_1', 'run_2']) folder.add(run, 10)
    let letGo: () => void = () => undefined
    folder.before = () =>
      new Promise((resolve) => {
        letGo = resolve
      })
    const retention = folder.start({ keepFor: HOUR })
    await folder.clock.advance(HOUR)
    expect([folder.removed, folder.warned]).toEqual([
      [],
      [[undefined, 'Finished runs are still being removed since an hour ago.']],
    ])
    const sweep = retention.sweep()
    retention.close()
    letGo()
    expect([await sweep, folder.removed]).toEqual([['run_1'], ['archive run_1']])
  })

  it('survives a list of runs that cannot be had', async () => {
    const folder = new Folder()
    Object.defineProperty(folder, 'list', {
      get: () => {
        throw new Error('closed')
      },
    })
    expect(await folder.start({ keepRuns: 1 }).sweep()).toEqual([])
    expect(folder.warned).toEqual([[undefined, 'It cannot be told which runs have finished.']])
  })
})
