import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { realClock } from '../../src/host/clock.ts'
import { createMemoryResultStore, LARGEST_INLINE_BYTES, openResultStore } from '../../src/host/result-store.ts'
import { faultyFileSystem } from './faulty-file-system.ts'
import { temporaryFolder } from './temporary-folder.ts'

const LONG = 'ü'.repeat(LARGEST_INLINE_BYTES / 2 + 1)

describe.each(['disk', 'memory'])('results on %s', (kind) => {
  const open = async () =>
    kind === 'memory' ? createMemoryResultStore() : openResultStore(await temporaryFolder(), realClock)

  it('travel in the record up to 16 KB of bytes, not characters', async () => {
    const store = await open()
    const text = 'ü'.repeat(LARGEST_INLINE_BYTES / 2)
    const stored = await store.save({ task: 'spec', attempt: 1, turn: 1 }, text)
    expect(stored).toEqual({ text })
    expect(await store.read(stored)).toBe(text)
  })

  it('lie in a file named by portable task id, attempt and turn when they are longer', async () => {
    const store = await open()
    const stored = await store.save({ task: 'execute[0][12]', attempt: 2, turn: 3 }, LONG)
    expect(stored).toEqual({ file: 'results/execute.0.12/2.3', bytes: LARGEST_INLINE_BYTES + 2 })
    expect(await store.read(stored)).toBe(LONG)
    const portable = await store.save({ task: 'execute.0.12', attempt: 2, turn: 3 }, `${LONG}!`)
    expect([await store.read(portable), await store.read(stored)]).toEqual([`${LONG}!`, `${LONG}!`])
  })

  it.each([
    'results/../../etc/passwd',
    'results/spec/../1.1',
    '/etc/passwd',
    'results/spec/1.1/x',
    'results/spec/01.1',
    'results/execute[0]/1.1',
    'results/..0/1.1',
    'results/spec/1.1\n',
    'journal.1.ndjson',
    '',
  ])('never come from %j', async (file) => {
    const store = await open()
    await expect(store.read({ file, bytes: 1 })).rejects.toThrow('is not the name of a result')
  })

  it.each([
    { task: '../x', attempt: 1, turn: 1 },
    { task: 'a/b', attempt: 1, turn: 1 },
    { task: 'spec', attempt: 0, turn: 1 },
    { task: 'spec', attempt: 1.5, turn: 1 },
  ])('are never kept as $task $attempt $turn', async (key) => {
    const store = await open()
    await expect(store.save(key, LONG)).rejects.toThrow('There is no result of task')
  })

  it('that are missing are named', async () => {
    const store = await open()
    await expect(store.read({ file: 'results/spec/1.1', bytes: 5 })).rejects.toThrow(
      /^The result "results\/spec\/1\.1" in .* The task can be run again with 'rerun'\.$/,
    )
  })
})

describe('results on disk', () => {
  it('overwrite an orphan whole, and are readable by this user alone', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'results', 'spec'), { recursive: true })
    await writeFile(join(folder, 'results', 'spec', '1.1'), `${LONG}${LONG} an orphan`)
    const store = openResultStore(folder, realClock)
    await store.save({ task: 'spec', attempt: 1, turn: 1 }, LONG)
    expect(await readFile(join(folder, 'results', 'spec', '1.1'), 'utf8')).toBe(LONG)
    expect((await stat(join(folder, 'results', 'spec', '1.1'))).mode & 0o777).toBe(0o600)
    expect(await readdir(join(folder, 'results', 'spec'))).toEqual(['1.1'])
  })

  it('saved twice at once are one of the two, whole', async () => {
    const folder = await temporaryFolder()
    const store = openResultStore(folder, realClock)
    const key = { task: 'spec', attempt: 1, turn: 1 }
    const other = 'x'.repeat(300_000)
    const saved = await Promise.all([LONG, other, LONG, other].map((text) => store.save(key, text)))
    expect(saved.map((stored) => 'file' in stored && stored.file)).toEqual(Array(4).fill('results/spec/1.1'))
    expect(await readFile(join(folder, 'results', 'spec', '1.1'), 'utf8')).toBe(other)
  })

  it('leave nothing behind when the disk is full, and work again after', async () => {
    const fs = faultyFileSystem()
    const folder = await temporaryFolder()
    const store = openResultStore(folder, realClock, fs)
    const key = { task: 'spec', attempt: 1, turn: 1 }
    fs.fault = { call: 'write', code: 'ENOSPC', partial: 1_000 }
    await expect(store.save(key, LONG)).rejects.toThrow(
      `Cannot keep the result of spec in ${folder}: the disk is full. Nothing that was durable is lost`,
    )
    expect(await readdir(join(folder, 'results', 'spec'))).toEqual([])
    fs.fault = undefined
    expect(await store.read(await store.save(key, LONG))).toBe(LONG)
  })
})
