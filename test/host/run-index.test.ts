import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { realClock } from '../../src/host/clock.ts'
import { openRunIndex, type RunIndex, type RunRow, readRunIndex, summaryOfRow } from '../../src/host/run-index.ts'
import { faultyFileSystem } from './faulty-file-system.ts'
import { temporaryFolder } from './temporary-folder.ts'

function row(run: string, status = 'running', finished = false): RunRow {
  return { run, name: 'feature', status, standIn: false, startedAt: '2026-01-01T00:00:00.000Z', finished }
}

const [A, B, C] = [row('run_a'), row('run_b'), row('run_c')]

async function open(folder: string, runIds: string[], rebuilt: string[][] = []): Promise<RunIndex> {
  return openRunIndex({
    folder,
    clock: realClock,
    runIds,
    rebuild: async (runs) => {
      rebuilt.push([...runs])
      return runs.map((run) => row(run, 'rebuilt'))
    },
  })
}

describe('the index of runs', () => {
  it('gives back what was put, oldest first, and reads nothing anew', async () => {
    const folder = await temporaryFolder()
    const index = await open(folder, [])
    for (const one of [C, A, B]) index.put(one)
    index.put(row('run_b', 'completed', true))
    expect(index.get('run_b')?.status).toBe('completed')
    await index.flush()
    const rebuilt: string[][] = []
    const again = await open(folder, ['run_a', 'run_b', 'run_c'], rebuilt)
    expect([again.list(), rebuilt]).toEqual([[A, row('run_b', 'completed', true), C], []])
    expect(await readRunIndex(folder, realClock)).toEqual(again.list())
    expect(await readdir(folder)).toEqual(['index.json'])
  })

  it('keeps the key that a run was asked for with, reads rows without one, and shows it to nobody', async () => {
    const folder = await temporaryFolder()
    const keyed: RunRow = { ...B, key: { key: 'mine', fingerprint: 'f' } }
    const index = await open(folder, [])
    for (const one of [A, keyed]) index.put(one)
    await index.flush()
    const again = await open(folder, ['run_a', 'run_b'])
    expect(again.list()).toEqual([A, keyed])
    const { finished: _finished, ...summary } = B
    expect(summaryOfRow(keyed)).toEqual(summary)
  })

  it('reads the runs it lacks from their folders and drops those that have none', async () => {
    const folder = await temporaryFolder()
    const index = await open(folder, [])
    index.put(A)
    index.put(B)
    await index.flush()
    const rebuilt: string[][] = []
    const again = await open(folder, ['run_b', 'run_c'], rebuilt)
    expect([again.list(), rebuilt]).toEqual([[B, row('run_c', 'rebuilt')], [['run_c']]])
    again.remove('run_b')
    await again.flush()
    expect(await readRunIndex(folder, realClock)).toEqual([row('run_c', 'rebuilt')])
  })

  it.each(['', '{', 'null', '[]', '{"v":1,"runs":[]}', '{"v":1,"runs":[{"run":1}],"sum":"00000000"}'])(
    'is rebuilt when its file holds %j',
    async (content) => {
      const folder = await temporaryFolder()
      await writeFile(join(folder, 'index.json'), content)
      expect(await readRunIndex(folder, realClock)).toBe(undefined)
      const index = await open(folder, ['run_a'])
      expect(index.list()).toEqual([row('run_a', 'rebuilt')])
      await index.flush()
      expect(await readRunIndex(folder, realClock)).toEqual([row('run_a', 'rebuilt')])
    },
  )

  it('of a newer format is refused with a clear word', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'index.json'), '{"v":2}')
    await expect(open(folder, [])).rejects.toThrow(`${folder} was written by a newer troupe (format 2;`)
    await expect(readRunIndex(folder, realClock)).rejects.toThrow('newer troupe')
  })

  it('gathers what is put at once, and writes nothing when nothing changed', async () => {
    const fs = faultyFileSystem()
    const folder = await temporaryFolder()
    const index = await openRunIndex({ folder, clock: realClock, runIds: [], rebuild: async () => [], fs })
    for (let i = 0; i < 200; i++) index.put(row('run_a', `state ${i % 10}`))
    await index.flush()
    expect(fs.renames).toBe(1)
    index.put(row('run_a', 'state 9'))
    await index.flush()
    expect(fs.renames).toBe(1)
    expect((await readFile(join(folder, 'index.json'), 'utf8')).includes('state 9')).toBe(true)
  })

  it('tells of a failed write when asked, and repeats it', async () => {
    const fs = faultyFileSystem()
    const folder = await temporaryFolder()
    const index = await openRunIndex({ folder, clock: realClock, runIds: [], rebuild: async () => [], fs })
    fs.fault = { call: 'sync', code: 'ENOSPC' }
    index.put(A)
    await expect(index.flush()).rejects.toThrow('Cannot write the list of runs')
    await expect(index.flush()).rejects.toThrow('the disk is full')
    fs.fault = undefined
    await index.flush()
    expect(await readRunIndex(folder, realClock)).toEqual([A])
  })
})
