import { describe, expect, it } from 'vitest'
import { createStandIn } from '../../src/backends/codegen/stand-in/stand-in.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import { encodeLine } from '../../src/host/journal-line.ts'
import { readJournal } from '../../src/host/journal-reader.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../../src/orchestrator.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { MemoryDisk } from './disk/memory-disk.ts'
import { replaceFileCalls } from './disk/replace-file-calls.ts'

const WORKFLOW = defineWorkflow({
  name: 'one',
  defaults: { repository: 'acme/shop' },
  tasks: {
    one: { prompt: 'Work', simulate: { duration: '1h' } },
    two: { prompt: 'Work', simulate: { duration: '1h' } },
  },
})

function diskWithFolder() {
  replaceFileCalls()
  const disk = new MemoryDisk()
  disk.tree.makeFolder('/run', true)
  disk.tree.folder('/').sync()
  return disk
}

describe('what a killed process left', () => {
  it('survives a power cut once another process has read it', async () => {
    const disk = diskWithFolder()
    const record = {
      seq: 1,
      at: '2026-01-01T00:00:00.000Z',
      type: 'run',
      run: 'run_1',
      actor: { kind: 'supervisor', id: 'supervisor' },
    } as const
    const file = disk.tree.makeFile('/run/journal.1.ndjson', { exclusive: true, empty: true })
    disk.tree.folder('/run').sync()
    file.write(Buffer.from(encodeLine(record)), 0)
    const clock = createVirtualClock()
    const folder = `${disk.mount().path}/run`
    const read: number[] = []
    await readJournal(folder, ({ seq }) => read.push(seq), { repair: true, clock })
    disk.tree.cutPower([])
    const again: number[] = []
    await readJournal(folder, ({ seq }) => again.push(seq), { clock })
    expect([read, again]).toEqual([[1], [1]])
  })
})

describe('a start on a full disk', () => {
  it('is refused as such, whichever write finds it full', async () => {
    const disk = diskWithFolder()
    const clock = createVirtualClock()
    const dataDir = `${disk.mount().path}/data`
    const standIn = createStandIn({ clock })
    const environment = { baseUrl: 'http://codegen.invalid', token: 'token-of-the-test' }
    const fetch = (input: Parameters<typeof globalThis.fetch>[0], init?: RequestInit) =>
      standIn.fetch(new Request(input, init))
    const orchestrator = await createLocalOrchestrator({ dataDir, clock, environment, fetch })
    disk.listener = {
      onCall: ({ what }) => (what === 'write' ? { code: 'ENOSPC' } : 'whole'),
      onSync: () => {},
      pace: async () => {},
    }
    const failed = await orchestrator.start(WORKFLOW, {}, {}).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(DataFolderError)
  })
})

/** An orchestrator on a disk in memory, whose disk can be full; its agents work for an hour. */
async function orchestratorOn(disk: MemoryDisk) {
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock })
  const orchestrator = await createLocalOrchestrator({
    dataDir: `${disk.mount().path}/data`,
    clock,
    environment: { baseUrl: 'http://codegen.invalid', token: 'token-of-the-test' },
    fetch: (input, init) => standIn.fetch(new Request(input, init)),
  })
  const fill = (isFull: boolean) => {
    disk.listener = {
      onCall: ({ what }) => (isFull && what === 'write' ? { code: 'ENOSPC' } : 'whole'),
      onSync: () => {},
      pace: async () => {},
    }
  }
  return { clock, orchestrator, fill }
}

describe('a command', () => {
  it.each(['command', 'commandTask'] as const)('that comes after the closing is refused as such (%s)', async (way) => {
    const { clock, orchestrator } = await orchestratorOn(diskWithFolder())
    const run = await orchestrator.start(WORKFLOW, {}, {})
    await clock.advance(5_000)
    await orchestrator.close()
    const said =
      way === 'command'
        ? orchestrator.command(run, { type: 'pause' })
        : orchestrator.commandTask(run, 'one', { type: 'skip' })
    const error = await said.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DataFolderError)
    expect(String(error)).toMatch(/was let go: nothing is begun in it any more\.$/)
  })

  it('to go on tries a disk again that was full, also where the budget is used up', async () => {
    const { clock, orchestrator, fill } = await orchestratorOn(diskWithFolder())
    const run = await orchestrator.start({ ...WORKFLOW, budget: { agentRuns: 1 } }, {}, {})
    await clock.advance(5_000)
    expect(orchestrator.view(run).status).toEqual('paused')
    fill(true)
    await expect(orchestrator.commandTask(run, 'one', { type: 'skip' })).rejects.toThrow(DataFolderError)
    fill(false)
    expect((await orchestrator.health()).writable).toEqual(false)
    // Whoever made room is not asked for more of the budget first: it is paused for that again, which is said.
    await orchestrator.command(run, { type: 'continue' })
    expect((await orchestrator.health()).writable).toEqual(true)
    await clock.advance(5_000)
    expect(orchestrator.view(run).reason).toEqual('The budget of 1 agent runs is used up')
    await expect(orchestrator.command(run, { type: 'continue' })).rejects.toThrow(/budget of 1 agent runs is used up/)
    await orchestrator.close()
  })
})

describe('closing', () => {
  it('lets no call out beyond what an unfinished run said of the limits', async () => {
    const disk = diskWithFolder()
    const clock = createVirtualClock()
    const standIn = createStandIn({ clock, faults: { 'answer-lost': 1 } })
    const arrivals: number[] = []
    const orchestrator = await createLocalOrchestrator({
      dataDir: `${disk.mount().path}/data`,
      clock,
      environment: { baseUrl: 'http://codegen.invalid', token: 'token-of-the-test' },
      fetch: (input, init) => {
        arrivals.push(clock.now())
        return standIn.fetch(new Request(input, init))
      },
    })
    const shared = { max: 4, windowMs: 60_000 }
    await orchestrator.start(WORKFLOW, {}, { limits: { 'codegen.shared': shared } })
    await clock.advance(30_000)
    const before = arrivals.length
    await orchestrator.close()
    expect([before, arrivals.length]).toEqual([4, 4])
  })
})
