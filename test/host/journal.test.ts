import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/domain/clock.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { realClock } from '../../src/host/clock.ts'
import { type Journal, type JournalOptions, openJournal } from '../../src/host/journal.ts'
import { readRecords } from '../../src/host/journal-reader.ts'
import { createMemoryJournal } from '../../src/host/memory-journal.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { faultyFileSystem } from './faulty-file-system.ts'
import { record, records } from './journal-records.ts'
import { temporaryFolder } from './temporary-folder.ts'

interface Opened {
  readonly journal: Journal
  readonly folder: string
  /** What was broadcast: the seqs of each group. */
  readonly groups: number[][]
}

async function open(options: Partial<JournalOptions> = {}): Promise<Opened> {
  const folder = options.folder ?? (await temporaryFolder())
  const journal = openJournal({ folder, clock: realClock, firstSeq: 1, ...options })
  const groups: number[][] = []
  journal.onCommit((group) => groups.push(group.map(({ seq }) => seq)))
  return { journal, folder, groups }
}

function appendAll(journal: Journal, all: readonly JournalRecord[]): void {
  for (const one of all) journal.append(one)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DataFolderError ? error.code : undefined
}

describe('a journal', () => {
  it('reads back what it was given, in files that nobody else may read', async () => {
    const { journal, folder } = await open()
    appendAll(journal, records(1, 3))
    expect([journal.lastSeq, journal.committedSeq]).toEqual([3, 0])
    await journal.committed(3)
    expect([journal.lastSeq, journal.committedSeq]).toEqual([3, 3])
    expect(await readRecords(folder, 0)).toEqual(records(1, 3))
    expect((await stat(join(folder, 'journal.1.ndjson'))).mode & 0o777).toBe(0o600)
    await journal.close()
  })

  it('measures each group: how many records, and how long after the first was appended it was durable', async () => {
    const clock = createVirtualClock()
    const measured: (readonly [number, number])[] = []
    let hold = 0
    const beforeCommit = () => sleep(clock, hold)
    const onMeasured = (count: number, ms: number) => measured.push([count, ms])
    const { journal } = await open({ clock, beforeCommit, onMeasured })
    appendAll(journal, records(1, 3))
    await clock.runUntil(journal.committed(3))
    hold = 40
    appendAll(journal, records(4, 4))
    await clock.runUntil(journal.committed(4))
    expect(measured).toEqual([
      [3, 0],
      [1, 40],
    ])
    await journal.close()
  })

  it('gathers a burst into one group, and what comes meanwhile into the next', async () => {
    const fs = faultyFileSystem()
    const { journal, groups } = await open({ fs })
    appendAll(journal, records(1, 500))
    const first = journal.committed(1)
    void first.then(() => appendAll(journal, records(501, 900)))
    await first
    await journal.committed(900)
    expect(groups).toEqual([
      Array.from({ length: 500 }, (_, i) => i + 1),
      Array.from({ length: 400 }, (_, i) => i + 501),
    ])
    expect(fs.datasyncs).toBe(2)
    await journal.close()
  })

  it('gathers what thousands of independent effects append', async () => {
    const fs = faultyFileSystem()
    const { journal, groups, folder } = await open({ fs })
    let seq = 0
    const work = async () => {
      for (let i = 0; i < 20; i++) {
        journal.append(record(++seq))
        await journal.committed(seq)
      }
    }
    await Promise.all(Array.from({ length: 200 }, work))
    expect(groups.flat()).toEqual(Array.from({ length: 4_000 }, (_, i) => i + 1))
    expect(fs.datasyncs).toBeLessThan(400)
    expect((await readRecords(folder, 3_990)).map(({ seq }) => seq)).toEqual([
      3_991, 3_992, 3_993, 3_994, 3_995, 3_996, 3_997, 3_998, 3_999, 4_000,
    ])
    await journal.close()
  })

  it('broadcasts a group before those go on who wait for it', async () => {
    const { journal } = await open()
    const seen: string[] = []
    journal.onCommit((group) => seen.push(`broadcast ${group.length}`))
    appendAll(journal, records(1, 2))
    await Promise.all([1, 2].map((seq) => journal.committed(seq).then(() => seen.push(`waiter ${seq}`))))
    expect(seen).toEqual(['broadcast 2', 'waiter 1', 'waiter 2'])
    await journal.close()
  })

  it('stores a record as it was when it was appended', async () => {
    const { journal, folder } = await open()
    const changing = { ...record(1), data: { list: [1] } }
    journal.append(changing)
    changing.data.list.push(2)
    await journal.close()
    expect((await readRecords(folder, 0)).map(({ data }) => data)).toEqual([{ list: [1] }])
  })

  it('refuses a gap in seq, and what comes after it was closed', async () => {
    const { journal, folder } = await open()
    expect(() => journal.append(record(2))).toThrow('expects seq 1, not 2')
    journal.append(record(1))
    await journal.close()
    expect(() => journal.append(record(2))).toThrow('is closed')
    expect(await readRecords(folder, 0)).toEqual([record(1)])
  })

  it('makes the rest durable when it is closed, and turns away who waits for what never came', async () => {
    const { journal, folder } = await open()
    appendAll(journal, records(1, 100))
    const never = journal.committed(101)
    const closing = journal.close()
    await expect(never).rejects.toThrow('closed before')
    await closing
    await journal.close()
    expect((await readRecords(folder, 0)).length).toBe(100)
  })

  it('goes on behind what an earlier life has written, in a segment of its own', async () => {
    const { journal, folder } = await open()
    appendAll(journal, records(1, 3))
    await journal.close()
    const next = await open({ folder, firstSeq: 4 })
    appendAll(next.journal, records(4, 5))
    await next.journal.close()
    expect(await readdir(folder)).toEqual(['journal.1.ndjson', 'journal.4.ndjson'])
    expect(await readRecords(folder, 0)).toEqual(records(1, 5))
  })

  it('splits a burst that is too large for one write', async () => {
    const fs = faultyFileSystem()
    const { journal, folder } = await open({ fs })
    const text = 'x'.repeat(1024 * 1024)
    for (let seq = 1; seq <= 20; seq++) journal.append({ ...record(seq), data: { text } })
    await journal.close()
    expect(fs.datasyncs).toBe(3)
    expect((await readRecords(folder, 0)).length).toBe(20)
  })

  it('lets virtual time stand still until a group is durable', async () => {
    const clock = createVirtualClock(0)
    const { journal } = await open({ clock })
    const seen: number[] = []
    journal.append(record(1))
    void journal.committed(1).then(() => seen.push(clock.now()))
    clock.setTimeout(() => seen.push(clock.now()), 1)
    await clock.advance(10)
    expect(seen).toEqual([0, 1])
    await journal.close()
  })
})

