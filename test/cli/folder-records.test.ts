import { describe, expect, it } from 'vitest'
import { openFolderRecords } from '../../src/cli/folder-records.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'

// Ids sort by the millisecond of the start: the part before the last eight characters.
const [OLD, NEW, LATER] = ['run_0000000001aaaaaaaa', 'run_0000000002aaaaaaaa', 'run_0000000003aaaaaaaa'] as const

function withRuns() {
  const orchestrator = new FakeOrchestrator()
  orchestrator.add(runView({ run: OLD, status: 'completed' }))
  orchestrator.add(runView({ run: NEW }))
  orchestrator.append(OLD, 2)
  orchestrator.append(NEW, 2)
  return orchestrator
}

async function names(records: { read(): AsyncIterable<readonly { run: string; seq: number }[]> }) {
  const read: string[] = []
  for await (const batch of records.read()) read.push(...batch.map(({ run, seq }) => `${run} ${seq}`))
  return read
}

describe('the records of a folder that nobody tells of', () => {
  it('are those of all runs, from the start, and then what is new', async () => {
    const orchestrator = withRuns()
    const records = await openFolderRecords(orchestrator.reader(), '*', 'start')
    expect(await names(records)).toEqual([`${OLD} 1`, `${OLD} 2`, `${NEW} 1`, `${NEW} 2`])
    orchestrator.append(NEW, 1)
    orchestrator.add(runView({ run: LATER }))
    orchestrator.append(LATER, 1)
    expect(await names(records)).toEqual([`${NEW} 3`, `${LATER} 1`])
    expect([records.unfinished, await names(records)]).toEqual([[NEW, LATER], []])
  })

  it('are what comes from now on, also of runs that begin later', async () => {
    const orchestrator = withRuns()
    const records = await openFolderRecords(orchestrator.reader(), '*', 'now')
    expect(await names(records)).toEqual([])
    orchestrator.append(NEW, 1)
    orchestrator.add(runView({ run: LATER }))
    orchestrator.append(LATER, 1)
    expect(await names(records)).toEqual([`${NEW} 3`, `${LATER} 1`])
  })

  it('go on behind the cursor of somebody else, who saw what is not named in it whole', async () => {
    const orchestrator = withRuns()
    const records = await openFolderRecords(orchestrator.reader(), '*', `c1,${NEW},${NEW}:1`)
    expect(await names(records)).toEqual([`${NEW} 2`])
    const rest = await openFolderRecords(orchestrator.reader(), '*', records.cursor)
    expect(await names(rest)).toEqual([])
  })

  it('are told of although one run cannot be read', async () => {
    const orchestrator = withRuns()
    const reader = orchestrator.reader()
    const records = await openFolderRecords(
      {
        ...reader,
        records: (run, after, limit) =>
          run === OLD ? Promise.reject(new Error('damaged')) : reader.records(run, after, limit),
      },
      '*',
      'start',
    )
    expect(await names(records)).toEqual([`${NEW} 1`, `${NEW} 2`])
  })
})
