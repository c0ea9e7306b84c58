import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRecordFeed } from '../../src/api/record-feed.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'

const RUN = 'run_1'

function setUp(count: number) {
  const orchestrator = new FakeOrchestrator()
  orchestrator.add(runView({ run: RUN }))
  if (count > 0) orchestrator.append(RUN, count)
  const seen: number[] = []
  const errors: unknown[] = []
  const open = (after: number) =>
    new Promise<ReturnType<typeof openRecordFeed>>((resolve) => {
      const feed = openRecordFeed({
        orchestrator,
        after: new Map([[RUN, after]]),
        deliver: (_run: string, records: readonly RunRecord[]) => {
          seen.push(...records.map(({ seq }) => seq))
          return undefined
        },
        onCaughtUp: () => resolve(feed),
        onError: (_run, error) => {
          errors.push(error)
          resolve(feed)
        },
      })
    })
  return { orchestrator, seen, errors, open }
}

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => after + 1 + index)

describe('a feed of records', () => {
  it('brings the history after a seq, page by page, and then what is live', async () => {
    const { orchestrator, seen, open } = setUp(1203)
    const feed = await open(2)
    orchestrator.append(RUN, 2)
    expect(seen).toEqual(upTo(1205, 2))
    expect(feed.positions()).toEqual(new Map([[RUN, 1205]]))
  })

  it('reads again from the history what became durable while it was read', async () => {
    const { orchestrator, seen, open } = setUp(3)
    let pages = 0
    orchestrator.beforeRecords = async () => {
      if (pages++ < 4) orchestrator.append(RUN, 2)
    }
    await open(0)
    expect(seen).toEqual(upTo(11))
  })

  it('tells of an error once and brings nothing more of that run', async () => {
    const { orchestrator, seen, errors, open } = setUp(3)
    orchestrator.beforeRecords = () => Promise.reject(new Error('unreadable'))
    await open(0)
    orchestrator.beforeRecords = () => Promise.resolve()
    orchestrator.append(RUN)
    expect([seen, errors]).toEqual([[], [new Error('unreadable')]])
  })

  it('says so instead of spinning when what was announced cannot be read back', async () => {
    const { orchestrator, errors, open } = setUp(1)
    orchestrator.records = async () => {
      orchestrator.append(RUN)
      return []
    }
    await open(1)
    expect(errors).toEqual([new Error('Records 2.. of run_1 cannot be read back.')])
  })

  it('lets go of the orchestrator when it is stopped', async () => {
    const { orchestrator, seen, open } = setUp(1)
    const feed = await open(0)
    feed.stop()
    orchestrator.append(RUN)
    expect([seen, orchestrator.subscribers]).toEqual([[1], 0])
  })

  it('brings each record once and in order, however appends and reads interleave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.nat(20), fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 }), run),
      { numRuns: 200 },
    )
    async function run(scheduler: fc.Scheduler, before: number, groups: readonly number[]) {
      const { orchestrator, seen, errors, open } = setUp(before)
      orchestrator.beforeRecords = () => scheduler.schedule(Promise.resolve(), 'read')
      for (const count of groups) {
        void scheduler.schedule(Promise.resolve(), 'append').then(() => orchestrator.append(RUN, count))
      }
      const caughtUp = open(0)
      await scheduler.waitFor(caughtUp)
      await scheduler.waitAll()
      const total = before + groups.reduce((sum, count) => sum + count, 0)
      await scheduler.waitFor(new Promise((resolve) => setImmediate(resolve)))
      expect([seen, errors]).toEqual([upTo(total), []])
    }
  })
})
