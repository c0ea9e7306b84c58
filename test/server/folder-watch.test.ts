import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { watchFolderHealth } from '../../src/server/folder-watch.ts'
import { createLog } from '../../src/server/log.ts'
import { FakeOrchestrator } from '../support/fake-orchestrator.ts'

function watching() {
  const clock = createVirtualClock()
  const orchestrator = new FakeOrchestrator()
  const said: unknown[] = []
  const log = createLog({
    level: 'info',
    write: (line) => {
      const { level, message, problem } = JSON.parse(line)
      said.push([level, message, ...(problem === undefined ? [] : [problem])])
    },
  })
  return { clock, orchestrator, said, watch: watchFolderHealth({ orchestrator, clock, log }) }
}

const FULL = { writable: false, problem: 'The disk is full.', backends: {} }

describe('the log of a server', () => {
  it('tells once that the data folder cannot be written, and once that it can again', async () => {
    const { clock, orchestrator, said, watch } = watching()
    const good = orchestrator.healthy
    await clock.advance(60_000)
    orchestrator.healthy = FULL
    await clock.advance(90_000)
    orchestrator.healthy = good
    await clock.advance(60_000)
    expect(said).toEqual([
      ['error', 'The data folder cannot be written.', 'The disk is full.'],
      ['info', 'The data folder can be written again.'],
    ])
    watch.close()
  })

  it('tells of the data folder no more once the server ends', async () => {
    const { clock, orchestrator, said, watch } = watching()
    watch.close()
    orchestrator.healthy = FULL
    await clock.advance(60_000)
    expect(said).toEqual([])
  })
})