describe('rotation', () => {
  it('puts what follows into a new segment, and reads back from the seq it named', async () => {
    const { journal, folder, groups } = await open()
    appendAll(journal, records(1, 10))
    const before = journal.tailBytes
    expect(before).toBeGreaterThan(10 * 200)
    expect(journal.rotate()).toEqual({ seq: 10 })
    expect(journal.tailBytes).toBe(0)
    appendAll(journal, records(11, 15))
    await journal.committed(15)
    expect(await readdir(folder)).toEqual(['journal.1.ndjson', 'journal.11.ndjson'])
    expect((await stat(join(folder, 'journal.1.ndjson'))).size).toBe(before)
    expect((await stat(join(folder, 'journal.11.ndjson'))).size).toBe(journal.tailBytes)
    expect(await readRecords(folder, 10)).toEqual(records(11, 15))
    expect(groups.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    await journal.close()
  })

  it('makes no empty segment, however often it is asked', async () => {
    const { journal, folder } = await open()
    expect(journal.rotate()).toEqual({ seq: 0 })
    journal.append(record(1))
    expect([journal.rotate(), journal.rotate()]).toEqual([{ seq: 1 }, { seq: 1 }])
    await journal.close()
    expect(await readdir(folder)).toEqual(['journal.1.ndjson'])
  })
})

describe('a full disk', () => {
  it('reports nothing as committed, turns all away and keeps what was durable', async () => {
    const fs = faultyFileSystem()
    const { journal, folder, groups } = await open({ fs })
    appendAll(journal, records(1, 2))
    await journal.committed(2)
    const size = (await stat(join(folder, 'journal.1.ndjson'))).size
    fs.fault = { call: 'write', code: 'ENOSPC', partial: 100 }
    const failures: string[] = []
    journal.onFailure((failure) => failures.push(failure.code))
    appendAll(journal, records(3, 5))
    const results = await Promise.allSettled([3, 4, 5].map((seq) => journal.committed(seq)))
    expect(results.map((result) => result.status === 'rejected' && codeOf(result.reason))).toEqual([
      'data-folder-full',
      'data-folder-full',
      'data-folder-full',
    ])
    expect(failures).toEqual(['data-folder-full'])
    expect(journal.failure?.message).toMatch(/^Cannot write the journal in .*: the disk is full\. .*free some space/)
    expect([journal.committedSeq, journal.lastSeq, groups]).toEqual([2, 5, [[1, 2]]])
    expect((await stat(join(folder, 'journal.1.ndjson'))).size).toBe(size)
    await expect(journal.committed(6)).rejects.toThrow('the disk is full')
    await expect(journal.close()).rejects.toThrow('the disk is full')
  })

  it('writes what is missing once there is room again', async () => {
    const fs = faultyFileSystem()
    const { journal, folder, groups } = await open({ fs })
    fs.fault = { call: 'write', code: 'ENOSPC' }
    appendAll(journal, records(1, 2))
    await expect(journal.committed(2)).rejects.toThrow('the disk is full')
    appendAll(journal, records(3, 4))
    await expect(journal.retry()).rejects.toThrow('the disk is full')
    fs.fault = undefined
    await Promise.all([journal.retry(), journal.retry()])
    expect([journal.failure, journal.committedSeq, groups.flat()]).toEqual([undefined, 4, [1, 2, 3, 4]])
    journal.append(record(5))
    await journal.close()
    expect(await readRecords(folder, 0)).toEqual(records(1, 5))
  })

  it('is one failure only, also when it was found by fdatasync after the bytes were taken', async () => {
    const fs = faultyFileSystem()
    const { journal, folder } = await open({ fs })
    fs.fault = { call: 'datasync', code: 'ENOSPC' }
    appendAll(journal, records(1, 2))
    await expect(journal.committed(1)).rejects.toThrow('the disk is full')
    expect(await readFile(join(folder, 'journal.1.ndjson'), 'utf8')).toBe('')
    fs.fault = undefined
    await journal.retry()
    await journal.close()
    expect(await readRecords(folder, 0)).toEqual(records(1, 2))
  })
})

describe('a broken disk', () => {
  it.each([
    { call: 'write', code: 'EIO', expected: 'data-folder-failed' },
    { call: 'datasync', code: 'EIO', expected: 'data-folder-failed' },
    { call: 'open', code: 'EROFS', expected: 'data-folder-read-only' },
    { call: 'sync', code: 'EIO', expected: 'data-folder-failed' },
  ] as const)('fails for good when $call says $code', async ({ call, code, expected }) => {
    const fs = faultyFileSystem()
    const { journal, groups } = await open({ fs })
    fs.fault = { call, code }
    journal.append(record(1))
    const error: unknown = await journal.committed(1).catch((reason: unknown) => reason)
    expect(codeOf(error)).toBe(expected)
    fs.fault = undefined
    await expect(journal.retry()).rejects.toBe(error)
    journal.append(record(2))
    await expect(journal.committed(2)).rejects.toBe(error)
    expect(groups).toEqual([])
    await expect(journal.close()).rejects.toBe(error)
  })

  it('writes nothing once the folder is lost', async () => {
    const lost = new DataFolderError('lost', '/data', 'Another process has taken /data.')
    let held = true
    const { journal, folder } = await open({
      beforeCommit: async () => {
        if (!held) throw lost
      },
    })
    journal.append(record(1))
    await journal.committed(1)
    held = false
    journal.append(record(2))
    await expect(journal.committed(2)).rejects.toBe(lost)
    held = true
    await expect(journal.retry()).rejects.toBe(lost)
    await expect(journal.close()).rejects.toBe(lost)
    expect(await readRecords(folder, 0)).toEqual([record(1)])
  })
})

describe('a journal in memory', () => {
  it('commits on a microtask, in order, and is restored from its lines', async () => {
    const lines: string[] = []
    const journal = createMemoryJournal(lines)
    const groups: number[][] = []
    journal.onCommit((group) => groups.push(group.map(({ seq }) => seq)))
    appendAll(journal, records(1, 3))
    expect([journal.committedSeq, journal.read()]).toEqual([0, []])
    await journal.committed(3)
    expect(groups).toEqual([[1, 2, 3]])
    expect(journal.rotate()).toEqual({ seq: 3 })
    const restored = createMemoryJournal(lines)
    expect([restored.lastSeq, restored.committedSeq]).toEqual([3, 3])
    expect(restored.read(1)).toEqual(records(2, 3))
    restored.append(record(4))
    await restored.close()
    expect(restored.read(3)).toEqual([record(4)])
  })

  it('fails like a disk, and works again after a full one', async () => {
    const journal = createMemoryJournal()
    const full = new DataFolderError('full', 'memory', 'full')
    journal.append(record(1))
    const waiting = journal.committed(1)
    journal.fail(full)
    await expect(waiting).rejects.toBe(full)
    await expect(journal.close()).rejects.toBe(full)
    await journal.retry()
    expect([journal.committedSeq, journal.failure, journal.read()]).toEqual([1, undefined, [record(1)]])
  })
})
